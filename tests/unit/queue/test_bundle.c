/* Too many reports to one sender become one mail, and each failure is told once whatever happens.
 */
#include "../store/faultvfs.h"
#include "couriers.h"

enum { FAILING = 5, ALONE = 2 };

/* What senders were told, all of it, and in how many mails. */
static struct text told;
static unsigned mails, bundles;

static void read_all(const struct content *c, struct text *out)
{
    char buf[4096];
    ssize_t got;

    if (c->fd < 0)
        text_add(out, c->body);
    for (off_t at = 0; c->fd >= 0 && (got = pread(c->fd, buf, sizeof buf, at)) > 0; at += got)
        text_add(out, (struct span){buf, (size_t)got});
}

/* Refuses what comes from somebody, keeps what the reports say. */
static bool tells(struct house *h, const struct job *j, struct outcome *o)
{
    struct span body;
    size_t before = told.len;

    if (!j->envelope.sender.len) {
        read_all(&j->content, &told);
        body = span_from(text_span(&told), before);
        mails++;
        bundles += span_search(body, SPAN("multipart/digest")) >= 0;
    }
    return never(h, j, o);
}

static unsigned times(const char *words)
{
    struct span rest = text_span(&told);
    unsigned n = 0;

    for (ptrdiff_t at; (at = span_search(rest, span_of(words))) >= 0; n++)
        rest = span_from(rest, (size_t)at + span_of(words).len);
    return n;
}

static void send_one(struct house *h, const char *sender, const char *to, struct span body)
{
    struct recipient r;
    struct message m = to_one(&r, to);

    m.envelope.sender = span_of(sender);
    m.envelope.ret = RET_FULL;
    m.content.body = body;
    m.content.size = body.len;
    m.header_size = 14;
    house_accept(h, &m);
    assert_int_equal(h->code, 250);
    house_run_idle(h);
}

/* So many mails of one sender to n0@x.test, n1@x.test... that are refused. */
static void fail_some(struct house *h, unsigned n, struct span body)
{
    char to[40];

    for (unsigned i = 0; i < n; i++) {
        snprintf(to, sizeof to, "n%u@x.test", i);
        send_one(h, "sender@example.net", to, body);
    }
}

/* Each failure exactly once, and nothing is left. */
static void check_told(struct house *h, unsigned n)
{
    char field[80];

    for (unsigned i = 0; i < n; i++) {
        snprintf(field, sizeof field, "\r\nFinal-Recipient: rfc822;n%u@x.test\r\n", i);
        assert_int_equal(times(field), 1);
    }
    assert_int_equal(times("\r\nFinal-Recipient:"), n);
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
}

static int begin(void **state, const char *driver)
{
    struct house *h = house_new(driver);

    queue_free(&h->queue);
    h->set.reports_hour = ALONE;
    h->courier = tells;
    house_open(h);
    text_init(&told, 64 << 20);
    mails = bundles = 0;
    *state = h;
    return 0;
}

static int begin_sqlite(void **state)
{
    return begin(state, "sqlite");
}

static int begin_memory(void **state)
{
    return begin(state, "memory");
}

static int end(void **state)
{
    text_free(&told);
    return teardown(state);
}

static void test_become_one(void **state)
{
    struct house *h = *state;

    fail_some(h, FAILING, BODY);
    assert_int_equal(mails, ALONE);
    assert_int_equal(counts(h).reports, FAILING);
    assert_int_equal(counts(h).messages, FAILING - ALONE);
    assert_int_equal(counts(h).held, 0);
    send_one(h, "other@example.net", "n9@y.test", BODY); /* each sender has an own count */
    assert_int_equal(mails, ALONE + 1);
    text_clear(&told);
    house_pass(h, 25 * CLOCK_MINUTE);
    assert_int_equal(mails, ALONE + 1);
    house_pass(h, 6 * CLOCK_MINUTE);
    assert_int_equal(mails, ALONE + 2);
    assert_int_equal(bundles, 1);
    assert_int_equal(times("\r\nFinal-Recipient:"), FAILING - ALONE);
    assert_int_equal(times("\r\nhello\r\n"), FAILING - ALONE); /* whole, with what came back */
    assert_int_equal(counts(h).messages, 0);
    assert_int_equal(fixture_count(h->fixture), 0);
    house_pass(h, 2 * CLOCK_HOUR);
    assert_int_equal(mails, ALONE + 2);
    fail_some(h, ALONE, BODY); /* the hour is over */
    assert_int_equal(mails, 2 * ALONE + 2);
}

static void test_over_a_restart(void **state)
{
    struct house *h = *state;

    fail_some(h, FAILING, BODY);
    house_restart(h);
    house_pass(h, 31 * CLOCK_MINUTE);
    assert_int_equal(bundles, 1);
    check_told(h, FAILING);
}

static bool count_value(void *arg, struct span name, struct span value)
{
    (void)name;
    (void)value;
    ++*(unsigned *)arg;
    return true;
}

