#include "probe/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void exit_status_follows_the_owner(void **state)
{
    static const struct {
        const char *id;
        enum owner owner;
        int exit;
    } rows[] = {
        {"OK", OWNER_NONE, 0},      {"A1", OWNER_YOU, 10},       {"N8", OWNER_NETWORK, 11},
        {"N6", OWNER_PROVIDER, 12}, {"M2", OWNER_RECIPIENT, 13}, {"M6", OWNER_NONE, 14},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict v = {.id = rows[i].id, .owner = rows[i].owner};

        assert_int_equal(verdict_exit(&v), rows[i].exit);
    }
}

static void lists_are_bounded_and_without_doubles(void **state)
{
    struct arena *a = arena_new();
    struct verdict_set set = {.verdict = {.id = "N8"}};
    struct verdict v = {.id = "N8"};

    (void)state;
    verdict_also(&set, &v);
    assert_int_equal(set.also_count, 0);
    v.id = "A1";
    verdict_also(&set, &v);
    verdict_also(&set, &v);
    assert_int_equal(set.also_count, 1);
    for (int i = 0; i < 100; i++) {
        verdict_step(&v, a, "step %d", i);
        verdict_doubt(&set, a, "doubt %d", i);
        v.cause = (enum cause)i;
        verdict_also(&set, &v);
    }
    assert_int_equal(v.step_count, VERDICT_STEPS_MAX);
    assert_int_equal(set.doubt_count, VERDICT_DOUBTS_MAX);
    assert_int_equal(set.also_count, VERDICT_ALSO_MAX);
    assert_true(span_is(v.steps[1], "step 1"));
    assert_string_equal(verdict_class(&(struct verdict){.id = "OK"}), "");
    assert_string_equal(verdict_class(&(struct verdict){.cause = CAUSE_GREYLISTED}), "greylisted");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_status_follows_the_owner),
        cmocka_unit_test(lists_are_bounded_and_without_doubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
