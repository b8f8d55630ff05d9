/* Sending limits with a clock of the test's own: exact, told in words, and kept over a restart. */
#include "../store/fixture.h"

#include "../store/faultvfs.h"
#include "account/sending.h"

struct told {
    unsigned refused, held;
    char account[100], words[1000];
};

struct scene {
    struct fixture *fixture;
    struct sending *sending;
    struct sending_who who;
    struct told told;
    int64_t now;
    struct error error;
    bool in_transaction;
};

static void on_refused(void *arg, struct span account, const char *words)
{
    struct told *t = arg;

    t->refused++;
    span_cstr(account, t->account, sizeof t->account);
    snprintf(t->words, sizeof t->words, "%s", words);
}

static void on_held(void *arg, struct span account, struct span signs)
{
    struct told *t = arg;

    t->held++;
    span_cstr(account, t->account, sizeof t->account);
    span_cstr(signs, t->words, sizeof t->words);
}

static const struct sending_calls calls = {on_refused, on_held};

static void open_sending(struct scene *s)
{
    s->sending = sending_open(s->fixture->store, &calls, &s->told, &s->error);
    assert_non_null(s->sending);
    sending_start(s->sending, s->now);
    sending_burst(s->sending, true, 0);
}

static int scene_with(void **state, const char *driver)
{
    struct scene *s = memory_alloc(sizeof *s);

    s->fixture = fixture_new(driver);
    s->now = 10 * CLOCK_DAY;
    s->who.name[SENDING_ACCOUNT] = SPAN("kim@example.com");
    s->who.name[SENDING_ADDRESS] = SPAN("198.51.100.7");
    open_sending(s);
    *state = s;
    return 0;
}

static int scene_new(void **state)
{
    return scene_with(state, "memory");
}

static int scene_on_disk(void **state)
{
    return scene_with(state, "sqlite");
}

static int scene_free(void **state)
{
    struct scene *s = *state;

    sending_free(&s->sending);
    fixture_free(s->fixture);
    free(s);
    return 0;
}

static void write_changes(struct scene *s, struct sending_changes *c)
{
    if (!s->in_transaction)
        assert_int_equal(store_begin(s->fixture->store, &s->error), 0);
    assert_int_equal(sending_write(s->fixture->store, c, &s->error), 0);
    if (!s->in_transaction)
        assert_int_equal(store_commit(s->fixture->store, &s->error), 0);
}

/* A message to so many; strangers when `fresh`. */
static int send_to(struct scene *s, unsigned count, bool fresh, bool kept)
{
    static unsigned next = 0;
    struct recipient *to = memory_array(count, sizeof *to);
    char(*names)[32] = memory_array(count, sizeof *names);
    struct sending_changes *c = NULL;
    int bad;

    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "n%u@example.org", fresh ? 5000 + next++ : i);
        to[i].address = span_of(names[i]);
    }
    bad = sending_charge(s->sending, &s->who, to, count, s->now, &c, &s->error);
    free(to);
    free(names);
    if (!bad && kept)
        write_changes(s, c);
    sending_end(s->sending, &c, kept);
    return bad;
}

static void set_limit(struct scene *s, enum sending_kind kind, enum window_span span,
                      enum window_what what, uint32_t most)
{
    s->who.limits[kind].most[span][what] = most;
}

static bool says(const char *words, const char *part)
{
    if (!strstr(words, part))
        fail_msg("\"%s\" does not say \"%s\"", words, part);
    return true;
}

static void restart(struct scene *s)
{
    struct sending_changes *c;

    while ((c = sending_take_changes(s->sending, 10000, s->now))) {
        write_changes(s, c);
        sending_end(s->sending, &c, true);
    }
    sending_free(&s->sending);
    open_sending(s);
}

static void crash(struct scene *s)
{
    sending_free(&s->sending);
    open_sending(s);
}

