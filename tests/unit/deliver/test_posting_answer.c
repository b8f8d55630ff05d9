#include "deliver/posting_answer.h"

#include "base/memory.h"
#include "deliver/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* last */
#include <cmocka.h>

#define JSON "application/json"
#define REPLY(ok, code, enhanced)                                                                  \
    "{\"accepted\": " ok ", \"id\": \"x\", \"reply\": {\"code\": " code                            \
    ", \"enhanced\": \"" enhanced "\", \"text\": \"words\"}, \"recipients\": ["
#define TO(code, enhanced)                                                                         \
    "{\"address\": \"a@x.test\", \"code\": " code ", \"enhanced\": \"" enhanced                    \
    "\", \"text\": \"words\"}"

/* What becomes of each of two recipients: by the table that rules over SMTP too. */
struct case_of_message {
    const char *label;
    unsigned status;
    const char *type, *body;
    bool unsent; /* the body did not go out */
    enum stage stage;
    enum smtp_client_why why;
    enum smtp_client_rcpt_state first, second;
    unsigned code; /* of the failure's reply, or of `done` */
    enum outcome_kind kind;
    enum outcome_scope scope;
    bool maybe;
};

#define TAKEN   CLIENT_RCPT_ACCEPTED
#define REFUSED CLIENT_RCPT_REFUSED
#define UNSENT  CLIENT_RCPT_UNSENT
#define FINE    STAGE_NONE, CLIENT_FINE

static const struct case_of_message cases[] = {
    {"taken", 200, JSON,
     REPLY("true", "250", "2.0.0") TO("250", "2.1.5") "," TO("250", "2.1.5") "]}", false, FINE,
     TAKEN, TAKEN, 250, 0, 0, false},
    {"one of two", 200, JSON,
     REPLY("true", "250", "2.0.0") TO("250", "2.1.5") "," TO("550", "5.1.1") "]}", false, FINE,
     TAKEN, REFUSED, 250, 0, 0, false},
    {"none of two", 422, JSON,
     REPLY("false", "550", "5.1.1") TO("550", "5.1.1") "," TO("450", "4.2.0") "]}", true, FINE,
     REFUSED, REFUSED, 0, 0, 0, false},
    {"sender", 403, JSON, REPLY("false", "550", "5.7.1") "]}", true, STAGE_MAIL, CLIENT_REPLY,
     UNSENT, UNSENT, 550, OUTCOME_NEVER, SCOPE_ROUTE, false},
    {"login lost its worth", 401, JSON, REPLY("false", "535", "5.7.8") "]}", true, STAGE_AUTH,
     CLIENT_REPLY, UNSENT, UNSENT, 535, OUTCOME_LATER, SCOPE_ROUTE, false},
    {"login cannot be checked", 503, JSON, REPLY("false", "454", "4.7.0") "]}", true, STAGE_AUTH,
     CLIENT_REPLY, UNSENT, UNSENT, 454, OUTCOME_LATER, SCOPE_PATH, false},
    {"too large", 413, JSON, REPLY("false", "552", "5.3.4") "]}", true, STAGE_MAIL, CLIENT_REPLY,
     UNSENT, UNSENT, 552, OUTCOME_NEVER, SCOPE_MESSAGE, false},
    {"account's limit", 429, JSON, REPLY("false", "452", "4.7.1") "]}", true, STAGE_MAIL,
     CLIENT_REPLY, UNSENT, UNSENT, 452, OUTCOME_LATER, SCOPE_PATH, false},
    {"content refused", 422, JSON,
     REPLY("false", "554", "5.7.1") TO("250", "2.1.5") "," TO("250", "2.1.5") "]}", false,
     STAGE_DOT, CLIENT_REPLY, TAKEN, TAKEN, 554, OUTCOME_NEVER, SCOPE_MESSAGE, false},
    {"trouble behind the body", 503, JSON,
     REPLY("false", "451", "4.3.0") TO("250", "2.1.5") "," TO("250", "2.1.5") "]}", false,
     STAGE_DOT, CLIENT_REPLY, TAKEN, TAKEN, 451, OUTCOME_LATER, SCOPE_ROUTE, false},
    {"a gateway's 502", 502, "text/html", "<html>", false, STAGE_DOT, CLIENT_REPLY, UNSENT, UNSENT,
     451, OUTCOME_LATER, SCOPE_ROUTE, false},
    {"a gateway's 503 before the body", 503, "text/html", "<html>", true, STAGE_DATA, CLIENT_REPLY,
     UNSENT, UNSENT, 451, OUTCOME_LATER, SCOPE_PATH, false},
    {"a gateway's 413", 413, "text/html", "<html>", true, STAGE_MAIL, CLIENT_REPLY, UNSENT, UNSENT,
     552, OUTCOME_NEVER, SCOPE_MESSAGE, false},
    {"429 without words", 429, "", "", true, STAGE_DATA, CLIENT_REPLY, UNSENT, UNSENT, 451,
     OUTCOME_LATER, SCOPE_PATH, false},
    {"404", 404, "text/html", "<html>", true, STAGE_DATA, CLIENT_BROKEN, UNSENT, UNSENT, 0,
     OUTCOME_LATER, SCOPE_PATH, false},
    {"200 of somebody else", 200, "text/html", "<html>", false, STAGE_DOT, CLIENT_BROKEN, UNSENT,
     UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"half a JSON", 200, JSON, "{\"accepted\": true, \"reply\": {\"code\": 250", false, STAGE_DOT,
     CLIENT_BROKEN, UNSENT, UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"says both", 200, JSON, REPLY("true", "550", "5.7.1") TO("250", "") "," TO("250", "") "]}",
     false, STAGE_DOT, CLIENT_BROKEN, UNSENT, UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"another list", 200, JSON, REPLY("true", "250", "2.0.0") TO("250", "2.1.5") "]}", false,
     STAGE_DOT, CLIENT_BROKEN, UNSENT, UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"taken for nobody", 200, JSON,
     REPLY("true", "250", "2.0.0") TO("550", "5.1.1") "," TO("550", "5.1.1") "]}", false, STAGE_DOT,
     CLIENT_BROKEN, UNSENT, UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"no code", 200, JSON, "{\"accepted\": true, \"reply\": {\"code\": 9000}}", false, STAGE_DOT,
     CLIENT_BROKEN, UNSENT, UNSENT, 0, OUTCOME_LATER, SCOPE_ROUTE, true},
    {"a list, no object", 200, JSON, "[1, 2]", false, STAGE_DOT, CLIENT_BROKEN, UNSENT, UNSENT, 0,
     OUTCOME_LATER, SCOPE_ROUTE, true},
};

