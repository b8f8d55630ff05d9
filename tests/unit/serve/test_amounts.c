/* Quotas and sending limits as people write them. */
#include "serve/amounts.h"

#include "base/memory.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quotas(void **state)
{
    static const struct {
        const char *typed;
        uint64_t octets;
        const char *shown; /* NULL: refused */
    } rows[] = {
        {"10G", 10ULL << 30, "10G"},
        {"500m", 500ULL << 20, "500M"},
        {"1024K", 1 << 20, "1M"},
        {"1000", 1000, "1000"},
        {"3T", 3ULL << 40, "3T"},
        {"none", STORE_NO_QUOTA, "none"},
        {"default", 0, "default"},
        {"0", 0, NULL},
        {"", 0, NULL},
        {"G", 0, NULL},
        {"-1", 0, NULL},
        {"10GB", 0, NULL},
        {"1.5G", 0, NULL},
        {"99999999T", 0, NULL},
        {"10 G", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text t = TEXT_INIT(100);
        struct error e = {0};
        uint64_t n = 0;
        int bad = amounts_quota(span_of(rows[i].typed), &n, &e);

        if ((bad < 0) != (rows[i].shown == NULL) || (!bad && n != rows[i].octets))
            fail_msg("%s is %llu", rows[i].typed, (unsigned long long)n);
        if (!bad) {
            amounts_quota_text(n, &t);
            assert_string_equal(text_cstr(&t), rows[i].shown);
        } else {
            assert_non_null(strstr(e.words, "500M"));
        }
        text_free(&t);
    }
}

static void rates(void **state)
{
    static const struct {
        const char *typed;
        uint32_t hour, day;
        const char *shown;
    } rows[] = {
        {"100/h,1000/d", 100, 1000, "100/h,1000/d"},
        {"1000/d, 100/h", 100, 1000, "100/h,1000/d"},
        {"5/hour", 5, 0, "5/h"},
        {"7/day", 0, 7, "7/d"},
        {"none", STORE_NO_LIMIT, STORE_NO_LIMIT, "none"},
        {"default", 0, 0, "default"},
        {"4294967294/h", 4294967294U, 0, "4294967294/h"},
        {"4294967295/h", 0, 0, NULL},
        {"0/h", 0, 0, NULL},
        {"100", 0, 0, NULL},
        {"100/m", 0, 0, NULL},
        {"1/h,2/h", 0, 0, NULL},
        {"1/h,", 0, 0, NULL},
        {"", 0, 0, NULL},
        {"/h", 0, 0, NULL},
        {"1/h/d", 0, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text t = TEXT_INIT(100);
        struct error e = {0};
        uint32_t hour = 9, day = 9;
        int bad = amounts_rate(span_of(rows[i].typed), &hour, &day, &e);

        if ((bad < 0) != (rows[i].shown == NULL) ||
            (!bad && (hour != rows[i].hour || day != rows[i].day)))
            fail_msg("%s is %u and %u", rows[i].typed, hour, day);
        if (!bad) {
            amounts_rate_text(hour, day, &t);
            assert_string_equal(text_cstr(&t), rows[i].shown);
        } else {
            assert_non_null(strstr(e.words, "100/h,1000/d"));
        }
        text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotas), cmocka_unit_test(rates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
