#include "deliver/opening.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>

enum {
    PATHS = 6,                /* of a domain, that answer or make us wait, in one attempt */
    CONNECT_TIME = 10 * 1000, /* of a relay's doors: soon enough tried again */
    OPEN_TIME = 30 * 1000,    /* the same, until they have taken the login */
    TALK_TIME = 5 * 1000,     /* between connection and login, of a relay known to be quick */
    PATIENT_TRY = 4,          /* each so many tries of a message do without that */
};

/* The paths of the next race. */
struct group {
    size_t index[PATH_MAX_COUNT]; /* into the list */
    size_t count, lead;
};

static size_t index_of(const struct opening *o, const struct path *p)
{
    return (size_t)(p - o->list.path);
}

/* The kernel said no by itself, at once: not counted among the paths. */
static bool unreachable_here(const struct smtp_client_failure *f)
{
    return f->stage == STAGE_CONNECT &&
           (f->sys == ENETUNREACH || f->sys == EAFNOSUPPORT || f->sys == EADDRNOTAVAIL);
}

/* ---- which paths ---- */

static void relay_group(const struct opening *o, struct group *g)
{
    size_t order[PATH_MAX_COUNT];
    size_t sure = recall_order(o->recall, o->list.path, o->list.count, order);

    for (size_t i = 0; i < o->list.count; i++) {
        if (o->tried[order[i]])
            continue;
        g->lead += i < sure;
        g->index[g->count++] = order[i];
    }
}

static enum dead_state look(const struct opening *o, const struct path *p)
{
    char address[PATH_ADDRESS_TEXT];

    path_address(p, address);
    return dead_look(o->dead, span_of(address));
}

/* Those of the best preference among the ones in this state. */
static void mx_group(const struct opening *o, enum dead_state state, struct group *g)
{
    for (size_t i = 0; i < o->list.count && g->count + o->begun < PATHS; i++) {
        const struct path *p = &o->list.path[i];

        if (o->tried[i] || look(o, p) != state)
            continue;
        if (g->count && o->list.path[g->index[0]].preference != p->preference)
            break;
        g->index[g->count++] = i;
    }
}

static void next_group(const struct opening *o, struct group *g)
{
    *g = (struct group){0};
    if (o->job->kind == ROUTE_RELAY) {
        relay_group(o, g);
        return;
    }
    mx_group(o, DEAD_NOT, g);
    if (!g->count)
        mx_group(o, DEAD_LAST, g);
}

/* ---- one race ---- */

static void note_dead(struct opening *o, const struct race_entry *e)
{
    bool no_answer = e->state == RACE_FAILED && e->failure[e->failures - 1].stage == STAGE_CONNECT;
    char address[PATH_ADDRESS_TEXT];

    path_address(e->path, address);
    if (no_answer)
        dead_mark(o->dead, span_of(address));
    else if (e->state == RACE_WON || e->state == RACE_FAILED)
        dead_clear(o->dead, span_of(address));
}

static void learn(struct opening *o, struct race_entry *entry, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct race_entry *e = &entry[i];

        if (e->state == RACE_WON)
            o->won = e->path;
        if (e->state == RACE_WON || e->state == RACE_FAILED)
            o->tried[index_of(o, e->path)] = true;
        for (unsigned k = 0; k < e->failures && e->state != RACE_STOPPED; k++)
            o->failed(o->arg, e->path, &e->failure[k], e->tls[k]);
        o->begun += e->state == RACE_WON ||
                    (e->state == RACE_FAILED && !unreachable_here(&e->failure[e->failures - 1]));
        if (o->job->kind == ROUTE_MX)
            note_dead(o, e);
    }
    if (o->job->kind != ROUTE_RELAY) {
        for (size_t i = 0; i < count; i++)
            knock_drop(&entry[i].knock);
        return;
    }
    recall_race(o->recall, entry, count);
    silence_race(o->silence, entry, count);
}

static void unlink_race(struct opening *o, struct opening_race *r)
{
    struct opening_race **at = o->races;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

/* A relay that is slow everywhere must get through as well, so the time is short only for one that
 * was quick somewhere, and not in each try. */
static int64_t talk_time(const struct opening *o, const struct group *g)
{
    if (g->count < 2 || (o->job->attempt && o->job->attempt % PATIENT_TRY == 0) ||
        !recall_quick(o->recall, o->list.path, o->list.count, TALK_TIME))
        return 0;
    return TALK_TIME;
}

static struct hop *run_group(struct opening *o, const struct group *g)
{
    struct race_entry *entry = arena_alloc(o->arena, g->count * sizeof *entry);
    struct opening_race mine = {.next = *o->races};
    struct race_wish w = {.hop = o->wish, .arena = o->arena};
    struct hop *h;

    w.patient = o->job->kind != ROUTE_RELAY;
    if (!w.patient) {
        w.hop.connect_time = CONNECT_TIME;
        if (g->count > 1 && clock_now() + OPEN_TIME < w.hop.until)
            w.hop.until = clock_now() + OPEN_TIME;
        w.talk = talk_time(o, g);
        w.hurry = g->lead ? 0 : o->hurry;
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct path *p = &o->list.path[g->index[i]];

        entry[i] = (struct race_entry){
            .path = p, .source = ways_source(o->ways, p->address.ss_family), .leads = i < g->lead};
    }
    *o->races = &mine;
    h = race_run(&mine.race, &w, entry, g->count);
    unlink_race(o, &mine);
    o->moved = mine.race.aborted && !h;
    learn(o, entry, g->count);
    if (h)
        hop_until(h, o->wish.until);
    return h;
}

/* ---- entries ---- */

/* The whole route was ruled out, by a login that was refused for one: `failed` has settled it. */
static bool is_over(const struct opening *o, const struct group *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (!o->tried[g->index[i]])
            return true;
    return false;
}

struct hop *opening_next(struct opening *o)
{
    struct hop *h = NULL;
    bool over = false;

    o->moved = false;
    while (!h && !o->moved && !over && !fiber_cancelled()) {
        struct group g;

        next_group(o, &g);
        if (!g.count)
            break;
        h = run_group(o, &g);
        over = is_over(o, &g);
    }
    return h;
}

struct hop *opening_at(struct opening *o, const struct path *p)
{
    struct group g = {.index = {index_of(o, p)}, .count = 1};

    o->moved = false;
    return run_group(o, &g);
}

struct hop *opening_door(struct opening *o, struct span door)
{
    struct group g = {0};

    for (size_t i = 0; i < o->list.count; i++) {
        char name[PATH_DOOR_TEXT];

        path_door(&o->list.path[i], name);
        if (!o->tried[i] && span_is(door, name))
            g.index[g.count++] = i;
    }
    g.lead = g.count;
    o->moved = false;
    return g.count ? run_group(o, &g) : NULL;
}

const struct path *opening_find(const struct opening *o, const struct sockaddr_storage *address,
                                enum path_tls tls)
{
    for (size_t i = 0; i < o->list.count; i++) {
        const struct path *p = &o->list.path[i];

        if (!o->tried[i] && p->tls == tls && path_same_door(&p->address, address))
            return p;
    }
    return NULL;
}

bool opening_left(const struct opening *o)
{
    struct group g;

    next_group(o, &g);
    return g.count > 0;
}
