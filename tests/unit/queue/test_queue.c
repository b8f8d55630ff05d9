/* Every test runs over both stores. Numbers P1.. are the promises of queue.h. */
#include "house.h"

#include "../store/faultvfs.h"

#include <errno.h>

#define BODY SPAN("Subject: x\r\n\r\nhello\r\n")

static int setup_sqlite(void **state)
{
    *state = house_new("sqlite");
    return 0;
}

static int setup_memory(void **state)
{
    *state = house_new("memory");
    return 0;
}

static int teardown(void **state)
{
    house_free(*state);
    return 0;
}

static struct queue_counts counts(struct house *h)
{
    struct queue_counts n;

    queue_counts(h->queue, &n);
    return n;
}

/* ---- couriers ---- */

static bool delivers(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    *o = (struct outcome){.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}, .host = SPAN("mx.test")};
    return true;
}

static bool later(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    *o = (struct outcome){.kind = OUTCOME_LATER,
                          .scope = SCOPE_RECIPIENT,
                          .stage = STAGE_RCPT,
                          .status = {4, 2, 1},
                          .words = SPAN("The mailbox is full."),
                          .host = SPAN("mx.test"),
                          .reply = {.code = 450, .text = SPAN("full")}};
    return true;
}

static bool dead(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    if (!span_starts(j->destination, SPAN("mx:dead")))
        return delivers(h, j, o);
    *o = (struct outcome){.kind = OUTCOME_LATER,
                          .scope = SCOPE_ROUTE,
                          .stage = STAGE_CONNECT,
                          .status = {4, 4, 1},
                          .waits_for_network = true,
                          .words = SPAN("Nobody answers.")};
    return true;
}

/* Refuses what comes from somebody, delivers reports. */
static bool never(struct house *h, const struct job *j, struct outcome *o)
{
    if (!j->envelope.sender.len)
        return delivers(h, j, o);
    *o = (struct outcome){.kind = OUTCOME_NEVER,
                          .scope = SCOPE_RECIPIENT,
                          .stage = STAGE_RCPT,
                          .status = {5, 1, 1},
                          .owner = OWNER_RECIPIENT,
                          .words = SPAN("There is no such mailbox."),
                          .reply = {.code = 550, .text = SPAN("who?")}};
    return true;
}

static bool never_all(struct house *h, const struct job *j, struct outcome *o)
{
    struct job other = *j;

    other.envelope.sender = SPAN("x");
    return never(h, &other, o);
}

static bool relays(struct house *h, const struct job *j, struct outcome *o)
{
    delivers(h, j, o);
    o->kind = OUTCOME_RELAYED;
    return true;
}

static bool keeps(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    (void)o;
    return false;
}

static bool has_job(struct house *h)
{
    return h->jobs > 0;
}

static bool has_two_jobs(struct house *h)
{
    return h->jobs > 1;
}

/* A message from the sender to one recipient. */
static struct message to_one(struct recipient *r, const char *address)
{
    struct message m = fixture_message(BODY);

    *r = (struct recipient){.address = span_of(address)};
    m.envelope.recipients = r;
    m.envelope.count = 1;
    return m;
}

/* ---- accept and deliver ---- */

static void test_accept_and_deliver(void **state)
{
    struct house *h = *state;
    struct message m = fixture_message(BODY); /* two at example.com, one at example.org */
    unsigned both;

    h->courier = delivers;
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    assert_string_equal(h->enhanced, "2.0.0");
    house_run_idle(h);
    assert_int_equal(h->jobs, 2);
    both = h->job[0].count == 2 ? 0 : 1;
    assert_int_equal(h->job[both].count, 2);
    assert_string_equal(h->job[both].destination, "mx:example.com");
    assert_int_equal(h->job[1 - both].count, 1);
    assert_int_equal(h->job[0].attempt, 1);
    assert_string_equal(text_cstr(&h->content),
                        "Received: from laptop\r\nSubject: x\r\n\r\nhello\r\n");
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(counts(h).delivered, 3);
    assert_int_equal(counts(h).destinations, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
}

/* P1: the same id again is 250, changes nothing and is delivered once. */
static void test_accept_twice(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = later;
    house_accept(h, &m);
    house_run_idle(h);
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    house_run_idle(h);
    assert_int_equal(h->jobs, 1);
    assert_int_equal(counts(h).messages, 1);
    assert_int_equal(counts(h).accepted, 1);
}

/* The same key of the same account is the same message, whatever its id is now, also when the first
 * one was delivered meanwhile; another account's key is another one; for something else it is
 * refused. */
static void test_accept_once(void **state)
{
    static const struct {
        const char *account, *key;
        uint64_t digest;
        unsigned code, accepted;
    } rows[] = {
        {"kim", "k1", 7, 250, 1}, {"kim", "k1", 7, 250, 1}, {"ann", "k1", 7, 250, 2},
        {"kim", "k1", 8, 554, 2}, {"kim", "k2", 7, 250, 3}, {"kim", "", 7, 250, 4},
        {"kim", "", 7, 250, 5},
    };
    struct house *h = *state;

    h->courier = delivers;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recipient r;
        struct message m = to_one(&r, "a@example.com");

        m.origin.account = span_of(rows[i].account);
        m.once = span_of(rows[i].key);
        m.once_digest = rows[i].digest;
        house_accept(h, &m);
        assert_int_equal(h->code, rows[i].code);
        house_run_idle(h);
        assert_int_equal(counts(h).accepted, rows[i].accepted);
        assert_int_equal(counts(h).delivered, rows[i].accepted);
    }
}

