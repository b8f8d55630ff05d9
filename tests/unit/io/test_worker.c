#include "io/worker.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct loop *loop;
    struct worker *worker;
    struct fiber *fiber;
    pthread_t home;
    sem_t *gate; /* jobs wait before it; NULL: open */
    int worked, done, refused;
    bool cancelled;
};

static void works(void *arg)
{
    struct scene *s = arg;

    assert_false(pthread_equal(pthread_self(), s->home));
    __atomic_add_fetch(&s->worked, 1, __ATOMIC_SEQ_CST);
}

static void is_done(void *arg)
{
    struct scene *s = arg;

    assert_true(pthread_equal(pthread_self(), s->home));
    s->done++;
}

static struct scene begin(unsigned threads, unsigned max)
{
    struct scene s = {.loop = loop_new(), .home = pthread_self()};

    s.worker = worker_new(s.loop, "test", threads, max);
    return s;
}

static void end(struct scene *s)
{
    worker_free(&s->worker);
    assert_null(s->worker);
    loop_free(&s->loop);
}

static void jobs_come_back_in_the_loop(void **state)
{
    struct scene s = begin(3, 500);

    (void)state;
    for (int i = 0; i < 500; i++)
        assert_true(worker_run(s.worker, works, is_done, &s));
    assert_int_equal(s.done, 0);
    assert_int_equal(worker_load(s.worker), 500);
    loop_run(s.loop);
    assert_int_equal(s.worked, 500);
    assert_int_equal(s.done, 500);
    assert_int_equal(worker_load(s.worker), 0);
    loop_run(s.loop); /* an idle pool is nothing to wait for */
    end(&s);
}

static void naps(void *arg)
{
    usleep(50 * 1000);
    works(arg);
}

static void waits_and_works(void *arg)
{
    struct scene *s = arg;

    while (s->gate && sem_wait(s->gate) != 0)
        continue;
    works(arg);
}

/* From now on jobs wait until so many are let through. */
static void shut(struct scene *s, sem_t *gate)
{
    assert_int_equal(sem_init(gate, 0, 0), 0);
    s->gate = gate;
}

static void let_through(struct scene *s, int jobs)
{
    while (jobs-- > 0)
        assert_int_equal(sem_post(s->gate), 0);
}

static void a_full_queue_refuses(void **state)
{
    struct scene s = begin(1, 2);
    int taken = 0;
    sem_t gate;

    (void)state;
    shut(&s, &gate);
    for (int i = 0; i < 10; i++)
        taken += worker_run(s.worker, waits_and_works, is_done, &s);
    assert_in_range(taken, 2, 3); /* one may be running already */
    let_through(&s, taken);
    loop_run(s.loop);
    assert_int_equal(s.done, taken);
    assert_true(worker_run(s.worker, works, is_done, &s));
    end(&s);
    assert_int_equal(s.done, taken + 1);
    sem_destroy(&gate);
}

static void free_finishes_all(void **state)
{
    struct scene s = begin(2, 10);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(worker_run(s.worker, naps, is_done, &s));
    end(&s);
    assert_int_equal(s.worked, 5);
    assert_int_equal(s.done, 5);
}

static void calls(void *arg)
{
    struct scene *s = arg;

    assert_int_equal(worker_call(s->worker, waits_and_works, s), 0);
    s->done++;
    s->cancelled = fiber_cancelled();
    assert_int_equal(fiber_wait(clock_now() + 5), s->cancelled ? -ECANCELED : -ETIMEDOUT);
}

static void cancels(void *arg)
{
    struct scene *s = arg;

    assert_int_equal(s->worked, 0);
    fiber_cancel(s->fiber);
    let_through(s, 1);
}

static void a_cancelled_fiber_waits_for_its_work(void **state)
{
    struct scene s = begin(1, 2);
    sem_t gate;

    (void)state;
    s.fiber = fiber_start(s.loop, calls, &s);
    loop_run(s.loop);
    assert_false(s.cancelled);
    assert_int_equal(s.done, 1);
    s.worked = 0;
    shut(&s, &gate);
    s.fiber = fiber_start(s.loop, calls, &s);
    fiber_start(s.loop, cancels, &s);
    loop_run(s.loop);
    assert_true(s.cancelled);
    assert_int_equal(s.worked, 1);
    assert_int_equal(s.done, 2);
    end(&s);
    sem_destroy(&gate);
}

static void calls_or_is_refused(void *arg)
{
    struct scene *s = arg;
    int r = worker_call(s->worker, waits_and_works, s);

    assert_true(r == 0 || r == -EBUSY);
    s->done += r == 0;
    s->refused += r == -EBUSY;
}

/* Two may be running already, and four wait. */
static void opens(void *arg)
{
    struct scene *s = arg;

    assert_in_range(s->refused, 14, 16);
    let_through(s, 20 - s->refused);
}

static void many_fibers_call(void **state)
{
    struct scene s = begin(2, 4);
    sem_t gate;

    (void)state;
    shut(&s, &gate);
    for (int i = 0; i < 20; i++)
        fiber_start(s.loop, calls_or_is_refused, &s);
    fiber_start(s.loop, opens, &s);
    loop_run(s.loop);
    assert_int_equal(s.done + s.refused, 20);
    assert_int_equal(s.worked, s.done);
    end(&s);
    sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_back_in_the_loop),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(free_finishes_all),
        cmocka_unit_test(a_cancelled_fiber_waits_for_its_work),
        cmocka_unit_test(many_fibers_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
