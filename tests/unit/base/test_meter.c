#include "base/meter.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void near(double is, double should)
{
    assert_true(is > should - 0.01 && is < should + 0.01);
}

static void fades(void **state)
{
    struct meter *m = meter_new(10, 100 * CLOCK_SECOND);
    struct span a = SPAN("a"), b = SPAN("b");

    (void)state;
    near(meter_level(m, a), 0);
    near(meter_add(m, a, 1), 1);
    near(meter_add(m, a, 4), 5);
    near(meter_level(m, b), 0);
    clock_shift(20 * CLOCK_SECOND);
    near(meter_level(m, a), 3);
    assert_in_range(meter_until(m, a, 1), 19900, 20001);
    assert_int_equal(meter_until(m, a, 3.5), 0);
    assert_int_equal(meter_until(m, b, 0), 0);
    near(meter_add(m, a, 1), 4);
    meter_pace(m, 40, 100 * CLOCK_SECOND);
    clock_shift(5 * CLOCK_SECOND);
    near(meter_level(m, a), 2);
    clock_shift(CLOCK_DAY);
    near(meter_level(m, a), 0);
    near(meter_add(m, a, 1), 1);
    meter_free(&m);
    assert_null(m);
    meter_free(&m);
}

static void stays_bounded(void **state)
{
    struct meter *m = meter_new(1, CLOCK_MINUTE);
    char key[20];

    (void)state;
    for (int i = 0; i < METER_KEYS_MAX; i++) {
        snprintf(key, sizeof key, "%d", i);
        meter_add(m, span_of(key), i < 10 ? 1000 : 1);
    }
    clock_shift(2 * CLOCK_MINUTE);
    near(meter_add(m, SPAN("new"), 1), 1); /* room is made of those that have faded */
    assert_true(meter_level(m, SPAN("9")) > 900);
    near(meter_level(m, SPAN("11")), 0);
    for (int i = 0; i < METER_KEYS_MAX; i++) { /* none fades: all is forgotten */
        snprintf(key, sizeof key, "x%d", i);
        meter_add(m, span_of(key), 1000);
    }
    near(meter_level(m, SPAN("9")), 0);
    meter_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fades), cmocka_unit_test(stays_bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