/* P12: the daily limit is exact and what is refused leaves nothing. */
static void test_day_limit(void **state)
{
    struct house *h = *state;
    struct message m;

    h->courier = delivers;
    h->queue->set.day_limit = 7;
    for (int i = 0; i < 3; i++) {
        m = fixture_message(BODY); /* 3 recipients, account kim */
        house_accept(h, &m);
        assert_int_equal(h->code, i < 2 ? 250 : 452);
    }
    assert_string_equal(h->enhanced, "4.7.1");
    assert_int_equal(counts(h).accepted, 2);
    house_run_idle(h);
    assert_int_equal(fixture_count(h->fixture), 0);
}

/* P2, fault 14: too much waiting for the disk is "try later" and keeps nothing. */
static void test_busy(void **state)
{
    struct house *h = *state;
    struct message m[5];
    struct error e = {0};

    h->courier = delivers;
    queue_free(&h->queue);
    h->set.commit.waiting_max = 3;
    house_open(h);
    house_run_idle(h);
    for (int i = 0; i < 5; i++) {
        m[i] = fixture_message(BODY);
        queue_accept(h->queue, &m[i], house_accepted, h);
    }
    assert_int_equal(queue_room(h->queue, 0, &e), -1);
    assert_string_equal(e.enhanced, "4.3.2");
    house_run_idle(h);
    assert_int_equal(h->accepted, 3);
    assert_int_equal(h->refused, 2);
    assert_int_equal(queue_room(h->queue, 0, &e), 0);
}

/* P9: what no listener should hand over does not hurt. */
static void test_strange_messages(void **state)
{
    struct house *h = *state;
    struct recipient r;
    char *domain = memory_alloc(3001);
    struct message m;

    h->courier = delivers;
    memset(domain, 'd', 3000);
    domain[0] = '@';
    m = to_one(&r, domain);
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
    m = to_one(&r, "a@example.com");
    m.envelope.count = 0;
    house_accept(h, &m);
    assert_int_equal(h->code, 452);
    assert_int_equal(counts(h).messages, 0);
    free(domain);
}

/* ---- waiting ---- */

static void test_back_off(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = later;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(h->jobs, 1);
    house_pass(h, 3 * CLOCK_MINUTE + 50 * CLOCK_SECOND);
    assert_int_equal(h->jobs, 1); /* 5 minutes less a fifth is 4 */
    house_pass(h, 2 * CLOCK_MINUTE + 20 * CLOCK_SECOND);
    assert_int_equal(h->jobs, 2);
    assert_int_equal(h->job[1].attempt, 2);
    house_pass(h, 7 * CLOCK_MINUTE);
    assert_int_equal(h->jobs, 2); /* 10 minutes now */
    house_pass(h, 5 * CLOCK_MINUTE + CLOCK_SECOND);
    assert_int_equal(h->jobs, 3);
    h->courier = delivers;
    house_pass(h, 25 * CLOCK_MINUTE);
    assert_int_equal(h->jobs, 4);
    assert_int_equal(counts(h).messages, 0);
}

/* What waits keeps its attempts and its time over a restart. */
static void test_restart(void **state)
{
    struct house *h = *state;
    struct message m = fixture_message(BODY);

    h->courier = later;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(h->jobs, 2);
    house_restart(h);
    assert_int_equal(counts(h).messages, 1);
    assert_int_equal(counts(h).recipients, 3);
    house_run_idle(h);
    assert_int_equal(h->jobs, 2);
    house_pass(h, 7 * CLOCK_MINUTE);
    assert_int_equal(h->jobs, 4);
    assert_int_equal(h->job[3].attempt, 2);
}

