/* Every test runs over both stores. Numbers P1.. are the promises of queue.h. */
#include "couriers.h"

#include "../store/faultvfs.h"

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

struct purse {
    unsigned left, held_from, written, kept, back;
};

static int purse_charge(void *arg, const struct message *m, void **ticket, struct span *hold,
                        struct error *e)
{
    struct purse *p = arg;

    if (m->envelope.count > p->left)
        return error_mail(e, ERROR_TEMPORARY, "4.7.1", OWNER_YOU, "the purse is empty");
    p->left -= (unsigned)m->envelope.count;
    *ticket = p;
    if (p->left < p->held_from)
        *hold = SPAN("looks odd");
    return 0;
}

static int purse_write(struct store *s, void *ticket, struct error *e)
{
    (void)e;
    ((struct purse *)ticket)->written++;
    return store_meta_put(s, SPAN("purse"), SPAN("written"), e);
}

static void purse_end(void *arg, void *ticket, bool kept)
{
    struct purse *p = arg;

    assert_ptr_equal(arg, ticket);
    p->kept += kept;
    p->back += !kept;
    p->left += kept ? 0 : 3;
}

static void give_purses(struct house *h, struct purse *a, struct purse *b)
{
    queue_free(&h->queue);
    h->set.toll[0] = (struct queue_toll){purse_charge, purse_write, purse_end, a};
    h->set.toll[1] = (struct queue_toll){purse_charge, purse_write, purse_end, b};
    h->set.toll_count = 2;
    house_open(h);
}

/* P12: a charge is exact, what is refused leaves nothing and is given back. */
static void test_tolls(void **state)
{
    struct purse a = {.left = 100}, b = {.left = 7};
    struct house *h = *state;
    struct message m;

    h->courier = delivers;
    give_purses(h, &a, &b);
    for (int i = 0; i < 3; i++) {
        m = fixture_message(BODY); /* 3 recipients */
        house_accept(h, &m);
        assert_int_equal(h->code, i < 2 ? 250 : 452);
    }
    assert_string_equal(h->enhanced, "4.7.1");
    assert_int_equal(counts(h).accepted, 2);
    assert_int_equal(a.left, 94); /* the first had charged before the second refused */
    assert_int_equal(a.back, 1);
    assert_int_equal(b.written, 2);
    assert_int_equal(b.kept, 2);
    h->accepted = h->refused = 0;
    b.left = 100;
    m = fixture_message(BODY);
    queue_accept(h->queue, &m, house_accepted, h);
    queue_accept(h->queue, &m, house_accepted, h); /* the same again: charged once */
    house_run_idle(h);
    assert_int_equal(h->accepted, 2);
    assert_int_equal(b.left, 97);
    assert_int_equal(fixture_count(h->fixture), 0);
}

/* What a toll holds is accepted, stays, and goes when a person releases it. */
static void test_toll_holds(void **state)
{
    struct purse a = {.left = 100, .held_from = 100}, b = {.left = 100};
    struct queue_order order = {.action = QUEUE_RELEASE, .person = SPAN("me")};
    struct house *h = *state;
    struct message m = fixture_message(BODY);

    h->courier = delivers;
    give_purses(h, &a, &b);
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    house_run_idle(h);
    assert_int_equal(counts(h).held, 1);
    assert_int_equal(counts(h).delivered, 0);
    house_restart(h);
    house_run_idle(h);
    assert_int_equal(counts(h).held, 1);
    order.id = &m.envelope.id;
    queue_act(h->queue, &order, NULL, NULL);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered, 3);
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

/* P5: a courier that was taken over cannot end what another one, or our own inbox, has in hand. */
static void test_result_of_another(void **state)
{
    struct house *h = *state;
    struct recipient r[2];
    struct message m = to_one(&r[0], "a@example.com"), here = to_one(&r[1], "a@here.example");
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct job_result forged = {.count = 1, .outcomes = &o};

    h->courier = keeps;
    h->courier_id = 7;
    house_accept(h, &m);
    house_accept(h, &here);
    house_run(h, has_two_jobs);
    for (int i = 0; i < 2; i++) {
        forged.lease = h->job[i].lease;
        queue_settle(h->queue, 8, &forged);
    }
    assert_int_equal(commit_load(queue_commit(h->queue)), 0);
    assert_int_equal(counts(h).delivered, 0);
    assert_int_equal(counts(h).messages, 2);
    assert_int_equal(counts(h).leased, 2);
    for (int i = 0; i < 2; i++) {
        forged.lease = h->job[i].lease;
        house_settle_as_given(h, &forged);
    }
    house_run_idle(h);
    assert_int_equal(counts(h).messages, 0);
}

/* What a courier gives back untried goes to the next one at once, and is no attempt. */
static void test_given_back(void **state)
{
    struct house *h = *state;
    struct recipient r;
    struct message m = to_one(&r, "a@example.com");
    struct outcome o = {.kind = OUTCOME_LATER, .waits_for_network = true};
    struct job_result back = {.count = 1, .outcomes = &o, .untried = true};

    h->courier = keeps;
    house_accept(h, &m);
    house_run(h, has_job);
    assert_int_equal(h->job[0].attempt, 1);
    back.lease = h->job[0].lease;
    h->courier = delivers;
    house_settle_as_given(h, &back);
    house_run_idle(h);
    assert_int_equal(counts(h).delivered + counts(h).relayed, 1);
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
        BOTH(test_tolls),
        BOTH(test_toll_holds),
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
        BOTH(test_result_of_another),
        BOTH(test_given_back),
        FAULT(test_failed_sync_is_451),
        FAULT(test_full_disk_is_452),
        FAULT(test_settle_survives_a_failed_disk),
        BOTH(test_many_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
