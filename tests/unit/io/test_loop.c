#include "io/loop.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Longer than any machine makes us wait for our turn. */
enum { NOT_YET = 30000 };

struct scene {
    struct loop *loop;
    struct timer *timer;
    struct watch *watch, *other;
    int fd[2], fired, signals;
    int64_t due, when;
};

static void fires(void *arg)
{
    struct scene *s = arg;

    s->fired++;
    s->when = clock_now();
    assert_in_range(loop_now(s->loop), s->due, s->when); /* of this turn */
}

static void nothing_to_wait_for(void **state)
{
    struct loop *l = loop_new();

    (void)state;
    loop_run(l);
    loop_free(&l);
    assert_null(l);
    loop_free(&l);
}

static void a_timer_fires_once_in_time(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    s.timer = timer_new(s.loop, fires, &s);
    timer_set(s.timer, NOT_YET);
    s.due = clock_now() + 20;
    timer_set(s.timer, 20); /* earlier */
    loop_run(s.loop);
    assert_int_equal(s.fired, 1);
    assert_in_range(s.when - s.due, 0, NOT_YET / 2);
    timer_set(s.timer, 10);
    s.due = clock_now() + 30;
    timer_set(s.timer, 30); /* later */
    loop_run(s.loop);
    assert_int_equal(s.fired, 2);
    assert_in_range(s.when - s.due, 0, NOT_YET / 2);
    timer_set(s.timer, 20000);
    timer_stop(s.timer);
    loop_run(s.loop); /* at once */
    assert_int_equal(s.fired, 2);
    timer_set(s.timer, 5);
    timer_free(&s.timer);
    assert_null(s.timer);
    timer_free(&s.timer);
    loop_run(s.loop);
    assert_int_equal(s.fired, 2);
    loop_free(&s.loop);
}

static void sleeps_an_hour(void *arg)
{
    struct scene *s = arg;

    assert_int_equal(fiber_sleep(CLOCK_HOUR), 0);
    s->fired++;
}

static void machine_sleeps(void *arg)
{
    (void)arg;
    clock_shift(2 * CLOCK_HOUR);
}

/* libuv's clock stands still while the machine sleeps; ours goes on. */
static void timers_see_the_clock_jump(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    s.timer = timer_new(s.loop, fires, &s);
    timer_set(s.timer, CLOCK_HOUR);
    fiber_start(s.loop, sleeps_an_hour, &s);
    fiber_start(s.loop, machine_sleeps, &s);
    loop_run(s.loop);
    assert_int_equal(s.fired, 2);
    timer_free(&s.timer);
    clock_shift(-2 * CLOCK_HOUR);
    loop_free(&s.loop);
}

static void again(void *arg)
{
    struct scene *s = arg;

    if (++s->fired < 1000)
        loop_later(s->loop, again, s);
}

static void later_calls_may_call_later(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    loop_later(s.loop, again, &s);
    assert_int_equal(s.fired, 0);
    loop_run(s.loop);
    assert_int_equal(s.fired, 1000);
    loop_later(s.loop, again, &s); /* never run: freed with the loop */
    loop_free(&s.loop);
}

static void on_signal(int number, void *arg)
{
    struct scene *s = arg;

    assert_int_equal(number, SIGUSR1);
    s->signals++;
    loop_stop(s->loop);
}

static void kills_itself(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void signals_arrive(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    loop_signal(s.loop, SIGUSR1, on_signal, &s);
    loop_run(s.loop); /* a signal alone is nothing to wait for */
    s.timer = timer_new(s.loop, fires, &s);
    timer_set(s.timer, 5000);
    loop_later(s.loop, kills_itself, &s);
    loop_run(s.loop);
    assert_int_equal(s.signals, 1);
    assert_int_equal(s.fired, 0);
    timer_free(&s.timer);
    loop_free(&s.loop);
}

static void pair(struct scene *s)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s->fd), 0);
}

static void drains(void *arg)
{
    struct scene *s = arg;
    char c;

    assert_int_equal(read(s->fd[0], &c, 1), 1);
    if (++s->fired == 3)
        watch_free(&s->watch);
}

static void a_watch_is_level_triggered(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    pair(&s);
    s.watch = watch_new(s.loop, s.fd[0], drains, &s);
    assert_int_equal(write(s.fd[1], "abc", 3), 3);
    loop_run(s.loop);
    assert_int_equal(s.fired, 3);
    assert_null(s.watch);
    close(s.fd[0]);
    close(s.fd[1]);
    loop_free(&s.loop);
}

static void never(void *arg)
{
    (void)arg;
    fail();
}

static int64_t cpu_ms(void)
{
    return (int64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

static void unpauses(void *arg)
{
    struct scene *s = arg;

    s->when = cpu_ms();
    watch_pause(s->watch, false);
}

static void hangs_up(void *arg)
{
    struct scene *s = arg;

    s->fired++;
    watch_free(&s->watch);
}

/* The peer hangs up while nobody listens: that must neither be told nor make the loop spin. */
static void a_paused_watch_is_silent(void **state)
{
    struct scene s = {.loop = loop_new()};
    int64_t start = cpu_ms();

    (void)state;
    pair(&s);
    s.watch = watch_new(s.loop, s.fd[0], hangs_up, &s);
    watch_pause(s.watch, true);
    close(s.fd[1]);
    loop_run(s.loop);
    assert_int_equal(s.fired, 0);
    s.timer = timer_new(s.loop, unpauses, &s);
    timer_set(s.timer, 300);
    loop_run(s.loop);
    assert_int_equal(s.fired, 1);
    assert_in_range(s.when - start, 0, 100);
    timer_free(&s.timer);
    close(s.fd[0]);
    loop_free(&s.loop);
}

static void can_write(void *arg)
{
    struct scene *s = arg;

    if (++s->fired == 5)
        watch_writable(s->watch, NULL);
    if (s->fired == 5)
        watch_pause(s->watch, true);
}

static void a_watch_tells_writable_while_asked(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    pair(&s);
    s.watch = watch_new(s.loop, s.fd[0], never, &s);
    watch_writable(s.watch, can_write);
    loop_run(s.loop);
    assert_int_equal(s.fired, 5);
    watch_free(&s.watch);
    close(s.fd[0]);
    close(s.fd[1]);
    loop_free(&s.loop);
}

static void frees_both(void *arg)
{
    struct scene *s = arg;

    s->fired++;
    watch_free(&s->watch);
    watch_free(&s->other);
}

/* Both are ready in one turn; the first to be called frees the other. */
static void a_watch_may_free_another(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    pair(&s);
    s.watch = watch_new(s.loop, s.fd[0], frees_both, &s);
    s.other = watch_new(s.loop, s.fd[1], frees_both, &s);
    assert_int_equal(write(s.fd[0], "x", 1), 1);
    assert_int_equal(write(s.fd[1], "x", 1), 1);
    loop_run(s.loop);
    assert_int_equal(s.fired, 1);
    close(s.fd[0]);
    close(s.fd[1]);
    loop_free(&s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_wait_for),
        cmocka_unit_test(a_timer_fires_once_in_time),
        cmocka_unit_test(timers_see_the_clock_jump),
        cmocka_unit_test(later_calls_may_call_later),
        cmocka_unit_test(signals_arrive),
        cmocka_unit_test(a_watch_is_level_triggered),
        cmocka_unit_test(a_paused_watch_is_silent),
        cmocka_unit_test(a_watch_tells_writable_while_asked),
        cmocka_unit_test(a_watch_may_free_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
