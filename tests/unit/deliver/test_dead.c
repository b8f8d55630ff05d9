#include "deliver/dead.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_ages(void **state)
{
    struct dead *d = dead_new();
    struct span a = SPAN("192.0.2.1:25"), b = SPAN("192.0.2.2:25");

    (void)state;
    assert_int_equal(dead_look(d, a), DEAD_NOT);
    dead_mark(d, a);
    assert_int_equal(dead_look(d, a), DEAD_SKIP);
    assert_int_equal(dead_look(d, b), DEAD_NOT);
    clock_shift(DEAD_SKIP_TIME);
    assert_int_equal(dead_look(d, a), DEAD_LAST);
    dead_mark(d, a);
    assert_int_equal(dead_look(d, a), DEAD_SKIP);
    clock_shift(DEAD_LAST_TIME);
    assert_int_equal(dead_look(d, a), DEAD_NOT);
    dead_mark(d, b);
    dead_clear(d, b);
    dead_clear(d, a);
    assert_int_equal(dead_look(d, b), DEAD_NOT);
    dead_free(&d);
    assert_null(d);
}

/* Bounded: the oldest goes. */
static void test_full(void **state)
{
    struct dead *d = dead_new();
    char address[32];

    (void)state;
    for (int i = 0; i <= DEAD_MAX; i++) {
        snprintf(address, sizeof address, "192.0.2.1:%d", i);
        dead_mark(d, span_of(address));
        clock_shift(1);
    }
    assert_int_equal(dead_look(d, SPAN("192.0.2.1:0")), DEAD_NOT);
    assert_int_equal(dead_look(d, SPAN("192.0.2.1:1")), DEAD_SKIP);
    assert_int_equal(dead_look(d, span_of(address)), DEAD_SKIP);
    dead_free(&d);
}

/* Several domains in a row without an answer: the network is shut, and one in a while looks. */
static void test_everywhere(void **state)
{
    static const char *const names[] = {"a.example", "b.example", "b.example", "c.example"};
    struct dead *d = dead_new();

    (void)state;
    for (size_t i = 0; i < 4; i++)
        dead_domain(d, span_of(names[i]));
    assert_false(dead_everywhere(d));
    dead_domain(d, SPAN("d.example"));
    dead_domain(d, SPAN("e.example"));
    assert_true(dead_everywhere(d));
    clock_shift(DEAD_PROBE_TIME);
    assert_false(dead_everywhere(d)); /* this one looks */
    assert_true(dead_everywhere(d));
    dead_clear(d, SPAN("192.0.2.1:25")); /* it was answered */
    assert_false(dead_everywhere(d));
    dead_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ages), cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_everywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
