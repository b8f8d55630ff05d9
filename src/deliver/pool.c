#include "deliver/pool.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

struct pool {
    struct loop *loop;
    struct timer *timer;
    struct pool_limits limits;
    struct hop *idle; /* the one put back last comes first */
    unsigned count, generation;
};

static void part(struct pool *p, struct hop *h)
{
    hop_part(p->loop, &h);
}

static struct hop *unlink_at(struct pool *p, struct hop **at)
{
    struct hop *h = *at;

    *at = h->next;
    h->next = NULL;
    p->count--;
    return h;
}

static struct hop **oldest(struct pool *p)
{
    struct hop **at = &p->idle;

    while ((*at)->next)
        at = &(*at)->next;
    return at;
}

static void set_timer(struct pool *p)
{
    int64_t left;

    if (!p->idle) {
        timer_stop(p->timer);
        return;
    }
    left = (*oldest(p))->idle_since + p->limits.idle - clock_now();
    timer_set(p->timer, left > 0 ? left : 1);
}

static bool is_over(const struct pool *p, const struct hop *h)
{
    return h->idle_since + p->limits.idle <= clock_now();
}

static void expire(void *arg)
{
    struct pool *p = arg;

    while (p->idle && is_over(p, *oldest(p)))
        part(p, unlink_at(p, oldest(p)));
    set_timer(p);
}

struct pool *pool_new(struct loop *l, const struct pool_limits *limits)
{
    struct pool *p = memory_alloc(sizeof *p);

    p->loop = l;
    p->limits = *limits;
    p->timer = timer_new(l, expire, p);
    return p;
}

void pool_free(struct pool **p)
{
    if (!*p)
        return;
    while ((*p)->idle) /* all at once: one that does not answer holds up none of the others */
        part(*p, unlink_at(*p, &(*p)->idle));
    timer_free(&(*p)->timer);
    free(*p);
    *p = NULL;
}

struct hop *pool_take(struct pool *p, struct span key)
{
    struct hop **at = &p->idle, *found = NULL;

    while (*at && !found) {
        struct hop *h;

        if (!span_eq((*at)->key, key)) {
            at = &(*at)->next;
            continue;
        }
        h = unlink_at(p, at);
        if (!is_over(p, h) && hop_usable(h))
            found = h;
        else
            part(p, h);
    }
    set_timer(p);
    return found;
}

static unsigned kept_for(const struct pool *p, struct span key)
{
    unsigned n = 0;

    for (const struct hop *h = p->idle; h; h = h->next)
        n += span_eq(h->key, key);
    return n;
}

static bool worth_keeping(const struct pool *p, struct hop *h)
{
    unsigned limit = p->limits.messages;
    uint64_t theirs = hop_far(h)->mail_max;
    unsigned sent = hop_messages(h);

    if (h->generation != p->generation || !hop_usable(h) || p->limits.total == 0)
        return false;
    if ((limit && sent >= limit) || (theirs && sent >= theirs))
        return false;
    return kept_for(p, h->key) < p->limits.per_key;
}

void pool_put(struct pool *p, struct hop **h)
{
    struct hop *mine = *h;

    *h = NULL;
    if (!worth_keeping(p, mine)) {
        part(p, mine);
        return;
    }
    if (p->count >= p->limits.total)
        part(p, unlink_at(p, oldest(p)));
    hop_until(mine, 0);
    mine->idle_since = clock_now();
    mine->next = p->idle;
    p->idle = mine;
    p->count++;
    set_timer(p);
}

void pool_forget(struct pool *p)
{
    while (p->idle)
        part(p, unlink_at(p, &p->idle));
    p->generation++;
    set_timer(p);
}

unsigned pool_generation(const struct pool *p)
{
    return p->generation;
}

unsigned pool_count(const struct pool *p)
{
    return p->count;
}
