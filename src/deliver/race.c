#include "deliver/race.h"

#include "base/clock.h"
#include "deliver/judge.h"
#include "io/park.h"

#include <errno.h>

static void wake_leader(struct race *r)
{
    if (r->asleep)
        fiber_wake(r->leader);
}

/* ---- one path, on a fiber of its own ---- */

static void note_connected(void *arg)
{
    struct race_entry *e = arg;

    int64_t talk = e->race->wish->talk, end;

    e->connected = clock_now();
    if (talk < RACE_TALK_TIMES * (e->connected - e->asked))
        talk = RACE_TALK_TIMES * (e->connected - e->asked);
    end = e->connected + talk;
    if (e->race->wish->talk && end < e->wish->until)
        e->wish->until = end;
    wake_leader(e->race);
}

static int knock(void *arg, int64_t until, struct stream **out)
{
    struct race_entry *e = arg;
    int rc;

    e->asked = clock_now();
    e->knock = knock_new(e->race->wish->hop.loop, &e->path->address, e->source, until);
    rc = knock_wait(e->knock, out);
    if (rc != -ECANCELED)
        knock_drop(&e->knock);
    return rc;
}

static void pass_turn(struct race *r)
{
    r->holder = NULL;
    for (size_t i = 0; i < r->count; i++)
        if (r->entry[i].waits)
            fiber_wake(r->entry[i].fiber);
}

static int wait_turn(struct race_entry *e, int64_t until)
{
    int rc;

    e->waits = true;
    rc = fiber_wait(until);
    e->waits = false;
    return rc;
}

/* Whoever comes first to its login is the likely winner: the others wait what becomes of it. */
static int take_turn(void *arg)
{
    struct race_entry *e = arg;
    struct race *r = e->race;

    while (r->holder && r->holder != e && clock_now() < r->held + RACE_LOGIN_TURN)
        if (wait_turn(e, r->held + RACE_LOGIN_TURN) == -ECANCELED)
            return -ECANCELED;
    if (r->settled || fiber_cancelled())
        return -ECANCELED;
    r->holder = e;
    r->held = clock_now();
    e->wish->until = r->wish->hop.until;
    return 0;
}

static bool may_come_clear(const struct hop_wish *w, const struct smtp_client_failure *f)
{
    const struct path *p = w->path;

    return !w->clear && p->tls == PATH_TLS_OPPORTUNISTIC && !p->must_encrypt && !p->must_verify &&
           !w->user.len &&
           (f->stage == STAGE_TLS || (f->stage == STAGE_STARTTLS && f->why != CLIENT_REPLY));
}

static void open_one(struct race_entry *e)
{
    const struct race_wish *w = e->race->wish;
    struct hop_wish hop = w->hop;
    bool again = true;

    hop.path = e->path;
    hop.source = e->source;
    hop.clear = false;
    hop.connect = knock;
    hop.connected = note_connected;
    hop.turn = take_turn;
    hop.arg = e;
    e->wish = &hop;
    while (again && !e->hop && e->failures < RACE_FAILURES && !e->race->settled) {
        struct smtp_client_failure *f = &e->failure[e->failures];

        e->hop = hop_open(&hop, w->arena, f, &e->tls[e->failures]);
        again = !e->hop && may_come_clear(&hop, f);
        hop.clear = again;
        e->failures += !e->hop;
    }
    e->wish = NULL;
}

static bool ends_the_route(const struct race_entry *e)
{
    struct judge_event ev = judge_event_of(&e->failure[e->failures - 1]);

    return judge_rule(&ev).scope == SCOPE_ROUTE;
}

static void run_one(void *arg)
{
    struct race_entry *e = arg;
    struct race *r = e->race;

    open_one(e);
    e->ms = clock_now() - e->begun;
    if (r->hurried && !e->hop && !e->connected && e->failures) {
        e->state = RACE_FAILED;
        hop_silent(e->path, &e->failure[e->failures - 1]);
    } else if (r->settled) {
        e->state = RACE_STOPPED;
    } else if (e->hop) {
        e->state = RACE_WON;
        r->settled = true;
    } else {
        e->state = RACE_FAILED;
        r->settled = ends_the_route(e);
    }
    e->fiber = NULL;
    if (r->holder == e)
        pass_turn(r);
    wake_leader(r);
}

