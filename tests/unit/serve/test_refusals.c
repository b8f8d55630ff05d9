/* What an account was refused: the latest few, counted, and of a bounded number of accounts. */
#include "serve/refusals.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static void note(struct refusals *r, const char *account, unsigned short code, const char *words)
{
    struct reply reply = {.code = code, .enhanced = {5, 1, 1}, .text = span_of(words)};

    refusals_note(r, span_of(account), SPAN("192.0.2.1"), &reply);
}

static json_int_t number(const json_t *rows, size_t i, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(rows, i), key));
}

static void expect_codes(const struct refusals *r, const char *account, const char *codes)
{
    json_t *rows = refusals_json(r, span_of(account));
    char text[200] = "";
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(rows); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lldx%lld", i ? " " : "",
                              (long long)number(rows, i, "code"),
                              (long long)number(rows, i, "times"));
    assert_string_equal(text, codes);
    json_decref(rows);
}

static void test_the_latest_first(void **state)
{
    struct refusals *r = refusals_new();

    (void)state;
    expect_codes(r, "kim", "");
    note(r, "", 550, "nobody");
    note(r, "kim", 550, "a");
    note(r, "kim", 552, "b");
    note(r, "kim", 550, "a");
    note(r, "lee", 450, "a");
    expect_codes(r, "kim", "550x2 552x1");
    expect_codes(r, "lee", "450x1");
    refusals_forget(r, SPAN("kim"));
    refusals_forget(r, SPAN("max"));
    expect_codes(r, "kim", "");
    refusals_free(&r);
    assert_null(r);
}

static void test_what_is_kept_of_one(void **state)
{
    struct refusals *r = refusals_new();
    char words[20];

    (void)state;
    note(r, "kim", 535, "one way");
    for (unsigned i = 0; i < 2 * REFUSALS_EACH; i++) {
        snprintf(words, sizeof words, "%u", i);
        note(r, "kim", (unsigned short)(550 + i), words);
        note(r, "kim", 535, words); /* guesses do not push out the rest */
    }
    expect_codes(r, "kim", "535x17 565x1 564x1 563x1 562x1 561x1 560x1 559x1");
    refusals_free(&r);
}

static void test_how_many_accounts(void **state)
{
    struct refusals *r = refusals_new();
    char name[20];

    (void)state;
    for (unsigned i = 0; i < REFUSALS_ACCOUNTS; i++) {
        snprintf(name, sizeof name, "n%u", i);
        note(r, name, 550, "x");
    }
    note(r, "n0", 550, "x"); /* not the oldest any more */
    note(r, "new", 550, "x");
    expect_codes(r, "n0", "550x2");
    expect_codes(r, "n1", "");
    expect_codes(r, "n2", "550x1");
    expect_codes(r, "new", "550x1");
    refusals_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_latest_first),
                                       cmocka_unit_test(test_what_is_kept_of_one),
                                       cmocka_unit_test(test_how_many_accounts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
