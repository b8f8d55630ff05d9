/* Sending limits as people write them. */
#include "conf/rate.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void valid(void **state)
{
    static const struct {
        const char *text;
        uint32_t hour, day;
        const char *again;
    } rows[] = {
        {"", 0, 0, ""},
        {"  ", 0, 0, ""},
        {"100/h", 100, 0, "100/h"},
        {"1000/d", 0, 1000, "1000/d"},
        {"100/h,1000/d", 100, 1000, "100/h, 1000/d"},
        {" 1000 /d ,  100/h ", 100, 1000, "100/h, 1000/d"},
        {"1/h, 1/d", 1, 1, "1/h, 1/d"},
        {"1000/h, 100/d", 1000, 100, "1000/h, 100/d"}, /* odd, and harmless */
        {"1000000000/h", 1000000000, 0, "1000000000/h"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(100);
        struct rate r = {7, 7}, again = {7, 7};

        assert_true(rate_parse(span_of(rows[i].text), &r));
        assert_int_equal(r.hour, rows[i].hour);
        assert_int_equal(r.day, rows[i].day);
        rate_text(&r, &out);
        assert_string_equal(text_cstr(&out), rows[i].again);
        assert_true(rate_parse(text_span(&out), &again));
        assert_memory_equal(&again, &r, sizeof r);
        text_free(&out);
    }
    assert_true(rate_parse(SPAN_NONE, &(struct rate){0}));
}

static void invalid(void **state)
{
    static const char *const rows[] = {
        "100",
        "/h",
        "h",
        "100/",
        "100/m",
        "100/hour",
        "100/H",
        "0/h",
        "-1/h",
        "+1/h",
        "1.5/h",
        "1e3/h",
        "1 0/h",
        "0x10/h",
        "100/h,",
        ",100/h",
        "100/h 1000/d",
        "100/h;1000/d",
        "1/h,2/h",
        "1/d,1/d",
        "1/h,,2/d",
        "1/h,2/d,3/h",
        "100/ h",
        "100//h",
        "100/h/d",
        "none",
        "1000000001/h",
        "4294967396/h",
        "99999999999999999999/d",
        "\xc2\xa0",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rate r = {7, 8};

        if (rate_parse(span_of(rows[i]), &r))
            fail_msg("\"%s\" was read", rows[i]);
        assert_int_equal(r.hour, 7); /* nothing half read */
        assert_int_equal(r.day, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(valid), cmocka_unit_test(invalid)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