/* A delivered recipient is not tried again after a restart. */
static void test_restart_half_delivered(void **state)
{
    struct house *h = *state;
    struct recipient r[2] = {{.address = SPAN("a@dead.example")},
                             {.address = SPAN("b@live.example")}};
    struct message m = fixture_message(BODY);

    m.envelope.recipients = r;
    m.envelope.count = 2;
    h->courier = dead;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 1);
    house_restart(h);
    h->courier = delivers;
    house_pass(h, CLOCK_HOUR);
    assert_int_equal(h->jobs, 3);
    assert_string_equal(h->job[2].first, "a@dead.example");
    assert_int_equal(counts(h).messages, 0);
}

static bool refused_once(struct house *h)
{
    return h->queue->full;
}

static void test_no_courier_has_room(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->refuse = true;
    h->courier = delivers;
    house_accept(h, &m);
    house_run(h, refused_once);
    assert_int_equal(counts(h).leased, 1);
    h->refuse = false;
    queue_kick(h->queue);
    house_run_idle(h);
    assert_int_equal(h->jobs, 1);
    assert_int_equal(counts(h).messages, 0);
}

static void test_network_wakes(void **state)
{
    struct house *h = *state;
    struct recipient r[2] = {{.address = SPAN("a@dead.example")}, {.address = SPAN("b@x.example")}};
    struct message m = fixture_message(BODY);

    m.envelope.recipients = r;
    m.envelope.count = 2;
    h->courier = dead;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(counts(h).failing, 1);
    h->courier = delivers;
    queue_network(h->queue, false);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
}

/* ---- leases: P5 ---- */

static void test_lost_courier(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");
    struct outcome o = {.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}};
    uint64_t old;

    h->courier = keeps;
    h->courier_id = 7;
    house_accept(h, &m);
    house_run(h, has_job);
    old = h->job[0].lease;
    queue_lost(h->queue, 8);
    assert_int_equal(counts(h).leased, 1);
    queue_lost(h->queue, 7);
    assert_int_equal(counts(h).leased, 0);
    house_run(h, has_two_jobs);
    assert_int_not_equal(h->job[1].lease, old);
    house_settle(h, old, 1, &o); /* too late: it has another owner */
    assert_int_equal(counts(h).leased, 1);
    assert_int_equal(counts(h).delivered, 0);
    house_settle(h, h->job[1].lease, 1, &o);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 1);
    assert_int_equal(counts(h).messages, 0);
}

/* Fault 12: a message that kills one courier after the other is held. */
static void test_killer_message(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    for (int i = 0; i < 5; i++) {
        h->jobs = 0;
        queue_lost(h->queue, 0);
        house_shift(h, CLOCK_HOUR);
        if (i < 4)
            house_run(h, has_job);
    }
    house_run_idle(h);
    assert_int_equal(counts(h).held, 1);
    assert_int_equal(h->jobs, 0);
}

static void test_lease_runs_out(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");

    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    h->courier = delivers;
    house_shift(h, 3 * CLOCK_HOUR);
    house_run(h, has_two_jobs);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
}

/* P9: a result that does not fit its lease is no result. */
static void test_wrong_result(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");
    struct outcome o = {.kind = OUTCOME_DELIVERED};

    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    house_settle(h, h->job[0].lease, 3, &o);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 0);
    assert_int_equal(counts(h).messages, 1);
    h->courier = delivers;
    house_pass(h, 6 * CLOCK_MINUTE);
    assert_int_equal(counts(h).messages, 0);
}

/* ---- a disk that fails ---- */

static int setup_fault(void **state)
{
    struct house *h = house_new("sqlite");
    struct error e = {0};

    fault_reset();
    queue_free(&h->queue);
    store_close(&h->fixture->store);
    if (fixture_open(h->fixture, "fault", &e) < 0)
        fail_msg("%s", e.words);
    house_open(h);
    house_run_idle(h);
    *state = h;
    return 0;
}

static bool works_again(struct house *h)
{
    return !store_failed(h->fixture->store) && house_idle(h);
}