static void fill(struct http_client_answer *a, unsigned status, const char *type, const char *body)
{
    *a = (struct http_client_answer){.status = status};
    snprintf(a->type, sizeof a->type, "%s", type);
    text_init(&a->body, 4096);
    text_adds(&a->body, body);
}

static void check(const struct case_of_message *c, struct arena *arena)
{
    struct http_client_answer a;
    struct smtp_client_result r = {.recipients = arena_alloc(arena, 2 * sizeof *r.recipients)};
    const struct smtp_client_failure *f = &r.failure;
    int rc;

    fill(&a, c->status, c->type, c->body);
    a.body_sent = !c->unsent;
    rc = posting_answer_message(&a, 2, arena, &r);
    if (rc != (c->stage == STAGE_NONE ? 0 : -1) || f->stage != c->stage || f->why != c->why)
        fail_msg("%s: %d %s %s", c->label, rc, stage_name(f->stage), smtp_client_why_name(f->why));
    if (r.recipients[0].state != c->first || r.recipients[1].state != c->second)
        fail_msg("%s: states %d %d", c->label, r.recipients[0].state, r.recipients[1].state);
    assert_int_equal((c->stage == STAGE_NONE ? r.done : f->reply).code, c->code);
    assert_int_equal(r.maybe_delivered, c->maybe);
    if (c->stage != STAGE_NONE) {
        struct judge_event e = judge_event_of(f);
        struct judge_ruling ruling = judge_rule(&e);

        if (ruling.kind != c->kind || ruling.scope != c->scope)
            fail_msg("%s: kind %d scope %d", c->label, ruling.kind, ruling.scope);
        assert_true(f->error.words[0]);
    }
    http_client_answer_free(&a);
}

static void test_messages(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i], arena);
    arena_free(&arena);
}

