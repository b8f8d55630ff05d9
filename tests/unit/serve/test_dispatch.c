#include "serve/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { NOW = 100000 };

static struct {
    struct member member[4]; /* as crew_first lists them: the youngest first */
    struct dispatch d;
    struct job relay, mx;
} t;

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    for (size_t i = 0; i < 4; i++) {
        t.member[i] = (struct member){.side = i == 0 ? SIDE_LISTENER : SIDE_COURIER,
                                      .number = (unsigned)(3 - i),
                                      .started = 1000,
                                      .ready = true,
                                      .next = i < 3 ? &t.member[i + 1] : NULL};
    }
    t.d = (struct dispatch){.first = t.member, .concurrency = 10, .now = NOW};
    t.relay.kind = ROUTE_RELAY;
    t.mx.kind = ROUTE_MX;
    return 0;
}

static void test_spreads(void **state)
{
    (void)state;
    t.member[1].load = 3;
    t.member[2].load = 1;
    t.member[3].load = 2;
    assert_ptr_equal(dispatch_choose(&t.d, &t.mx), &t.member[2]);
    t.d.open = true;
    assert_ptr_equal(dispatch_choose(&t.d, &t.relay), &t.member[2]);
    t.member[2].ready = false;
    assert_ptr_equal(dispatch_choose(&t.d, &t.mx), &t.member[3]);
    t.member[3].leaving = true;
    assert_ptr_equal(dispatch_choose(&t.d, &t.mx), &t.member[1]);
    t.member[1].load = 10;
    assert_null(dispatch_choose(&t.d, &t.mx));
}

/* While nobody knows an open door one courier looks for all. */
static void test_one_looks(void **state)
{
    (void)state;
    t.member[3].load = 9;
    assert_ptr_equal(dispatch_choose(&t.d, &t.relay), &t.member[3]);
    t.member[3].load = 10;
    assert_ptr_equal(dispatch_choose(&t.d, &t.relay), &t.member[2]);
}

/* Other name servers: those that ask the old ones get nothing, and the new ones wait for their
 * looks. */
static void test_generations(void **state)
{
    (void)state;
    t.d.names_at = NOW - 500;
    t.member[1].started = t.member[2].started = NOW - 400;
    assert_ptr_equal(dispatch_choose(&t.d, &t.mx), &t.member[1]);
    t.member[3].looks = true;
    assert_null(dispatch_choose(&t.d, &t.relay));
    assert_ptr_equal(dispatch_choose(&t.d, &t.mx), &t.member[1]);
    t.member[3].leaving = true;
    assert_null(dispatch_choose(&t.d, &t.relay));
    t.d.open = true;
    assert_non_null(dispatch_choose(&t.d, &t.relay));
    t.d.open = false;
    t.member[3].looks = false;
    assert_non_null(dispatch_choose(&t.d, &t.relay));
    t.member[3].looks = true;
    t.d.now = t.d.names_at + DISPATCH_LOOK_TIME + 1;
    assert_non_null(dispatch_choose(&t.d, &t.relay));
}

/* No new one comes: better the old name servers than none. */
static void test_old_ones_after_a_while(void **state)
{
    (void)state;
    t.d.names_at = NOW - 500;
    assert_null(dispatch_choose(&t.d, &t.mx));
    t.d.now = t.d.names_at + DISPATCH_NAMES_TIME + 1;
    assert_non_null(dispatch_choose(&t.d, &t.mx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_spreads, set_up),
        cmocka_unit_test_setup(test_one_looks, set_up),
        cmocka_unit_test_setup(test_generations, set_up),
        cmocka_unit_test_setup(test_old_ones_after_a_while, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
