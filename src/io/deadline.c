#include "io/deadline.h"

#include "base/clock.h"

static void arm(struct deadline *d);

static void fired(uv_timer_t *t)
{
    struct deadline *d = t->data;

    d->armed = CLOCK_NEVER;
    if (d->at == CLOCK_NEVER)
        return;
    /* Who is woken because of the time must see it passed. */
    d->loop->now = clock_now();
    if (d->loop->now < d->at) {
        arm(d);
        return;
    }
    d->at = CLOCK_NEVER;
    d->passed(d);
}

static void arm(struct deadline *d)
{
    int64_t ms = d->at - clock_now();

    uv_timer_start(&d->uv, fired, ms > 0 ? (uint64_t)ms : 0, 0);
    d->armed = d->at;
}

void deadline_init(struct deadline *d, struct loop *l, void (*passed)(struct deadline *d))
{
    uv_timer_init(&l->uv, &d->uv);
    d->uv.data = d;
    d->loop = l;
    d->at = d->armed = CLOCK_NEVER;
    d->passed = passed;
}

void deadline_set(struct deadline *d, int64_t at)
{
    d->at = at;
    if (at < d->armed)
        arm(d);
}

void deadline_clear(struct deadline *d)
{
    d->at = CLOCK_NEVER;
}

void deadline_stop(struct deadline *d)
{
    if (d->armed != CLOCK_NEVER)
        uv_timer_stop(&d->uv);
    d->at = d->armed = CLOCK_NEVER;
}

static void handle_closed(uv_handle_t *h)
{
    struct deadline *d = h->data;

    /* `passed` is free to hold the last call: the deadline will not pass any more. */
    if (d->passed)
        d->passed(d);
}

void deadline_close(struct deadline *d, void (*closed)(struct deadline *d))
{
    deadline_stop(d);
    d->passed = closed;
    uv_close((uv_handle_t *)&d->uv, handle_closed);
}

static void set_anew(uv_handle_t *h, void *arg)
{
    struct deadline *d = h->data;

    (void)arg;
    if (h->type == UV_TIMER && !uv_is_closing(h) && d->at != CLOCK_NEVER)
        arm(d);
}

void deadline_jump(struct loop *l)
{
    uv_walk(&l->uv, set_anew, NULL);
}
