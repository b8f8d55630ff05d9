#include "mail/header.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static bool collect(void *arg, struct span bytes)
{
    assert_true(bytes.len > 0);
    return text_add(arg, bytes);
}

#define LONG_NAME                                                                                  \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* out: as submission, and as exchange when that differs. */
static const struct {
    const char *in, *out, *exchanged;
    bool mended, ended;
} rows[] = {
    {.in = "", .out = ""},
    {.in = "\r\nbody\r\n", .out = "\r\nbody\r\n", .ended = true},
    {.in = "A: b\r\n\r\nBcc: body\r\n", .out = "A: b\r\n\r\nBcc: body\r\n", .ended = true},
    {.in = "A: b\r\n", .out = "A: b\r\n"},
    {.in = "A: b", .out = "A: b"},
    {.in = "A: b\r\nBcc: s@x,\r\n t@x\r\nC: d\r\n\r\nx",
     .out = "A: b\r\nC: d\r\n\r\nx",
     .exchanged = "A: b\r\nBcc: s@x,\r\n t@x\r\nC: d\r\n\r\nx",
     .ended = true},
    {.in = "bcc : s@x\r\n\t\r\n x\r\nresent-BCC:\r\n\r\nx",
     .out = "\r\nx",
     .exchanged = "bcc : s@x\r\n\t\r\n x\r\nresent-BCC:\r\n\r\nx",
     .ended = true},
    {.in = "Return-Path: <a>\r\nA: b\r\n\r\n", .out = "A: b\r\n\r\n", .ended = true},
    {.in = "Bccx: a\r\nxBcc: b\r\n\r\n", .out = "Bccx: a\r\nxBcc: b\r\n\r\n", .ended = true},
    /* no header at all, and headers that break off */
    {.in = "Hello,\r\n\r\nBcc: x\r\n", .out = "\r\nHello,\r\n\r\nBcc: x\r\n", .mended = true},
    {.in = "Hello", .out = "\r\nHello", .mended = true},
    {.in = " Subject: x\r\n", .out = "\r\n Subject: x\r\n", .mended = true},
    {.in = "A: b\r\nHello you: x\r\nBcc: t\r\n",
     .out = "A: b\r\n\r\nHello you: x\r\nBcc: t\r\n",
     .mended = true},
    {.in = "A: b\r\n: x\r\n", .out = "A: b\r\n\r\n: x\r\n", .mended = true},
    {.in = "A: b\r\n.\r\n", .out = "A: b\r\n\r\n.\r\n", .mended = true},
    {.in = "Bcc: a\r\nHello\r\n",
     .out = "\r\nHello\r\n",
     .exchanged = "Bcc: a\r\n\r\nHello\r\n",
     .mended = true},
    {.in = LONG_NAME ": x\r\n\r\n", .out = "\r\n" LONG_NAME ": x\r\n\r\n", .mended = true},
    /* odd but kept */
    {.in = "\xff\xfe: b\r\n\r\n", .out = "\xff\xfe: b\r\n\r\n", .ended = true},
    {.in = "A:\r\n\r\n", .out = "A:\r\n\r\n", .ended = true},
    /* bare CR and LF end lines too: nothing hides behind them */
    {.in = "A: b\rBcc: t\nC: d\n\nBcc: x",
     .out = "A: b\r\nC: d\n\nBcc: x",
     .exchanged = "A: b\r\nBcc: t\nC: d\n\nBcc: x",
     .ended = true},
    {.in = "A: b\r\rBcc: x", .out = "A: b\r\n\r\nBcc: x", .ended = true},
    {.in = "A: b\r\n\rBcc: x", .out = "A: b\r\n\r\nBcc: x", .ended = true},
    {.in = "A: b\r", .out = "A: b\r\n"},
    {.in = "A: b\r\n\r", .out = "A: b\r\n\r\n", .ended = true},
/* results that claim to be ours */
#define OTHER "Authentication-Results: b.test; spf=pass\r\n"
    {.in = OTHER "authentication-results: OUR.test; dkim=pass\r\n\theader.d=x\r\nA: b\r\n\r\nx",
     .out = OTHER "A: b\r\n\r\nx",
     .ended = true},
    {.in = "Authentication-Results:our.test;none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results : (a(\\)) b)\r\n (c)\r\n\tour.test 1; none\r\n\r\n",
     .out = "\r\n",
     .ended = true},
    {.in = "Authentication-Results: \"our.test\"; none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: \"o\\ur.test\"; none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: our.test\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: OUR.Test.; none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: our.test/1; none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: our.test=x; none\r\n\r\n", .out = "\r\n", .ended = true},
    {.in = "Authentication-Results: our.test..; none\r\n\r\n",
     .out = "Authentication-Results: our.test..; none\r\n\r\n",
     .ended = true},
    {.in = "Authentication-Results:\rour.test:\n our.test; none\r\n\r\n",
     .out = "Authentication-Results:\r\nour.test:\n our.test; none\r\n\r\n",
     .ended = true},
    {.in = "Authentication-Results: our.test.b.test; (our.test) none\r\n\r\n",
     .out = "Authentication-Results: our.test.b.test; (our.test) none\r\n\r\n",
     .ended = true},
    {.in = "Authentication-Results: \r\n\t\r\nA: b\r\n\r\n",
     .out = "Authentication-Results: \r\n\t\r\nA: b\r\n\r\n",
     .ended = true},
    {.in = "Authentication-Results: (our", .out = "Authentication-Results: (our"},
    {.in = "Authentication-Results: " LONG_NAME LONG_NAME LONG_NAME LONG_NAME "\r\nA: b\r\n\r\n",
     .out = "A: b\r\n\r\n",
     .ended = true},
    {.in = "Authentication-Results: (" LONG_NAME LONG_NAME LONG_NAME ") b.test; none\r\n\r\n",
     .out = "Authentication-Results: (" LONG_NAME LONG_NAME LONG_NAME ") b.test; none\r\n\r\n",
     .ended = true},
    /* the CR must not join the LF of the blank line when what stood between them goes */
    {.in = "A: b\rBcc: t\n\nbody",
     .out = "A: b\r\n\nbody",
     .exchanged = "A: b\r\nBcc: t\n\nbody",
     .ended = true},
};

