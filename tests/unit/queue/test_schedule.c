#include "../store/fixture.h"
#include "queue/qclock.h"
#include "queue/report.h"
#include "queue/schedule.h"

#include <malloc.h>
#include <time.h>

static const struct schedule_limits limits = {
    .per_place = 10, .recipients = 100, .retry = {300000, 600000}};

static struct item *add(struct schedule *s, const char *place, int64_t now)
{
    struct store_recipient state = {0};
    struct recipient who = {.address = SPAN("a@example.com")};
    struct store_head head = {.id = id_new(),
                              .born = 5,
                              .size = 4096,
                              .recipients = &state,
                              .envelope = {.sender = SPAN("x@y"), .recipients = &who, .count = 1}};
    struct route r = {.destination = span_of(place), .domain = span_of(place)};

    return schedule_add(s, &head, &r, 5, now);
}

/* HOSTILE fault 31: 100 000 to one dead host and one to a live one. */
static void test_a_dead_place_delays_nobody(void **state)
{
    const struct schedule_trouble dead = {{4, 4, 1}, SPAN("dead"), true, false, 0, NULL};
    struct schedule s;
    struct slot *taken[20], *slot;
    size_t before = mallinfo2().uordblks, per_item;
    int64_t t = 1000;
    clock_t start; /* of the processor: others may use it too */
    unsigned probes = 0;

    (void)state;
    schedule_init(&s, &limits);
    start = clock();
    for (int i = 0; i < 100000; i++)
        add(&s, "mx:dead.example", t);
    assert_true((clock() - start) / CLOCKS_PER_SEC < 5);
    per_item = (mallinfo2().uordblks - before) / 100000;
    if (before && per_item) /* sanitizers have an allocator of their own */
        assert_in_range(per_item, 1, 300);
    for (int i = 0; i < 10; i++)
        assert_non_null(taken[i] = schedule_take(&s, t));
    assert_null(schedule_take(&s, t));

    add(&s, "mx:live.example", t);
    slot = schedule_take(&s, t);
    assert_non_null(slot);
    assert_true(span_is(slot->place->key, "mx:live.example"));

    for (int i = 0; i < 10; i++) {
        schedule_failed(&s, taken[i]->place, t, &dead);
        schedule_put(&s, taken[i], t + 300000);
    }
    assert_int_equal(taken[0]->place->failures, 1); /* one round is one failure */
    start = clock();
    for (int minute = 0; minute < 600; minute++, t += 60000) {
        slot = schedule_take(&s, t);
        if (!slot)
            continue;
        probes++;
        assert_null(schedule_take(&s, t)); /* one job finds out for all */
        schedule_failed(&s, slot->place, t, &dead);
        schedule_put(&s, slot, t + 300000);
    }
    assert_in_range(probes, 10, 80);                     /* every 10 minutes at most */
    assert_int_equal(schedule_network(&s, false, t), 0); /* none of them failed by itself */
    assert_non_null(schedule_take(&s, t));
    assert_non_null(schedule_take(&s, t));
    assert_true((clock() - start) / CLOCKS_PER_SEC < 2);
    schedule_free(&s);
}

/* A relay behind a closed network: in a new network one message asks every few seconds, later ever
 * less often; none asks offline; and what leads out again leads out for all of them. */
static void test_a_closed_network(void **state)
{
    static const int64_t later[] = {15000, 30000, 60000, 120000, 300000, 300000};
    const struct schedule_trouble silent = {{4, 4, 1}, SPAN("silence"), true, false, 0, NULL};
    struct schedule s;
    struct slot *slot, *other;
    int64_t t = 1000;

    (void)state;
    schedule_init(&s, &limits);
    add(&s, "relay:isp", t)->slot[0].place->kind = ROUTE_RELAY;
    add(&s, "relay:isp", t);
    slot = schedule_take(&s, t);
    other = schedule_take(&s, t);
    for (size_t i = 0; i < 6; i++) { /* nobody has told of any network */
        assert_int_equal(schedule_network_wait(&s, slot->place, t), later[i]);
        schedule_failed(&s, slot->place, t, &silent);
        t = slot->place->until;
    }
    schedule_network(&s, true, t);
    assert_int_equal(schedule_network_wait(&s, slot->place, t), 300000);
    schedule_network(&s, false, t);
    assert_in_range(schedule_network_wait(&s, slot->place, t), 1000, 5000);
    assert_int_equal(schedule_network_wait(&s, slot->place, t + 3600000), 15000);

    slot->waits_for_network = other->waits_for_network = true;
    schedule_failed(&s, slot->place, t, &silent);
    schedule_put(&s, slot, t + 4000);
    schedule_put(&s, other, t + 300000);
    assert_null(schedule_take(&s, t + 100));
    assert_ptr_equal(schedule_take(&s, t + 4000), slot);
    assert_null(schedule_take(&s, t + 4000)); /* it alone looks */
    schedule_works(&s, slot->place);
    assert_ptr_equal(schedule_take(&s, t + 4000), other);
    schedule_free(&s);
}