/* When to come again is told of what was refused only. */
static void test_waits(void **state)
{
    struct arena *arena = arena_new();
    struct smtp_client_result r = {.recipients = arena_alloc(arena, 2 * sizeof *r.recipients)};
    struct http_client_answer a;

    (void)state;
    fill(&a, 503, "text/html", "<html>");
    snprintf(a.wait, sizeof a.wait, "120");
    assert_int_equal(posting_answer_message(&a, 2, arena, &r), -1);
    assert_int_equal(r.failure.reply.wait, 120);
    posting_answer_login(&a, arena, &r.failure);
    assert_int_equal(r.failure.reply.wait, 120);
    http_client_answer_free(&a);
    fill(&a, 200, JSON,
         REPLY("true", "250", "2.0.0") TO("250", "2.1.5") "," TO("450", "4.2.0") "]}");
    snprintf(a.wait, sizeof a.wait, "120");
    a.body_sent = true;
    assert_int_equal(posting_answer_message(&a, 2, arena, &r), 0);
    assert_int_equal(r.recipients[0].reply.wait, 0);
    assert_int_equal(r.recipients[1].reply.wait, 120);
    http_client_answer_free(&a);
    arena_free(&arena);
}

/* A stranger's words are escaped, a stranger's code of success for a refusal is none. */
static void test_logins(void **state)
{
    static const struct {
        unsigned status;
        const char *type, *body;
        enum stage stage;
        enum smtp_client_why why;
        unsigned code;
    } rows[] = {
        {200, JSON, "{\"login\": true}", STAGE_NONE, CLIENT_FINE, 0},
        {204, "", "", STAGE_NONE, CLIENT_FINE, 0},
        {401, JSON, REPLY("false", "535", "5.7.8") "]}", STAGE_AUTH, CLIENT_REPLY, 535},
        {401, "text/html", "no", STAGE_AUTH, CLIENT_REPLY, 535},
        {401, JSON, REPLY("true", "250", "2.0.0") "]}", STAGE_AUTH, CLIENT_REPLY, 535},
        {503, JSON, REPLY("false", "454", "4.7.0") "]}", STAGE_AUTH, CLIENT_REPLY, 454},
        {502, "text/html", "", STAGE_AUTH, CLIENT_REPLY, 451},
        {302, "text/html", "", STAGE_AUTH, CLIENT_BROKEN, 0},
        {403, "text/html", "", STAGE_AUTH, CLIENT_BROKEN, 0},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_client_answer a;
        struct smtp_client_failure f;

        fill(&a, rows[i].status, rows[i].type, rows[i].body);
        posting_answer_login(&a, arena, &f);
        if (f.stage != rows[i].stage || f.why != rows[i].why || f.reply.code != rows[i].code)
            fail_msg("row %zu: %s %s %u", i, stage_name(f.stage), smtp_client_why_name(f.why),
                     (unsigned)f.reply.code);
        http_client_answer_free(&a);
    }
    arena_free(&arena);
}

static void test_announcements(void **state)
{
    static const struct {
        unsigned status;
        const char *challenge, *accepts;
        bool yes;
    } rows[] = {
        {401, "Basic realm=\"mail\"", "message/rfc822, message/global", true},
        {200, "", "message/rfc822", true},
        {401, "Basic realm=\"mail\"", "", false},
        {401, "Basic realm=\"mail\"", "text/turtle", false},
        {401, "Digest realm=\"mail\"", "message/rfc822", false},
        {401, "", "message/rfc822", false},
        {404, "Basic realm=\"mail\"", "message/rfc822", false},
        {302, "", "message/rfc822", false},
        {503, "", "message/rfc822", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_client_answer a = {.status = rows[i].status};

        snprintf(a.challenge, sizeof a.challenge, "%s", rows[i].challenge);
        snprintf(a.accepts, sizeof a.accepts, "%s", rows[i].accepts);
        if (posting_answer_announces(&a) != rows[i].yes)
            fail_msg("row %zu", i);
    }
}

static void test_offers(void **state)
{
    static const struct {
        const char *challenge;
        bool password, token;
    } rows[] = {
        {"Basic realm=\"mail\"", true, false},
        {"bearer", false, true},
        {"Basic realm=\"mail\", Bearer", true, true},
        {"Negotiate", false, false},
        {"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_client_answer a = {.status = 401};

        snprintf(a.challenge, sizeof a.challenge, "%s", rows[i].challenge);
        if (posting_answer_offers(&a, false) != rows[i].password ||
            posting_answer_offers(&a, true) != rows[i].token)
            fail_msg("%s", rows[i].challenge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),      cmocka_unit_test(test_logins),
        cmocka_unit_test(test_waits),         cmocka_unit_test(test_offers),
        cmocka_unit_test(test_announcements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
