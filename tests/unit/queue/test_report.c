/* How messages end, and what their senders are told. */
#include "couriers.h"

static bool contains(const struct house *h, const char *words)
{
    return span_search(text_span(&h->report), span_of(words)) >= 0;
}

static void test_one_report_per_failure(void **state)
{
    struct house *h = *state;
    struct message m = fixture_message(BODY); /* the third recipient has NOTIFY=NEVER */

    h->courier = never;
    house_accept(h, &m);
    house_run_idle(h);
    /* a and c are one job: a report about a alone; b another job with its own report */
    assert_int_equal(counts(h).failed, 3);
    assert_int_equal(counts(h).reports, 2);
    assert_int_equal(h->jobs, 4);
    assert_string_equal(h->job[3].sender, "");
    assert_string_equal(h->job[3].first, "sender@example.net");
    assert_true(contains(h, "multipart/report"));
    assert_true(contains(h, "5.1.1"));
    assert_false(contains(h, "c@example.com"));
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
}

/* Never a report about <>. */
static void test_no_report_about_a_report(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = never_all;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(h->jobs, 2);
    assert_int_equal(counts(h).reports, 1);
    assert_int_equal(counts(h).failed, 2);
    assert_int_equal(counts(h).messages, 0);
    m = to_one(&r, "a@example.com");
    m.envelope.sender = SPAN_NONE;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(counts(h).reports, 1);
    assert_int_equal(counts(h).messages, 0);
}

/* RFC 3461 4.1: every set of NOTIFY with everything that can happen; NEVER stands alone. */
static void test_every_wish(void **state)
{
    static const struct {
        enum report_fact fact;
        enum report_kind kind;
        unsigned bit; /* that asks for it */
        bool unasked;
    } rows[] = {
        {REPORT_FACT_FAILED, REPORT_FAILED, NOTIFY_FAILURE, true},
        {REPORT_FACT_WAITS, REPORT_DELAYED, NOTIFY_DELAY, true},
        {REPORT_FACT_FINAL, REPORT_DONE, NOTIFY_SUCCESS, false},
        {REPORT_FACT_RELAYED, REPORT_DONE, NOTIFY_SUCCESS, false},
        {REPORT_FACT_PASSED, REPORT_NONE, 0, false},
        {REPORT_FACT_EXPANDED, REPORT_DONE, NOTIFY_SUCCESS, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned notify = 0; notify < 16; notify++) {
            bool wanted =
                notify ? !(notify & NOTIFY_NEVER) && notify & rows[i].bit : rows[i].unasked;

            assert_int_equal(report_for(rows[i].fact, notify, false),
                             wanted ? rows[i].kind : REPORT_NONE);
            assert_int_equal(report_for(rows[i].fact, notify, true), REPORT_NONE);
        }
    }
}

static void test_success_report(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m;
    static const struct {
        house_courier_fn *courier;
        const char *to;
        unsigned notify, reports;
    } rows[] = {
        {delivers, "a@example.com", NOTIFY_SUCCESS, 0}, /* the far host sends it */
        {relays, "a@example.com", NOTIFY_SUCCESS, 1},
        {relays, "a@example.com", NOTIFY_FAILURE, 0},
        {relays, "a@example.com", 0, 0},
        {delivers, "a@here.example", NOTIFY_SUCCESS | NOTIFY_FAILURE, 1},
        {delivers, "a@here.example", NOTIFY_NEVER, 0},
    };
    uint64_t before;

    for (size_t i = 0; i < COUNT(rows); i++) {
        m = to_one(&r, rows[i].to);
        r.notify = rows[i].notify;
        h->courier = rows[i].courier;
        before = counts(h).reports;
        house_accept(h, &m);
        house_run_idle(h);
        assert_int_equal(counts(h).reports - before, rows[i].reports);
        assert_int_equal(counts(h).messages, 0);
    }
}

/* RFC 3461 4.3, 4.4, 5.2.1, RFC 3464 2.2.1, 2.3.1: what came with MAIL and RCPT is told in every
 * kind of report, decoded; the whole message comes back only with a failure and RET=FULL. */
