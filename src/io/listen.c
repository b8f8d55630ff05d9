/* listen: accepting, and who has to make room.
 *
 * Per address: a list of its connections that may be cancelled, longest untouched first. Addresses
 * with the same number of connections stand in one bucket, so the greediest is found without
 * looking at the rest, however many there are (P9: a flood must not make each accept slower). */
#include "io/listen.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/turn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

enum {
    PER_TURN = 64,  /* accepted before others get their turn */
    PAUSE_MS = 200, /* when descriptors or memory ran out */
    LOG_EVERY_MS = 60 * 1000,
    LEAVING_PART = 10, /* one in so many of `total` may be leaving at a time */
    GREEDY_TRIES = 16, /* equally greedy addresses looked at for somebody to cancel */
    KEY_MAX = 8,
};

struct address {
    char key[KEY_MAX];
    size_t key_len;
    unsigned count;              /* connections, without those on their way out */
    struct address *prev, *next; /* in the bucket of this count */
    struct listen_peer *oldest, *newest;
};

struct listen_peer {
    struct listen_counts *counts;
    struct address *address;           /* NULL once evicted */
    struct listen_peer *older, *newer; /* in the address's list, only with a fiber */
    struct fiber *fiber;
    bool evicted;
};

struct listen_counts {
    struct listen_limits limits;
    struct map *addresses;
    struct address **buckets; /* by count, 1..limits.per_address */
    unsigned greediest;       /* no bucket above this one has an address */
    unsigned count;
    unsigned leaving; /* evicted, but not gone yet */
};

struct listen {
    struct task grave; /* first member */
    struct loop *loop;
    int fd;
    struct watch *watch;
    struct timer *resume;
    struct listen_counts *counts;
    listen_fn *accepted;
    void *arg;
    int64_t logged;
    bool freed;
};

/* ---- counts ---- */

struct listen_counts *listen_counts_new(struct listen_limits limits)
{
    struct listen_counts *c = memory_alloc(sizeof *c);

    assert(limits.total > 0 && limits.per_address > 0);
    if (limits.per_address > limits.total)
        limits.per_address = limits.total;
    c->limits = limits;
    c->addresses = map_new();
    c->buckets = memory_array((size_t)limits.per_address + 1, sizeof(struct address *));
    return c;
}

void listen_counts_free(struct listen_counts **c)
{
    if (!*c)
        return;
    assert((*c)->count == 0 && (*c)->leaving == 0);
    map_free(&(*c)->addresses);
    free((*c)->buckets);
    free(*c);
    *c = NULL;
}

unsigned listen_count(const struct listen_counts *c)
{
    return c->count + c->leaving;
}

/* Who counts as one: an IPv4 address (also when it comes as ::ffff:a.b.c.d), an IPv6 /64, and
 * everybody on a local socket. */
static struct span key_of(const struct sockaddr_storage *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    const char *bytes = (const char *)&v6->sin6_addr;

    if (from->ss_family == AF_INET)
        return (struct span){(const char *)&v4->sin_addr, 4};
    if (from->ss_family != AF_INET6)
        return SPAN("l");
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return (struct span){bytes + 12, 4};
    return (struct span){bytes, 8};
}

static void bucket_remove(struct listen_counts *c, struct address *a)
{
    if (a->prev)
        a->prev->next = a->next;
    else
        c->buckets[a->count] = a->next;
    if (a->next)
        a->next->prev = a->prev;
}

static void bucket_add(struct listen_counts *c, struct address *a)
{
    a->prev = NULL;
    a->next = c->buckets[a->count];
    if (a->next)
        a->next->prev = a;
    c->buckets[a->count] = a;
    if (a->count > c->greediest)
        c->greediest = a->count;
}

static struct address *more_of(struct listen_counts *c, struct address *a, struct span key)
{
    if (!a) {
        a = memory_alloc(sizeof *a);
        memcpy(a->key, key.at, key.len);
        a->key_len = key.len;
        map_put(c->addresses, key, a);
    } else {
        bucket_remove(c, a);
    }
    a->count++;
    c->count++;
    bucket_add(c, a);
    return a;
}

static void less_of(struct listen_counts *c, struct address *a)
{
    bucket_remove(c, a);
    a->count--;
    c->count--;
    if (a->count > 0) {
        bucket_add(c, a);
    } else {
        map_take(c->addresses, (struct span){a->key, a->key_len});
        free(a);
    }
    while (c->greediest > 0 && !c->buckets[c->greediest])
        c->greediest--;
}

/* ---- making room ---- */

static void list_remove(struct listen_peer *p)
{
    struct address *a = p->address;

    if (p->older)
        p->older->newer = p->newer;
    else
        a->oldest = p->newer;
    if (p->newer)
        p->newer->older = p->older;
    else
        a->newest = p->older;
}

static void list_add(struct listen_peer *p)
{
    struct address *a = p->address;

    p->newer = NULL;
    p->older = a->newest;
    if (p->older)
        p->older->newer = p;
    else
        a->oldest = p;
    a->newest = p;
}