/* ---- all of them ---- */

static void begin(struct race *r, struct race_entry *e)
{
    e->state = RACE_RUNNING;
    e->race = r;
    e->begun = r->last = clock_now();
    e->fiber = fiber_start(r->wish->hop.loop, run_one, e);
}

/* Among those that run: is there one, is one connected, does one lead? */
struct running {
    bool any, connected, leads, leader_connected;
};

static struct running look(const struct race *r)
{
    struct running now = {0};

    for (size_t i = 0; i < r->count; i++) {
        const struct race_entry *e = &r->entry[i];

        if (e->state != RACE_RUNNING)
            continue;
        now.any = true;
        now.connected |= e->connected > 0;
        now.leads |= e->leads;
        now.leader_connected |= e->leads && e->connected;
    }
    return now;
}

static int64_t stagger(const struct race *r)
{
    int64_t even = RACE_SPREAD / (int64_t)r->count;

    return even < RACE_STAGGER ? even : RACE_STAGGER;
}

/* When may the next one begin? */
static int64_t due(const struct race *r, const struct race_entry *next)
{
    struct running now = look(r);
    int64_t alone = r->start + (now.leader_connected ? RACE_LEAD_TALK : RACE_LEAD);
    int64_t at = r->last + stagger(r);

    if (!now.any)
        return 0;
    if (r->wish->patient && now.connected)
        return CLOCK_NEVER;
    return now.leads && !next->leads && alone > at ? alone : at;
}

/* When to do without, if nothing connects. */
static int64_t hurry_end(const struct race *r)
{
    return r->wish->hurry && !look(r).connected ? r->start + r->wish->hurry : CLOCK_NEVER;
}

static struct race_entry *next_waiting(const struct race *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->entry[i].state == RACE_WAITING)
            return &r->entry[i];
    return NULL;
}

static void stop_all(struct race *r)
{
    r->settled = true;
    for (size_t i = 0; i < r->count; i++)
        if (r->entry[i].fiber)
            fiber_cancel(r->entry[i].fiber);
}

/* Sleeps until something happens, or until `at`. Whoever runs wakes us at its end, and all its
 * waits have an end. */
static void sleep_until(struct race *r, int64_t at)
{
    r->asleep = true;
    if (fiber_wait(at) == -ECANCELED)
        r->settled = true;
    r->asleep = false;
}

/* They use this fiber's memory, so it waits for them even when it was cancelled itself; being
 * cancelled they end in this turn of the loop. */
static void wait_for_all(struct race *r)
{
    stop_all(r);
    r->asleep = true;
    while (look(r).any)
        fiber_park();
    r->asleep = false;
}

static struct hop *take_winner(struct race *r)
{
    struct hop *winner = NULL;

    for (size_t i = 0; i < r->count; i++) {
        struct race_entry *e = &r->entry[i];

        if (e->state == RACE_WON)
            winner = e->hop;
        else if (e->hop)
            hop_part(r->wish->hop.loop, &e->hop);
        e->hop = NULL;
    }
    return winner;
}

struct hop *race_run(struct race *r, const struct race_wish *w, struct race_entry *entry,
                     size_t count)
{
    struct hop *winner;

    *r = (struct race){
        .wish = w, .entry = entry, .count = count, .leader = fiber_self(), .start = clock_now()};
    while (!r->settled && count) {
        struct race_entry *next = next_waiting(r);
        int64_t at = next ? due(r, next) : CLOCK_NEVER, end = hurry_end(r);

        if (!next && !look(r).any)
            break;
        r->hurried = clock_now() >= end;
        if (r->hurried)
            break;
        if (end < at)
            at = end;
        if (next && at <= clock_now())
            begin(r, next);
        else
            sleep_until(r, at);
    }
    wait_for_all(r);
    winner = take_winner(r);
    for (size_t i = 0; i < count && !winner; i++)
        knock_drop(&entry[i].knock);
    return winner;
}

void race_abort(struct race *r)
{
    r->aborted = true;
    r->settled = true;
    wake_leader(r);
}
