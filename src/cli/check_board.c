#include "cli/check_board.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/check_cell.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    DRAW_MS = 100,     /* the clock on the board goes on also when nothing happens */
    TWO_COLUMNS = 100, /* narrower: each family has lines of its own */
    WIDTH_MIN = 30,
    WIDTH_MAX = 400,
    LINES_MAX = 64,
    LABEL = 8, /* "  587   " */
};

struct check_board {
    const struct findings *f;
    struct timer *timer;
    FILE *to;
    bool colours, over;
    char title[80];
    int64_t began, drawn; /* clock_now() */
    unsigned up;          /* lines of the last drawing, above the cursor */
};

/* ---- the terminal ---- */

static void window(FILE *to, unsigned *width, unsigned *height)
{
    const char *columns = getenv("COLUMNS");
    struct winsize w = {0};
    uint64_t n = 0;

    ioctl(fileno(to), TIOCGWINSZ, &w);
    *width = w.ws_col ? w.ws_col : 80;
    *height = w.ws_row ? w.ws_row : 24;
    if (columns && span_u64(span_of(columns), WIDTH_MAX, &n) && n)
        *width = (unsigned)n;
}

static bool usable(FILE *to)
{
    const char *term = getenv("TERM");
    unsigned width, height;

    if (!isatty(fileno(to)) || !term || !*term || strcmp(term, "dumb") == 0)
        return false;
    window(to, &width, &height);
    return width >= WIDTH_MIN;
}

/* ---- one drawing: lines, each cut to the width, so that none wraps ---- */

struct drawing {
    const struct check_board *b;
    struct text out;
    unsigned width, lines, column;
};

static void colour(struct drawing *w, enum check_mood mood)
{
    static const char *const codes[] = {[MOOD_WAIT] = "\033[2m",
                                        [MOOD_GOOD] = "\033[32m",
                                        [MOOD_BAD] = "\033[31m",
                                        [MOOD_PLAIN] = "\033[2m"};

    if (w->b->colours)
        text_adds(&w->out, codes[mood]);
}

static void plain(struct drawing *w)
{
    if (w->b->colours)
        text_adds(&w->out, "\033[0m");
}

/* Each byte that begins a character counts for one column: wide characters come in no name of a
 * host. What is beyond the edge is dropped. */
static void put(struct drawing *w, const char *words)
{
    for (; *words; words++) {
        w->column += ((unsigned char)*words & 0xc0) != 0x80;
        if (w->column < w->width)
            text_addc(&w->out, *words);
    }
}

static void pad(struct drawing *w, unsigned to)
{
    while (w->column < to)
        put(w, " ");
}

static void end_line(struct drawing *w)
{
    text_adds(&w->out, "\033[K\n");
    w->lines++;
    w->column = 0;
}

static void put_cell(struct drawing *w, unsigned port, int family, unsigned room)
{
    const struct findings *f = w->b->f;
    const struct findings_door *d = check_cell_door(f, WHO_SERVER, port, family);
    unsigned from = w->column, edge = w->width;
    struct check_cell c;

    check_cell(f, d, w->b->over || (d && d->done_ms) ? CELL_DONE : CELL_LIVE, &c);
    colour(w, c.mood);
    if (from + room < w->width)
        w->width = from + room;
    put(w, c.words);
    w->width = edge;
    plain(w);
    w->column = w->column < from + room ? w->column : from + room;
}

static bool has_family(const struct findings *f, int family)
{
    for (size_t i = 0; i < f->dns.count; i++)
        if (f->dns.address[i].ss_family == family)
            return true;
    return false;
}

static void put_head(struct drawing *w)
{
    const struct check_board *b = w->b;
    const struct findings *f = b->f;
    char words[80], at[INET6_ADDRSTRLEN];

    if (b->title[0]) {
        put(w, b->title);
        end_line(w);
    }
    if (f->dns.result == LOOKUP_UNTRIED)
        put(w, b->over ? "the name was not looked up" : "looking up the name");
    else if (f->dns.result == LOOKUP_OK)
        put(w, f->host_is_address ? "given as an address" : "resolves to");
    else
        put(w, f->dns.result == LOOKUP_NO_NAME ? "there is no such name" : "the name's DNS fails");
    for (size_t i = 0; i < f->dns.count && !f->host_is_address; i++) {
        check_cell_address(&f->dns.address[i], at);
        put(w, " ");
        put(w, at);
    }
    snprintf(words, sizeof words, "   %lld.%lld s",
             (long long)(b->over ? f->elapsed_ms : clock_now() - b->began) / 1000,
             (long long)(b->over ? f->elapsed_ms : clock_now() - b->began) % 1000 / 100);
    put(w, words);
    end_line(w);
}

