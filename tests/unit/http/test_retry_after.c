#include "http/retry_after.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* 1994-11-06 08:49:37 UTC */
static const int64_t then = 784111777000;

static void test_values(void **state)
{
    static const struct {
        const char *value;
        int64_t before; /* ms that `then` is still to come */
        uint32_t wait;
    } rows[] = {
        {"0", 0, 0},
        {"120", 0, 120},
        {" 7 ", 0, 7},
        {"86400", 0, 86400},
        {"86401", 0, 86400},
        {"99999999999999999999999999", 0, 86400},
        {"12x", 0, 0},
        {"1.5", 0, 0},
        {"-5", 0, 0},
        {"", 0, 0},
        {"soon", 0, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 90000, 90},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 90000, 90},
        {"Sun Nov  6 08:49:37 1994", 90000, 90},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", -90000, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 10LL * 86400000, 86400},
        {"Sun, 99 Nov 1994 99:49:37 GMT", 90000, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT and a text that is longer than any date", 90000, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t wait = retry_after(span_of(rows[i].value), then - rows[i].before);

        if (wait != rows[i].wait)
            fail_msg("%s: %u", rows[i].value, wait);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
