/* The sweep: connects with hop limits 1, 2, 3... at once. A router where the limit ends says so by
 * ICMP; whoever opens or refuses the door answers as soon as the limit reaches him. So it shows how
 * far away he is, and behind which router the way ends. */
#include "probe/observe_parts.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

enum {
    HOPS_MS = 1200,
    AFTER_ANSWER_MS = 250, /* for routers that are slower to complain than the server to answer */
};

struct hops {
    struct observe *o;
    struct fiber *waits;
    unsigned under_way;
    struct hop {
        struct hops *all;
        struct fiber *fiber;
        int limit;
        bool ended;
        struct sockaddr_storage to;
        struct reach seen;
    } hop[FINDINGS_HOPS_MAX];
    int64_t until;
    bool answered;
};

static bool answers(const struct reach *r)
{
    return r->sys == 0 || (r->sys == ECONNREFUSED && !r->icmp);
}

/* Time exceeded: type 11, in IPv6 type 3. */
static bool ended_on_the_way(const struct reach *r)
{
    return r->icmp && r->icmp_type == (r->icmp_from.ss_family == AF_INET6 ? 3 : 11);
}

static void one(void *arg)
{
    struct hop *h = arg;
    struct hops *all = h->all;

    reach_connect(all->o->loop, (const struct sockaddr *)&h->to, h->limit, all->until, &h->seen,
                  NULL);
    h->ended = true;
    all->under_way--;
    all->answered = all->answered || answers(&h->seen);
    fiber_wake(all->waits);
}

static void wait_all(struct hops *all)
{
    int64_t until = all->until;
    bool shortened = false;

    while (all->under_way && clock_now() < until) {
        if (fiber_wait(until) == -ECANCELED)
            break;
        if (all->answered && !shortened) {
            shortened = true;
            until = clock_now() + AFTER_ANSWER_MS < until ? clock_now() + AFTER_ANSWER_MS : until;
        }
    }
    for (size_t i = 0; i < FINDINGS_HOPS_MAX; i++)
        if (!all->hop[i].ended)
            fiber_cancel(all->hop[i].fiber);
    while (all->under_way && fiber_wait(clock_now() + CLOCK_SECOND) != -ECANCELED)
        ;
}

void observe_hops(struct observe *o, struct findings_door *d)
{
    struct hops *all = memory_alloc(sizeof *all);

    all->o = o;
    all->waits = fiber_self();
    all->until = clock_now() + HOPS_MS < o->until ? clock_now() + HOPS_MS : o->until;
    for (int i = 0; i < FINDINGS_HOPS_MAX; i++) {
        all->hop[i].all = all;
        all->hop[i].limit = i + 1;
        all->hop[i].to = d->address;
        all->under_way++;
        all->hop[i].fiber = fiber_start(o->loop, one, &all->hop[i]);
    }
    wait_all(all);
    for (int i = FINDINGS_HOPS_MAX; i-- > 0;) {
        const struct hop *h = &all->hop[i];

        if (answers(&h->seen) && h->ended)
            d->hop_answer = (uint8_t)h->limit;
        if (ended_on_the_way(&h->seen) && !d->hop_last) {
            d->hop_last = (uint8_t)h->limit;
            observe_address(&h->seen.icmp_from, d->hop_router);
        }
    }
    /* A fiber that did not end would write into this: better to leak it. */
    if (!all->under_way)
        free(all);
}