/* A server that says when to come again is left alone for so long, by all that go there. */
static void test_asked_to_wait(void **state)
{
    const struct schedule_trouble busy = {{4, 3, 2}, SPAN("busy"), false, false, 3600000, NULL};
    struct schedule s;
    struct slot *slot;

    (void)state;
    schedule_init(&s, &limits);
    add(&s, "relay:isp", 1000);
    add(&s, "relay:isp", 1000);
    slot = schedule_take(&s, 1000);
    schedule_failed(&s, slot->place, 1000, &busy);
    schedule_put(&s, slot, 300000);
    assert_null(schedule_take(&s, 3600999));
    assert_non_null(schedule_take(&s, 3601000));
    schedule_free(&s);
}

/* Where an answer was lost is asked three times before others are, and once only for each loss. */
static void test_hold(void **state)
{
    const struct span door = SPAN("isp mx:443 https"), other = SPAN("isp mx:444 https");
    struct schedule s;
    struct slot *slot;

    (void)state;
    schedule_init(&s, &limits);
    slot = add(&s, "relay:isp", 1000)->slot;
    schedule_hold(slot, SPAN_NONE, true, 1000);
    assert_false(schedule_held(slot, 1000).len);
    assert_true(schedule_holds(slot, door, 1000));
    assert_false(schedule_holds(slot, SPAN_NONE, 1000));
    schedule_hold(slot, door, true, 1000);
    assert_true(span_eq(schedule_held(slot, 2000), door));
    assert_true(schedule_holds(slot, door, 2000));
    schedule_hold(slot, other, true, 2000);
    for (int i = 0; i < 5; i++) /* not reached: nothing was learnt */
        schedule_hold(slot, SPAN_NONE, false, 2000);
    assert_true(span_eq(schedule_held(slot, 2000), door));
    schedule_hold(slot, SPAN_NONE, true, 2000);
    assert_false(schedule_holds(slot, door, 2000));
    assert_true(span_eq(schedule_held(slot, 2000), door));
    assert_false(schedule_held(slot, 1000 + 12 * 3600000LL).len);
    schedule_hold(slot, door, true, 2000);
    assert_false(schedule_held(slot, 2000).len);
    schedule_hold(slot, door, true, 2000);
    assert_false(schedule_held(slot, 2000).len);
    schedule_free(&s);
}

static void test_jitter(void **state)
{
    struct schedule s;
    int64_t low = INT64_MAX, high = 0;

    (void)state;
    schedule_init(&s, &limits);
    for (int i = 0; i < 2000; i++) {
        int64_t w = schedule_wait(&s, 1);

        low = w < low ? w : low;
        high = w > high ? w : high;
        assert_in_range(schedule_wait(&s, 50), 480000, 720000);
    }
    assert_in_range(low, 240000, 250000);
    assert_in_range(high, 350000, 360000);
    schedule_free(&s);
}

/* A time stored by a clock that was wrong does not make mail wait for ever. */
static void test_far_future_is_cut(void **state)
{
    struct schedule s;
    struct store_recipient r = {.next_try = INT64_MAX / 2};
    struct recipient who = {.address = SPAN("a@example.com")};
    struct store_head head = {
        .id = id_new(), .recipients = &r, .envelope = {.recipients = &who, .count = 1}};
    struct route route = {.destination = SPAN("mx:x")};

    (void)state;
    schedule_init(&s, &limits);
    schedule_add(&s, &head, &route, 5, 1000);
    assert_in_range(schedule_when(&s), 1000, 1000 + 720000);
    schedule_free(&s);
}

/* The heap against the plain truth, 20 000 random moves. */
static void test_heap(void **state)
{
    struct heap h = {0};
    struct heap_node n[50] = {{0}};
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(n); i++) /* around the point where ranks wrap */
        n[i].rank = (uint32_t)i - 25;
    for (int step = 0; step < 20000; step++) {
        struct heap_node *one = &n[(unsigned)rand_r(&seed) % COUNT(n)], *least = NULL;

        if (rand_r(&seed) % 3)
            heap_set(&h, one, rand_r(&seed) % 100);
        else
            heap_take(&h, one);
        for (size_t i = 0; i < COUNT(n); i++)
            if (n[i].place && (!least || n[i].at < least->at))
                least = &n[i];
        assert_ptr_equal(heap_first(&h), least);
    }
    heap_free(&h);
}