static void the_limit_is_exact_and_told(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 100);
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 100);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_to(s, 10, false, true), 0);
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_string_equal(s->error.enhanced, "4.7.1");
    assert_int_equal(s->error.class, ERROR_TEMPORARY);
    says(s->error.words, "You have sent to 100 of 100 recipients in the last hour; from ");
    says(s->error.words, "(in 61 minutes) on you can send again");
    assert_int_equal(sending_may(s->sending, &s->who, 1, 1, s->now, &s->error), -1);
    s->now += 61 * CLOCK_MINUTE;
    assert_int_equal(sending_may(s->sending, &s->who, 1, 1, s->now, &s->error), 0);
    assert_int_equal(send_to(s, 100, false, true), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_int_equal(send_to(s, 101, false, true), -1);
    says(s->error.words, "You may send to 100 recipients within an hour (100 so far), and this "
                         "message has more: send it to fewer at a time");
    assert_string_equal(s->error.enhanced, "5.7.1"); /* as a whole it never fits, */
    assert_int_equal(s->error.class, ERROR_PERMANENT);
    assert_int_equal(sending_may(s->sending, &s->who, 1, 101, s->now, &s->error), -1);
    assert_string_equal(s->error.enhanced, "4.7.1"); /* and without some of them it may */
    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 30);
    assert_int_equal(send_to(s, 1, false, true), -1);
    says(s->error.words, "You have sent to 100 recipients in the last hour, where 30 may be; from");
}

/* A person lets somebody send anew; that outlives a crash too. */
static void counts_begin_anew(void **state)
{
    struct scene *s = *state;
    struct span kim = SPAN("kim@example.com");

    set_limit(s, SENDING_ACCOUNT, WINDOW_DAY, WINDOW_RECIPIENTS, 10);
    assert_false(sending_reset(s->sending, SENDING_ACCOUNT, kim));
    assert_int_equal(send_to(s, 10, false, true), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_true(sending_reset(s->sending, SENDING_ACCOUNT, kim));
    restart(s);
    assert_int_equal(send_to(s, 10, false, true), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_int_equal(s->told.refused, 2); /* the notice is due anew, too */
}

/* Each of twelve limits stops what it should, and names itself. */
static void every_limit_has_its_words(void **state)
{
    static const struct {
        enum sending_kind kind;
        enum window_span span;
        enum window_what what;
        const char *words;
    } rows[] = {
        {SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_MESSAGES,
         "You have sent 5 of 5 messages in the last hour"},
        {SENDING_ACCOUNT, WINDOW_DAY, WINDOW_MESSAGES,
         "You have sent 5 of 5 messages in the last 24 hours"},
        {SENDING_ACCOUNT, WINDOW_DAY, WINDOW_RECIPIENTS,
         "You have sent to 5 of 5 recipients in the last 24 hours"},
        {SENDING_HOST, WINDOW_HOUR, WINDOW_RECIPIENTS,
         "All mailboxes of your hosting account acme together have sent to 5 of 5 recipients in "
         "the last hour"},
        {SENDING_HOST, WINDOW_DAY, WINDOW_MESSAGES, "acme together have sent 5 of 5 messages"},
        {SENDING_ADDRESS, WINDOW_HOUR, WINDOW_MESSAGES,
         "Your network address 198.51.100.7 has sent 5 of 5 messages in the last hour"},
        {SENDING_ADDRESS, WINDOW_DAY, WINDOW_RECIPIENTS, "has sent to 5 of 5 recipients"},
        {SENDING_SENDER, WINDOW_HOUR, WINDOW_RECIPIENTS,
         "Your sender address sales@example.com has sent to 5 of 5 recipients in the last hour"},
    };
    struct scene *s = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        s->now += 3 * CLOCK_DAY;
        memset(s->who.limits, 0, sizeof s->who.limits);
        s->who.name[SENDING_HOST] = SPAN("acme");
        s->who.name[SENDING_SENDER] = i % 2 ? SPAN("Sales@Example.com") : SPAN("sales@example.com");
        set_limit(s, rows[i].kind, rows[i].span, rows[i].what, 5);
        for (int n = 0; n < 5; n++)
            assert_int_equal(send_to(s, 1, false, true), 0);
        assert_int_equal(send_to(s, 1, false, true), -1);
        says(s->error.words, rows[i].words);
    }
}

/* Two customers of one hosting account, and one of another. */
static void parties_are_counted_apart(void **state)
{
    struct scene *s = *state;

    s->who.name[SENDING_HOST] = SPAN("acme");
    set_limit(s, SENDING_HOST, WINDOW_HOUR, WINDOW_RECIPIENTS, 10);
    assert_int_equal(send_to(s, 6, false, true), 0);
    s->who.name[SENDING_ACCOUNT] = SPAN("ann@example.com");
    assert_int_equal(send_to(s, 5, false, true), -1);
    assert_int_equal(send_to(s, 4, false, true), 0);
    s->who.name[SENDING_HOST] = SPAN("other");
    assert_int_equal(send_to(s, 10, false, true), 0);
    s->who.name[SENDING_HOST] = SPAN_NONE;
    assert_int_equal(send_to(s, 50, false, true), 0);
}

static void of_ipv6_the_64_is_counted(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ADDRESS, WINDOW_HOUR, WINDOW_MESSAGES, 2);
    s->who.name[SENDING_ADDRESS] = SPAN("2001:db8:1:2::1");
    assert_int_equal(send_to(s, 1, false, true), 0);
    s->who.name[SENDING_ADDRESS] = SPAN("2001:db8:1:2:ffff::9");
    assert_int_equal(send_to(s, 1, false, true), 0);
    s->who.name[SENDING_ADDRESS] = SPAN("2001:db8:1:2::7");
    assert_int_equal(send_to(s, 1, false, true), -1);
    says(s->error.words, "2001:db8:1:2::/64");
    s->who.name[SENDING_ADDRESS] = SPAN("2001:db8:1:3::1");
    assert_int_equal(send_to(s, 1, false, true), 0);
}

