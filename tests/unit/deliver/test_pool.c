#include "deliver/pool.h"
#include "../smtp/far.h"

#include "base/memory.h"

#include <assert.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum {
    IDLE = 8000 /* ms: longer than any machine makes us wait, shorter than the far side does */
};

static struct loop *loop;
static struct pool *pool;

/* A connection over a pipe whose far side plays a script. */
struct near {
    struct far_side side;
    struct hop *hop;
};

static struct hop *make_hop(struct far_side *side, const char *key)
{
    struct smtp_client_settings s = smtp_client_defaults();
    struct hop *h = memory_alloc(sizeof *h);

    s.helo = "me.example";
    s.times.quit = 20000;
    h->arena = arena_new();
    h->key = arena_span(h->arena, span_of(key));
    stream_pipe(loop, 4096, &h->stream, &side->stream);
    h->client = smtp_client_new(&h->stream, &s);
    fiber_start(loop, far_run, side);
    return h;
}

static const char *const stays[] = {"C:QUIT", "S:221 bye", NULL};
static const char *const hangs_up[] = {"X", NULL};
static const char *const talks[] = {"S:421 too long", "E", NULL};

static struct far_side side[4];
static struct hop *got[4];
static unsigned counts[4];

static void put(int i, const char *key)
{
    struct hop *h = make_hop(&side[i], key);

    fiber_sleep(20); /* the other side has said what it has to say */
    pool_put(pool, &h);
    assert(!h);
}

static void run(void (*fn)(void *arg), const struct pool_limits *limits)
{
    memset(got, 0, sizeof got);
    loop = loop_new();
    pool = pool_new(loop, limits);
    fiber_start(loop, fn, NULL);
    loop_run(loop);
    loop_free(&loop);
    for (size_t i = 0; i < COUNT(side); i++) {
        if (side[i].script)
            assert_string_equal(side[i].fault, "");
        far_free(&side[i]);
    }
}

static void take_back(void *arg)
{
    (void)arg;
    put(0, "mx:a");
    put(1, "mx:b");
    counts[0] = pool_count(pool);
    got[0] = pool_take(pool, SPAN("mx:c"));
    got[1] = pool_take(pool, SPAN("mx:a"));
    got[2] = pool_take(pool, SPAN("mx:a"));
    counts[1] = pool_count(pool);
    hop_close(&got[1]);
    got[1] = (struct hop *)1;
    pool_free(&pool);
}

static void test_take(void **state)
{
    (void)state;
    side[0] = side[1] = (struct far_side){.script = stays};
    run(take_back, &(struct pool_limits){10, 5, 0, IDLE});
    assert_int_equal(counts[0], 2);
    assert_null(got[0]);
    assert_non_null(got[1]);
    assert_null(got[2]);
    assert_int_equal(counts[1], 1);
    side[0] = side[1] = (struct far_side){0};
}

static void dead_ones(void *arg)
{
    struct hop *h = make_hop(&side[0], "mx:a");

    (void)arg;
    pool_put(pool, &h); /* still alive: kept */
    counts[0] = pool_count(pool);
    fiber_sleep(20);
    got[0] = pool_take(pool, SPAN("mx:a"));
    put(1, "mx:a"); /* it spoke out of turn: not kept */
    counts[1] = pool_count(pool);
    fiber_sleep(50);
    pool_free(&pool);
}

static void test_dead(void **state)
{
    (void)state;
    side[0] = (struct far_side){.script = hangs_up};
    side[1] = (struct far_side){.script = talks};
    run(dead_ones, &(struct pool_limits){10, 5, 0, IDLE});
    assert_int_equal(counts[0], 1);
    assert_null(got[0]);
    assert_int_equal(counts[1], 0);
    side[0] = side[1] = (struct far_side){0};
}

static void crowd(void *arg)
{
    (void)arg;
    put(0, "mx:a");
    put(1, "mx:a"); /* one for each key: the second is closed */
    counts[0] = pool_count(pool);
    put(2, "mx:b");
    put(3, "mx:c"); /* two in all: the oldest gives way */
    counts[1] = pool_count(pool);
    got[0] = pool_take(pool, SPAN("mx:a"));
    clock_shift(IDLE + 1000); /* too long: the rest is closed with QUIT */
    for (int i = 0; pool_count(pool) && i < 1000; i++)
        fiber_sleep(20);
    counts[2] = pool_count(pool);
    pool_free(&pool);
}

static void test_limits(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        side[i] = (struct far_side){.script = stays};
    run(crowd, &(struct pool_limits){2, 1, 0, IDLE});
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 2);
    assert_null(got[0]);
    assert_int_equal(counts[2], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_take), cmocka_unit_test(test_dead),
                                       cmocka_unit_test(test_limits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
