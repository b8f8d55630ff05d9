#include "serve/rspamd.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER(action, symbols)                                                                    \
    "{\"action\":\"" action "\",\"score\":7.5,\"required_score\":15,\"symbols\":{" symbols "}}"
#define SYMBOL(name, options) "\"" name "\":{\"name\":\"" name "\",\"options\":[" options "]}"

static const struct {
    const char *name, *json;
    enum rspamd_action action;
    const char *words, *fields;
} good[] = {
    {"nothing found out", ANSWER("no action", ""), RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example; none\r\n"},
    {"all well",
     ANSWER("no action",
            SYMBOL("R_SPF_ALLOW", "\"+ip4:192.0.2.0/24\"") "," SYMBOL(
                "R_DKIM_ALLOW", "\"far.example:s=k1\"") "," SYMBOL("DMARC_POLICY_ALLOW",
                                                                   "\"far.example,reject\"")),
     RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example;\r\n spf=pass smtp.mailfrom=far.example;\r\n "
     "dkim=pass header.d=far.example;\r\n dmarc=pass header.from=far.example\r\n"},
    {"all bad, marked",
     ANSWER("add header",
            SYMBOL("R_SPF_FAIL", "\"-all\"") "," SYMBOL(
                "R_DKIM_REJECT", "\"other.example:s=a\"") "," SYMBOL("DMARC_POLICY_QUARANTINE",
                                                                     "\"far.example : no match\"")),
     RSPAMD_MARK, "",
     "Authentication-Results: mx.here.example;\r\n spf=fail smtp.mailfrom=far.example;\r\n "
     "dkim=fail header.d=other.example;\r\n dmarc=fail header.from=far.example\r\n"
     "X-Spam: Yes\r\nX-Spam-Score: 7.50\r\n"},
    {"a good signature beside a bad one",
     ANSWER("no action", SYMBOL("R_DKIM_REJECT", "\"b.example:s=x\"") "," SYMBOL(
                             "R_DKIM_ALLOW", "\"a.example:s=x\"")),
     RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example;\r\n dkim=pass header.d=a.example\r\n"},
    {"options that would break out",
     ANSWER("no action", SYMBOL("R_DKIM_ALLOW", "\"a.example\\r\\nX-Forged: yes\"") "," SYMBOL(
                             "DMARC_POLICY_ALLOW", "\";x\"")),
     RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example;\r\n dkim=pass header.d=a.example;\r\n "
     "dmarc=pass\r\n"},
    {"options of another kind", ANSWER("no action", "\"R_DKIM_NA\":7,\"R_SPF_NA\":{\"options\":3}"),
     RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example;\r\n spf=none smtp.mailfrom=far.example;\r\n "
     "dkim=none\r\n"},
    {"refused in its words",
     "{\"action\":\"reject\",\"messages\":{\"smtp_message\":\"Go\\r\\n250 away\"}}", RSPAMD_REJECT,
     "Go\\x0d\\x0a250 away", "Authentication-Results: mx.here.example; none\r\n"},
    {"later", ANSWER("soft reject", ""), RSPAMD_LATER, "",
     "Authentication-Results: mx.here.example; none\r\n"},
    {"greylisted", ANSWER("greylist", ""), RSPAMD_GREYLIST, "",
     "Authentication-Results: mx.here.example; none\r\n"},
    {"an action of tomorrow", ANSWER("juggle", ""), RSPAMD_NONE, "",
     "Authentication-Results: mx.here.example; none\r\n"},
};

static const struct rspamd_question from_far = {SPAN("mx.here.example"), SPAN("a@far.example"),
                                                SPAN("mx.far.example")};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena *a = arena_new();
        struct rspamd_answer out;
        struct error e = {0};

        assert_int_equal(rspamd_read(span_of(good[i].json), &from_far, a, &out, &e), 0);
        assert_int_equal(out.action, good[i].action);
        if (!span_is(out.fields, good[i].fields) || !span_is(out.words, good[i].words))
            fail_msg("%s:\n%.*s%.*s", good[i].name, SPAN_ARG(out.fields), SPAN_ARG(out.words));
        arena_free(&a);
    }
}

static void no_answers(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "{\"action\":7}",
                                      "<html>",
                                      "{\"action\":\"reject\"",
                                      "{\"error\":\"overload\"}"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *a = arena_new();
        struct rspamd_answer out;
        struct error e = {0};

        assert_int_equal(rspamd_read(span_of(bad[i]), &from_far, a, &out, &e), -1);
        assert_true(*e.words);
        arena_free(&a);
    }
}

static void empty_sender(void **state)
{
    struct arena *a = arena_new();
    struct rspamd_answer out;
    struct error e = {0};

    (void)state;
    rspamd_read(SPAN(ANSWER("no action", SYMBOL("R_SPF_ALLOW", ""))),
                &(struct rspamd_question){SPAN("h"), SPAN_NONE, SPAN("mx.far.example")}, a, &out,
                &e);
    assert_true(span_is(out.fields, "Authentication-Results: h;\r\n spf=pass "
                                    "smtp.helo=mx.far.example\r\n"));
    /* Not a name: what a stranger said does not get into the field. */
    rspamd_read(SPAN(ANSWER("no action", SYMBOL("R_SPF_NA", ""))),
                &(struct rspamd_question){SPAN("h"), SPAN_NONE, SPAN("[x];y")}, a, &out, &e);
    assert_true(span_is(out.fields, "Authentication-Results: h;\r\n spf=none\r\n"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(no_answers),
                                       cmocka_unit_test(empty_sender)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
