#include "cli/check_repeat.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/check_answer.h"
#include "cli/check_board.h"
#include "cli/check_cell.h"
#include "cli/command.h"
#include "cli/table.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct repeat {
    struct check *c;
    struct timer *pause;
    bool looking, over;
    struct findings *before; /* of --watch: the look that was told last; NULL at first */
    char verdict[8];
};

/* ---- what --watch tells ---- */

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *fmt, ...)
{
    char now[40];
    va_list ap;

    check_run_time(clock_wall(), "%a %H:%M:%S", now, sizeof now);
    printf("%s  ", now);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void tell_door(const struct findings *before, const struct findings *now, unsigned port,
                      int family)
{
    const struct findings_door *d = check_cell_door(now, WHO_SERVER, port, family);
    const struct findings_door *was = check_cell_door(before, WHO_SERVER, port, family);
    struct check_cell is, old;

    check_cell(now, d, CELL_SHORT, &is);
    check_cell(before, was, CELL_SHORT, &old);
    if (strcmp(is.words, old.words) != 0)
        tell("port %u%s: %s; before: %s", port, family == AF_INET6 ? " (IPv6)" : "",
             d ? is.words : "not tried", was ? old.words : "not tried");
}

static void tell_changes(struct repeat *r)
{
    const struct findings *now = &r->c->findings;
    unsigned ports[CHECK_CELL_PORTS];
    size_t n = check_cell_ports(now, WHO_SERVER, ports);

    for (size_t i = 0; i < n && r->before; i++) {
        tell_door(r->before, now, ports[i], AF_INET);
        tell_door(r->before, now, ports[i], AF_INET6);
    }
    if (strcmp(r->verdict, r->c->set.verdict.id) != 0)
        tell("%s: %.*s", r->c->set.verdict.id, SPAN_ARG(r->c->set.verdict.sentence));
    snprintf(r->verdict, sizeof r->verdict, "%s", r->c->set.verdict.id);
    if (!r->before)
        r->before = memory_alloc(sizeof *r->before);
    *r->before = *now;
}

/* ---- what --repeat tells ---- */

static void tell_look(const struct check *c)
{
    const struct check_row *row = &c->row[c->row_count - 1];

    tell("look %u of %d: %u of %u doors work, %lld ms", c->looks, c->o.repeat, row->open,
         row->tried, (long long)row->elapsed_ms);
}

void check_repeat_print(const struct check *c, FILE *to)
{
    static const struct table_column columns[] = {
        {"port", TABLE_NUMBER, false},       {"address", TABLE_TEXT, false},
        {"tries", TABLE_NUMBER, false},      {"failed", TABLE_NUMBER, false},
        {"fastest-ms", TABLE_NUMBER, false}, {"latest-failure", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));

    for (size_t i = 0; i < c->tally_count; i++) {
        const struct check_tally *y = &c->tally[i];
        char at[INET6_ADDRSTRLEN];

        check_cell_address(&y->address, at);
        table_number(t, y->port);
        table_text(t, span_of(at));
        table_number(t, y->tries);
        table_number(t, y->failures);
        if (y->best_ms < 0)
            table_none(t);
        else
            table_number(t, y->best_ms);
        table_text(t, span_of(y->last));
    }
    table_print(t, TABLE_PEOPLE, NULL, to);
    table_free(&t);
}

/* ---- again and again ---- */

static void pause_over(void *arg)
{
    struct repeat *r = arg;

    loop_stop(r->c->loop);
}

/* In a pause there is an orderly end. In the middle of a look its connections are left to the
 * system: what was seen before is told, and the process is over. */
static void interrupted(int number, void *arg)
{
    struct repeat *r = arg;
    int status;

    (void)number;
    r->over = true;
    if (!r->looking) {
        loop_stop(r->c->loop);
        return;
    }
    if (!r->c->looks)
        _exit(128 + SIGINT);
    if (!r->c->o.json)
        putchar('\n');
    status = check_answer(r->c);
    fflush(stdout);
    _exit(status);
}

static bool more(const struct repeat *r)
{
    return !r->over && (r->c->o.watch || r->c->looks < (unsigned)r->c->o.repeat);
}

static int look(struct repeat *r)
{
    struct check *c = r->c;
    char title[60];
    int status;

    if (c->board) {
        snprintf(title, sizeof title, "look %u of %d", c->looks + 1, c->o.repeat);
        check_board_begin(c->board, title);
    }
    r->looking = true;
    status = check_run_look(c);
    r->looking = false;
    if (c->board)
        check_board_end(c->board);
    if (status != EX_OK)
        return status;
    if (c->o.watch && !c->o.json)
        tell_changes(r);
    else if (!c->board && !c->o.json)
        tell_look(c);
    fflush(stdout);
    return EX_OK;
}

int check_repeat_run(struct check *c)
{
    struct repeat r = {.c = c};
    int status = EX_OK;

    r.pause = timer_new(c->loop, pause_over, &r);
    loop_signal(c->loop, SIGINT, interrupted, &r);
    while (status == EX_OK && more(&r)) {
        status = look(&r);
        if (status != EX_OK || !more(&r))
            break;
        timer_set(r.pause, (int64_t)c->o.pause * CLOCK_SECOND);
        loop_run(c->loop);
    }
    timer_free(&r.pause);
    free(r.before);
    return status;
}
