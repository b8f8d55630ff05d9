/* The kernel's news are only a bell: what has become of the place is asked again when they end. So
 * nothing is lost when news are (ENOBUFS). */
#include "base/clock.h"
#include "base/memory.h"
#include "io/loop.h"
#include "place/netlink.h"
#include "place/place_parts.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    QUIET_MS = 100,   /* a burst has ended when it has been quiet for so long */
    LONGEST_MS = 500, /* a longer one is told in parts */
    ROUNDS = 64,      /* packets of news in one go */
};

#define GROUPS                                                                                     \
    (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |                   \
     RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH)

struct place_watch {
    int news, ask;
    struct watch *watch;
    struct timer *timer;
    void (*changed)(void *arg, const struct place *);
    void *arg;
    struct place last;
    struct exit_way way;
    int64_t since; /* the first of this burst, 0: none goes on */
    bool loud;     /* it is about more than a neighbour */
    bool poked;
};

/* Neighbours come and go all the time; one matters: the gateway. */
static bool is_gateway(const struct place_watch *w, const struct nlmsghdr *m)
{
    const struct ndmsg *n = NLMSG_DATA(m);
    struct netlink_attribute a[NETLINK_ATTRIBUTES];
    size_t len = exit_size(w->way.gateway.family);

    if (m->nlmsg_len < NLMSG_LENGTH(sizeof *n) || n->ndm_ifindex != w->way.index || !len)
        return false;
    netlink_attributes(m, sizeof *n, a);
    return n->ndm_family == w->way.gateway.family && a[NDA_DST].at && a[NDA_DST].len >= len &&
           memcmp(a[NDA_DST].at, w->way.gateway.byte, len) == 0;
}

static void hear(struct place_watch *w, bool loud)
{
    if (!w->since)
        w->since = clock_now();
    w->loud = w->loud || loud;
}

static void one_news(void *arg, const struct nlmsghdr *m)
{
    struct place_watch *w = arg;
    bool neighbour = m->nlmsg_type == RTM_NEWNEIGH || m->nlmsg_type == RTM_DELNEIGH;

    if (!neighbour || is_gateway(w, m))
        hear(w, !neighbour);
}

static void arm(struct place_watch *w)
{
    int64_t left = w->since + LONGEST_MS - clock_now();

    timer_set(w->timer, left < 0 ? 0 : left < QUIET_MS ? left : QUIET_MS);
}

static void readable(void *arg)
{
    struct place_watch *w = arg;
    int n = 1;

    for (int i = 0; i < ROUNDS && (n > 0 || n == -ENOBUFS); i++) {
        n = netlink_news(w->news, one_news, w);
        if (n == -ENOBUFS)
            hear(w, true);
    }
    if (w->since)
        arm(w);
}

/* The burst is over; is it worth telling? */
static void tell(struct place_watch *w, const struct place *now)
{
    bool worth = w->loud || strcmp(now->key, w->last.key) != 0;

    w->since = 0;
    w->loud = w->poked = false;
    w->last = *now;
    if (worth)
        w->changed(w->arg, now); /* may free w */
}

static void quiet(void *arg)
{
    struct place_watch *w = arg;
    bool late = clock_now() >= w->since + LONGEST_MS;
    struct place now;

    if (place_read(w->ask, &now, &w->way, NULL) < 0)
        now = w->last;
    /* Without the gateway's link address it would be another place a moment later. */
    if (place_unsettled(&w->way) && !late) {
        if (!w->poked)
            place_poke(&w->way);
        w->poked = true;
        arm(w);
        return;
    }
    tell(w, &now);
}

struct place_watch *place_watch_new(struct loop *l,
                                    void (*changed)(void *arg, const struct place *), void *arg,
                                    struct error *e)
{
    struct place_watch *w = memory_alloc(sizeof *w);

    w->changed = changed;
    w->arg = arg;
    w->ask = netlink_open(0, e);
    w->news = w->ask < 0 ? -1 : netlink_open(GROUPS, e);
    if (w->news < 0 || place_read(w->ask, &w->last, &w->way, e) < 0) {
        place_watch_free(&w);
        return NULL;
    }
    w->watch = watch_new(l, w->news, readable, w);
    w->timer = timer_new(l, quiet, w);
    if (place_unsettled(&w->way)) {
        hear(w, false);
        arm(w);
    }
    return w;
}

const struct place *place_watch_here(const struct place_watch *w)
{
    return &w->last;
}

void place_watch_free(struct place_watch **w)
{
    struct place_watch *gone = *w;

    if (!gone)
        return;
    *w = NULL;
    watch_free(&gone->watch);
    if (gone->timer)
        timer_free(&gone->timer);
    if (gone->news >= 0)
        close(gone->news);
    if (gone->ask >= 0)
        close(gone->ask);
    free(gone);
}
