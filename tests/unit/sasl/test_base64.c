#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "sasl/base64.h"

/* RFC 4648 section 10, and bytes that need every value. */
static const struct {
    struct span bytes, text;
} valid[] = {
    {SPAN(""), SPAN("")},
    {SPAN("f"), SPAN("Zg==")},
    {SPAN("fo"), SPAN("Zm8=")},
    {SPAN("foo"), SPAN("Zm9v")},
    {SPAN("foob"), SPAN("Zm9vYg==")},
    {SPAN("fooba"), SPAN("Zm9vYmE=")},
    {SPAN("foobar"), SPAN("Zm9vYmFy")},
    {SPAN("\0\0\0"), SPAN("AAAA")},
    {SPAN("\0a\0b"), SPAN("AGEAYg==")},
    {SPAN("\xff\xff\xff"), SPAN("////")},
    {SPAN("\xfb\xef\xbe"), SPAN("++++")},
};

static const struct span invalid[] = {
    SPAN("Z"),        SPAN("Zg"),   SPAN("Zg="),   SPAN("Zg==="),      SPAN("===="),
    SPAN("Z==="),     SPAN("Zh=="), SPAN("Zm9="),  SPAN("Zg==Zg=="),   SPAN("Zm=v"),
    SPAN("Zm9v\r\n"), SPAN("Zm 9"), SPAN("Zm9\n"), SPAN("Zm-_"),       SPAN("Zm9\0"),
    SPAN("*"),        SPAN("="),    SPAN("Zm9v*"), SPAN("\xc3\xa4Zm"),
};

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        struct text t = TEXT_INIT(100), b = TEXT_INIT(100);
        assert_true(base64_encode(valid[i].bytes, &t));
        assert_true(span_eq(text_span(&t), valid[i].text));
        assert_true(base64_decode(valid[i].text, &b));
        assert_true(span_eq(text_span(&b), valid[i].bytes));
        text_free(&t);
        text_free(&b);
    }
}

static void test_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        struct text b = TEXT_INIT(100);
        text_adds(&b, "kept");
        assert_false(base64_decode(invalid[i], &b));
        assert_string_equal(text_cstr(&b), "kept");
        text_free(&b);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct text t = TEXT_INIT(7);
    assert_false(base64_encode(SPAN("foobar"), &t));
    assert_int_equal(t.len, 0);
    text_clear(&t);
    assert_true(base64_encode(SPAN("foo"), &t));
    assert_false(base64_encode(SPAN("foo"), &t));
    assert_string_equal(text_cstr(&t), "Zm9v");
    text_clear(&t);
    assert_false(base64_decode(SPAN("AAAAAAAAAAAA"), &t));
    text_free(&t);
}

static void test_round(void **state)
{
    (void)state;
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct text t = TEXT_INIT(400), b = TEXT_INIT(400);
        assert_true(base64_encode((struct span){bytes, n}, &t));
        assert_true(base64_decode(text_span(&t), &b));
        assert_true(span_eq(text_span(&b), (struct span){bytes, n}));
        text_free(&t);
        text_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
