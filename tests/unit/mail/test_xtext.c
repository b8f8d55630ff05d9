#include "mail/xtext.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void good(void **state)
{
    static const struct {
        const char *in;
        struct span out;
        bool printable;
    } rows[] = {
        {"", SPAN(""), true},
        {"abc", SPAN("abc"), true},
        {"a+2Bb+3Dc", SPAN("a+b=c"), true},
        {"a+20b", SPAN("a b"), true},
        {"x+0D+0Ay", SPAN("x\r\ny"), false},
        {"+00", SPAN("\0"), false},
        {"+FF", SPAN("\xff"), false},
        {"+7F", SPAN("\x7f"), false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(100), back = TEXT_INIT(100);

        assert_true(xtext_ok(span_of(rows[i].in)));
        assert_int_equal(xtext_printable(span_of(rows[i].in)), rows[i].printable);
        assert_true(xtext_decode(span_of(rows[i].in), &out));
        assert_true(span_eq(text_span(&out), rows[i].out));
        assert_true(xtext_encode(rows[i].out, &back));
        assert_true(span_is(text_span(&back), rows[i].in));
        text_free(&out);
        text_free(&back);
    }
}

static void bad(void **state)
{
    static const char *const rows[] = {"+",   "+4",  "a+",   "a+4",  "+ZZ",  "+4G", "+ab",
                                       "a=b", "a b", "\x7f", "\xff", "a\tb", "\n",  "++2B"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(100);

        assert_false(xtext_ok(span_of(rows[i])));
        assert_false(xtext_printable(span_of(rows[i])));
        assert_false(xtext_decode(span_of(rows[i]), &out));
        text_free(&out);
    }
}

static void what_does_not_fit_is_told(void **state)
{
    struct text out = TEXT_INIT(4);

    (void)state;
    assert_false(xtext_decode(SPAN("abcde"), &out));
    text_clear(&out);
    assert_false(xtext_encode(SPAN("\n\n"), &out));
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(what_does_not_fit_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