static unsigned senders_counted(struct house *h)
{
    struct error e = {0};
    unsigned n = 0;

    assert_int_equal(store_value_each(h->fixture->store, STORE_KIND_REPORTS, count_value, &n, &e),
                     0);
    return n;
}

/* Nobody gets a fresh hour by a restart, in whatever case the address is written; and what is over
 * does not stay in the store. */
static void test_counts_over_a_restart(void **state)
{
    struct house *h = *state;

    fail_some(h, ALONE, BODY);
    house_restart(h);
    send_one(h, "Sender@Example.NET", "n8@x.test", BODY);
    send_one(h, "sender@example.net", "n9@x.test", BODY);
    assert_int_equal(mails, ALONE);
    send_one(h, "other@example.net", "n9@y.test", BODY);
    assert_int_equal(mails, ALONE + 1);
    assert_int_equal(senders_counted(h), 2);
    house_pass(h, 2 * CLOCK_HOUR);
    house_restart(h);
    send_one(h, "third@example.net", "n9@z.test", BODY);
    assert_int_equal(senders_counted(h), 1);
}

/* New settings hold from the next report on. */
static void test_settings_change(void **state)
{
    struct house *h = *state;

    fail_some(h, ALONE, BODY);
    queue_reports(h->queue, DSN_GERMAN, ALONE + 1);
    send_one(h, "sender@example.net", "n8@x.test", BODY);
    send_one(h, "sender@example.net", "n9@x.test", BODY);
    assert_int_equal(mails, ALONE + 1);
    assert_int_equal(times("Subject: Not delivered"), ALONE);
    assert_int_equal(times("Subject: Nicht zugestellt"), 1);
    queue_reports(h->queue, DSN_GERMAN, 0);
    send_one(h, "sender@example.net", "n7@x.test", BODY);
    assert_int_equal(mails, ALONE + 2);
}

/* Without a bundle they go out alone. */
static void test_switched_off_meanwhile(void **state)
{
    struct house *h = *state;

    fail_some(h, FAILING, BODY);
    h->set.reports_hour = 0;
    house_restart(h);
    house_pass(h, 31 * CLOCK_MINUTE);
    assert_int_equal(mails, ALONE);
    house_pass(h, 10 * CLOCK_MINUTE);
    assert_int_equal(mails, FAILING);
    check_told(h, FAILING);
}

static void test_one_needs_no_bundle(void **state)
{
    struct house *h = *state;

    fail_some(h, ALONE + 1, BODY);
    house_pass(h, 31 * CLOCK_MINUTE);
    assert_int_equal(mails, ALONE + 1);
    assert_int_equal(bundles, 0);
    check_told(h, ALONE + 1);
}

struct found {
    struct id id[FAILING];
    size_t count;
};

static void collect(void *arg, const struct queue_entry *entry, const struct error *e)
{
    struct found *f = arg;

    (void)e;
    if (entry)
        f->id[f->count++] = entry->head->id;
}

/* What a person does with one of them is done. */
static void test_persons_go_first(void **state)
{
    struct house *h = *state;
    struct found f = {0};
    struct queue_order o = {.person = SPAN("kim"), .reason = SPAN("because")};
    static const enum queue_action actions[] = {QUEUE_HOLD, QUEUE_REMOVE, QUEUE_RETRY};

    fail_some(h, ALONE + FAILING, BODY);
    queue_list(h->queue, NULL, FAILING, collect, &f);
    house_run_idle(h);
    assert_int_equal(f.count, FAILING);
    for (size_t i = 0; i < COUNT(actions); i++) {
        o.action = actions[i];
        o.id = &f.id[i];
        queue_act(h->queue, &o, NULL, NULL);
    }
    house_run_idle(h);
    assert_int_equal(mails, ALONE + 1); /* the retried one, alone */
    house_pass(h, 31 * CLOCK_MINUTE);
    assert_int_equal(bundles, 1);
    assert_int_equal(times("\r\nFinal-Recipient:"), ALONE + FAILING - 2);
    assert_int_equal(counts(h).held, 1);
    o.action = QUEUE_RELEASE;
    o.id = &f.id[0];
    queue_act(h->queue, &o, NULL, NULL);
    house_run_idle(h);
    assert_int_equal(times("\r\nFinal-Recipient:"), ALONE + FAILING - 1);
    assert_int_equal(counts(h).messages, 0);
}

/* A hold that comes while the bundle is being stored, before and after it. */
static void test_person_at_the_same_time(void **state)
{
    struct house *h = *state;
    struct queue_order o = {.action = QUEUE_HOLD, .person = SPAN("kim"), .reason = SPAN("because")};
    struct found f = {0};

    fail_some(h, ALONE + FAILING, BODY);
    queue_list(h->queue, NULL, FAILING, collect, &f);
    house_run_idle(h);
    o.id = &f.id[0];
    clock_shift(31 * CLOCK_MINUTE);
    queue_act(h->queue, &o, NULL, NULL);
    bundle_tick(h->queue->bundle);
    o.id = &f.id[1];
    queue_act(h->queue, &o, NULL, NULL);
    house_run_idle(h);
    assert_int_equal(bundles, 1);
    assert_int_equal(times("\r\nFinal-Recipient:"), ALONE + FAILING - 1);
    assert_int_equal(counts(h).held, 1);
    assert_int_equal(counts(h).messages, 1);
    o.action = QUEUE_RELEASE;
    o.id = &f.id[0];
    queue_act(h->queue, &o, NULL, NULL);
    house_run_idle(h);
    check_told(h, ALONE + FAILING);
}

