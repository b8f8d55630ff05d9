/* Who changes a Maildir and who counts it. */
#include "account/usage_gate.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void went(void *arg)
{
    ++*(unsigned *)arg;
}

static void many_change(void **state)
{
    struct usage_gate *g = usage_gate_new();
    struct span a = SPAN("a"), two[] = {SPAN("a"), SPAN_NONE, SPAN("a")};
    unsigned n = 0, counted = 0;

    (void)state;
    usage_gate_enter(g, &a, 1, went, &n);
    usage_gate_enter(g, two, 3, went, &n);
    assert_int_equal(n, 2);
    assert_true(usage_gate_count(g, a, went, &counted));
    assert_false(usage_gate_count(g, a, went, &counted));
    assert_int_equal(counted, 0);
    usage_gate_leave(g, a);
    for (size_t i = 0; i < COUNT(two); i++)
        usage_gate_leave(g, two[i]);
    assert_int_equal(counted, 1);
    usage_gate_counted(g, a);
    usage_gate_free(&g);
}

/* Who comes while one counts, or waits to, comes in after it; others are not held up. */
static void one_counts(void **state)
{
    struct usage_gate *g = usage_gate_new();
    struct span a = SPAN("a"), b = SPAN("b"), both[] = {SPAN("a"), SPAN("b")};
    unsigned first = 0, all = 0, other = 0, counted = 0;

    (void)state;
    usage_gate_enter(g, &a, 1, went, &first);
    assert_true(usage_gate_count(g, a, went, &counted));
    usage_gate_enter(g, both, 2, went, &all);
    usage_gate_enter(g, &a, 1, went, &all);
    usage_gate_enter(g, &b, 1, went, &other);
    assert_false(usage_gate_try(g, both, 2));
    assert_int_equal(all, 0);
    assert_int_equal(other, 1);
    usage_gate_leave(g, a);
    assert_int_equal(counted, 1);
    assert_int_equal(all, 0);
    usage_gate_counted(g, a);
    assert_int_equal(all, 2);
    assert_true(usage_gate_count(g, b, went, &counted));
    usage_gate_counted(g, b); /* given up */
    usage_gate_leave(g, b);
    usage_gate_leave(g, b);
    assert_int_equal(counted, 1);
    usage_gate_leave(g, a);
    usage_gate_leave(g, a);
    assert_true(usage_gate_try(g, both, 2));
    usage_gate_leave(g, a);
    usage_gate_leave(g, b);
    usage_gate_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_change), cmocka_unit_test(one_counts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