static void check(const char *in, enum header_mode mode, size_t step, const char *want,
                  struct header *h)
{
    struct text out = TEXT_INIT(4000);
    struct span rest = span_of(in);

    header_init(h, mode, collect, &out);
    h->host = SPAN("our.test");
    for (; rest.len; rest = span_from(rest, step))
        header_feed(h, span_head(rest, step));
    header_finish(h);
    assert_string_equal(text_cstr(&out), want);
    text_free(&out);
}

static void at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step <= strlen(rows[i].in) + 1; step++) {
            struct header h;

            check(rows[i].in, HEADER_SUBMISSION, step, rows[i].out, &h);
            assert_int_equal(h.mended, rows[i].mended);
            assert_int_equal(h.ended, rows[i].ended || rows[i].mended);
            header_free(&h);
            check(rows[i].in, HEADER_EXCHANGE, step,
                  rows[i].exchanged ? rows[i].exchanged : rows[i].out, &h);
            header_free(&h);
        }
    }
}

static void fields_are_counted(void **state)
{
    static const char in[] = "From: \"A\" <a@x>,\r\n\tb@y \r\nDATE: now\r\nfrom: c@z\r\n"
                             "Message-Id: <1@x>\r\nReceived: 1\r\nReceived: 2\r\nSender: d\r\n"
                             "Auto-Submitted: no\r\nBcc: e\r\n\r\nDate: body";

    (void)state;
    for (size_t step = 1; step < sizeof in; step++) {
        struct header h;
        struct text out = TEXT_INIT(1000);
        struct span rest = span_of(in);

        header_init(&h, HEADER_SUBMISSION, collect, &out);
        for (; rest.len; rest = span_from(rest, step))
            header_feed(&h, span_head(rest, step));
        header_finish(&h);
        assert_int_equal(h.count[HEADER_FROM], 2);
        assert_int_equal(h.count[HEADER_DATE], 1);
        assert_int_equal(h.count[HEADER_MESSAGE_ID], 1);
        assert_int_equal(h.count[HEADER_RECEIVED], 2);
        assert_int_equal(h.count[HEADER_SENDER], 1);
        assert_int_equal(h.count[HEADER_AUTO_SUBMITTED], 1);
        assert_int_equal(h.count[HEADER_DROPPED], 1);
        assert_int_equal(h.size, sizeof in - 1 - strlen("Date: body"));
        assert_false(header_looping(&h));
        header_free(&h);
        text_free(&out);
    }
}

static bool count_bytes(void *arg, struct span bytes)
{
    *(uint64_t *)arg += bytes.len;
    return true;
}