/* P12: what did not come into the queue is not charged. */
static void what_failed_is_given_back(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 10);
    for (int i = 0; i < 20; i++)
        assert_int_equal(send_to(s, 7, false, false), 0);
    assert_int_equal(send_to(s, 10, false, true), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
}

/* A crash forgets nothing that a limit counts, nor that the account is held. */
static void a_crash_forgets_no_limit(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ACCOUNT, WINDOW_DAY, WINDOW_RECIPIENTS, 10);
    set_limit(s, SENDING_ADDRESS, WINDOW_DAY, WINDOW_RECIPIENTS, 30);
    assert_int_equal(send_to(s, 8, false, true), 0);
    crash(s);
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 2);
    s->who.name[SENDING_ACCOUNT] = SPAN("ann@example.com");
    assert_int_equal(send_to(s, 10, false, true), 0);
    s->now += CLOCK_HOUR;
    crash(s);
    s->who.name[SENDING_ACCOUNT] = SPAN("bob@example.com");
    assert_int_equal(send_to(s, 10, false, true), 0);
    s->who.name[SENDING_ACCOUNT] = SPAN("joe@example.com");
    assert_int_equal(send_to(s, 3, false, true), -1);
    s->now += 25 * CLOCK_HOUR;
    crash(s);
    assert_int_equal(send_to(s, 10, false, true), 0);
}

static void the_owner_is_told_once(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 10);
    assert_int_equal(send_to(s, 10, false, true), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_to(s, 1, false, true), -1);
    assert_int_equal(s->told.refused, 1);
    assert_string_equal(s->told.account, "kim@example.com");
    says(s->told.words, "You have sent to 10 of 10 recipients");
    restart(s);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_int_equal(s->told.refused, 1);
    s->now += 62 * CLOCK_MINUTE;
    assert_int_equal(send_to(s, 10, false, true), 0);
    assert_int_equal(send_to(s, 1, false, true), -1);
    assert_int_equal(s->told.refused, 2);
}

static void a_burst_is_held_until_released(void **state)
{
    struct scene *s = *state;
    struct span kim = SPAN("kim@example.com");

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->now += 2 * CLOCK_DAY;
    restart(s); /* its habits are known after it */
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 5, true, true), 0);
    assert_null(sending_held(s->sending, kim));
    assert_int_equal(send_to(s, 300, true, true), 0);
    assert_int_equal(s->told.held, 1);
    says(sending_held(s->sending, kim), SENDING_HELD "kim@example.com: ");
    says(sending_held(s->sending, kim), "305 recipients this account never wrote to before");
    says(sending_held(s->sending, kim), "port26 account release kim@example.com");
    crash(s); /* written with the message */
    assert_non_null(sending_held(s->sending, kim));
    assert_int_equal(send_to(s, 5, true, true), 0);
    assert_int_equal(s->told.held, 1);
    assert_true(sending_release(s->sending, kim, SPAN_NONE, s->now));
    assert_false(sending_release(s->sending, kim, SPAN_NONE, s->now));
    assert_int_equal(send_to(s, 5, true, true), 0);
    assert_null(sending_held(s->sending, kim));
    restart(s);
    assert_null(sending_held(s->sending, kim));
}