static void evict(struct listen_peer *p)
{
    struct listen_counts *c = p->counts;
    struct fiber *fiber = p->fiber;

    list_remove(p);
    less_of(c, p->address);
    c->leaving++;
    p->address = NULL;
    p->fiber = NULL;
    p->evicted = true;
    fiber_cancel(fiber);
}

/* A newcomer may push somebody out only when its address stays behind the greedy one even so. */
static bool make_room(struct listen_counts *c, unsigned has)
{
    struct address *a = c->buckets[c->greediest];

    if (has + 1 >= c->greediest || c->leaving * LEAVING_PART > c->limits.total)
        return false;
    for (int i = 0; a && i < GREEDY_TRIES; i++, a = a->next) {
        if (a->oldest) {
            evict(a->oldest);
            return true;
        }
    }
    return false;
}

static enum listen_verdict enter(struct listen_counts *c, const struct sockaddr_storage *from,
                                 struct listen_peer **peer)
{
    struct span key = key_of(from);
    struct address *a = map_get(c->addresses, key);

    if (a && a->count >= c->limits.per_address)
        return LISTEN_TOO_MANY_ADDRESS;
    if (c->count >= c->limits.total && !make_room(c, a ? a->count : 0))
        return LISTEN_TOO_MANY;
    *peer = memory_alloc(sizeof **peer);
    (*peer)->counts = c;
    (*peer)->address = more_of(c, a, key);
    return LISTEN_TAKE;
}

void listen_fiber(struct listen_peer *p, struct fiber *f)
{
    if (p->evicted)
        return;
    if (p->fiber)
        list_remove(p);
    p->fiber = f;
    if (f)
        list_add(p);
}

void listen_touch(struct listen_peer *p)
{
    if (!p->fiber || p->address->newest == p)
        return;
    list_remove(p);
    list_add(p);
}

bool listen_evicted(const struct listen_peer *p)
{
    return p->evicted;
}

void listen_leave(struct listen_peer **p)
{
    struct listen_peer *gone = *p;

    if (!gone)
        return;
    *p = NULL;
    listen_fiber(gone, NULL);
    if (gone->evicted)
        gone->counts->leaving--;
    else
        less_of(gone->counts, gone->address);
    free(gone);
}

/* ---- accepting ---- */

static void resume(void *arg)
{
    watch_pause(((struct listen *)arg)->watch, false);
}

static void pause_for(struct listen *l, int error)
{
    if (l->logged == 0 || clock_now() - l->logged >= LOG_EVERY_MS) {
        l->logged = clock_now();
        log_event(LOG_WARNING, "accept.paused", LOG_STR("reason", strerror(error)),
                  LOG_NUM("ms", PAUSE_MS));
    }
    watch_pause(l->watch, true);
    timer_set(l->resume, PAUSE_MS);
}

/* Errors that tell of the one connection only: accept(2), "Error handling". */
static bool concerns_one(int error)
{
    static const int list[] = {EINTR,       ECONNABORTED, EPROTO, ENETDOWN,
                               ENOPROTOOPT, EHOSTDOWN,    ENONET, EHOSTUNREACH,
                               EOPNOTSUPP,  ENETUNREACH,  EPERM,  ETIMEDOUT};

    for (size_t i = 0; i < COUNT(list); i++)
        if (list[i] == error)
            return true;
    return false;
}

static bool accept_one(struct listen *l)
{
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof from;
    int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct listen_peer *peer = NULL;
    enum listen_verdict v;

    if (fd < 0) {
        if (concerns_one(errno))
            return true;
        if (errno != EAGAIN)
            pause_for(l, errno);
        return false;
    }
    v = enter(l->counts, &from, &peer);
    l->accepted(l->arg, fd, &from, v, peer);
    return !l->freed;
}

static void knock(void *arg)
{
    struct listen *l = arg;

    for (int i = 0; i < PER_TURN && accept_one(l); i++)
        ;
}

struct listen *listen_new(struct loop *l, int fd, struct listen_counts *c, listen_fn *accepted,
                          void *arg)
{
    struct listen *new = memory_alloc(sizeof *new);
    const int on = 1;

    /* An inherited socket may come otherwise, and the second accept would wait for ever. */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    /* Accepted sockets inherit it: replies are small and wait for nobody. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    new->loop = l;
    new->fd = fd;
    new->counts = c;
    new->accepted = accepted;
    new->arg = arg;
    new->resume = timer_new(l, resume, new);
    new->watch = watch_new(l, fd, knock, new);
    return new;
}

static void bury(struct task *t)
{
    free(t);
}

/* It may be called from `accepted`, so the loop above must still find the flag. */
void listen_free(struct listen **l)
{
    struct listen *gone = *l;

    if (!gone)
        return;
    *l = NULL;
    gone->freed = true;
    watch_free(&gone->watch);
    timer_free(&gone->resume);
    gone->grave.run = bury;
    turn_bury(gone->loop, &gone->grave);
}
