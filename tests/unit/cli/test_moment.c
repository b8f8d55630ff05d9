/* Times of answers as people read them: in the zone of the host, with its summer. */
#include "cli/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void shown(const char *zone, const char *iso, const char *want)
{
    char buf[MOMENT_SIZE] = "before";

    setenv("TZ", zone, 1);
    tzset();
    assert_string_equal(moment_local(iso, buf, sizeof buf), want);
}

static void test_local(void **state)
{
    (void)state;
    shown("UTC0", "2026-11-22T22:37:50.097Z", "2026-11-22T22:37:50+00:00");
    shown("CET-1CEST,M3.5.0,M10.5.0/3", "2026-12-31T23:37:50.999Z", "2027-01-01T00:37:50+01:00");
    shown("CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01T08:00:00Z", "2026-07-01T10:00:00+02:00");
    shown("NST3:30", "2026-11-22T01:00:00.000Z", "2026-11-21T21:30:00-03:30");
}

static void test_no_time(void **state)
{
    static const char *const bad[] = {"", "never", "2026-11-22", "2026-11-22T22:37", "T"};
    time_t t;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        shown("UTC0", bad[i], "");
        assert_false(moment_read(bad[i], &t));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
