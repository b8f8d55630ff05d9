#include "zone/tags.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

static void test_version(void **state)
{
    (void)state;
    assert_true(tags_version(SPAN("v=spf1"), "v=spf1"));
    assert_true(tags_version(SPAN("V=SPF1 -all"), "v=spf1"));
    assert_true(tags_version(SPAN("v=DMARC1;p=none"), "v=DMARC1"));
    assert_false(tags_version(SPAN("v=spf10 -all"), "v=spf1"));
    assert_false(tags_version(SPAN(" v=spf1"), "v=spf1"));
    assert_false(tags_version(SPAN(""), "v=spf1"));
    assert_false(tags_version(SPAN_NONE, "v=spf1"));
}

static void test_get(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"v=DKIM1; k=rsa; p=ab c ", "ab c"},
        {"p=", ""},
        {" P = x ;p=y", "x"},
        {"v=DKIM1;;p=a=b=", "a=b="},
        {"pp=x", NULL},
        {"p", NULL},
        {"", NULL},
        {"v=1; xp=2", NULL},
        {";;;", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span value = SPAN("none");

        assert_int_equal(tags_get(span_of(rows[i].text), "p", &value), rows[i].value != NULL);
        assert_true(span_is(value, rows[i].value ? rows[i].value : "none"));
    }
}

static void test_same(void **state)
{
    (void)state;
    assert_true(tags_same(SPAN("abc"), SPAN(" a b\tc\r\n")));
    assert_true(tags_same(SPAN(""), SPAN("  ")));
    assert_false(tags_same(SPAN("abc"), SPAN("ab")));
    assert_false(tags_same(SPAN("ab"), SPAN("abc")));
    assert_false(tags_same(SPAN("abc"), SPAN("abC")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version), cmocka_unit_test(test_get),
                                       cmocka_unit_test(test_same)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
