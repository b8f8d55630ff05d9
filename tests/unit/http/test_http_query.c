#include "http/http_query.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
