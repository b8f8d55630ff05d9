/* timer: the callback timers of io/loop.h. */
#include "base/clock.h"
#include "base/memory.h"
#include "io/deadline.h"

#include <assert.h>
#include <stdlib.h>

struct timer {
    struct deadline deadline; /* first member: a struct timer is found from it by a cast */
    void (*fn)(void *arg);
    void *arg;
};

static void passed(struct deadline *d)
{
    struct timer *t = (struct timer *)d;

    t->fn(t->arg);
}

struct timer *timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct timer *t = memory_alloc(sizeof *t);

    assert(fn);
    deadline_init(&t->deadline, l, passed);
    t->fn = fn;
    t->arg = arg;
    return t;
}

void timer_set(struct timer *t, int64_t ms)
{
    deadline_set(&t->deadline, clock_now() + ms);
}

/* The timer beneath is stopped as well: a forgotten one would keep loop_run going. */
void timer_stop(struct timer *t)
{
    deadline_stop(&t->deadline);
}

static void closed(struct deadline *d)
{
    free(d);
}

void timer_free(struct timer **t)
{
    if (!*t)
        return;
    deadline_close(&(*t)->deadline, closed);
    *t = NULL;
}