static void test_what_the_sender_gave_comes_back(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m;
    static const struct {
        house_courier_fn *courier;
        const char *to, *action;
        enum dsn_ret ret;
        bool whole;
    } rows[] = {
        {never, "a@example.com", "failed", RET_FULL, true},
        {never, "a@example.com", "failed", RET_HDRS, false},
        {never, "a@example.com", "failed", RET_UNSET, false},
        {relays, "a@example.com", "relayed", RET_FULL, false},
        {relays, "a@example.com", "relayed", RET_HDRS, false},
        {delivers, "a@here.example", "delivered", RET_FULL, false},
        {dead, "a@dead.example", "delayed", RET_FULL, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char action[40];

        snprintf(action, sizeof action, "Action: %s\r\n", rows[i].action);
        m = to_one(&r, rows[i].to);
        m.envelope.ret = rows[i].ret;
        m.envelope.envid = SPAN("QQ+2B3140+3D+201");
        r.orcpt = SPAN("RFC822;first+2Btag@old.example");
        r.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;
        h->courier = rows[i].courier;
        text_clear(&h->report);
        house_accept(h, &m);
        house_run_idle(h);
        if (rows[i].courier == dead)
            house_pass(h, 5 * CLOCK_HOUR);
        assert_true(contains(h, action));
        assert_true(contains(h, "\r\nOriginal-Envelope-Id: QQ+3140= 1\r\n"));
        assert_true(contains(h, "\r\nOriginal-Recipient: RFC822;first+tag@old.example\r\n"));
        assert_int_equal(contains(h, "\r\nhello\r\n"), rows[i].whole);
        assert_int_equal(contains(h, "Content-Type: message/rfc822\r\n"), rows[i].whole);
        assert_int_equal(contains(h, "Content-Type: text/rfc822-headers"), !rows[i].whole);
    }
}

/* RFC 3461 5.2.7, RFC 3464 2.3.3: told once, with the accept, and to nobody in <>. */
static void test_expanded(void **state)
{
    struct house *h = *state;
    struct recipient r, aliases[] = {{.address = SPAN("quiet@here.example")},
                                     {.address = SPAN("all@here.example"),
                                      .orcpt = SPAN("rfc822;every+2Bone@old.example"),
                                      .notify = NOTIFY_SUCCESS}};
    struct message m = to_one(&r, "a@here.example");

    r.notify = NOTIFY_NEVER;
    m.expanded = aliases;
    m.expanded_count = COUNT(aliases);
    h->courier = delivers;
    queue_pause(h->queue, true);
    house_accept(h, &m);
    house_accept(h, &m); /* the same once more */
    queue_pause(h->queue, false);
    house_run_idle(h);
    assert_int_equal(counts(h).reports, 1);
    assert_int_equal(h->jobs, 2);
    assert_true(contains(h, "\r\nOriginal-Recipient: rfc822;every+one@old.example\r\n"
                            "Final-Recipient: rfc822;all@here.example\r\n"
                            "Action: expanded\r\nStatus: 2.0.0\r\n"));
    assert_false(contains(h, "quiet@here.example"));
    assert_true(contains(h, "Original-Envelope-Id: env+1\r\n"));
    m.envelope.id = id_new();
    m.envelope.sender = SPAN_NONE;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(counts(h).reports, 1);
    assert_int_equal(counts(h).messages, 0);
}

/* P6: five days of "later", one delay notice, then one failure report with 4.4.7. */
static void test_expires_after_its_lifetime(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@dead.example");

    h->courier = dead;
    house_accept(h, &m);
    house_run_idle(h);
    house_pass(h, 3 * CLOCK_HOUR);
    assert_int_equal(counts(h).reports, 0);
    house_pass(h, 90 * CLOCK_MINUTE);
    house_pass(h, 4 * CLOCK_HOUR);
    assert_int_equal(counts(h).reports, 1);
    assert_true(contains(h, "delayed"));
    for (int i = 0; i < 22; i++)
        house_pass(h, 5 * CLOCK_HOUR);
    assert_int_equal(counts(h).reports, 1);
    assert_int_equal(counts(h).failed, 0);
    house_pass(h, 5 * CLOCK_HOUR);
    house_pass(h, 5 * CLOCK_HOUR);
    assert_int_equal(counts(h).failed, 1);
    assert_int_equal(counts(h).reports, 2);
    assert_true(contains(h, "4.4.7"));
    assert_true(contains(h, "Nobody answers"));
    assert_int_equal(counts(h).messages, 0);
}

/* What was not tried does not expire, however long the machine was off. */
static void test_untried_does_not_expire(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = delivers;
    queue_pause(h->queue, true);
    house_accept(h, &m);
    house_pass(h, 30 * CLOCK_DAY);
    assert_int_equal(counts(h).failed, 0);
    queue_pause(h->queue, false);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 1);
}

/* Mail that never got its own turn behind a dead place still gets its notice and its end. */
static void test_expires_behind_a_dead_place(void **state)
{
    struct house *h = *state;
    struct recipient r[30];
    struct message m[30];

    h->courier = dead;
    for (int i = 0; i < 30; i++) {
        m[i] = to_one(&r[i], "a@dead.example");
        house_accept(h, &m[i]);
    }
    house_run_idle(h);
    assert_in_range(h->jobs, 1, 10); /* one round, not thirty tries */
    for (int i = 0; i < 10; i++)
        house_pass(h, 30 * CLOCK_MINUTE);
    assert_int_equal(counts(h).reports, 30);
    for (int i = 0; i < 60; i++)
        house_pass(h, 3 * CLOCK_HOUR);
    assert_int_equal(counts(h).failed, 30);
    assert_int_equal(counts(h).reports, 60);
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_one_report_per_failure),
        BOTH(test_no_report_about_a_report),
        cmocka_unit_test(test_every_wish),
        BOTH(test_success_report),
        BOTH(test_expanded),
        BOTH(test_what_the_sender_gave_comes_back),
        BOTH(test_expires_after_its_lifetime),
        BOTH(test_untried_does_not_expire),
        BOTH(test_expires_behind_a_dead_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
