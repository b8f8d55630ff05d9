#include "mail/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int i = STAGE_NONE; i <= STAGE_INBOX; i++) {
        enum stage s;

        assert_true(stage_parse(span_of(stage_name((enum stage)i)), &s));
        assert_int_equal(s, i);
    }
    assert_string_equal(stage_name(STAGE_STARTTLS), "starttls");
    assert_string_equal(stage_name((enum stage)99), "none");
}

static void unknown_names_are_none(void **state)
{
    enum stage s = STAGE_DOT;

    (void)state;
    assert_false(stage_parse(SPAN("dots"), &s));
    assert_false(stage_parse(SPAN(""), &s));
    assert_true(stage_parse(SPAN("RCPT"), &s));
    assert_int_equal(s, STAGE_RCPT);
}

static void a_copy_does_not_depend_on_the_original(void **state)
{
    char words[] = "It failed.", text[] = "no such user";
    struct outcome from = {.kind = OUTCOME_NEVER,
                           .words = span_of(words),
                           .host = SPAN("mx"),
                           .reply = {.code = 550, .enhanced = {5, 1, 1}, .text = span_of(text)}};
    struct outcome to;
    struct arena *a = arena_new();

    (void)state;
    outcome_copy(a, &from, &to);
    memset(words, 'x', sizeof words - 1);
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(to.kind, OUTCOME_NEVER);
    assert_true(span_is(to.words, "It failed."));
    assert_true(span_is(to.host, "mx"));
    assert_int_equal(to.reply.code, 550);
    assert_true(span_is(to.reply.text, "no such user"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(unknown_names_are_none),
        cmocka_unit_test(a_copy_does_not_depend_on_the_original),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
