/* What people may do with messages that wait. */
#include "couriers.h"

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
    struct queue_order order = {a, id, span_of(person), span_of(person)};

    action_done = false;
    queue_act(h->queue, &order, act_done, NULL);
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
    house_settle_as_given(h, &result);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_list_and_show),
        BOTH(test_hold_release_retry_remove),
        BOTH(test_remove_leased),
        BOTH(test_reroute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
