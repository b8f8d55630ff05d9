/* watch: the raw descriptors of io/loop.h. */
#include "base/memory.h"
#include "io/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

struct watch {
    struct task grave; /* first member */
    struct ready ready;
    struct loop *loop;
    int fd;
    bool paused, freed, in_set;
    void (*readable)(void *arg);
    void (*writable)(void *arg);
    void *arg;
};

static void happened(struct ready *r, uint32_t events)
{
    struct watch *w = (struct watch *)((char *)r - offsetof(struct watch, ready));

    if (!w->freed && !w->paused && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        w->readable(w->arg);
    if (!w->freed && w->writable && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
        w->writable(w->arg);
}

static uint32_t wanted(const struct watch *w)
{
    return (w->paused ? 0 : (uint32_t)EPOLLIN) | (w->writable ? (uint32_t)EPOLLOUT : 0);
}

/* A descriptor nobody wants to hear of leaves the set: a hang-up would be told in every turn. It
 * fails only for a descriptor that cannot be watched or is in the set already: our mistake. */
static void update(struct watch *w)
{
    uint32_t events = wanted(w);
    int op = !events ? EPOLL_CTL_DEL : w->in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int r = !events && !w->in_set ? 0 : turn_ctl(w->loop, op, w->fd, events, &w->ready);

    w->in_set = events != 0;
    if (r == 0)
        return;
    fprintf(stderr, "port26: cannot watch descriptor %d: %s\n", w->fd, strerror(-r));
    abort();
}

struct watch *watch_new(struct loop *l, int fd, void (*readable)(void *arg), void *arg)
{
    struct watch *w = memory_alloc(sizeof *w);

    assert(readable);
    w->ready.fn = happened;
    w->loop = l;
    w->fd = fd;
    w->readable = readable;
    w->arg = arg;
    update(w);
    l->waits++;
    return w;
}

void watch_writable(struct watch *w, void (*writable)(void *arg))
{
    bool change = !w->writable != !writable;

    w->writable = writable;
    if (change)
        update(w);
}

void watch_pause(struct watch *w, bool paused)
{
    if (w->paused == paused)
        return;
    w->paused = paused;
    w->loop->waits += paused ? -1U : 1U;
    update(w);
}

static void bury(struct task *t)
{
    free(t);
}

void watch_free(struct watch **w)
{
    struct watch *gone = *w;

    if (!gone)
        return;
    *w = NULL;
    if (!gone->paused)
        gone->loop->waits--;
    /* An event of this turn may still name it: its memory goes when those are through. The
     * descriptor may be closed already, which took it out of the set. */
    if (gone->in_set)
        turn_ctl(gone->loop, EPOLL_CTL_DEL, gone->fd, 0, NULL);
    gone->freed = true;
    gone->grave.run = bury;
    turn_bury(gone->loop, &gone->grave);
}