static void crash_often(struct scene *s, unsigned messages, unsigned each)
{
    for (unsigned i = 0; i < messages; i++) {
        assert_int_equal(send_to(s, each, true, true), 0);
        crash(s);
    }
}

/* A thief gets no fresh hour by a crash, however often it happens. */
static void a_crash_forgets_no_burst(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->now += 2 * CLOCK_DAY;
    crash(s);
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    crash_often(s, 9, 10);
    assert_null(sending_held(s->sending, SPAN("kim@example.com")));
    crash_often(s, 1, 10);
    says(sending_held(s->sending, SPAN("kim@example.com")), "to 100 recipients this account never");
    assert_int_equal(s->told.held, 1);
}

static void note_failures(struct scene *s, unsigned count)
{
    assert_int_equal(store_begin(s->fixture->store, &s->error), 0);
    assert_int_equal(
        sending_note_failures(s->fixture->store, SPAN("kim@example.com"), count, s->now, &s->error),
        0);
    assert_int_equal(store_commit(s->fixture->store, &s->error), 0);
    sending_failed(s->sending, SPAN("kim@example.com"), count, s->now);
}

/* Nor do the refusals of other servers. */
static void a_crash_forgets_no_failures(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->now += 2 * CLOCK_DAY;
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 25, true, true), 0);
    for (int i = 0; i < 4; i++) {
        note_failures(s, 5);
        s->now += 4 * CLOCK_MINUTE;
        if (i < 3)
            crash(s);
    }
    assert_int_equal(s->told.held, 1);
    says(s->told.words, "other servers refused 20 recipients for good");
    restart(s);
    assert_true(sending_release(s->sending, SPAN("kim@example.com"), SPAN_NONE, s->now));
    restart(s); /* forgiven is forgiven, also in the store */
    note_failures(s, 1);
    assert_null(sending_held(s->sending, SPAN("kim@example.com")));
}

/* The first who asks after a start may be the failures themselves, which the store has by then. */
static void failures_that_are_read_count_once(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 25, true, true), 0);
    crash(s);
    note_failures(s, 19);
    assert_int_equal(s->told.held, 0);
    note_failures(s, 1);
    assert_int_equal(s->told.held, 1);
}

static void count_account(void *arg, struct span account)
{
    assert_true(span_is(account, "kim@example.com"));
    ++*(unsigned *)arg;
}

static unsigned unswept(struct scene *s)
{
    unsigned n = 0;

    sending_each_unswept(s->sending, count_account, &n);
    return n;
}

/* Whether all that waited is held, too, is known after a crash; and a thief's network stays his. */
static void a_hold_is_finished_and_the_thief_stays_foreign(void **state)
{
    struct scene *s = *state;
    struct span kim = SPAN("kim@example.com");

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 150, true, true), 0);
    assert_int_equal(unswept(s), 1);
    crash(s);
    assert_int_equal(unswept(s), 1);
    sending_swept(s->sending, kim);
    restart(s);
    assert_int_equal(unswept(s), 0);
    assert_non_null(sending_held(s->sending, kim));
    assert_true(sending_release(s->sending, kim, SPAN("192.0.2.1"), s->now));
    assert_int_equal(send_to(s, 150, true, true), 0);
    assert_non_null(sending_held(s->sending, kim));
    assert_int_equal(unswept(s), 1);
    assert_true(sending_release(s->sending, kim, SPAN_NONE, s->now));
    assert_int_equal(send_to(s, 150, true, true), 0);
    assert_null(sending_held(s->sending, kim));
}

static void put_record(struct scene *s, const char *name, struct span value)
{
    assert_int_equal(store_begin(s->fixture->store, &s->error), 0);
    assert_int_equal(
        store_value_put(s->fixture->store, STORE_KIND_SENDING, span_of(name), value, &s->error), 0);
    assert_int_equal(store_commit(s->fixture->store, &s->error), 0);
}

