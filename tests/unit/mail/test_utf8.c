#include "mail/utf8.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void well_formed(void **state)
{
    static const struct {
        const char *text;
        uint32_t code;
        size_t len;
    } rows[] = {{"a", 'a', 1},
                {"\xc2\x80", 0x80, 2},
                {"\xdf\xbf", 0x7ff, 2},
                {"\xe0\xa0\x80", 0x800, 3},
                {"\xef\xbf\xbf", 0xffff, 3},
                {"\xf0\x90\x80\x80", 0x10000, 4},
                {"\xf4\x8f\xbf\xbf", 0x10ffff, 4}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t code = 0;

        assert_int_equal(utf8_decode(span_of(rows[i].text), &code), rows[i].len);
        assert_int_equal(code, rows[i].code);
        assert_true(utf8_ok(span_of(rows[i].text)));
    }
    assert_true(utf8_ok(SPAN_NONE));
}

static void ill_formed(void **state)
{
    static const char *const rows[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc3",     "\xc3(",
        "\xe0\x80\xaf", "\xed\xa0\x80",     "\xed\xbf\xbf",     "\xe2\x82", "\xf0\x80\x80\xaf",
        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80", "\xff",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t code;

        assert_int_equal(utf8_decode(span_of(rows[i]), &code), 0);
        assert_false(utf8_ok(span_of(rows[i])));
    }
}

static void high_bytes_are_seen_at_every_place(void **state)
{
    char bytes[40];

    (void)state;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = 'x';
        assert_false(utf8_high((struct span){bytes, n}));
        for (size_t at = 0; at < n; at++) {
            bytes[at] = (char)0x80;
            assert_true(utf8_high((struct span){bytes, n}));
            bytes[at] = 'x';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed),
        cmocka_unit_test(ill_formed),
        cmocka_unit_test(high_bytes_are_seen_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
