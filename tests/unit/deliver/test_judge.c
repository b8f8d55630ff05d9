/* The whole table, row by row, and the law above it: temporary stays temporary (P6). */
#include "deliver/judge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct row_case {
    const char *name;
    enum stage stage;
    enum smtp_client_why why;
    unsigned short code;
    struct enhanced enhanced;
    const char *text;
    int sys;
    bool dns_permanent;
    /* expected */
    enum outcome_kind kind;
    enum outcome_scope scope;
    struct enhanced status;
    bool network;
};

#define LATER  OUTCOME_LATER
#define NEVER  OUTCOME_NEVER
#define REPLY  CLIENT_REPLY
#define RCPT_  SCOPE_RECIPIENT
#define MSG    SCOPE_MESSAGE
#define PATH   SCOPE_PATH
#define ROUTE_ SCOPE_ROUTE

/* clang-format off */
static const struct row_case cases[] = {
    {"421 greeting", STAGE_GREETING, REPLY, 421, {0}, "", 0, false, LATER, PATH, {4, 4, 2}, false},
    {"421 EHLO", STAGE_HELO, REPLY, 421, {4, 3, 2}, "", 0, false, LATER, PATH, {4, 3, 2}, false},
    {"421 MAIL", STAGE_MAIL, REPLY, 421, {0}, "", 0, false, LATER, PATH, {4, 4, 2}, false},
    {"421 RCPT", STAGE_RCPT, REPLY, 421, {0}, "", 0, false, LATER, PATH, {4, 4, 2}, false},
    {"421 AUTH", STAGE_AUTH, REPLY, 421, {0}, "", 0, false, LATER, PATH, {4, 4, 2}, false},
    {"421 dot", STAGE_DOT, REPLY, 421, {0}, "", 0, false, LATER, ROUTE_, {4, 4, 2}, false},
    {"554 greeting", STAGE_GREETING, REPLY, 554, {5, 7, 1}, "", 0, false, LATER, PATH, {4, 7, 1}, false},
    {"450 greeting", STAGE_GREETING, REPLY, 450, {0}, "", 0, false, LATER, PATH, {4, 3, 2}, false},
    {"550 HELO", STAGE_HELO, REPLY, 550, {0}, "", 0, false, LATER, PATH, {4, 3, 2}, false},
    {"451 HELO", STAGE_HELO, REPLY, 451, {0}, "", 0, false, LATER, PATH, {4, 3, 2}, false},
    {"no STARTTLS", STAGE_STARTTLS, CLIENT_NO_STARTTLS, 0, {0}, "", 0, false, LATER, PATH, {4, 7, 10}, false},
    {"454 STARTTLS", STAGE_STARTTLS, REPLY, 454, {0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"554 STARTTLS", STAGE_STARTTLS, REPLY, 554, {0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"TLS", STAGE_TLS, CLIENT_TLS, 0, {0}, "", 0, false, LATER, PATH, {4, 7, 5}, false},
    {"535 AUTH", STAGE_AUTH, REPLY, 535, {5, 7, 8}, "", 0, false, LATER, ROUTE_, {4, 7, 8}, false},
    {"534 AUTH", STAGE_AUTH, REPLY, 534, {5, 7, 9}, "", 0, false, LATER, ROUTE_, {4, 7, 9}, false},
    {"432 AUTH", STAGE_AUTH, REPLY, 432, {0}, "", 0, false, LATER, ROUTE_, {4, 7, 12}, false},
    {"454 AUTH", STAGE_AUTH, REPLY, 454, {0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"no AUTH", STAGE_AUTH, CLIENT_NO_AUTH, 0, {0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"no mechanism", STAGE_AUTH, CLIENT_NO_MECHANISM, 0, {0}, "", 0, false, LATER, PATH, {4, 7, 4}, false},
    {"unsafe", STAGE_AUTH, CLIENT_UNSAFE_LOGIN, 0, {0}, "", 0, false, LATER, PATH, {4, 7, 11}, false},
    {"unproven", STAGE_AUTH, CLIENT_UNPROVEN, 0, {0}, "", 0, false, LATER, ROUTE_, {4, 7, 8}, false},
    {"530 MAIL", STAGE_MAIL, REPLY, 530, {5, 7, 0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"530 RCPT", STAGE_RCPT, REPLY, 530, {0}, "", 0, false, LATER, PATH, {4, 7, 0}, false},
    {"limit of the day", STAGE_DATA, REPLY, 550, {5, 4, 5}, "Daily user sending quota Exceeded", 0, false, LATER, ROUTE_, {4, 4, 5}, false},
    {"rate told by 5xx", STAGE_MAIL, REPLY, 550, {0}, "rate limit exceeded, try again later", 0, false, LATER, ROUTE_, {4, 7, 0}, false},
    {"greylisted by 5xx", STAGE_RCPT, REPLY, 550, {0}, "Greylisted, please try again later", 0, false, LATER, RCPT_, {4, 7, 1}, false},
    {"552 RCPT full in words", STAGE_RCPT, REPLY, 552, {0}, "Mailbox full", 0, false, NEVER, RCPT_, {5, 2, 2}, false},
    {"5.4.5 without the word", STAGE_DATA, REPLY, 550, {5, 4, 5}, "no", 0, false, NEVER, MSG, {5, 4, 5}, false},
    {"552 RCPT 5.5.3", STAGE_RCPT, REPLY, 552, {5, 5, 3}, "", 0, false, LATER, RCPT_, {4, 5, 3}, false},
    {"552 RCPT", STAGE_RCPT, REPLY, 552, {0}, "", 0, false, LATER, RCPT_, {4, 5, 3}, false},
    {"552 RCPT full", STAGE_RCPT, REPLY, 552, {5, 2, 2}, "", 0, false, NEVER, RCPT_, {5, 2, 2}, false},
    {"550 5.1.1 RCPT", STAGE_RCPT, REPLY, 550, {5, 1, 1}, "", 0, false, NEVER, RCPT_, {5, 1, 1}, false},
    {"550 RCPT", STAGE_RCPT, REPLY, 550, {0}, "", 0, false, NEVER, RCPT_, {5, 1, 0}, false},
    {"452 RCPT", STAGE_RCPT, REPLY, 452, {4, 5, 3}, "", 0, false, LATER, RCPT_, {4, 5, 3}, false},
    {"450 RCPT", STAGE_RCPT, REPLY, 450, {4, 2, 0}, "", 0, false, LATER, RCPT_, {4, 2, 0}, false},
    {"451 4.3.0 RCPT", STAGE_RCPT, REPLY, 451, {4, 3, 0}, "", 0, false, LATER, PATH, {4, 3, 0}, false},
    {"552 MAIL", STAGE_MAIL, REPLY, 552, {0}, "", 0, false, NEVER, MSG, {5, 3, 4}, false},
    {"553 MAIL", STAGE_MAIL, REPLY, 553, {0}, "", 0, false, NEVER, ROUTE_, {5, 1, 0}, false},
    {"452 MAIL", STAGE_MAIL, REPLY, 452, {0}, "", 0, false, LATER, PATH, {4, 3, 0}, false},
    {"552 dot", STAGE_DOT, REPLY, 552, {5, 3, 4}, "", 0, false, NEVER, MSG, {5, 3, 4}, false},
    {"554 DATA", STAGE_DATA, REPLY, 554, {0}, "", 0, false, NEVER, MSG, {5, 7, 1}, false},
    {"550 dot", STAGE_DOT, REPLY, 550, {5, 7, 1}, "", 0, false, NEVER, MSG, {5, 7, 1}, false},
    {"451 DATA", STAGE_DATA, REPLY, 451, {0}, "", 0, false, LATER, PATH, {4, 3, 0}, false},
    {"451 dot", STAGE_DOT, REPLY, 451, {0}, "", 0, false, LATER, ROUTE_, {4, 3, 0}, false},
    {"too big", STAGE_MAIL, CLIENT_TOO_BIG, 0, {0}, "", 0, false, NEVER, MSG, {5, 3, 4}, false},
    {"no 8-bit", STAGE_MAIL, CLIENT_NO_8BIT, 0, {0}, "", 0, false, NEVER, MSG, {5, 6, 3}, false},
    {"no UTF-8", STAGE_MAIL, CLIENT_NO_UTF8, 0, {0}, "", 0, false, NEVER, MSG, {5, 6, 7}, false},
    {"bad address", STAGE_MAIL, CLIENT_BAD_ADDRESS, 0, {0}, "", 0, false, NEVER, MSG, {5, 1, 3}, false},
    {"our disk", STAGE_DATA, CLIENT_CONTENT, 0, {0}, "", EIO, false, LATER, ROUTE_, {4, 3, 0}, false},
    {"lost after the dot", STAGE_DOT, CLIENT_LOST, 0, {0}, "", ECONNRESET, false, LATER, ROUTE_, {4, 4, 2}, false},
    {"broken after the dot", STAGE_DOT, CLIENT_BROKEN, 0, {0}, "", 0, false, LATER, ROUTE_, {4, 5, 0}, false},
    {"refused port", STAGE_CONNECT, CLIENT_LOST, 0, {0}, "", ECONNREFUSED, false, LATER, PATH, {4, 4, 1}, true},
    {"lost in DATA", STAGE_DATA, CLIENT_LOST, 0, {0}, "", 0, false, LATER, PATH, {4, 4, 2}, true},
    {"broken greeting", STAGE_GREETING, CLIENT_BROKEN, 0, {0}, "", 0, false, LATER, PATH, {4, 5, 0}, false},
    {"cancelled", STAGE_RCPT, CLIENT_LOST, 0, {0}, "", ECANCELED, false, LATER, ROUTE_, {4, 3, 2}, false},
    {"DNS failed", STAGE_DNS, CLIENT_FINE, 0, {4, 4, 3}, "", 0, false, LATER, ROUTE_, {4, 4, 3}, true},
    {"null MX", STAGE_DNS, CLIENT_FINE, 0, {5, 1, 10}, "", 0, true, NEVER, ROUTE_, {5, 1, 10}, false},
    {"a code nobody knows", STAGE_MAIL, REPLY, 354, {0}, "", 0, false, LATER, PATH, {4, 0, 0}, false},
};
/* clang-format on */

static struct judge_event event_of(const struct row_case *c)
{
    return (struct judge_event){
        .stage = c->stage,
        .why = c->why,
        .reply = {.code = c->code, .enhanced = c->enhanced, .text = span_of(c->text)},
        .sys = c->sys,
        .dns_permanent = c->dns_permanent};
}

/* Every ruling has words, somebody or nobody to repair it, and a status of the right class. */
static void explains(const struct judge_event *e, const struct judge_ruling *r)
{
    struct arena *a = arena_new();
    struct outcome o = {.kind = r->kind};

    judge_explain(e, r, &(struct judge_place){SPAN("mx.example.org"), SPAN("example.org")},
                  "Our own words.", &o, a);
    assert_true(o.words.len > 10);
    assert_int_equal(o.status.class, r->kind == NEVER ? 5 : 4);
    assert_true(o.status.subject || o.status.detail || !r->status.subject);
    arena_free(&a);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct row_case *c = &cases[i];
        struct judge_event e = event_of(c);
        struct judge_ruling r = judge_rule(&e);

        print_message("  %s\n", c->name);
        assert_int_equal(r.kind, c->kind);
        assert_int_equal(r.scope, c->scope);
        assert_int_equal(r.status.class, c->status.class);
        assert_int_equal(r.status.subject, c->status.subject);
        assert_int_equal(r.status.detail, c->status.detail);
        assert_int_equal(r.waits_for_network, c->network);
        explains(&e, &r);
    }
}

/* No reply code whatever, before MAIL, and no trouble of connection, TLS or login bounces mail. */
static void test_temporary_stays(void **state)
{
    (void)state;
    for (int stage = STAGE_CONNECT; stage <= STAGE_AUTH; stage++) {
        for (unsigned short code = 400; code < 600; code++) {
            struct judge_event e = {
                .stage = (enum stage)stage, .why = REPLY, .reply = {.code = code}};

            assert_int_equal(judge_rule(&e).kind, LATER);
        }
    }
    for (int stage = STAGE_CONNECT; stage <= STAGE_DOT; stage++) {
        for (int why = CLIENT_LOST; why <= CLIENT_UNPROVEN; why++) {
            struct judge_event e = {
                .stage = (enum stage)stage, .why = (enum smtp_client_why)why, .sys = ETIMEDOUT};

            assert_int_equal(judge_rule(&e).kind, LATER);
        }
        for (unsigned short code = 400; code < 500; code++) {
            struct judge_event e = {
                .stage = (enum stage)stage, .why = REPLY, .reply = {.code = code}};

            assert_int_equal(judge_rule(&e).kind, LATER);
        }
    }
}

static void test_too_many(void **state)
{
    static const struct {
        struct reply reply;
        bool many;
    } replies[] = {
        {{.code = 452}, true},
        {{.code = 452, .enhanced = {4, 5, 3}}, true},
        {{.code = 452, .enhanced = {4, 2, 2}}, false},
        {{.code = 452, .enhanced = {4, 3, 1}}, false},
        {{.code = 552}, true},
        {{.code = 552, .text = SPAN("mailbox full")}, false},
        {{.code = 452, .text = SPAN("insufficient system storage")}, false},
        {{.code = 452, .text = SPAN("too many recipients")}, true},
        {{.code = 552, .enhanced = {5, 5, 3}}, true},
        {{.code = 552, .enhanced = {5, 2, 2}}, false},
        {{.code = 450}, false},
        {{.code = 550}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
        assert_int_equal(judge_too_many(&replies[i].reply), replies[i].many);
}

static void test_stranger(void **state)
{
    static const struct {
        enum stage stage;
        enum smtp_client_why why;
        bool stranger;
    } events[] = {
        {STAGE_STARTTLS, CLIENT_NO_STARTTLS, true}, {STAGE_TLS, CLIENT_TLS, true},
        {STAGE_AUTH, CLIENT_NO_AUTH, true},         {STAGE_AUTH, CLIENT_UNSAFE_LOGIN, true},
        {STAGE_GREETING, CLIENT_BROKEN, true},      {STAGE_MAIL, CLIENT_BROKEN, false},
        {STAGE_AUTH, CLIENT_REPLY, false},          {STAGE_CONNECT, CLIENT_LOST, false},
        {STAGE_DATA, CLIENT_TOO_BIG, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        assert_int_equal(
            judge_stranger(&(struct judge_event){.stage = events[i].stage, .why = events[i].why}),
            events[i].stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_temporary_stays),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_stranger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
