#include "deliver/gate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>

enum { WAIT_MAX = 20 * 60 * 1000 }; /* ms; a leader has its own, shorter limits */

struct waiter {
    struct waiter *next;
    struct fiber *fiber;
};

enum learnt { LEARNT_NOTHING, LEARNT_OPEN, LEARNT_SHUT };

struct route {
    struct route *next;
    struct span key; /* owned */
    bool led;
    struct waiter *waiting;
    enum learnt learnt;
    int64_t at; /* of what was learnt */
    struct gate_news news;
    struct arena *arena; /* of its texts */
};

struct gate {
    struct route *first; /* the one used last comes first */
    unsigned count;
};

struct gate *gate_new(void)
{
    return memory_alloc(sizeof(struct gate));
}

static void free_route(struct route *r)
{
    arena_free(&r->arena);
    free((char *)(uintptr_t)r->key.at);
    free(r);
}

void gate_free(struct gate **g)
{
    struct route *next;

    if (!*g)
        return;
    for (struct route *r = (*g)->first; r; r = next) {
        next = r->next;
        free_route(r);
    }
    free(*g);
    *g = NULL;
}

/* The oldest one that nobody uses goes. */
static void make_room(struct gate *g)
{
    struct route **oldest = NULL, *gone;

    for (struct route **at = &g->first; *at; at = &(*at)->next)
        if (!(*at)->led && !(*at)->waiting)
            oldest = at;
    if (!oldest)
        return;
    gone = *oldest;
    *oldest = gone->next;
    g->count--;
    free_route(gone);
}

static struct route *find(const struct gate *g, struct span key)
{
    struct route *r = g->first;

    while (r && !span_eq(r->key, key))
        r = r->next;
    return r;
}

static struct route *find_or_add(struct gate *g, struct span key)
{
    struct route *r = find(g, key);

    if (r)
        return r;
    if (g->count >= GATE_ROUTES)
        make_room(g);
    r = memory_alloc(sizeof *r);
    *r = (struct route){.key = {span_dup(key), key.len}, .next = g->first, .arena = arena_new()};
    g->first = r;
    g->count++;
    return r;
}

static void copy_news(struct arena *a, const struct gate_news *from, struct gate_news *to)
{
    *to = *from;
    to->host = arena_span(a, from->host);
    to->place = arena_span(a, from->place);
    to->words = arena_span(a, from->words);
    to->failure.reply = reply_copy(a, &from->failure.reply);
}

/* Until nobody leads; false when cancelled. */
static bool wait_for_leader(struct route *r)
{
    int64_t until = clock_now() + WAIT_MAX;
    int rc = 0;

    while (r->led && rc == 0) {
        struct waiter me = {r->waiting, fiber_self()};
        struct waiter **at = &r->waiting;

        r->waiting = &me;
        rc = fiber_wait(until);
        while (*at != &me)
            at = &(*at)->next;
        *at = me.next;
    }
    return rc == 0;
}

enum gate_pass gate_enter(struct gate *g, struct span key, struct arena *a, struct gate_news *news)
{
    struct route *r = find_or_add(g, key);
    int64_t age;

    if (!wait_for_leader(r))
        return GATE_ENDED;
    age = clock_now() - r->at;
    if (r->learnt == LEARNT_OPEN && age < GATE_OPEN_TIME) {
        copy_news(a, &r->news, news);
        return GATE_FOLLOW;
    }
    if (r->learnt == LEARNT_SHUT && age < GATE_SHUT_TIME) {
        copy_news(a, &r->news, news);
        return GATE_SHUT;
    }
    r->learnt = LEARNT_NOTHING;
    r->led = true;
    return GATE_LEAD;
}

static void learn(struct gate *g, struct span key, enum learnt what, const struct gate_news *news)
{
    struct route *r = find(g, key);
    struct arena *old = r->arena;

    r->arena = arena_new();
    r->learnt = what;
    r->at = clock_now();
    copy_news(r->arena, news, &r->news);
    arena_free(&old);
    r->led = false;
    for (struct waiter *w = r->waiting; w; w = w->next)
        fiber_wake(w->fiber);
}

void gate_opened(struct gate *g, struct span key, const struct path *p)
{
    struct gate_news news = {.address = p->address, .tls = p->tls};

    learn(g, key, LEARNT_OPEN, &news);
}

void gate_failed(struct gate *g, struct span key, const struct gate_news *why)
{
    learn(g, key, LEARNT_SHUT, why);
}

void gate_nothing(struct gate *g, struct span key)
{
    learn(g, key, LEARNT_NOTHING, &(struct gate_news){0});
}

void gate_broke(struct gate *g, struct span key, const struct path *p)
{
    struct route *r = find(g, key);

    if (r && r->learnt == LEARNT_OPEN && r->news.tls == p->tls &&
        path_same_door(&r->news.address, &p->address))
        r->learnt = LEARNT_NOTHING;
}

void gate_forget(struct gate *g)
{
    for (struct route *r = g->first; r; r = r->next)
        r->learnt = LEARNT_NOTHING;
}