/* Version 1: the networks stood among the habits, the hour nowhere. */
static void records_of_before_are_read(void **state)
{
    static const struct span habits = SPAN("1 4 held1 4517991936 5 6 1 1 0 \x01\x02\x03\x04");
    struct scene *s = *state;
    struct sending_count n;

    put_record(s, "abkim@example.com", habits);
    put_record(s, "awkim@example.com", SPAN("1 0 0 1 14400 2 7 "));
    restart(s);
    assert_string_equal(sending_held(s->sending, SPAN("kim@example.com")), "held");
    sending_show(s->sending, SENDING_ACCOUNT, s->who.name[0], &s->who.limits[0], s->now, &n);
    assert_int_equal(n.sent[WINDOW_DAY][WINDOW_RECIPIENTS], 7);
    assert_true(sending_release(s->sending, SPAN("kim@example.com"), SPAN_NONE, s->now));
    restart(s);
    assert_null(sending_held(s->sending, SPAN("kim@example.com")));
}

static void without_the_setting_nothing_is_held(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    sending_burst(s->sending, false, 0);
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 300, true, true), 0);
    sending_failed(s->sending, SPAN("kim@example.com"), 300, s->now);
    assert_int_equal(s->told.held, 0);
}

static void failures_alone_hold_too(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    s->who.name[SENDING_ADDRESS] = SPAN("192.0.2.66");
    assert_int_equal(send_to(s, 25, true, true), 0);
    sending_failed(s->sending, SPAN("kim@example.com"), 19, s->now);
    assert_int_equal(s->told.held, 0);
    sending_failed(s->sending, SPAN("kim@example.com"), 1, s->now);
    assert_int_equal(s->told.held, 1);
    says(s->told.words, "other servers refused 20 recipients for good");
}

static bool count_value(void *arg, struct span name, struct span value)
{
    (void)name;
    (void)value;
    ++*(unsigned *)arg;
    return true;
}

static unsigned records(struct scene *s)
{
    unsigned n = 0;

    restart(s);
    assert_int_equal(
        store_value_each(s->fixture->store, STORE_KIND_SENDING, count_value, &n, &s->error), 0);
    return n;
}

/* P9: addresses are bounded, in memory and in the store. */
static void addresses_are_bounded(void **state)
{
    struct scene *s = *state;

    set_limit(s, SENDING_ADDRESS, WINDOW_DAY, WINDOW_RECIPIENTS, 30);
    sending_burst(s->sending, false, 0);
    assert_int_equal(store_begin(s->fixture->store, &s->error), 0);
    s->in_transaction = true;
    for (int i = 0; i < SENDING_ADDRESSES + 50; i++) {
        char peer[20];

        snprintf(peer, sizeof peer, "10.%d.%d.1", i / 250, i % 250);
        s->who.name[SENDING_ADDRESS] = span_of(peer);
        assert_int_equal(send_to(s, 1, false, true), 0);
    }
    s->in_transaction = false;
    assert_int_equal(store_commit(s->fixture->store, &s->error), 0);
    assert_int_equal(records(s), SENDING_ADDRESSES + 1);
    s->now += 26 * CLOCK_HOUR;
    assert_true(records(s) <= 2);
}

static void who_is_removed_is_forgotten(void **state)
{
    struct scene *s = *state;

    assert_int_equal(send_to(s, 3, false, true), 0);
    assert_int_equal(records(s), 2);
    sending_forget(s->sending, SENDING_ACCOUNT, SPAN("kim@example.com"));
    assert_int_equal(records(s), 0);
    assert_int_equal(send_to(s, 3, false, true), 0);
    sending_forget(s->sending, SENDING_ACCOUNT, SPAN("kim@example.com"));
    assert_int_equal(send_to(s, 3, false, true), 0); /* another of the same name */
    assert_int_equal(records(s), 2);
}

/* Also when nobody asked for it since the start; and nothing of it comes back before that is
 * written. */
