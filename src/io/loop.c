#include "base/clock.h"
#include "base/memory.h"
#include "io/deadline.h"
#include "io/turn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 256, /* per epoll_wait */
    ROUNDS = 8,   /* of tasks that make each other ready, before descriptors are looked at again */
    JUMP_MS = 1000,
    LONGEST_WAIT_MS = 60 * 1000, /* epoll_wait does not see the machine sleep: look again */
};

struct later {
    struct task task; /* first member */
    void (*fn)(void *arg);
    void *arg;
};

struct signal_watch {
    uv_signal_t uv; /* first member */
    void (*fn)(int signal, void *arg);
    void *arg;
};

static void uv_is_ready(struct ready *r, uint32_t events)
{
    struct loop *l = (struct loop *)((char *)r - offsetof(struct loop, uv_ready));

    (void)events;
    l->uv_due = true;
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static void nothing(uv_prepare_t *p)
{
    (void)p;
}

static void tick(struct loop *l)
{
    int64_t skew;

    uv_update_time(&l->uv);
    l->now = clock_now();
    skew = l->now - (int64_t)uv_now(&l->uv);
    if (skew - l->skew > JUMP_MS || l->skew - skew > JUMP_MS) {
        l->skew = skew;
        deadline_jump(l);
    }
}

struct loop *loop_new(void)
{
    struct loop *l = memory_alloc(sizeof *l);

    must(uv_loop_init(&l->uv) == 0, "port26: event loop");
    l->ep = epoll_create1(EPOLL_CLOEXEC);
    must(l->ep >= 0, "port26: epoll");
    uv_prepare_init(&l->uv, &l->keep);
    uv_prepare_start(&l->keep, nothing);
    l->uv_ready.fn = uv_is_ready;
    must(turn_ctl(l, EPOLL_CTL_ADD, uv_backend_fd(&l->uv), EPOLLIN, &l->uv_ready) == 0,
         "port26: epoll");
    l->last = &l->first;
    l->skew = clock_now() - (int64_t)uv_now(&l->uv);
    tick(l);
    return l;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    bool is_signal = h->type == UV_SIGNAL;

    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, is_signal ? (uv_close_cb)free : NULL);
}

static void bury_all(struct loop *l)
{
    while (l->dead) {
        struct task *t = l->dead;

        l->dead = t->next;
        t->run(t);
    }
}

void loop_free(struct loop **l)
{
    struct loop *gone = *l;

    if (!gone)
        return;
    *l = NULL;
    if (gone->fibers)
        gone->fibers_free(&gone->fibers);
    bury_all(gone);
    while (gone->first) {
        struct task *t = gone->first;

        gone->first = t->next;
        free(t); /* only what loop_later left can be here: fibers are at their end */
    }
    uv_walk(&gone->uv, close_handle, NULL);
    uv_run(&gone->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&gone->uv) == 0, "port26: a handle outlived its loop");
    close(gone->ep);
    free(gone);
}

int turn_ctl(struct loop *l, int op, int fd, uint32_t events, struct ready *r)
{
    struct epoll_event e = {.events = events, .data.ptr = r};

    return epoll_ctl(l->ep, op, fd, &e) == 0 ? 0 : -errno;
}

void turn_task(struct loop *l, struct task *t)
{
    t->next = NULL;
    *l->last = t;
    l->last = &t->next;
}

void turn_bury(struct loop *l, struct task *t)
{
    t->next = l->dead;
    l->dead = t;
}

/* One round runs what was ready at its start; what that makes ready waits for the next round, so
 * that two tasks which keep waking each other cannot shut out the rest. */
static void run_tasks(struct loop *l)
{
    for (int round = 0; round < ROUNDS && l->first; round++) {
        struct task *t = l->first, *next;

        l->first = NULL;
        l->last = &l->first;
        for (; t; t = next) {
            next = t->next;
            t->run(t);
        }
    }
}

static void wait_for_events(struct loop *l)
{
    struct epoll_event events[EVENTS];
    int timeout, n;

    tick(l);
    timeout = l->first ? 0 : uv_backend_timeout(&l->uv);
    if (timeout < 0 || timeout > LONGEST_WAIT_MS)
        timeout = LONGEST_WAIT_MS;
    n = epoll_wait(l->ep, events, EVENTS, timeout);
    for (int i = 0; i < n; i++) {
        struct ready *r = events[i].data.ptr;

        r->fn(r, events[i].events);
    }
}

static bool anything_left(struct loop *l)
{
    bool left;

    if (l->first || l->waits)
        return true;
    uv_unref((uv_handle_t *)&l->keep);
    left = uv_loop_alive(&l->uv);
    uv_ref((uv_handle_t *)&l->keep);
    return left;
}

void loop_run(struct loop *l)
{
    l->stopped = false;
    while (!l->stopped) {
        tick(l);
        bury_all(l);
        /* libuv says 0 also when it has descriptors to register or handles to close. */
        if (l->uv_due || uv_backend_timeout(&l->uv) == 0) {
            l->uv_due = false;
            uv_run(&l->uv, UV_RUN_NOWAIT);
        }
        run_tasks(l);
        if (l->stopped || !anything_left(l))
            return;
        wait_for_events(l);
    }
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

int64_t loop_now(const struct loop *l)
{
    return l->now;
}

static void run_later(struct task *t)
{
    struct later later = *(struct later *)t;

    free(t);
    later.fn(later.arg);
}

void loop_later(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct later *later = memory_alloc(sizeof *later);

    assert(fn);
    later->task.run = run_later;
    later->fn = fn;
    later->arg = arg;
    turn_task(l, &later->task);
}

static void signalled(uv_signal_t *h, int signal)
{
    struct signal_watch *w = (struct signal_watch *)h;

    w->fn(signal, w->arg);
}

void loop_signal(struct loop *l, int signal, void (*fn)(int signal, void *arg), void *arg)
{
    struct signal_watch *w = memory_alloc(sizeof *w);

    w->fn = fn;
    w->arg = arg;
    must(uv_signal_init(&l->uv, &w->uv) == 0, "port26: signals");
    must(uv_signal_start(&w->uv, signalled, signal) == 0, "port26: signals");
    /* Waiting for a signal alone is no reason to stay. */
    uv_unref((uv_handle_t *)&w->uv);
}
