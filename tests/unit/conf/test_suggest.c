#include "conf/suggest.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } table[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"abc", "ABC", 0},
        {"abc", "", 3},
        {"", "ab", 2},
        {"abc", "axc", 1},
        {"abc", "ac", 1},
        {"ac", "abc", 1},
        {"relay", "realy", 1},
        {"ab", "ba", 1},
        {"kitten", "sitting", 3},
        {"0123456789012345678901234567890123456789x", "a", SIZE_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        assert_int_equal(suggest_distance(span_of(table[i].a), span_of(table[i].b)),
                         table[i].distance);
}

static void test_name(void **state)
{
    static const char *const names[] = {"hostname", "domains", "user", "tls", "to"};
    static const struct {
        const char *word, *near;
    } table[] = {
        {"hostnam", "hostname"},
        {"host-name", "hostname"},
        {"domain", "domains"},
        {"usr", "user"},
        {"HOSTNAME", "hostname"},
        {"ssl", "tls"},
        {"xx", NULL},
        {"x", NULL},
        {"", NULL},
        {"certificate", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *near = suggest_name(span_of(table[i].word), names, COUNT(names));

        assert_string_equal(near ? near : "-", table[i].near ? table[i].near : "-");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance),
                                       cmocka_unit_test(test_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
