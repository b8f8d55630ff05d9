#include "sign/canon.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static void collect(void *arg, struct span bytes)
{
    assert_true(text_add(arg, bytes));
}

static void test_body(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"}, /* RFC 6376 3.4.5 */
        {"", ""},
        {"\r\n\r\n", ""},
        {" \t \r\n\r\n", ""},
        {"a", "a\r\n"},
        {"a\r\n", "a\r\n"},
        {"a  ", "a\r\n"},
        {"a\r\n  ", "a\r\n"},
        {"a\r\n \r\nb", "a\r\n\r\nb\r\n"},
        {"\r\n\r\na\r\n", "\r\n\r\na\r\n"},
        {"\t\ta  b\t c \r\n", " a b c\r\n"},
        {".\r\n..\r\n", ".\r\n..\r\n"},
        {"a\rb\nc\r\r\nd\r", "a\r\nb\r\nc\r\n\r\nd\r\n"}, /* as it leaves */
        {"\xe4\x00", "\xe4\r\n"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t piece = 1; piece < 9; piece++) {
            struct text out = TEXT_INIT(1000);
            struct span rest = span_of(rows[i].in);
            struct canon_body b;

            canon_body_init(&b, collect, &out);
            while (rest.len) {
                canon_body_feed(&b, span_head(rest, piece));
                rest = span_from(rest, piece);
            }
            canon_body_end(&b);
            assert_string_equal(text_cstr(&out), rows[i].out);
            text_free(&out);
        }
    }
}

static void test_header(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out, *rest;
    } rows[] = {
        {"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\nbody", "a:X|b:Y Z|", "body"}, /* RFC 6376 3.4.5 */
        {"Subject:\r\n\r\nx", "subject:|", "x"},
        {"Subject: \r\n \r\n\t a\r\n", "subject:a|", ""},
        {"SubJect:  a   b  \r\n", "subject:a b|", ""},
        {"no field\r\nTo: a:b\r\n: none\r\n", "to:a:b|", ""},
        {" lost\r\nTo: a", "to:a|", ""},
        {"a\r\n b: c\r\nd e: f\r\n\xe4: g\r\nTo : a", "to:a|", ""},
        {"a: 1\nb: 2\rc: 3\n\nz", "a:1|b:2|c:3|", "z"},
        {"\r\nTo: a\r\n", "", "To: a\r\n"},
        {"", "", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out = TEXT_INIT(1000);
        struct span rest = span_of(rows[i].in);
        struct canon_field f;

        while (canon_next(&rest, &f)) {
            assert_true(canon_field(&f, &out));
            text_addc(&out, '|');
        }
        assert_string_equal(text_cstr(&out), rows[i].out);
        assert_true(span_is(rest, rows[i].rest));
        text_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_body), cmocka_unit_test(test_header)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
