#include "conf/value.h"

#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every default fits its own row, and comes back as it went in. */
static void test_defaults(void **state)
{
    size_t blocks;
    const struct rows_block *all = rows_blocks(&blocks);
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < blocks; i++) {
        void *base = arena_alloc(a, all[i].size);

        for (size_t j = 0; j < all[i].count; j++) {
            const struct row *row = &all[i].rows[j];
            struct text out = TEXT_INIT(10000);

            value_default(row, a, base);
            assert_int_equal((row->standard != NULL) + (row->computed != NULL) + row->required, 1);
            assert_true(strlen(row->help) >= 9);
            assert_int_equal(row->help[strlen(row->help) - 1], '.');
            assert_null(strchr(row->name, '_'));
            if (row->standard && !row->list && *row->standard) {
                value_print(row, base, &out);
                assert_non_null(strstr(text_cstr(&out), row->standard));
            }
            text_free(&out);
        }
    }
    arena_free(&a);
}

struct cell {
    enum row_type type;
    const char *text;
    uint64_t value;
    const char *again;
};

static const struct cell valid_table[] = {
    {ROW_NUMBER, "0", 0, "0"},
    {ROW_NUMBER, "0042", 42, "42"},
    {ROW_PORT, "587", 587, "587"},
    {ROW_SIZE, "0", 0, "0"},
    {ROW_SIZE, "1000", 1000, "1000"},
    {ROW_SIZE, "1024", 1024, "1K"},
    {ROW_SIZE, "1536k", 1536 << 10, "1536K"},
    {ROW_SIZE, "3G", UINT64_C(3) << 30, "3G"},
    {ROW_SIZE, "2T", UINT64_C(2) << 40, "2T"},
    {ROW_DURATION, "0", 0, "0"},
    {ROW_DURATION, "1500ms", 1500, "1500ms"},
    {ROW_DURATION, "60s", CLOCK_MINUTE, "1m"},
    {ROW_DURATION, "1h30m", 90 * CLOCK_MINUTE, "90m"},
    {ROW_DURATION, "36H", 36 * CLOCK_HOUR, "36h"},
    {ROW_DURATION, "5d", 5 * CLOCK_DAY, "5d"},
    {ROW_DURATION, "14d", 14 * CLOCK_DAY, "2w"},
};

static const struct cell invalid_table[] = {
    {ROW_NUMBER, "", 0, NULL},
    {ROW_NUMBER, "-1", 0, NULL},
    {ROW_NUMBER, "1.5", 0, NULL},
    {ROW_NUMBER, "99999999999999999999", 0, NULL},
    {ROW_NUMBER, "0x10", 0, NULL},
    {ROW_SIZE, "", 0, NULL},
    {ROW_SIZE, "K", 0, NULL},
    {ROW_SIZE, "1KB", 0, NULL},
    {ROW_SIZE, "1K1K", 0, NULL},
    {ROW_SIZE, "9999999999T", 0, NULL},
    {ROW_SIZE, "1 K", 0, NULL},
    {ROW_DURATION, "", 0, NULL},
    {ROW_DURATION, "5", 0, NULL},
    {ROW_DURATION, "5x", 0, NULL},
    {ROW_DURATION, "m", 0, NULL},
    {ROW_DURATION, "1h5", 0, NULL},
    {ROW_DURATION, "-1s", 0, NULL},
    {ROW_DURATION, "9223372036854775807ms1ms", 0, NULL},
    {ROW_DURATION, "99999999999999w", 0, NULL},
};

static void test_valid(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(valid_table); i++) {
        struct row row = {.type = valid_table[i].type, .max = INT64_MAX};
        struct span text = span_of(valid_table[i].text);
        struct text out = TEXT_INIT(100);
        struct error e = {0};
        uint64_t value = 7;

        assert_int_equal(value_set(&row, &text, 1, a, &value, &e), 0);
        assert_true(value == valid_table[i].value);
        value_print(&row, &value, &out);
        assert_string_equal(text_cstr(&out), valid_table[i].again);
        text_free(&out);
    }
    arena_free(&a);
}

static void test_invalid(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(invalid_table); i++) {
        struct row row = {.type = invalid_table[i].type, .max = INT64_MAX};
        struct span text = span_of(invalid_table[i].text);
        struct error e = {0};
        uint64_t value = 7;

        assert_int_equal(value_set(&row, &text, 1, a, &value, &e), -1);
        assert_int_equal(e.class, ERROR_INPUT);
        assert_int_equal(value, 7);
    }
    arena_free(&a);
}

/* No text of a file reaches a terminal raw or at length. */
static void test_message(void **state)
{
    struct row row = {.type = ROW_NUMBER, .max = 5};
    struct span text =
        SPAN("\033[31m\377 0123456789012345678901234567890123456789012345678901234567");
    struct error e = {0};
    struct arena *a = arena_new();
    uint64_t value;

    (void)state;
    assert_int_equal(value_set(&row, &text, 1, a, &value, &e), -1);
    assert_null(strchr(e.words, '\033'));
    assert_null(strchr(e.words, '\377'));
    assert_non_null(strstr(e.words, "...' is no number"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults),
                                       cmocka_unit_test(test_valid), cmocka_unit_test(test_invalid),
                                       cmocka_unit_test(test_message)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