/* P2, fault 16: a sync that fails is 451, leaves nothing, and is mended without a restart. */
static void test_failed_sync_is_451(void **state)
{
    struct house *h = *state;
    struct message m = fixture_message(BODY), other = fixture_message(BODY);
    struct error e = {0};

    h->courier = delivers;
    fault_arm(1, 1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, true);
    house_accept(h, &m);
    assert_int_equal(h->code, 451);
    assert_int_equal(queue_room(h->queue, 0, &e), -1);
    assert_string_equal(e.enhanced, "4.3.0");
    house_accept(h, &other);
    assert_int_equal(h->code, 451);
    fault.countdown = 0;
    house_run(h, works_again);
    assert_int_equal(h->jobs, 0);
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 3);
}

/* Fault 14: a full disk is 452. */
static void test_full_disk_is_452(void **state)
{
    struct house *h = *state;
    struct message m = fixture_message(BODY);

    h->courier = delivers;
    fault_arm(1, 1 << FAULT_WRITE, SQLITE_FULL, false);
    house_accept(h, &m);
    assert_int_equal(h->code, 452);
    assert_string_equal(h->enhanced, "4.3.1");
    assert_int_equal(h->jobs, 0);
}

/* P3, P4: a result that cannot be stored is kept until it can; the mail is not given out again. */
static void test_settle_survives_a_failed_disk(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");
    struct outcome o = {.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}};

    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    fault_arm(1, 1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, false);
    house_settle(h, h->job[0].lease, 1, &o);
    house_settle(h, h->job[0].lease, 1, &o); /* once is enough */
    house_run_idle(h);
    assert_int_equal(h->jobs, 1);
    assert_int_equal(counts(h).delivered, 1);
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
}

/* ---- ends and reports: P3, P6 ---- */

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

/* ---- admin ---- */

struct seen {
    unsigned entries, ends;
    size_t events;
    enum store_state state;
    int64_t next_try;
    char words[200], error[400];
};

static void see(void *arg, const struct queue_entry *entry, const struct error *e)
{
    struct seen *s = arg;

    if (!entry) {
        s->ends++;
        snprintf(s->error, sizeof s->error, "%s", e ? e->words : "");
        return;
    }
    s->entries++;
    s->events = entry->event_count;
    s->state = entry->head->state;
    s->next_try = entry->head->recipients[0].next_try;
    span_cstr(span_head(entry->head->recipients[0].words, 199), s->words, sizeof s->words);
}

static unsigned acted;
static bool action_failed, action_done;

static void act_done(void *arg, unsigned touched, const struct error *e)
{
    (void)arg;
    acted = touched;
    action_failed = e != NULL;
    action_done = true;
}

static bool is_done(struct house *h)
{
    (void)h;
    return action_done;
}

static void act(struct house *h, enum queue_action a, const struct id *id, const char *person)
{
    action_done = false;
    queue_act(h->queue, a, id, span_of(person), span_of(person), act_done, NULL);
    house_run(h, is_done);
}

static void test_list_and_show(void **state)
{
    struct house *h = *state;
    struct recipient r[3];
    struct message m[3];
    struct seen s = {0};

    h->courier = later;
    for (int i = 0; i < 3; i++) {
        m[i] = to_one(&r[i], "a@example.com");
        house_accept(h, &m[i]);
    }
    house_run_idle(h);
    queue_list(h->queue, &m[0].envelope.id, 10, see, &s);
    house_run_idle(h);
    assert_int_equal(s.entries, 2);
    assert_int_equal(s.ends, 1);
    assert_in_range(s.next_try - clock_wall(), 3 * CLOCK_MINUTE, 7 * CLOCK_MINUTE);
    s = (struct seen){0};
    queue_show(h->queue, &m[1].envelope.id, see, &s);
    house_run_idle(h);
    assert_int_equal(s.entries, 1);
    assert_int_equal(s.events, 1);
    assert_string_equal(s.words, "The mailbox is full. mx.test said: 450 full");
    s = (struct seen){0};
    queue_show(h->queue, &(struct id){{1}}, see, &s);
    house_run_idle(h);
    assert_int_equal(s.entries, 0);
    assert_int_equal(s.ends, 1);
    assert_string_equal(s.error, "");
}