/* First come, first carried among what is due at the same time, however it came to be due. */
static void test_order(void **state)
{
    struct schedule s;
    struct item *items[200];

    (void)state;
    schedule_init(&s, &(struct schedule_limits){.per_place = 1000, .recipients = 1});
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = add(&s, "mx:x.example", 1000 + (int64_t)(i * 7919 % 500));
    schedule_wake(&s, NULL, 900);
    for (size_t i = 0; i < COUNT(items); i++)
        assert_ptr_equal(schedule_take(&s, 1000)->item, items[i]);
    schedule_free(&s);
}

/* Fault 22: the calendar may jump, the queue clock does not. */
static void test_queue_clock(void **state)
{
    static const struct {
        const char *saved, *boot;
        int64_t now, wall, queue;
    } rows[] = {
        {"", "b1", 50, 900, CLOCK_DAY},
        {"rubbish", "b1", 50, 900, CLOCK_DAY},
        {"1000 50 900 b1", "b1", 70, 901, 1020}, /* the same boot: what really passed */
        {"1000 50 900 b1", "b1", 70, 900 + 315360000000, 1020}, /* ten years ahead */
        {"1000 50 900 b1", "b2", 5, 960, 1060}, /* another boot: the calendar's word */
        {"1000 50 900 b1", "b2", 5, 900 + 315360000000, 1000 + CLOCK_DAY}, /* within a day */
        {"1000 50 900 b1", "b2", 5, 100, 1000},                            /* never backwards */
        {"1000 50 900 ", "", 70, 901, 1001},
    };
    struct qclock c;
    struct text t = TEXT_INIT(200);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        qclock_start(&c, span_of(rows[i].saved), span_of(rows[i].boot), rows[i].now, rows[i].wall);
        assert_int_equal(qclock_at(&c, rows[i].now), rows[i].queue);
        assert_int_equal(qclock_at(&c, rows[i].now + 9), rows[i].queue + 9);
        text_clear(&t);
        qclock_save(&c, rows[i].now, 777, &t);
        qclock_start(&c, text_span(&t), span_of(rows[i].boot), rows[i].now, 777);
        assert_int_equal(qclock_at(&c, rows[i].now), rows[i].queue);
    }
    text_free(&t);
}

/* RFC 3461 4.1 and P3. */
static void test_who_is_told(void **state)
{
    static const struct {
        enum report_fact fact;
        unsigned notify;
        enum report_kind kind;
    } rows[] = {
        {REPORT_FACT_FAILED, 0, REPORT_FAILED},
        {REPORT_FACT_FAILED, NOTIFY_FAILURE, REPORT_FAILED},
        {REPORT_FACT_FAILED, NOTIFY_FAILURE | NOTIFY_SUCCESS, REPORT_FAILED},
        {REPORT_FACT_FAILED, NOTIFY_SUCCESS, REPORT_NONE},
        {REPORT_FACT_FAILED, NOTIFY_DELAY, REPORT_NONE},
        {REPORT_FACT_FAILED, NOTIFY_NEVER, REPORT_NONE},
        {REPORT_FACT_WAITS, 0, REPORT_DELAYED},
        {REPORT_FACT_WAITS, NOTIFY_DELAY, REPORT_DELAYED},
        {REPORT_FACT_WAITS, NOTIFY_FAILURE, REPORT_NONE},
        {REPORT_FACT_WAITS, NOTIFY_NEVER, REPORT_NONE},
        {REPORT_FACT_FINAL, 0, REPORT_NONE},
        {REPORT_FACT_FINAL, NOTIFY_SUCCESS, REPORT_DONE},
        {REPORT_FACT_RELAYED, NOTIFY_SUCCESS, REPORT_DONE},
        {REPORT_FACT_RELAYED, NOTIFY_FAILURE, REPORT_NONE},
        {REPORT_FACT_PASSED, NOTIFY_SUCCESS, REPORT_NONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(report_for(rows[i].fact, rows[i].notify, false), rows[i].kind);
        assert_int_equal(report_for(rows[i].fact, rows[i].notify, true), REPORT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dead_place_delays_nobody),
        cmocka_unit_test(test_a_closed_network),
        cmocka_unit_test(test_asked_to_wait),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_far_future_is_cut),
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_queue_clock),
        cmocka_unit_test(test_who_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
