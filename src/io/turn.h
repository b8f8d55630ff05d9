/* turn: the inside of the loop, for the files of this folder only.
 *
 * One turn: libuv's share if it has any (timers, signals, workers), then the tasks that became
 * ready (fibers, loop_later), then one epoll_wait. Descriptors stand in an epoll set of our own and
 * not in uv_poll: a socket then costs one epoll_ctl in its life instead of five, a wait costs none,
 * and events reach us without a second epoll_wait. libuv's own descriptor is one member of the set.
 */
#ifndef PORT26_IO_TURN_H
#define PORT26_IO_TURN_H

#include "io/loop.h"

#include <stddef.h>
#include <uv.h>

/* Something to run once, soon. Belongs to whoever embeds it; queued at most once at a time. */
struct task {
    struct task *next;
    void (*run)(struct task *t);
};

/* A member of the epoll set. Its memory must go by turn_bury: an event already fetched may name it
 * once more. */
struct ready {
    void (*fn)(struct ready *r, uint32_t events);
};

struct fibers;

struct loop {
    uv_loop_t uv;
    uv_prepare_t keep; /* uv_run does nothing at all when it has no active handle: this is one */
    struct ready uv_ready;
    int ep;
    bool stopped, uv_due;
    int64_t now;
    int64_t skew;   /* our clock minus libuv's: tells when the clock jumped */
    unsigned waits; /* those only a descriptor can wake: they keep loop_run going */
    struct task *first, **last;
    struct task *dead; /* freed members of the epoll set, until this turn's events are through */
    struct fibers *fibers;
    void (*fibers_free)(struct fibers **f);
};

/* Runs t in the next round of tasks. */
void turn_task(struct loop *l, struct task *t);
/* Runs t (which frees what it stands in) when no event of this turn can name it any more. */
void turn_bury(struct loop *l, struct task *t);
/* epoll_ctl; 0 or negative errno. */
int turn_ctl(struct loop *l, int op, int fd, uint32_t events, struct ready *r);

#endif
