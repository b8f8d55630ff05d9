#include "http/http_query.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void values(void **state)
{
    static const struct {
        const char *query;
        int result;
        const char *value;
    } rows[] = {
        {"email=you@example.com", 1, "you@example.com"},
        {"email=you%40example.com", 1, "you@example.com"},
        {"a=b&EMail=you%2Btag@example.com&email=other", 1, "you+tag@example.com"},
        {"email=you+tag@example.com", 1, "you+tag@example.com"},
        {"email=a=b", 1, "a=b"},
        {"email=", 1, ""},
        {"email=%C3%BC", 1, "\xc3\xbc"},
        {"", 0, ""},
        {"emails=x", 0, ""},
        {"&&x&=y", 0, ""},
        {"email", 0, ""},
        {"email=%", -1, ""},
        {"email=%4", -1, ""},
        {"email=%4&x=0", -1, ""},
        {"email=%zz", -1, ""},
        {"email=a%00b", -1, NULL},
        {"email=a%0d%0ab", -1, NULL},
        {"email=%7f", -1, NULL},
        {"email=01234567890123456789", -1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(19);
        int result = http_query_value(span_of(rows[i].query), "email", &out);

        assert_int_equal(result, rows[i].result);
        if (rows[i].value)
            assert_string_equal(text_cstr(&out), rows[i].value);
        text_free(&out);
    }
}

/* Whatever octets: what comes out may stand anywhere, and means the same. */
static void there_and_back(void **state)
{
    struct text all = TEXT_INIT(300), coded = TEXT_INIT(1000), back = TEXT_INIT(300);

    (void)state;
    for (int c = ' '; c < 256; c++)
        if (c != 0x7f)
            text_addc(&all, (char)c);
    http_query_encode(text_span(&all), &coded);
    for (size_t i = 0; i < coded.len; i++)
        assert_null(memchr("<>&\"'+/?#= \t", coded.at[i], 12));
    assert_true(http_query_decode(text_span(&coded), &back));
    assert_true(span_eq(text_span(&all), text_span(&back)));
    http_query_encode(SPAN("you+a@b.c"), &coded);
    assert_true(span_ends(text_span(&coded), SPAN("you%2Ba%40b.c")));
    text_free(&all);
    text_free(&coded);
    text_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(there_and_back)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