static void put_doors(struct drawing *w, int one, int other)
{
    unsigned ports[CHECK_CELL_PORTS], room = w->width - LABEL;
    size_t n = check_cell_ports(w->b->f, WHO_SERVER, ports);

    for (size_t i = 0; i < n; i++) {
        char label[16];

        snprintf(label, sizeof label, "%6u", ports[i]);
        put(w, label);
        pad(w, LABEL);
        put_cell(w, ports[i], one, other ? room / 2 - 1 : room);
        if (other) {
            pad(w, LABEL + room / 2);
            put_cell(w, ports[i], other, room / 2 - 1);
        }
        end_line(w);
    }
}

static void put_label(struct drawing *w, const char *one, const char *other)
{
    pad(w, LABEL);
    put(w, one);
    if (other) {
        pad(w, LABEL + (w->width - LABEL) / 2);
        put(w, other);
    }
    end_line(w);
}

static void put_all(struct drawing *w)
{
    bool four = has_family(w->b->f, AF_INET), six = has_family(w->b->f, AF_INET6);

    put_head(w);
    if (four && six && w->width >= TWO_COLUMNS) {
        put_label(w, "IPv4", "IPv6");
        put_doors(w, AF_INET, AF_INET6);
        return;
    }
    if (four || !six) {
        put_label(w, "IPv4", NULL);
        put_doors(w, AF_INET, 0);
    }
    if (six) {
        put_label(w, "IPv6", NULL);
        put_doors(w, AF_INET6, 0);
    }
}

static void draw(struct check_board *b)
{
    struct drawing w = {.b = b, .out = TEXT_INIT(1 << 18)};
    unsigned height;

    window(b->to, &w.width, &height);
    if (w.width < WIDTH_MIN)
        w.width = WIDTH_MIN;
    if (b->up >= height)
        b->up = 0; /* it left the window: begin anew below */
    if (b->up)
        text_addf(&w.out, "\033[%uA\r", b->up);
    put_all(&w);
    /* Lines of a longer drawing before this one. */
    if (w.lines < b->up)
        text_adds(&w.out, "\033[J");
    /* What is taller than the window could not be drawn over: then only the end is shown. */
    if (w.lines < height || b->over) {
        fwrite(text_cstr(&w.out), 1, w.out.len, b->to);
        fflush(b->to);
        b->up = w.lines;
    }
    b->drawn = clock_now();
    text_free(&w.out);
}

static void tick(void *arg)
{
    struct check_board *b = arg;

    if (b->over)
        return;
    draw(b);
    timer_set(b->timer, DRAW_MS);
}

struct check_board *check_board_new(struct loop *l, const struct findings *f, FILE *to)
{
    struct check_board *b;
    const char *no_colour = getenv("NO_COLOR");

    if (!usable(to))
        return NULL;
    b = memory_alloc(sizeof *b);
    b->f = f;
    b->to = to;
    b->colours = !no_colour || !*no_colour;
    b->over = true;
    b->timer = timer_new(l, tick, b);
    return b;
}

void check_board_begin(struct check_board *b, const char *title)
{
    snprintf(b->title, sizeof b->title, "%s", title);
    b->over = false;
    b->began = clock_now();
    timer_set(b->timer, DRAW_MS);
}

void check_board_changed(void *board, const struct findings_door *d)
{
    struct check_board *b = board;

    (void)d;
    if (!b->over && clock_now() - b->drawn >= DRAW_MS / 3)
        draw(b);
}

void check_board_end(struct check_board *b)
{
    b->over = true;
    timer_stop(b->timer);
    draw(b);
}

void check_board_free(struct check_board **b)
{
    if (!*b)
        return;
    timer_free(&(*b)->timer);
    free(*b);
    *b = NULL;
}
