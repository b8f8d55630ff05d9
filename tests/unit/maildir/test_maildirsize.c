#include "maildir/maildirsize.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct row {
    const char *text, *quota;
    int64_t octets, messages;
};

static void test_valid(void **state)
{
    static const struct row rows[] = {
        {"1000S\n0 0\n", "1000S", 0, 0},
        {"1000S,20C\n100 2\n", "1000S,20C", 100, 2},
        {"\n100 2\n50 1\n-100 -2\n", "", 50, 1},
        {"5S\n        100          2\n  -100 -1 \n", "5S", 0, 1},
        {"5S\n100 -2\n0 3\n", "5S", 100, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text again = TEXT_INIT(200);
        struct maildirsize m;

        assert_true(maildirsize_parse(span_of(rows[i].text), &m));
        assert_true(span_is(m.quota, rows[i].quota));
        assert_int_equal(m.octets, rows[i].octets);
        assert_int_equal(m.messages, rows[i].messages);
        maildirsize_write(&again, &m);
        assert_true(maildirsize_parse(text_span(&again), &m));
        assert_int_equal(m.octets, rows[i].octets);
        text_free(&again);
    }
}

static void test_invalid(void **state)
{
    static const char *const rows[] = {
        "",
        "1000S",
        "1000S\n",    /* nothing counted yet */
        "1000S\n5 1", /* half a line */
        "1000S\n5\n",
        "1000S\n5 1 1\n",
        "1000S\nfive 1\n",
        "1000S\n\n5 1\n",
        "1000S\n5 1\n-6 0\n",
        "1000S\n5 1\n0 -2\n",
        "1000S\n+5 1\n",
        "1000S\n--5 1\n",
        "1000S\n9999999999999999999 1\n",
        "1000S\n1125899906842624 1\n1 0\n", /* 2^50 + 1 */
        "10 20\n5 1\n",
        "quota\n5 1\n",
    };
    struct maildirsize m;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(maildirsize_parse(span_of(rows[i]), &m));
    assert_false(maildirsize_parse((struct span){"5S\n1\0 1\n", 8}, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
