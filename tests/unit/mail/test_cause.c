#include "mail/cause.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void every_cause_is_told_in_full(void **state)
{
    (void)state;
    for (int c = 0; c < CAUSE_COUNT; c++) {
        const struct cause_row *row = cause_row((enum cause)c);
        enum cause back;

        assert_non_null(row->id);
        assert_non_null(row->what);
        assert_non_null(row->advice);
        assert_int_equal(row->what[strlen(row->what) - 1], '.');
        assert_int_equal(row->advice[strlen(row->advice) - 1], '.');
        assert_true(row->subject <= 7);
        assert_true(cause_parse(span_of(cause_name((enum cause)c)), &back));
        assert_int_equal(back, c);
        for (int other = 0; other < c; other++)
            assert_string_not_equal(cause_row((enum cause)other)->what, row->what);
    }
    assert_ptr_equal(cause_row(CAUSE_COUNT), cause_row(CAUSE_NONE));
}

static void what_we_see_ourselves(void **state)
{
    static const struct {
        struct cause_event event;
        enum outcome_kind kind;
        const char *status, *begins;
        enum owner owner;
    } rows[] = {
        {{.stage = STAGE_CONNECT, .seen = CAUSE_REFUSED, .host = SPAN("mx.example.org")},
         OUTCOME_LATER,
         "4.4.1",
         "mx.example.org refused the connection. ",
         OWNER_RECIPIENT},
        {{.stage = STAGE_CONNECT, .seen = CAUSE_SILENT},
         OUTCOME_LATER,
         "4.4.1",
         "The other server did not answer in time. ",
         OWNER_NETWORK},
        {{.stage = STAGE_DNS, .seen = CAUSE_NO_DOMAIN, .domain = SPAN("exmaple.org")},
         OUTCOME_NEVER,
         "5.1.2",
         "There is no such domain as exmaple.org. ",
         OWNER_YOU},
        {{.stage = STAGE_DNS, .seen = CAUSE_NULL_MX, .domain = SPAN("example.org")},
         OUTCOME_NEVER,
         "5.1.10",
         "The domain example.org takes no mail at all",
         OWNER_YOU},
        {{.stage = STAGE_DNS, .seen = CAUSE_DNS_LATER},
         OUTCOME_LATER,
         "4.4.3",
         "The mail servers of the address cannot be looked up",
         OWNER_NETWORK},
        {{.stage = STAGE_DOT, .seen = CAUSE_LOST, .host = SPAN("mx")},
         OUTCOME_LATER,
         "4.4.2",
         "The connection to mx broke after the message was sent",
         OWNER_NETWORK},
        {{.stage = STAGE_RCPT, .seen = CAUSE_LOST, .host = SPAN("mx")},
         OUTCOME_LATER,
         "4.4.2",
         "The connection to mx broke. ",
         OWNER_NETWORK},
        {{.stage = STAGE_TLS,
          .seen = CAUSE_CERT_EXPIRED,
          .host = SPAN("mx"),
          .details = SPAN("on 2026-01-01\n")},
         OUTCOME_LATER,
         "4.7.5",
         "The certificate of mx is out of date. Nothing was sent. (on 2026-01-01\\x0a) ",
         OWNER_PROVIDER},
        {{.stage = STAGE_MAIL, .seen = CAUSE_NO_8BIT},
         OUTCOME_NEVER,
         "5.6.3",
         "The message holds 8-bit text, and the other server takes",
         OWNER_RECIPIENT},
        {{.stage = STAGE_MAIL, .seen = CAUSE_NO_UTF8},
         OUTCOME_NEVER,
         "5.6.7",
         "The message has",
         OWNER_RECIPIENT},
        {{.stage = STAGE_NONE, .seen = CAUSE_LIFETIME},
         OUTCOME_NEVER,
         "5.4.7",
         "The mail could",
         OWNER_RECIPIENT},
        {{.stage = STAGE_RCPT,
          .host = SPAN("mx"),
          .reply = {.code = 550, .enhanced = {5, 1, 1}, .text = SPAN("no")}},
         OUTCOME_NEVER,
         "5.1.1",
         "mx knows no mailbox of this address. ",
         OWNER_YOU},
        {{.stage = STAGE_DOT,
          .reply = {.code = 550, .enhanced = {0}, .text = SPAN("Mailbox is full")}},
         OUTCOME_NEVER,
         "5.2.2",
         "The recipient's mailbox is full. ",
         OWNER_RECIPIENT},
        {{.stage = STAGE_AUTH, .reply = {.code = 535, .enhanced = {5, 7, 8}, .text = SPAN("no")}},
         OUTCOME_LATER,
         "4.7.8",
         "The other server refused the login",
         OWNER_YOU},
        {{.stage = STAGE_NONE},
         OUTCOME_LATER,
         "4.0.0",
         "The other server gave no reason",
         OWNER_NONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct outcome o = {.kind = rows[i].kind};
        char status[12];

        cause_explain(&rows[i].event, &o, a);
        enhanced_text(o.status, status);
        assert_string_equal(status, rows[i].status);
        assert_int_equal(o.owner, rows[i].owner);
        if (!span_starts(o.words, span_of(rows[i].begins)))
            fail_msg("%.*s", SPAN_ARG(o.words));
        assert_int_equal(span_search(o.words, SPAN("{")), -1);
        arena_free(&a);
    }
}

static void a_status_that_stands_stays(void **state)
{
    struct cause_event ev = {.seen = CAUSE_LIFETIME};
    struct outcome o = {.kind = OUTCOME_NEVER, .status = {5, 2, 2}};
    struct arena *a = arena_new();

    (void)state;
    cause_explain(&ev, &o, a);
    assert_int_equal(o.status.subject, 2);
    arena_free(&a);
}

static void errnos(void **state)
{
    (void)state;
    assert_int_equal(cause_of_sys(ECONNREFUSED), CAUSE_REFUSED);
    assert_int_equal(cause_of_sys(ETIMEDOUT), CAUSE_SILENT);
    assert_int_equal(cause_of_sys(EHOSTUNREACH), CAUSE_UNREACHABLE);
    assert_int_equal(cause_of_sys(EPERM), CAUSE_FORBIDDEN);
    assert_int_equal(cause_of_sys(ECONNRESET), CAUSE_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_is_told_in_full),
        cmocka_unit_test(what_we_see_ourselves),
        cmocka_unit_test(a_status_that_stands_stays),
        cmocka_unit_test(errnos),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