static void test_hold_release_retry_remove(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");
    const struct id *id = &m.envelope.id;

    h->courier = later;
    house_accept(h, &m);
    house_run_idle(h);
    act(h, QUEUE_HOLD, id, "kim");
    assert_int_equal(counts(h).held, 1);
    house_pass(h, 3 * CLOCK_HOUR);
    assert_int_equal(h->jobs, 1);
    house_restart(h);
    assert_int_equal(counts(h).held, 1);
    act(h, QUEUE_RELEASE, id, "kim");
    house_run_idle(h);
    assert_int_equal(counts(h).held, 0);
    assert_int_equal(h->jobs, 2);
    act(h, QUEUE_RETRY, id, "kim");
    house_run_idle(h);
    assert_int_equal(h->jobs, 3);
    act(h, QUEUE_RETRY, NULL, "kim");
    house_run_idle(h);
    assert_int_equal(h->jobs, 4);
    act(h, QUEUE_REMOVE, id, "");
    assert_true(action_failed);
    assert_int_equal(counts(h).messages, 1);
    act(h, QUEUE_REMOVE, id, "kim");
    assert_false(action_failed);
    assert_int_equal(acted, 1);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(counts(h).dropped, 1);
    assert_int_equal(fixture_count(h->fixture), 0);
    act(h, QUEUE_HOLD, id, "kim");
    assert_true(action_failed);
}

/* Removed while a courier has it: what it delivered stays delivered. */
static void test_remove_leased(void **state)
{
    struct house *h = *state;
    struct recipient r[2] = {{.address = SPAN("a@one.example")},
                             {.address = SPAN("b@one.example")}};
    struct message m = fixture_message(BODY);
    struct outcome o[2] = {{.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}},
                           {.kind = OUTCOME_LATER, .status = {4, 0, 0}}};
    struct job_result result = {.count = 2, .outcomes = o};

    m.envelope.recipients = r;
    m.envelope.count = 2;
    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    act(h, QUEUE_REMOVE, &m.envelope.id, "kim");
    assert_int_equal(counts(h).messages, 1);
    result.lease = h->job[0].lease;
    queue_settle(h->queue, &result);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(counts(h).delivered, 1);
    assert_int_equal(counts(h).dropped, 1);
}

static void test_reroute(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@dead.example");

    h->courier = dead;
    house_accept(h, &m);
    house_run_idle(h);
    queue_reroute(h->queue);
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 1);
    assert_int_equal(counts(h).recipients, 1);
    assert_int_equal(counts(h).destinations, 1);
    h->courier = delivers;
    house_pass(h, 10 * CLOCK_MINUTE);
    assert_int_equal(h->job[h->jobs - 1].attempt, 2);
    assert_int_equal(counts(h).messages, 0);
}

/* More recipients at one place than fit in a job go in several. */
static void test_many_recipients(void **state)
{
    struct house *h = *state;
    struct recipient *r = memory_array(250, sizeof *r);
    struct message m = fixture_message(BODY);

    for (int i = 0; i < 250; i++)
        r[i].address = SPAN("a@example.com");
    m.envelope.recipients = r;
    m.envelope.count = 250;
    m.origin.account = SPAN_NONE;
    h->courier = delivers;
    house_accept(h, &m);
    house_run_idle(h);
    assert_int_equal(h->jobs, 3);
    assert_int_equal(counts(h).delivered, 250);
    assert_int_equal(counts(h).messages, 0);
    free(r);
}

#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, setup_sqlite, teardown, NULL},                                       \
    {                                                                                              \
#test " (memory)", test, setup_memory, teardown, NULL                                      \
    }

#define FAULT(test)                                                                                \
    {                                                                                              \
#test, test, setup_fault, teardown, NULL                                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_accept_and_deliver),
        BOTH(test_accept_twice),
        BOTH(test_accept_once),
        BOTH(test_day_limit),
        BOTH(test_busy),
        BOTH(test_strange_messages),
        BOTH(test_back_off),
        BOTH(test_restart),
        BOTH(test_restart_half_delivered),
        BOTH(test_no_courier_has_room),
        BOTH(test_network_wakes),
        BOTH(test_lost_courier),
        BOTH(test_killer_message),
        BOTH(test_lease_runs_out),
        BOTH(test_wrong_result),
        FAULT(test_failed_sync_is_451),
        FAULT(test_full_disk_is_452),
        FAULT(test_settle_survives_a_failed_disk),
        BOTH(test_one_report_per_failure),
        BOTH(test_no_report_about_a_report),
        BOTH(test_success_report),
        BOTH(test_expires_after_its_lifetime),
        BOTH(test_untried_does_not_expire),
        BOTH(test_expires_behind_a_dead_place),
        BOTH(test_list_and_show),
        BOTH(test_hold_release_retry_remove),
        BOTH(test_remove_leased),
        BOTH(test_reroute),
        BOTH(test_many_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
