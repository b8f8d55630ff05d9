/* Who looks for an open door, and who turns back. */
#include "deliver/gate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 500 };

static struct {
    struct loop *loop;
    struct gate *gate;
    struct arena *arena;
    unsigned passes[4];
    bool opens;
    unsigned followed;
} t;

static const struct span key = SPAN("relay:isp me");

static struct path door(uint32_t last)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(587), .sin_addr.s_addr = htonl(0xc0000200 | last)};
    struct path p = {.port = 587, .tls = PATH_TLS_STARTTLS};

    memcpy(&p.address, &a, sizeof a);
    return p;
}

static void one(void *arg)
{
    struct path p = door(1);
    struct gate_news news;
    enum gate_pass pass = gate_enter(t.gate, key, t.arena, &news);

    (void)arg;
    t.passes[pass]++;
    if (pass == GATE_FOLLOW)
        t.followed += path_same_door(&news.address, &p.address) && news.tls == p.tls;
    if (pass == GATE_SHUT)
        t.followed += news.failure.sys == ETIMEDOUT && span_is(news.host, "relay.example");
    if (pass != GATE_LEAD)
        return;
    fiber_sleep(20);
    if (t.opens)
        gate_opened(t.gate, key, &p);
    else
        gate_failed(t.gate, key,
                    &(struct gate_news){.failure = {.stage = STAGE_CONNECT, .sys = ETIMEDOUT},
                                        .host = SPAN("relay.example")});
}

static void run(unsigned count)
{
    memset(t.passes, 0, sizeof t.passes);
    t.followed = 0;
    for (unsigned i = 0; i < count; i++)
        fiber_start(t.loop, one, NULL);
    loop_run(t.loop);
}

static void set_up(bool opens)
{
    t.loop = loop_new();
    t.gate = gate_new();
    t.arena = arena_new();
    t.opens = opens;
}

static void clean_up(void)
{
    gate_free(&t.gate);
    loop_free(&t.loop);
    arena_free(&t.arena);
}

static void test_one_round_when_shut(void **state)
{
    (void)state;
    set_up(false);
    run(MANY);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    assert_int_equal(t.passes[GATE_SHUT], MANY - 1);
    assert_int_equal(t.followed, MANY - 1);
    run(10); /* and who comes just after */
    assert_int_equal(t.passes[GATE_SHUT], 10);
    clock_shift(GATE_SHUT_TIME);
    run(10);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    clean_up();
}

static void test_all_follow_when_open(void **state)
{
    struct path wrong = door(2), right = door(1);

    (void)state;
    set_up(true);
    run(MANY);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    assert_int_equal(t.followed, MANY - 1);
    gate_broke(t.gate, key, &wrong);
    run(3);
    assert_int_equal(t.passes[GATE_FOLLOW], 3);
    gate_broke(t.gate, key, &right);
    run(3);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    gate_forget(t.gate);
    run(3);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    clock_shift(GATE_OPEN_TIME);
    run(3);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    clean_up();
}

static void lead_and_leave(void *arg)
{
    struct gate_news news;

    (void)arg;
    assert_int_equal(gate_enter(t.gate, key, t.arena, &news), GATE_LEAD);
    fiber_sleep(20);
    gate_nothing(t.gate, key);
}

static void test_a_leader_that_gives_up(void **state)
{
    (void)state;
    set_up(true);
    fiber_start(t.loop, lead_and_leave, NULL);
    run(10);
    assert_int_equal(t.passes[GATE_LEAD], 1);
    assert_int_equal(t.passes[GATE_FOLLOW], 9);
    clean_up();
}

static void test_many_routes_are_bounded(void **state)
{
    (void)state;
    set_up(true);
    for (unsigned i = 0; i < 2 * GATE_ROUTES; i++) {
        struct span name = span_of(arena_printf(t.arena, "mx:%u.example", i));
        struct path p = door(1);
        struct gate_news news;

        assert_int_equal(gate_enter(t.gate, name, t.arena, &news), GATE_LEAD);
        gate_opened(t.gate, name, &p);
    }
    clean_up();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_round_when_shut),
        cmocka_unit_test(test_all_follow_when_open),
        cmocka_unit_test(test_a_leader_that_gives_up),
        cmocka_unit_test(test_many_routes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
