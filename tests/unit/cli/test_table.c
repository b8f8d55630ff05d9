#include "cli/table.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/span.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct table_column columns[] = {
    {"id", TABLE_TEXT, false},      {"next-try", TABLE_TIME, false}, {"size", TABLE_SIZE, false},
    {"age", TABLE_DURATION, false}, {"tries", TABLE_NUMBER, false},  {"held", TABLE_YESNO, false},
    {"reason", TABLE_TEXT, true},
};

static struct table *sample(void)
{
    struct table *t = table_new(columns, COUNT(columns));

    table_text(t, SPAN("abc"));
    table_number(t, 0);
    table_number(t, 1536);
    table_number(t, 90 * CLOCK_MINUTE);
    table_number(t, 3);
    table_number(t, 1);
    table_text(t, SPAN("a\033[31m\"\xff \xc3\xa9"));
    table_text(t, SPAN(""));
    table_none(t);
    table_number(t, 12);
    table_number(t, 1500);
    table_number(t, -1);
    table_number(t, 0);
    table_none(t);
    return t;
}

static char *print(const struct table *t, enum table_form form, const char *empty)
{
    char *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);

    assert_non_null(f);
    assert_int_equal(table_print(t, form, empty, f), 0);
    fclose(f);
    return out;
}

static void test_people(void **state)
{
    struct table *t = sample();
    char *out;

    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    out = print(t, TABLE_PEOPLE, NULL);
    assert_string_equal(
        out, "ID  NEXT TRY             SIZE   AGE TRIES HELD REASON\n"
             "abc 1970-01-01T00:00:00Z 1.5K 1h30m     3 yes  a\\x1b[31m\"\\xff \xc3\xa9\n"
             "                           12    1s    -1 no   \n");
    free(out);
    table_free(&t);
    assert_null(t);
    table_free(&t);
}

/* Whatever the text, and whether or not the terminal can show it, printing ends. */
static void test_strange_text(void **state)
{
    static const struct table_column wide[] = {{"a", TABLE_TEXT, true}, {"b", TABLE_TEXT, true}};
    static const char *const locales[] = {"C", "C.UTF-8"};
    static const char *const texts[] = {"\xc3\xa9",
                                        ("\xc2\x9b"
                                         "31m"),
                                        "\xef\xbf\xbf",
                                        "\xe2\x80\x8b",
                                        "\xcc\x81",
                                        "\xf0\x9f\x93\xa7",
                                        "\xe2\x80\xae",
                                        "\xed\xa0\x80",
                                        "\\x",
                                        "\n\t"};

    (void)state;
    for (size_t l = 0; l < COUNT(locales); l++) {
        struct table *t = table_new(wide, COUNT(wide));
        char *out;

        assert_non_null(setlocale(LC_CTYPE, locales[l]));
        for (size_t i = 0; i < COUNT(texts); i++) {
            table_text(t, span_of(texts[i]));
            table_text(t, span_of(texts[COUNT(texts) - 1 - i]));
        }
        alarm(10);
        out = print(t, TABLE_PEOPLE, NULL);
        alarm(0);
        assert_null(strstr(out, "\xc2\x9b"));
        assert_true((strstr(out, "\xc3\xa9") != NULL) == (l == 1));
        assert_true((strstr(out, "\\xc3\\xa9") != NULL) == (l == 0));
        free(out);
        table_free(&t);
    }
}

static void test_json(void **state)
{
    struct table *t = sample();
    char *out = print(t, TABLE_JSON, NULL);

    (void)state;
    assert_string_equal(out, "[\n  {\n"
                             "    \"id\": \"abc\",\n"
                             "    \"next-try\": \"1970-01-01T00:00:00Z\",\n"
                             "    \"size\": 1536,\n"
                             "    \"age\": 5400.0,\n"
                             "    \"tries\": 3,\n"
                             "    \"held\": true,\n"
                             "    \"reason\": \"a\\\\x1b[31m\\\"\\\\xff \xc3\xa9\"\n"
                             "  },\n  {\n"
                             "    \"id\": \"\",\n"
                             "    \"next-try\": null,\n"
                             "    \"size\": 12,\n"
                             "    \"age\": 1.5,\n"
                             "    \"tries\": -1,\n"
                             "    \"held\": false,\n"
                             "    \"reason\": null\n"
                             "  }\n]\n");
    free(out);
    table_free(&t);
}

static void test_empty(void **state)
{
    struct table *t = table_new(columns, COUNT(columns));
    char *out = print(t, TABLE_PEOPLE, "The queue is empty.");

    (void)state;
    assert_string_equal(out, "The queue is empty.\n");
    free(out);
    out = print(t, TABLE_PEOPLE, NULL);
    assert_string_equal(out, "");
    free(out);
    out = print(t, TABLE_JSON, "The queue is empty.");
    assert_string_equal(out, "[]\n");
    free(out);
    assert_int_equal(table_rows(t), 0);
    table_free(&t);
}

static void test_units(void **state)
{
    static const struct table_column size[] = {{"size", TABLE_SIZE, false}},
                                     age[] = {{"age", TABLE_DURATION, false}};
    static const struct {
        const struct table_column *column;
        int64_t n;
        const char *shown;
    } table[] = {
        {size, 0, "   0\n"},
        {size, 1023, "1023\n"},
        {size, 1024, "1.0K\n"},
        {size, 50 << 20, " 50M\n"},
        {size, INT64_MAX, "8.0E\n"},
        {age, 0, "0ms\n"},
        {age, -5, "0ms\n"},
        {age, 59999, "59s\n"},
        {age, 61 * CLOCK_SECOND, "1m1s\n"},
        {age, 5 * CLOCK_DAY, " 5d\n"},
        {age, 5 * CLOCK_DAY + 3 * CLOCK_HOUR + 1, "5d3h\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct table *t = table_new(table[i].column, 1);
        char *out;

        table_number(t, table[i].n);
        out = print(t, TABLE_PEOPLE, NULL);
        assert_string_equal(strchr(out, '\n') + 1, table[i].shown);
        free(out);
        table_free(&t);
    }
}

static void test_full_disk(void **state)
{
    struct table *t = sample();
    FILE *f = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    assert_int_equal(table_print(t, TABLE_JSON, NULL, f), -1);
    assert_int_equal(table_print(t, TABLE_PEOPLE, NULL, f), -1);
    fclose(f);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people), cmocka_unit_test(test_strange_text),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_empty),
        cmocka_unit_test(test_units),  cmocka_unit_test(test_full_disk)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
