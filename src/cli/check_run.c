#include "cli/check_run.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/check_board.h"
#include "cli/check_cell.h"
#include "cli/check_findings.h"
#include "cli/check_letter.h"
#include "cli/check_secret.h"
#include "cli/command.h"
#include "probe/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS "check"

static const char *second_of(const struct check *c)
{
    return c->o.resolver ? c->o.resolver : c->o.offline ? NULL : CHECK_RESOLVER;
}

static const char *or_public(const struct check *c, const char *given, const char *public)
{
    return given ? given : c->o.offline ? NULL : public;
}

/* "you@example.com" or "mail.example.com" or an address. */
static int find_server(struct check *c)
{
    const char *target = c->o.target, *at = strrchr(target, '@');
    struct discover_settings s;
    struct error e = {0};

    if (strlen(at ? at + 1 : target) >= FINDINGS_NAME - 10 || strlen(target) >= FINDINGS_NAME ||
        !*target || (at && !at[1]))
        return command_error(WORDS, EX_USAGE, "'%s' is no mail address and no server", target);
    if (!at) {
        snprintf(c->found.host, sizeof c->found.host, "%s", target);
        c->found.how = "given";
        return EX_OK;
    }
    s = (struct discover_settings){.address = span_of(target),
                                   .domain = at + 1,
                                   .second = second_of(c),
                                   .cafile = c->o.cafile,
                                   .no_web = c->o.offline};
    if (discover_find(c->loop, &s, &c->found, &e) < 0)
        return command_error(WORDS, EX_OSERR, "%s", e.words);
    return EX_OK;
}

/* Without a history the check goes on; why there is none is told once. */
static void open_history(struct check *c)
{
    struct error e = {0};

    c->placed = place_now(&c->place, &c->settled, &e) == 0;
    if (c->o.no_history || !c->placed)
        return;
    history_folder(c->folder, sizeof c->folder);
    if (!c->folder[0])
        return;
    error_clear(&e);
    c->known = history_open(c->folder, &e);
    c->before = history_open(c->folder, NULL);
    c->remembers = c->known && c->before;
    if (e.words[0])
        command_error(WORDS, EX_OK, "%s", e.words);
}

int check_run_prepare(struct check *c)
{
    struct error e = {0};
    int status;

    c->loop = loop_new();
    c->letter = TEXT_INIT(8192);
    status = find_server(c);
    if (status != EX_OK)
        return status;
    c->tls = tls_client_new(c->o.cafile, &e);
    if (!c->tls)
        return command_error(WORDS, EX_CONFIG, "%s", e.words);
    open_history(c);
    if (c->o.send)
        check_letter_write(c->o.sender, c->o.receiver, clock_wall(), &c->letter, c->message_id,
                           sizeof c->message_id);
    c->row = memory_array(CHECK_RUNS_MAX, sizeof *c->row);
    return EX_OK;
}

static void show_door(void *arg, const struct findings_door *d)
{
    const struct check *c = arg;

    if (d->who == WHO_SERVER && c->looks == 0)
        check_findings_line(d, stdout);
    fflush(stdout);
}

/* ---- what is counted over several looks ---- */

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    char x[INET6_ADDRSTRLEN], y[INET6_ADDRSTRLEN];

    check_cell_address(a, x);
    check_cell_address(b, y);
    return strcmp(x, y) == 0;
}

static struct check_tally *tally_of(struct check *c, const struct findings_door *d)
{
    struct check_tally *t;

    for (size_t i = 0; i < c->tally_count; i++) {
        t = &c->tally[i];
        if (t->port == d->port && same_address(&t->address, &d->address))
            return t;
    }
    if (c->tally_count == CHECK_DOORS_MAX)
        return NULL;
    t = &c->tally[c->tally_count++];
    *t = (struct check_tally){.port = d->port, .address = d->address, .best_ms = -1};
    return t;
}

/* Port 443 is no door for mail: that it opens is enough. */
static bool works(const struct findings_door *d)
{
    return d->state == DOOR_OPEN && (d->talk == TALK_SMTP || d->talk == TALK_NONE);
}

static void count_door(struct check *c, const struct findings_door *d, struct check_row *row)
{
    struct check_tally *t;
    struct check_cell cell;

    if (d->who != WHO_SERVER || d->state == DOOR_UNTRIED || d->state == DOOR_NO_ROUTE)
        return;
    row->tried++;
    row->open += works(d);
    t = tally_of(c, d);
    if (!t)
        return;
    t->tries++;
    if (works(d)) {
        if (t->best_ms < 0 || d->connect_ms < t->best_ms)
            t->best_ms = d->connect_ms;
        return;
    }
    t->failures++;
    check_cell(&c->findings, d, CELL_SHORT, &cell);
    snprintf(t->last, sizeof t->last, "%s", cell.words);
}

static struct check_row *new_row(struct check *c)
{
    if (c->row_count == CHECK_RUNS_MAX) {
        memmove(c->row, c->row + 1, (CHECK_RUNS_MAX - 1) * sizeof *c->row);
        c->row_count--;
    }
    return &c->row[c->row_count++];
}

/* A door that sometimes works and sometimes does not, among those that matter to the user. */
static bool uneven(const struct check *c)
{
    for (size_t i = 0; i < c->tally_count; i++) {
        const struct check_tally *t = &c->tally[i];

        if (t->failures && t->failures < t->tries && (!c->o.port || t->port == c->o.port))
            return true;
    }
    return false;
}