static void test_routes_change_meanwhile(void **state)
{
    struct house *h = *state;

    fail_some(h, FAILING, BODY);
    clock_shift(31 * CLOCK_MINUTE);
    queue_reroute(h->queue);
    bundle_tick(h->queue->bundle);
    queue_reroute(h->queue);
    house_run_idle(h);
    assert_int_equal(bundles, 1);
    check_told(h, FAILING);
}

/* Bodies in files, and more of them than fit into one mail. */
static void test_large(void **state)
{
    struct house *h = *state;
    struct text body = TEXT_INIT(1 << 20);

    text_adds(&body, "Subject: x\r\n\r\n");
    while (body.len < 900000)
        text_adds(&body, "a line of a mail that comes back whole to the one who wrote it\r\n");
    fail_some(h, ALONE + 7, text_span(&body));
    assert_int_equal(mails, ALONE);
    house_pass(h, 31 * CLOCK_MINUTE);
    assert_int_equal(bundles, 1);
    assert_int_equal(mails, ALONE + 1);
    assert_int_equal(times("\r\nFinal-Recipient:"), ALONE + 5);
    house_pass(h, 2 * CLOCK_MINUTE);
    assert_int_equal(bundles, 2);
    assert_int_equal(mails, ALONE + 2);
    check_told(h, ALONE + 7);
    text_free(&body);
}

/* ---- a disk that fails, a process that dies: at each write and sync of it ---- */

static int begin_fault(void **state)
{
    struct house *h;
    struct error e = {0};

    begin_sqlite(state);
    h = *state;
    fault_reset();
    queue_free(&h->queue);
    store_close(&h->fixture->store);
    if (fixture_open(h->fixture, "fault", &e) < 0)
        fail_msg("%s", e.words);
    house_open(h);
    return 0;
}

static bool works_again(struct house *h)
{
    return !store_failed(h->fixture->store) && house_idle(h);
}

/* The bundle can not be stored: its reports go out as they are, each once. */
static void test_failed_disk(void **state)
{
    struct house *h = *state;

    house_run_idle(h);
    fail_some(h, FAILING, BODY);
    clock_shift(31 * CLOCK_MINUTE);
    fault_arm(1, 1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, false);
    bundle_tick(h->queue->bundle);
    house_run(h, works_again);
    house_pass(h, CLOCK_MINUTE);
    assert_int_equal(fault.failed, 1);
    assert_int_equal(mails, FAILING);
    assert_int_equal(bundles, 0);
    check_told(h, FAILING);
}

/* Ends it amid the n-th write or sync of the bundle; true while it came so far. */
static bool die_at(struct house *h, int64_t n)
{
    struct error e = {0};
    bool died;

    text_clear(&told);
    mails = bundles = 0;
    house_run_idle(h);
    fail_some(h, FAILING, BODY);
    clock_shift(31 * CLOCK_MINUTE);
    fault.failed = 0;
    fault_arm(n, 1 << FAULT_SYNC | 1 << FAULT_WRITE, SQLITE_IOERR, true);
    queue_pause(h->queue, true); /* nothing goes out before the end */
    bundle_tick(h->queue->bundle);
    queue_free(&h->queue);
    died = fault.failed > 0;
    store_close(&h->fixture->store);
    fault_reset();
    if (fixture_open(h->fixture, "fault", &e) < 0)
        fail_msg("%s", e.words);
    house_open(h);
    house_pass(h, CLOCK_MINUTE);
    house_pass(h, 31 * CLOCK_MINUTE);
    house_pass(h, 11 * CLOCK_MINUTE);
    assert_int_equal(mails, ALONE + 1);
    assert_int_equal(bundles, 1);
    check_told(h, FAILING);
    return died;
}

static void test_dies_amid(void **state)
{
    int64_t n = 1;

    while (die_at(*state, n))
        n++;
    assert_true(n > 3);
}

#define EACH(test)                                                                                 \
    {#test " (sqlite)", test, begin_sqlite, end, NULL},                                            \
    {                                                                                              \
#test " (memory)", test, begin_memory, end, NULL                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_become_one),
        EACH(test_over_a_restart),
        EACH(test_counts_over_a_restart),
        EACH(test_settings_change),
        EACH(test_switched_off_meanwhile),
        EACH(test_one_needs_no_bundle),
        EACH(test_persons_go_first),
        EACH(test_person_at_the_same_time),
        EACH(test_routes_change_meanwhile),
        EACH(test_large),
        cmocka_unit_test_setup_teardown(test_failed_disk, begin_fault, end),
        cmocka_unit_test_setup_teardown(test_dies_amid, begin_fault, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