static void who_is_removed_unread_is_forgotten(void **state)
{
    struct scene *s = *state;
    struct span kim = SPAN("kim@example.com");

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 100);
    assert_int_equal(send_to(s, 10, false, true), 0);
    crash(s);
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 90);
    crash(s);
    sending_forget(s->sending, SENDING_ACCOUNT, kim);
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 100);
    assert_int_equal(records(s), 0);
}

/* P6, P12: what was sent before cannot be read, so nobody can say that more may go. */
static void what_cannot_be_read_is_put_off(void **state)
{
    struct scene *s = *state;
    struct fixture *f = s->fixture;
    struct error *e = &s->error;

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 100);
    assert_int_equal(send_to(s, 10, false, true), 0);
    sending_free(&s->sending);
    store_close(&f->store);
    fault_reset();
    assert_int_equal(fixture_open(f, "fault", e), 0);
    fixture_reader(f);
    s->sending = sending_open(f->reader, &calls, &s->told, e);
    sending_start(s->sending, s->now);
    assert_int_equal(store_begin(f->store, e), 0); /* the reader has to look at the disk again */
    assert_int_equal(store_value_put(f->store, STORE_KIND_GREY, SPAN("x"), SPAN("x"), e), 0);
    assert_int_equal(store_commit(f->store, e), 0);
    fault_arm(1, 1 << FAULT_READ, SQLITE_IOERR_READ, true);
    assert_int_equal(sending_may(s->sending, &s->who, 1, 1, s->now, e), -1);
    assert_int_equal(e->class, ERROR_TEMPORARY);
    assert_int_equal(send_to(s, 1, false, true), -1);
    fault.countdown = 0;
    assert_int_equal(sending_room(s->sending, &s->who, s->now), 90);
    sending_free(&s->sending);
    fixture_reopen(f);
    fault_reset();
}

static void what_could_not_be_written_comes_again(void **state)
{
    struct scene *s = *state;
    struct sending_changes *c;

    assert_int_equal(send_to(s, 3, false, true), 0);
    c = sending_take_changes(s->sending, 100, s->now);
    assert_non_null(c);
    sending_end(s->sending, &c, false);
    assert_int_equal(records(s), 2);
    assert_null(sending_take_changes(s->sending, 100, s->now));
}

static void counts_are_shown(void **state)
{
    struct sending_count n;
    struct scene *s = *state;

    set_limit(s, SENDING_ACCOUNT, WINDOW_HOUR, WINDOW_RECIPIENTS, 6);
    assert_int_equal(send_to(s, 4, false, true), 0);
    sending_show(s->sending, SENDING_ACCOUNT, s->who.name[0], &s->who.limits[0], s->now, &n);
    assert_int_equal(n.sent[WINDOW_HOUR][WINDOW_RECIPIENTS], 4);
    assert_int_equal(n.sent[WINDOW_DAY][WINDOW_MESSAGES], 1);
    assert_int_equal(n.free_at, 0);
    assert_int_equal(send_to(s, 2, false, true), 0);
    sending_show(s->sending, SENDING_ACCOUNT, s->who.name[0], &s->who.limits[0], s->now, &n);
    assert_true(n.free_at > clock_wall() + 59 * CLOCK_MINUTE);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, scene_new, scene_free)
    const struct CMUnitTest tests[] = {
        ONE(the_limit_is_exact_and_told),
        ONE(every_limit_has_its_words),
        ONE(parties_are_counted_apart),
        ONE(of_ipv6_the_64_is_counted),
        ONE(what_failed_is_given_back),
        ONE(counts_begin_anew),
        ONE(a_crash_forgets_no_limit),
        ONE(a_crash_forgets_no_burst),
        ONE(a_hold_is_finished_and_the_thief_stays_foreign),
        ONE(a_crash_forgets_no_failures),
        ONE(failures_that_are_read_count_once),
        ONE(records_of_before_are_read),
        ONE(the_owner_is_told_once),
        ONE(a_burst_is_held_until_released),
        ONE(without_the_setting_nothing_is_held),
        ONE(failures_alone_hold_too),
        cmocka_unit_test_setup_teardown(addresses_are_bounded, scene_on_disk, scene_free),
        ONE(who_is_removed_is_forgotten),
        ONE(who_is_removed_unread_is_forgotten),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_put_off, scene_on_disk, scene_free),
        ONE(what_could_not_be_written_comes_again),
        ONE(counts_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
