/* Letters: what is written reads back, and nothing else reads. */
#include "base/memory.h"
#include "post/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *round_trip(enum letter_kind kind, enum letter_side from, const void *letter,
                        struct text *bytes, struct arena *a)
{
    assert_true(letter_write(kind, letter, bytes));
    return letter_read(kind, from, text_span(bytes), a);
}

static struct letter_accept sample(struct recipient *two)
{
    struct letter_accept l = {0};
    struct message *m = &l.message;

    two[0] = (struct recipient){.address = SPAN("a@example.org"),
                                .orcpt = SPAN("rfc822;a@example.org"),
                                .notify = NOTIFY_DELAY};
    two[1] = (struct recipient){.address = SPAN("b@example.org")};
    m->envelope = (struct envelope){.id = {{1, 2, 3}},
                                    .sender = SPAN("me@example.com"),
                                    .envid = SPAN("x1"),
                                    .ret = RET_HDRS,
                                    .need = NEED_UTF8,
                                    .recipients = two,
                                    .count = 2};
    m->origin = (struct origin){SPAN("me@example.com"), SPAN("192.0.2.1"), SPAN("laptop"),
                                SPAN("587"), SPAN("ESMTPSA")};
    m->content =
        (struct content){SPAN("Received: x\r\n"), SPAN("Subject: y\r\n\r\nbody\r\n"), -1, 20};
    m->arrived = 1234567890123;
    m->header_size = 14;
    m->once = SPAN("key");
    m->once_digest = UINT64_C(0x0123456789abcdef);
    l.again = true;
    return l;
}

static void accept_reads_back(void **state)
{
    struct recipient two[2];
    struct letter_accept in = sample(two), *out;
    struct text bytes = TEXT_INIT(4096);
    struct arena *a = arena_new();

    (void)state;
    out = round_trip(LETTER_ACCEPT, SIDE_LISTENER, &in, &bytes, a);
    assert_non_null(out);
    assert_true(id_eq(&out->message.envelope.id, &in.message.envelope.id));
    assert_true(span_is(out->message.envelope.sender, "me@example.com"));
    assert_int_equal(out->message.envelope.ret, RET_HDRS);
    assert_int_equal(out->message.envelope.count, 2);
    assert_true(span_is(out->message.envelope.recipients[0].orcpt, "rfc822;a@example.org"));
    assert_int_equal(out->message.envelope.recipients[0].notify, NOTIFY_DELAY);
    assert_true(span_is(out->message.origin.with, "ESMTPSA"));
    assert_true(span_is(out->message.content.body, "Subject: y\r\n\r\nbody\r\n"));
    assert_int_equal(out->message.content.fd, -1);
    assert_true(span_is(out->message.once, "key"));
    assert_true(out->message.once_digest == in.message.once_digest);
    assert_true(out->message.arrived == 1234567890123);
    assert_false(out->outside);
    assert_true(out->again);
    text_free(&bytes);
    arena_free(&a);
}

static void mailbox_reads_back(void **state)
{
    struct letter_mailbox_entry entries[] = {{7, SPAN("uid-1")}, {8, SPAN("uid-2")}};
    struct letter_mailbox in = {MAILBOX_GONE, 2, 15, entries, 2}, *out;
    struct letter_mailbox_wanted ask = {9, SPAN("a@example.org"), 3, SPAN("\5")}, *asked;
    struct text bytes = TEXT_INIT(4096);
    struct arena *a = arena_new();

    (void)state;
    out = round_trip(LETTER_MAILBOX, SIDE_KEEPER, &in, &bytes, a);
    assert_non_null(out);
    assert_int_equal(out->result, MAILBOX_GONE);
    assert_int_equal(out->count, 2);
    assert_int_equal(out->octets, 15);
    assert_int_equal(out->entry_count, 2);
    assert_int_equal(out->entries[1].octets, 8);
    assert_true(span_is(out->entries[1].uid, "uid-2"));
    assert_null(letter_read(LETTER_MAILBOX, SIDE_LISTENER, text_span(&bytes), a));
    text_clear(&bytes);
    asked = round_trip(LETTER_MAILBOX_CLOSE, SIDE_LISTENER, &ask, &bytes, a);
    assert_non_null(asked);
    assert_int_equal(asked->number, 9);
    assert_int_equal(asked->place, 3);
    assert_true(span_is(asked->account, "a@example.org") && span_is(asked->marked, "\5"));
    text_free(&bytes);
    arena_free(&a);
}

