#include "probe/remedy.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool told(const struct verdict *v, const char *part)
{
    for (size_t i = 0; i < v->step_count; i++)
        if (span_search(v->steps[i], span_of(part)) >= 0)
            return true;
    return false;
}

static void every_cause_has_a_verdict(void **state)
{
    struct arena *a = arena_new();
    const struct remedy_case k = {0};

    (void)state;
    for (unsigned c = 1; c < CAUSE_COUNT; c++) {
        struct verdict v = {0};

        remedy_of_cause(&v, (enum cause)c, &k, a);
        assert_string_not_equal(v.id, VERDICT_UNKNOWN);
        assert_int_not_equal(v.owner, OWNER_NONE);
        assert_true(v.sentence.len > 10);
        assert_true(v.step_count > 0);
        assert_int_equal(span_find(v.sentence, '{'), -1);
        for (size_t i = 0; i < v.step_count; i++)
            assert_int_equal(span_find(v.steps[i], '{'), -1);
    }
    arena_free(&a);
}

static void every_id_of_the_tables_has_words(void **state)
{
    static const struct {
        char letter;
        int last;
    } tables[] = {{'N', 21}, {'S', 11}, {'A', 16}, {'M', 18}};
    struct arena *a = arena_new();
    const struct remedy_case k = {.host = SPAN("smtp.example.com"), .port = 25};

    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++) {
        for (int n = 1; n <= tables[t].last; n++) {
            struct verdict v = {0};
            char id[VERDICT_ID_MAX];

            snprintf(id, sizeof id, "%c%d", tables[t].letter, n);
            assert_true(remedy_known(id));
            remedy_fill(&v, id, CAUSE_NONE, &k, a);
            assert_string_equal(v.id, id);
            assert_int_not_equal(v.owner, OWNER_NONE);
            assert_true(v.sentence.len > 10);
            assert_int_equal(span_search(v.sentence, SPAN("no reason")), -1);
        }
    }
    assert_false(remedy_known("N99"));
    arena_free(&a);
}

static void the_door_that_works_is_named(void **state)
{
    struct arena *a = arena_new();
    struct remedy_case k = {
        .best = {.host = SPAN("mail.example.com"), .port = 465, .sealing = SEALING_TLS}};
    struct verdict v = {0};

    (void)state;
    for (unsigned p = 0; p < PROGRAM_COUNT; p++) {
        k.program = (enum steps_program)p;
        remedy_fill(&v, "N8", CAUSE_NONE, &k, a);
        assert_true(span_is(
            v.setting, "Port of the outgoing server: mail.example.com, port 465 with SSL/TLS"));
        assert_true(told(&v, "mail.example.com"));
        assert_true(told(&v, "465"));
        assert_true(told(&v, steps_sealing(k.program, SEALING_TLS)));
    }
    arena_free(&a);
}

static void programs_have_their_own_words(void **state)
{
    struct arena *a = arena_new();
    struct remedy_case k = {.program = PROGRAM_THUNDERBIRD};
    struct verdict v = {0};
    enum steps_program p;

    (void)state;
    remedy_of_cause(&v, CAUSE_AUTH_REQUIRED, &k, a);
    assert_true(told(&v, "Outgoing Server (SMTP)"));
    k.program = PROGRAM_OUTLOOK_CLASSIC;
    remedy_of_cause(&v, CAUSE_AUTH_REQUIRED, &k, a);
    assert_true(told(&v, "My outgoing server (SMTP) requires authentication"));
    k.provider = SPAN("Gmail");
    remedy_of_cause(&v, CAUSE_AUTH_APP_PASSWORD, &k, a);
    assert_true(span_search(v.steps[0], SPAN("apppasswords")) >= 0);
    assert_true(steps_parse(SPAN("K9"), &p));
    assert_int_equal(p, PROGRAM_K9);
    assert_false(steps_parse(SPAN("pine"), &p));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_has_a_verdict),
        cmocka_unit_test(every_id_of_the_tables_has_words),
        cmocka_unit_test(the_door_that_works_is_named),
        cmocka_unit_test(programs_have_their_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