/* HOSTILE 89 */
static void endless_headers_need_no_memory(void **state)
{
    static char block[65536];
    uint64_t out = 0;
    struct header h;

    (void)state;
    header_init(&h, HEADER_SUBMISSION, count_bytes, &out);
    for (int i = 0; i < 30000; i++)
        header_feed(&h, SPAN("X-Field: something\r\n"));
    assert_int_equal(out, 30000 * 20);
    header_feed(&h, SPAN("From: "));
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 48; i++)
        header_feed(&h, (struct span){block, sizeof block});
    header_feed(&h, SPAN("\r\nBcc: "));
    out = 0;
    for (int i = 0; i < 48; i++)
        header_feed(&h, (struct span){block, sizeof block});
    assert_int_equal(out, 0);
    header_finish(&h);
    assert_false(h.ended);
    assert_true(h.size > 6000000);
    header_free(&h);
}

static void a_loop_is_seen(void **state)
{
    uint64_t out = 0;
    struct header h;

    (void)state;
    header_init(&h, HEADER_EXCHANGE, count_bytes, &out);
    for (int i = 0; i < 100; i++)
        header_feed(&h, SPAN("Received: from a by b\r\n"));
    assert_false(header_looping(&h));
    header_feed(&h, SPAN("Received: from a by b\r\n"));
    assert_true(header_looping(&h));
    header_free(&h);
}

static bool refuse(void *arg, struct span bytes)
{
    (void)bytes;
    ++*(int *)arg;
    return false;
}

static void a_refusal_is_final(void **state)
{
    int calls = 0;
    struct header h;

    (void)state;
    header_init(&h, HEADER_EXCHANGE, refuse, &calls);
    header_feed(&h, SPAN("A: b\r\nDate: x\r\n\r\nbody"));
    header_finish(&h);
    assert_true(h.refused);
    assert_int_equal(calls, 1);
    assert_int_equal(h.count[HEADER_DATE], 1);
    header_free(&h);
}

/* Whatever the split and the spelling. */
static void delivered_to(void **state)
{
    static const char in[] = "Delivered-To: Ann@Here.Example\r\nA: b@here.example\r\n"
                             "delivered-to :\r\n <bob@here.example.>\r\nX: delivered-to: c@x\r\n"
                             "Delivered-To:\r\nDelivered-To: \"d e\"@here.example\r\n\r\n"
                             "Delivered-To: eve@here.example\r\n";
    static const struct {
        const char *address;
        bool was;
    } asked[] = {{"ann@here.example", true},
                 {"\"ANN\"@HERE.example", true},
                 {"bob@here.example", true},
                 {"\"d e\"@here.example", true},
                 {"b@here.example", false},
                 {"c@x", false},
                 {"eve@here.example", false},
                 {"an@here.example", false},
                 {"ann@here.example.x", false},
                 {"postmaster", false},
                 {"", false}};

    (void)state;
    for (size_t piece = 1; piece < sizeof in; piece++) {
        struct text out = TEXT_INIT(1000);
        struct span rest = span_of(in);
        struct header h;

        header_init(&h, HEADER_EXCHANGE, collect, &out);
        for (; rest.len; rest = span_from(rest, piece))
            header_feed(&h, span_head(rest, piece));
        header_finish(&h);
        for (size_t i = 0; i < COUNT(asked); i++)
            assert_int_equal(header_was_delivered(&h, span_of(asked[i].address)), asked[i].was);
        assert_true(span_is(text_span(&out), in)); /* and nothing is changed */
        header_free(&h);
        text_free(&out);
    }
}

/* More than is kept is no matter. */
static void delivered_to_too_often(void **state)
{
    struct text out = TEXT_INIT(1 << 20);
    struct header h;

    (void)state;
    header_init(&h, HEADER_EXCHANGE, collect, &out);
    header_feed(&h, SPAN("Delivered-To: ann@here.example\r\n"));
    for (int i = 0; i < 1000; i++)
        header_feed(&h, SPAN("Delivered-To: somebody@there.example\r\n"));
    header_feed(&h, SPAN("Delivered-To: last@here.example\r\n\r\n"));
    header_finish(&h);
    assert_true(header_was_delivered(&h, SPAN("ann@here.example")));
    assert_false(header_was_delivered(&h, SPAN("last@here.example")));
    assert_in_range(h.delivered.len, 1, HEADER_DELIVERED_MAX);
    header_free(&h);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_to),
        cmocka_unit_test(delivered_to_too_often),
        cmocka_unit_test(at_every_split),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(endless_headers_need_no_memory),
        cmocka_unit_test(a_loop_is_seen),
        cmocka_unit_test(a_refusal_is_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
