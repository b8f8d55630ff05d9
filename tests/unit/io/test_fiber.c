#include "io/fiber.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* Longer than any machine makes us wait for our turn. */
enum { NOT_YET = 30000 };

struct scene {
    struct loop *loop;
    struct fiber *a, *b;
    struct timer *timer;
    int turns, results[8], count;
    int64_t slept;
};

static void run(struct scene *s)
{
    loop_run(s->loop);
    assert_int_equal(fiber_count(s->loop), 0);
    loop_free(&s->loop);
    assert_null(s->loop);
}

static void note(struct scene *s, int result)
{
    assert_in_range(s->count, 0, (int)COUNT(s->results) - 1);
    s->results[s->count++] = result;
}

static void ping(void *arg)
{
    struct scene *s = arg;

    assert_ptr_equal(fiber_self(), s->a);
    assert_ptr_equal(fiber_loop(), s->loop);
    while (s->turns < 1000) {
        s->turns++;
        fiber_wake(s->b);
        assert_int_equal(fiber_wait(clock_now() + 5000), 0);
    }
    fiber_wake(s->b);
}

static void pong(void *arg)
{
    struct scene *s = arg;

    while (s->turns < 1000) {
        assert_int_equal(fiber_wait(clock_now() + 5000), 0);
        fiber_wake(s->a);
    }
}

static void ping_and_pong_take_turns(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    assert_null(fiber_self());
    s.a = fiber_start(s.loop, ping, &s);
    s.b = fiber_start(s.loop, pong, &s);
    assert_int_equal(fiber_count(s.loop), 2);
    run(&s);
    assert_int_equal(s.turns, 1000);
}

static void waits_short(void *arg)
{
    struct scene *s = arg;
    int64_t start = clock_now();

    note(s, fiber_wait(start + 30));
    s->slept = clock_now() - start;
    note(s, fiber_wait(start));           /* long past */
    note(s, fiber_wait(start + NOT_YET)); /* later, then earlier than the timer that runs */
    note(s, fiber_wait(clock_now() + 10));
}

static void wakes_a_once(void *arg)
{
    struct scene *s = arg;

    while (s->count < 2)
        assert_int_equal(fiber_sleep(5), 0);
    fiber_wake(s->a);
    fiber_wake(s->a);
}

static void deadlines_pass_in_time(void **state)
{
    struct scene s = {.loop = loop_new()};
    int64_t start = clock_now();

    (void)state;
    s.a = fiber_start(s.loop, waits_short, &s);
    s.b = fiber_start(s.loop, wakes_a_once, &s);
    run(&s);
    assert_in_range(s.slept, 30, NOT_YET / 2);
    assert_in_range(clock_now() - start, 40, NOT_YET / 2);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.results[0], -ETIMEDOUT);
    assert_int_equal(s.results[1], -ETIMEDOUT);
    assert_int_equal(s.results[2], 0);
    assert_int_equal(s.results[3], -ETIMEDOUT);
}

static void waits_after_wake(void *arg)
{
    struct scene *s = arg;

    fiber_wake(fiber_self());
    fiber_wake(fiber_self());
    note(s, fiber_wait(0));
    note(s, fiber_wait(clock_now() + 1));
    fiber_wake(fiber_self());
    note(s, fiber_sleep(5));
    note(s, fiber_wait(0));
}

static void an_early_wake_is_kept(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    fiber_start(s.loop, waits_after_wake, &s);
    run(&s);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.results[0], 0);
    assert_int_equal(s.results[1], -ETIMEDOUT);
    assert_int_equal(s.results[2], 0);
    assert_int_equal(s.results[3], 0);
}

static void is_cancelled(void *arg)
{
    struct scene *s = arg;

    note(s, fiber_wait(CLOCK_NEVER));
    note(s, fiber_cancelled());
    note(s, fiber_wait(CLOCK_NEVER));
    note(s, fiber_sleep(1000));
    fiber_wake(fiber_self());
    note(s, fiber_wait(CLOCK_NEVER));
}

static void cancels_a(void *arg)
{
    fiber_cancel(((struct scene *)arg)->a);
}

static void cancel_is_sticky(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    s.a = fiber_start(s.loop, is_cancelled, &s);
    fiber_start(s.loop, cancels_a, &s);
    run(&s);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.results[0], -ECANCELED);
    assert_int_equal(s.results[1], 1);
    for (int i = 2; i < 5; i++)
        assert_int_equal(s.results[i], -ECANCELED);
}

static void cancel_before_the_start(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    fiber_cancel(fiber_start(s.loop, is_cancelled, &s));
    run(&s);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.results[0], -ECANCELED);
}

static void counts(void *arg)
{
    char deep[20000];
    struct scene *s = arg;

    snprintf(deep, sizeof deep, "%d", s->turns);
    assert_int_equal(fiber_sleep(s->turns % 3), 0);
    s->turns++;
}

/* More than are kept for later, twice: stacks end for good, and are used again. */
static void thousands_live_at_once(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++)
            fiber_start(s.loop, counts, &s);
        assert_int_equal(fiber_count(s.loop), 3000);
        loop_run(s.loop);
    }
    assert_int_equal(s.turns, 6000);
    run(&s);
}

static void starts_more(void *arg)
{
    struct scene *s = arg;

    if (++s->turns < 100)
        fiber_start(s->loop, starts_more, s);
}

static void fibers_start_fibers(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    fiber_start(s.loop, starts_more, &s);
    assert_int_equal(s.turns, 0);
    run(&s);
    assert_int_equal(s.turns, 100);
}

static void busy(void *arg)
{
    struct scene *s = arg;

    while (!s->results[0]) {
        s->turns++;
        fiber_wake(fiber_self() == s->a ? s->b : s->a);
        if (!s->results[0])
            assert_int_equal(fiber_wait(clock_now() + 5000), 0);
    }
    fiber_wake(fiber_self() == s->a ? s->b : s->a);
}

static void stop_busy(void *arg)
{
    struct scene *s = arg;

    if (s->turns > 100)
        s->results[0] = 1;
    else
        timer_set(s->timer, 20);
}

/* Fibers that are always ready do not keep timers from passing. */
static void busy_fibers_leave_room(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    s.timer = timer_new(s.loop, stop_busy, &s);
    timer_set(s.timer, 20);
    s.a = fiber_start(s.loop, busy, &s);
    s.b = fiber_start(s.loop, busy, &s);
    loop_run(s.loop);
    assert_int_equal(s.results[0], 1);
    timer_free(&s.timer);
    run(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_and_pong_take_turns), cmocka_unit_test(deadlines_pass_in_time),
        cmocka_unit_test(an_early_wake_is_kept),    cmocka_unit_test(cancel_is_sticky),
        cmocka_unit_test(cancel_before_the_start),  cmocka_unit_test(thousands_live_at_once),
        cmocka_unit_test(fibers_start_fibers),      cmocka_unit_test(busy_fibers_leave_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
