/* Includes the file, to look at memory at the moment it is freed. */
#include <stdbool.h>
#include <stdlib.h>

static void *freed;
static bool was_clean;
static size_t watched;

static void look_and_free(void *at)
{
    freed = at;
    was_clean = at != NULL;
    for (size_t i = 0; at && i < watched; i++)
        was_clean = was_clean && ((char *)at)[i] == '\0';
    free(at);
}

#define free look_and_free
#include "base/text.c"
#undef free

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_text_grows_to_its_maximum(void **state)
{
    struct text t = TEXT_INIT(5);

    (void)state;
    assert_string_equal(text_cstr(&t), "");
    assert_true(text_adds(&t, "abc"));
    assert_false(text_adds(&t, "def")); /* whole or not at all */
    assert_true(t.full);
    assert_true(text_addf(&t, "%d", 42));
    assert_string_equal(text_cstr(&t), "abc42");
    assert_false(text_addc(&t, '!'));
    assert_int_equal(t.len, 5);
    text_drop(&t, 3);
    assert_string_equal(text_cstr(&t), "42");
    text_clear(&t);
    assert_false(t.full);
    assert_int_equal(text_span(&t).len, 0);
    assert_non_null(text_room(&t, 5));
    assert_null(text_room(&t, 6));
    text_free(&t);
    assert_null(t.at);
    assert_int_equal(t.max, 5);
}

/* Whatever room there is already, and at each length around it and around the maximum. */
static void a_format_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t max = 1; max < 200; max++) {
        for (size_t before = 0; before <= max; before++) {
            char x[200] = "", want[420];
            size_t n = (max * 7 + before * 3) % 130;
            struct text t = TEXT_INIT(max);

            memset(x, 'x', before);
            assert_true(text_add(&t, (struct span){x, before}));
            assert_int_equal(text_addf(&t, "%0*d", (int)n + 1, 7), before + n + 1 <= max);
            snprintf(want, sizeof want, t.full ? "%.*s" : "%.*s%0*d", (int)before, x, (int)n + 1,
                     7);
            assert_string_equal(text_cstr(&t), want);
            assert_int_equal(t.len, strlen(want));
            text_free(&t);
        }
    }
}

static void numbers_are_decimal(void **state)
{
    static const uint64_t numbers[] = {0, 9, 10, 1234567890, UINT32_MAX, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct text t = TEXT_INIT(20), f = TEXT_INIT(20);

        assert_true(text_addu(&t, numbers[i]));
        assert_true(text_addf(&f, "%llu", (unsigned long long)numbers[i]));
        assert_string_equal(text_cstr(&t), text_cstr(&f));
        text_free(&t);
        text_free(&f);
    }
}

static void a_secret_is_overwritten_before_it_goes(void **state)
{
    struct text t = TEXT_INIT(100);

    (void)state;
    text_room(&t, 100);
    watched = t.cap;
    memset(t.at, 'x', t.cap); /* behind the end too: it may have been longer once */
    t.len = 7;
    text_wipe(&t);
    assert_non_null(freed);
    assert_true(was_clean);
    assert_null(t.at);
    assert_int_equal(t.len, 0);
    assert_int_equal(t.max, 100);
    text_wipe(&t); /* of nothing */
    watched = 0;
    assert_true(text_adds(&t, "again"));
    text_free(&t);
}

static void what_is_not_printable_is_shown(void **state)
{
    static const struct {
        const char *raw, *safe;
    } rows[] = {
        {"plain words ~", "plain words ~"},
        {"\x1b[2J\r\n\t\x7f", "\\x1b[2J\\x0d\\x0a\\x09\\x7f"},
        {"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x93\xa7", "K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x93\xa7"},
        {"\xc3", "\\xc3"},                            /* cut off */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
        {"\xc2\x9b", "\\xc2\\x9b"},                   /* C1 */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* right to left */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text t = TEXT_INIT(100);

        assert_true(text_add_safe(&t, span_of(rows[i].raw)));
        assert_string_equal(text_cstr(&t), rows[i].safe);
        text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_grows_to_its_maximum),
        cmocka_unit_test(a_format_is_written_whole_or_not_at_all),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(a_secret_is_overwritten_before_it_goes),
        cmocka_unit_test(what_is_not_printable_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
