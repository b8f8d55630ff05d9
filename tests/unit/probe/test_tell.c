#include "probe/tell.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is said when `host` is not there. */
static void tell_wrong_name(const char *host, const char *domain, const char *right,
                            struct verdict_set *out, struct arena *a)
{
    struct findings *f = memory_alloc(sizeof *f);
    struct conclusions *c = memory_alloc(sizeof *c);

    snprintf(f->host, sizeof f->host, "%s", host);
    snprintf(f->domain, sizeof f->domain, "%s", domain);
    snprintf(f->right, sizeof f->right, "%s", right);
    c->count = 1;
    c->at[0] = (struct conclusion){.id = "N4", .rule = "x"};
    tell_set(f, c, PROGRAM_NONE, out, a);
    out->verdict.sentence = arena_span(a, out->verdict.sentence);
    out->verdict.setting = arena_span(a, out->verdict.setting);
    free(c);
    free(f);
}

static void the_right_name_is_told(void **state)
{
    static const struct {
        const char *host, *domain, *right, *sentence, *setting;
    } rows[] = {
        {"smpt.example.com", "", "", "There is no server called smpt.example.com.",
         "Outgoing server: the name that your provider gives"},
        {"smpt.example.com", "", "mail.example.com",
         "There is no server called smpt.example.com. Your provider's is mail.example.com.",
         "Outgoing server: mail.example.com"},
        {"mail.example.com", "gmail.com", "",
         "There is no server called mail.example.com. That of Gmail is smtp.gmail.com.",
         "Outgoing server: smtp.gmail.com"},
        {"smtp.gmial.com", "", "",
         "There is no server called smtp.gmial.com. That of Gmail is smtp.gmail.com.",
         "Outgoing server: smtp.gmail.com"},
        {"smtp.gmail.com", "", "", "There is no server called smtp.gmail.com.",
         "Outgoing server: the name that your provider gives"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verdict_set *set = memory_alloc(sizeof *set);
        struct arena *a = arena_new();

        tell_wrong_name(rows[i].host, rows[i].domain, rows[i].right, set, a);
        assert_string_equal(set->verdict.sentence.at, rows[i].sentence);
        assert_string_equal(set->verdict.setting.at, rows[i].setting);
        arena_free(&a);
        free(set);
    }
}

/* A refused password at a provider that takes only others. */
static void the_kind_of_password_is_told(void **state)
{
    static const struct {
        const char *host, *words;
    } rows[] = {
        {"smtp.gmail.com", "Gmail takes an app password here"},
        {"smtp-mail.outlook.com", "Outlook.com takes no passwords here"},
        {"securesmtp.t-online.de", NULL},
        {"smtp.example.com", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings *f = memory_alloc(sizeof *f);
        struct conclusions *c = memory_alloc(sizeof *c);
        struct verdict_set *set = memory_alloc(sizeof *set);
        struct arena *a = arena_new();
        const struct verdict *v = &set->verdict;
        bool said = false;

        snprintf(f->host, sizeof f->host, "%s", rows[i].host);
        c->count = 1;
        c->at[0] = (struct conclusion){.id = "A3", .rule = "x"};
        tell_set(f, c, PROGRAM_NONE, set, a);
        for (size_t j = 0; j < v->step_count; j++)
            said = said || strstr(v->steps[j].at, rows[i].words ? rows[i].words : " takes ");
        assert_int_equal(said, rows[i].words != NULL);
        arena_free(&a);
        free(set);
        free(c);
        free(f);
    }
}

static void spa_is_for_those_who_offer_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(tell_spa("NTLM"), SPA_ON);
    assert_int_equal(tell_spa("NTLM PLAIN"), SPA_OFF);
    assert_int_equal(tell_spa("XOAUTH2"), SPA_UNKNOWN);
    assert_int_equal(tell_spa(""), SPA_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_name_is_told),
        cmocka_unit_test(the_kind_of_password_is_told),
        cmocka_unit_test(spa_is_for_those_who_offer_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
