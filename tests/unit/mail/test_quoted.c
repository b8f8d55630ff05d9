#include "mail/quoted.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void as_quoted_printable(void **state)
{
    static const struct {
        struct span in;
        const char *out;
    } rows[] = {
        {SPAN(""), ""},
        {SPAN("a"), "a\r\n"},
        {SPAN("a=b\r\n"), "a=3Db\r\n"},
        {SPAN("gr\xc3\xbc\xc3\x9f\n"), "gr=C3=BC=C3=9F\r\n"},
        {SPAN("a \rb\t\n \n"), "a=20\r\nb=09\r\n=20\r\n"},
        {SPAN("a b\tc"), "a b\tc\r\n"},
        {SPAN(".\r\n.."), "=2E\r\n..\r\n"},
        {SPAN("\0\x7f"), "=00=7F\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(1000);

        assert_true(quoted_printable(rows[i].in, &out));
        assert_string_equal(text_cstr(&out), rows[i].out);
        text_free(&out);
    }
}

static void long_lines_are_broken(void **state)
{
    static const char fill[] = {'x', ' ', '='};
    char line[2000];

    (void)state;
    for (size_t f = 0; f < sizeof fill; f++) {
        struct text out = TEXT_INIT(20000);
        struct span rest, piece;

        memset(line, fill[f], sizeof line);
        assert_true(quoted_printable((struct span){line, sizeof line}, &out));
        rest = text_span(&out);
        while (quoted_line(&rest, &piece)) {
            assert_true(piece.len <= 76);
            assert_true(piece.at[piece.len - 1] == '=' || !rest.len);
        }
        text_free(&out);
    }
}

static void what_is_plain(void **state)
{
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof line);
    assert_true(quoted_plain((struct span){line, 998}));
    assert_false(quoted_plain((struct span){line, 999}));
    line[500] = '\r';
    assert_true(quoted_plain((struct span){line, 999}));
    assert_false(quoted_plain(SPAN("a\0b")));
    assert_true(quoted_plain(SPAN("")));
    assert_true(quoted_plain(SPAN("\xff\r\n")));
}

static void line_ends_become_whole(void **state)
{
    struct text out = TEXT_INIT(100), small = TEXT_INIT(3);

    (void)state;
    assert_true(quoted_whole(SPAN("a\nb\rc\r\n\r\nd"), &out));
    assert_string_equal(text_cstr(&out), "a\r\nb\r\nc\r\n\r\nd\r\n");
    assert_false(quoted_whole(SPAN("abc"), &small));
    assert_false(quoted_printable(SPAN("abc"), &small));
    text_free(&out);
    text_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_quoted_printable),
        cmocka_unit_test(long_lines_are_broken),
        cmocka_unit_test(what_is_plain),
        cmocka_unit_test(line_ends_become_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