static void result_reads_back(void **state)
{
    struct outcome o = {.kind = OUTCOME_LATER,
                        .scope = SCOPE_PATH,
                        .stage = STAGE_TLS,
                        .owner = OWNER_PROVIDER,
                        .status = {4, 7, 5},
                        .maybe_delivered = true,
                        .explained = true,
                        .cause = 7,
                        .details = SPAN("expired"),
                        .held = SPAN("isp mx:443 https"),
                        .words = SPAN("words"),
                        .reply = {.code = 454, .text = SPAN("no"), .wait = 60}};
    struct job_try t = {.at = 5, .host = SPAN("mx"), .stage = STAGE_TLS, .reply = {.code = 220}};
    struct letter_result in = {{7, 1, &o, 1, &t, true}}, *out;
    struct text bytes = TEXT_INIT(4096);
    struct arena *a = arena_new();

    (void)state;
    out = round_trip(LETTER_RESULT, SIDE_COURIER, &in, &bytes, a);
    assert_non_null(out);
    assert_true(out->result.lease == 7);
    assert_true(out->result.untried);
    assert_int_equal(out->result.outcomes[0].status.detail, 5);
    assert_true(out->result.outcomes[0].maybe_delivered);
    assert_true(span_is(out->result.outcomes[0].held, "isp mx:443 https"));
    assert_int_equal(out->result.outcomes[0].reply.code, 454);
    assert_int_equal(out->result.outcomes[0].reply.wait, 60);
    assert_true(out->result.outcomes[0].explained);
    assert_int_equal(out->result.outcomes[0].cause, 7);
    assert_true(span_is(out->result.outcomes[0].details, "expired"));
    assert_true(span_is(out->result.tries[0].host, "mx"));
    text_free(&bytes);
    arena_free(&a);
}

/* The keeper trusts nobody: a sender may send its own kinds only. */
static void only_the_senders_kinds(void **state)
{
    static const struct {
        enum letter_kind kind;
        enum letter_side from;
        bool may;
    } rows[] = {
        {LETTER_READY, SIDE_LISTENER, true},       {LETTER_READY, SIDE_COURIER, true},
        {LETTER_READY, SIDE_COMMAND, false},       {LETTER_START, SIDE_KEEPER, true},
        {LETTER_START, SIDE_LISTENER, false},      {LETTER_FILE_WANTED, SIDE_COMMAND, true},
        {LETTER_FILE_WANTED, SIDE_COURIER, false},
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text bytes = TEXT_INIT(64);

        assert_true(letter_write(rows[i].kind, &(struct letter_nothing){0}, &bytes));
        assert_int_equal(letter_read(rows[i].kind, rows[i].from, text_span(&bytes), a) != NULL,
                         rows[i].may);
        text_free(&bytes);
    }
    arena_free(&a);
}

static void no_prefix_and_no_surplus_reads(void **state)
{
    struct recipient two[2];
    struct letter_accept in = sample(two);
    struct text bytes = TEXT_INIT(4096);

    (void)state;
    assert_true(letter_write(LETTER_ACCEPT, &in, &bytes));
    for (size_t n = 0; n < bytes.len; n++) {
        struct arena *a = arena_new();

        assert_null(letter_read(LETTER_ACCEPT, SIDE_LISTENER, span_head(text_span(&bytes), n), a));
        arena_free(&a);
    }
    text_addc(&bytes, 'x');
    struct arena *a = arena_new();
    assert_null(letter_read(LETTER_ACCEPT, SIDE_LISTENER, text_span(&bytes), a));
    arena_free(&a);
    text_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_reads_back),
        cmocka_unit_test(mailbox_reads_back),
        cmocka_unit_test(result_reads_back),
        cmocka_unit_test(only_the_senders_kinds),
        cmocka_unit_test(no_prefix_and_no_surplus_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