static struct check_row *count(struct check *c)
{
    struct check_row *row = new_row(c);

    *row = (struct check_row){.at = clock_wall(), .elapsed_ms = c->findings.elapsed_ms};
    for (size_t i = 0; i < c->findings.door_count; i++)
        count_door(c, &c->findings.door[i], row);
    c->findings.uneven = c->findings.uneven || uneven(c);
    return row;
}

/* ---- one look ---- */

/* The tries of this command count with the earlier ones. */
static void add_tries(const struct check *c, struct findings_past *p)
{
    for (size_t i = 0; i < c->tally_count; i++) {
        if (!p->port || c->tally[i].port != p->port)
            continue;
        p->tries += c->tally[i].tries;
        p->failures += c->tally[i].failures;
    }
}

static void use_history(struct check *c)
{
    struct error e = {0};
    int64_t now = clock_wall();

    if (!c->settled) /* by now the kernel has spoken with the router */
        c->placed = place_now(&c->place, &c->settled, NULL) == 0;
    if (!c->remembers || !c->placed)
        return;
    history_look(c->before, &c->place, &c->findings, now);
    add_tries(c, &c->findings.past);
    if (history_note(c->folder, &c->known, &c->place, &c->findings, now, &e) == 0)
        return;
    command_error(WORDS, EX_OK, "%s", e.words);
    c->remembers = false;
}

/* There is no such server: which one does the domain have? */
static void find_right(struct check *c)
{
    const char *at = strrchr(c->o.sender, '@');
    struct discover_settings s = {.domain = at ? at + 1 : NULL,
                                  .second = second_of(c),
                                  .cafile = c->o.cafile,
                                  .no_web = c->o.offline};

    if (strcmp(c->conclusions.at[0].id, "N4") == 0 && strcmp(c->found.how, "given") == 0)
        discover_right(c->loop, c->findings.host, &s, c->findings.right, NULL);
}

static void draw_conclusions(struct check *c, struct check_row *row)
{
    arena_free(&c->arena);
    c->arena = arena_new();
    conclude(&c->findings, &c->conclusions);
    find_right(c);
    tell_set(&c->findings, &c->conclusions, c->o.program, &c->set, c->arena);
    snprintf(row->id, sizeof row->id, "%s", c->set.verdict.id);
}

/* Doors of this server that its provider lists, beside the customary ones. */
static void add_listed(const struct check *c, struct observe_settings *s)
{
    size_t n = 0;

    for (size_t i = 0; i < c->found.count && n < OBSERVE_PORTS_MAX; i++)
        if (c->found.door[i].port && strcasecmp(c->found.door[i].host, c->found.host) == 0)
            s->extra_ports[n++] = c->found.door[i].port;
}

static struct observe_settings settings(struct check *c, bool first)
{
    struct observe_settings s = {
        .host = c->found.host,
        .control = or_public(c, c->o.control, CHECK_CONTROL),
        .isp = c->o.isp,
        .nowhere = c->o.offline ? NULL : CHECK_NOWHERE,
        .portal = or_public(c, c->o.portal, CHECK_PORTAL),
        .second = second_of(c),
        .port = (unsigned)c->o.port,
        .mode = c->o.mode,
        .timeout = (int64_t)c->o.timeout * 1000,
        .tls = c->tls,
        .from = span_of(c->o.sender),
    };

    add_listed(c, &s);
    if (first) {
        s.user = span_of(c->o.user);
        s.password = span_of(c->o.password);
        s.to = span_of(c->o.receiver);
        s.size = c->o.size;
        s.message = text_span(&c->letter);
    }
    if (c->board) {
        s.progress = check_board_changed;
        s.progress_arg = c->board;
    } else if (!c->o.json) {
        s.seen = show_door;
        s.seen_arg = c;
    }
    return s;
}

/* A server may say the password back; it must reach neither screen nor report. Then it is not
 * needed any more: further looks make no login, which could lock the account. */
static void forget_password(struct check *c)
{
    check_secret_hide(&c->now, c->o.password);
    memory_wipe(c->o.password, sizeof c->o.password);
}

static void carry(const struct findings *from, struct findings *to)
{
    memcpy(to->user, from->user, sizeof to->user);
    to->login = from->login;
    to->mail = from->mail;
    to->rcpt = from->rcpt;
    to->sent = from->sent;
}

int check_run_look(struct check *c)
{
    bool first = c->looks == 0;
    struct observe_settings s = settings(c, first);
    struct check_row *row;
    struct error e = {0};
    int result = observe_run(c->loop, &s, &c->now, &e);

    if (first)
        forget_password(c);
    else
        carry(&c->findings, &c->now);
    if (result < 0)
        return command_error(WORDS, EX_OSERR, "%s", e.words);
    c->findings = c->now;
    row = count(c);
    use_history(c);
    draw_conclusions(c, row);
    c->looks++;
    return EX_OK;
}

void check_run_time(int64_t wall_ms, const char *format, char *out, size_t cap)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (!localtime_r(&s, &tm) || !strftime(out, cap, format, &tm))
        out[0] = '\0';
}

void check_run_free(struct check *c)
{
    check_board_free(&c->board);
    known_free(&c->before);
    known_free(&c->known);
    tls_context_free(&c->tls);
    text_free(&c->letter);
    arena_free(&c->arena);
    free(c->row);
    loop_free(&c->loop);
    check_options_free(&c->o);
}
