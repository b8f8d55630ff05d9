#include "deliver/knock.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct knock {
    struct loop *loop;
    struct sockaddr_storage to, from;
    bool has_from;
    int64_t until;
    struct fiber *fiber, *waiter;
    struct stream *stream;
    int rc;
    bool done, alone;
    struct timer *timer; /* ends it when it is alone */
    void (*ended)(void *arg, int rc);
    void *arg;
};

static void finish(struct knock *k)
{
    void (*ended)(void *arg, int rc) = k->ended;
    void *arg = k->arg;
    int rc = k->rc == -ECANCELED ? -ETIMEDOUT : k->rc; /* by the timer */

    stream_abort(&k->stream);
    timer_free(&k->timer);
    free(k);
    if (ended)
        ended(arg, rc);
}

static void run(void *arg)
{
    struct knock *k = arg;

    k->rc = stream_connect(k->loop, (const struct sockaddr *)&k->to,
                           k->has_from ? (const struct sockaddr *)&k->from : NULL, k->until,
                           &k->stream);
    k->done = true;
    k->fiber = NULL;
    if (k->alone)
        finish(k);
    else if (k->waiter)
        fiber_wake(k->waiter);
}

struct knock *knock_new(struct loop *l, const struct sockaddr_storage *to,
                        const struct sockaddr_storage *from, int64_t until)
{
    struct knock *k = memory_alloc(sizeof *k);

    *k = (struct knock){.loop = l, .to = *to, .has_from = from != NULL, .until = until};
    if (from)
        k->from = *from;
    k->fiber = fiber_start(l, run, k);
    return k;
}

int knock_wait(struct knock *k, struct stream **out)
{
    int rc = 0;

    k->waiter = fiber_self();
    while (!k->done && rc != -ECANCELED)
        rc = fiber_wait(CLOCK_NEVER); /* run ends by `until` */
    k->waiter = NULL;
    if (!k->done)
        return -ECANCELED;
    *out = k->stream;
    k->stream = NULL;
    return k->rc;
}

static void stop(void *arg)
{
    struct knock *k = arg;

    fiber_cancel(k->fiber);
}

void knock_leave(struct knock *k, int64_t until, void (*ended)(void *arg, int rc), void *arg)
{
    int64_t left = until - clock_now();

    assert(!k->alone);
    k->alone = true;
    k->ended = ended;
    k->arg = arg;
    if (k->done) {
        finish(k);
        return;
    }
    k->timer = timer_new(k->loop, stop, k);
    timer_set(k->timer, left > 0 ? left : 0);
}

void knock_drop(struct knock **k)
{
    struct knock *gone = *k;

    *k = NULL;
    if (!gone)
        return;
    gone->alone = true;
    gone->ended = NULL;
    if (gone->done)
        finish(gone);
    else
        fiber_cancel(gone->fiber);
}
