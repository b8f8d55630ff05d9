/* Who is taken for a thief, and who is not: scenes as tables. */
#include "account/burst.h"
#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOME   "198.51.100.7"
#define TRAIN  "203.0.113.9"
#define ABROAD "192.0.2.44"

struct act {
    const char *peer;        /* with %d: a network of its own for each message */
    unsigned messages, each; /* recipients of each message */
    bool strangers;          /* else always the same ones */
    unsigned failures;       /* after them */
    unsigned minutes;        /* they take so long */
};

struct scene {
    const char *name;
    struct act act[4];
    bool held;
    const char *words; /* one of the signs */
};

static const struct scene scenes[] = {
    {"daily mail", {{HOME, 40, 2, false, 1, 60}}, false, NULL},
    {"on holiday, five mails", {{ABROAD, 5, 1, true, 0, 30}}, false, NULL},
    {"on holiday, a wedding to 60", {{ABROAD, 1, 60, true, 2, 1}}, false, NULL},
    {"a newsletter from the office, a tenth dead", {{HOME, 50, 100, true, 500, 30}}, false, NULL},
    {"the newsletter, then the train",
     {{HOME, 10, 100, true, 40, 10}, {TRAIN, 3, 1, true, 0, 10}},
     false,
     NULL},
    {"a phone that changes networks", {{"10.0.%d.1", 8, 1, true, 0, 50}}, false, NULL},
    {"the same newsletter to 2000 from the office, then from a hotel",
     {{HOME, 1, 2000, false, 0, 10}, {ABROAD, 1, 2000, false, 0, 10}},
     false,
     NULL},
    {"an old list to known people, half dead", {{HOME, 1, 20, false, 15, 1}}, false, NULL},
    {"300 strangers in ten minutes from abroad",
     {{ABROAD, 300, 1, true, 0, 10}},
     true,
     "never used before"},
    {"one mail to 300 strangers from abroad",
     {{ABROAD, 1, 300, true, 0, 1}},
     true,
     "300 recipients this account never wrote to"},
    {"a crowd of machines, one mail each",
     {{"10.0.%d.1", 30, 1, true, 0, 20}},
     true,
     "networks were used within an hour"},
    {"few, but they come back, from abroad",
     {{ABROAD, 25, 1, true, 21, 30}},
     true,
     "other servers refused 20 recipients"},
    {"a bot on the office's own machine",
     {{HOME, 300, 1, true, 90, 20}},
     true,
     "other servers refused 60 recipients"},
    {"slowly, 20 in an hour",
     {{ABROAD, 20, 1, true, 0, 60}, {ABROAD, 20, 1, true, 0, 60}},
     false,
     NULL},
};

struct play {
    struct burst burst;
    int64_t now;
    unsigned next;
    bool held;
    struct text words;
};

static void send_one(struct play *p, const char *peer, unsigned each, bool strangers)
{
    struct recipient *to = memory_array(each, sizeof *to);
    char(*names)[32] = memory_array(each, sizeof *names);
    uint64_t network = burst_network(span_of(peer));

    for (unsigned i = 0; i < each; i++) {
        snprintf(names[i], sizeof names[i], "n%u@example.com", strangers ? 1000 + p->next++ : i);
        to[i].address = span_of(names[i]);
    }
    burst_sent(&p->burst, &(struct burst_from){network, p->now, 0}, to, each);
    p->held |= burst_judge(&p->burst, network, p->now, &p->words);
    free(to);
    free(names);
}

static void perform(struct play *p, const struct act *a)
{
    char peer[40];

    for (unsigned i = 0; i < a->messages && !p->held; i++) {
        const char *percent = strchr(a->peer, '%');

        if (percent)
            snprintf(peer, sizeof peer, "%.*s%u%s", (int)(percent - a->peer), a->peer, i,
                     percent + 2);
        else
            snprintf(peer, sizeof peer, "%s", a->peer);
        send_one(p, peer, a->each, a->strangers);
        p->now += a->minutes * CLOCK_MINUTE / a->messages;
    }
    for (unsigned i = 0; i < a->failures && !p->held; i++) {
        burst_failed(&p->burst, p->now);
        p->held |= burst_judge_any(&p->burst, p->now, &p->words);
    }
}

static void begin(struct play *p)
{
    *p = (struct play){.now = 10 * CLOCK_DAY, .words = TEXT_INIT(1000)};
    for (int day = 0; day < 3; day++) {
        send_one(p, HOME, 10, false);
        p->now += CLOCK_DAY;
    }
    assert_false(p->held);
}

static void end(struct play *p)
{
    burst_free(&p->burst);
    text_free(&p->words);
}

static void scenes_end_as_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scenes); i++) {
        const struct scene *s = &scenes[i];
        struct play p;

        begin(&p);
        for (size_t n = 0; n < COUNT(s->act) && s->act[n].peer; n++)
            perform(&p, &s->act[n]);
        if (p.held != s->held)
            fail_msg("%s: %s", s->name, text_cstr(&p.words));
        if (s->words && !strstr(text_cstr(&p.words), s->words))
            fail_msg("%s: words are: %s", s->name, text_cstr(&p.words));
        end(&p);
    }
}

static void the_first_network_is_home(void **state)
{
    struct play p = {.now = CLOCK_DAY, .words = TEXT_INIT(1000)};

    (void)state;
    perform(&p, &(struct act){ABROAD, 200, 1, true, 0, 10});
    assert_false(p.held);
    end(&p);
}

static void a_network_is_known_after_a_day(void **state)
{
    struct play p;

    (void)state;
    begin(&p);
    perform(&p, &(struct act){ABROAD, 1, 1, true, 0, 1});
    p.now += CLOCK_DAY;
    perform(&p, &(struct act){ABROAD, 250, 1, true, 0, 10});
    assert_false(p.held);
    end(&p);
}

static void who_is_forgiven_starts_anew(void **state)
{
    struct play p;

    (void)state;
    begin(&p);
    perform(&p, &(struct act){ABROAD, 300, 1, true, 0, 10});
    assert_true(p.held);
    p.held = false;
    burst_forgive(&p.burst, 0, p.now);
    perform(&p, &(struct act){ABROAD, 250, 1, true, 0, 10});
    assert_false(p.held);
    perform(&p, &(struct act){TRAIN, 300, 1, true, 0, 10}); /* but only there */
    assert_true(p.held);
    end(&p);
}

static void memory_of_it_is_bounded_and_survives(void **state)
{
    struct text hour = TEXT_INIT(BURST_HOUR_MAX), contacts = TEXT_INIT(BURST_CONTACTS_MAX);
    struct text failures = TEXT_INIT(BURST_FAILURES_MAX);
    struct burst read = {0};
    struct span rest;
    struct play p;

    (void)state;
    begin(&p);
    for (int i = 0; i < 250; i++) {
        char peer[40];

        snprintf(peer, sizeof peer, "10.7.%d.1", i);
        send_one(&p, peer, 20, true);
        burst_failed(&p.burst, p.now);
        p.now += i < 200 ? CLOCK_HOUR : CLOCK_MINUTE;
    }
    for (int i = 50; i > 0; i--) { /* as the store thread counts them */
        struct span before = text_span(&failures);
        struct text next = TEXT_INIT(BURST_FAILURES_MAX);

        burst_add_failures(before, 1, p.now - i * CLOCK_MINUTE, &next);
        assert_false(next.full);
        text_free(&failures);
        failures = next;
    }
    assert_int_equal(p.burst.networks, BURST_NETWORKS);
    assert_int_equal(p.burst.contacts, BURST_CONTACTS);
    burst_pack_hour(&p.burst, &hour);
    burst_pack_contacts(&p.burst, &contacts);
    assert_false(hour.full || contacts.full);
    rest = text_span(&hour);
    assert_true(burst_unpack_failures(text_span(&failures), &read));
    assert_true(burst_unpack_hour(&rest, &read));
    assert_true(burst_unpack_contacts(text_span(&contacts), &read));
    burst_settle(&read, p.now);
    assert_int_equal(read.networks, p.burst.networks);
    assert_memory_equal(read.network, p.burst.network, read.networks * sizeof *read.network);
    assert_memory_equal(read.contact, p.burst.contact, read.contacts * sizeof *read.contact);
    assert_int_equal(read.contact_next, p.burst.contact_next);
    for (int i = 0; i < BURST_SLOTS; i++) {
        const struct burst_slot *was = &p.burst.slot[i];

        if (was->number + BURST_SLOTS > p.now / (5 * CLOCK_MINUTE))
            assert_memory_equal(&read.slot[i], was, sizeof *was);
    }
    for (size_t n = 0; n < contacts.len; n += 41) /* no piece of it is taken for the whole */
        assert_false(burst_unpack_contacts(span_head(text_span(&contacts), n), &read));
    for (size_t n = 0; n + 1 < hour.len; n += 7) {
        rest = span_head(text_span(&hour), n);
        if (rest.len && rest.at[rest.len - 1] == ' ')
            assert_false(burst_unpack_hour(&rest, &read));
    }
    burst_free(&read);
    text_free(&hour);
    text_free(&contacts);
    text_free(&failures);
    end(&p);
}

/* A young account: its office, then its phone's network to many it never wrote to, on one day. */
static void the_first_days_are_its_own(void **state)
{
    (void)state;
    for (int days = 0; days <= 2; days++) {
        struct burst b = {0};
        struct text words = TEXT_INIT(1000);
        char names[200][32];
        struct recipient to[200];
        int64_t now = 10 * CLOCK_DAY, learn = 2 * CLOCK_DAY;

        for (int i = 0; i < 200; i++) {
            snprintf(names[i], sizeof names[i], "n%d@example.com", i);
            to[i].address = span_of(names[i]);
        }
        burst_sent(&b, &(struct burst_from){burst_network(SPAN(HOME)), now, learn}, to, 1);
        now += days * CLOCK_DAY;
        burst_sent(&b, &(struct burst_from){burst_network(SPAN(TRAIN)), now, learn}, to, 200);
        assert_int_equal(burst_judge(&b, burst_network(SPAN(TRAIN)), now, &words), days == 2);
        burst_free(&b);
        text_free(&words);
    }
}

/* A clock that was lost begins anew: what lies in its future counts as of now, not for ever. */
static void the_future_is_now(void **state)
{
    struct burst b = {0};
    struct text words = TEXT_INIT(1000);
    struct recipient to = {.address = SPAN("a@example.org")};
    int64_t later = 50 * CLOCK_DAY, now = CLOCK_HOUR;

    (void)state;
    burst_sent(&b, &(struct burst_from){burst_network(SPAN(HOME)), later - CLOCK_DAY, 0}, &to, 1);
    for (int i = 0; i < 60; i++) {
        burst_sent(&b,
                   &(struct burst_from){burst_network(SPAN(ABROAD)), later + i * CLOCK_MINUTE, 0},
                   &to, 1);
        burst_failed(&b, later + i * CLOCK_MINUTE);
    }
    burst_settle(&b, now);
    assert_true(burst_judge_any(&b, now, &words)); /* a new network, and sixty failures */
    text_clear(&words);
    assert_false(burst_judge_any(&b, now + 66 * CLOCK_MINUTE, &words));
    text_free(&words);
    burst_free(&b);
}

static void networks_are_24_and_48(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.254", true},
        {"192.0.2.1", "192.0.3.1", false},
        {"2001:db8:1::1", "2001:db8:1:ffff::2", true},
        {"2001:db8:1::1", "2001:db8:2::1", false},
        {"127.0.0.1", "", true}, /* this machine is no network */
        {"::1", "", true},
        {"nonsense", "", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(burst_network(span_of(rows[i].a)) == burst_network(span_of(rows[i].b)),
                         rows[i].same);
    assert_true(burst_network(SPAN("192.0.2.1")) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenes_end_as_they_should),
        cmocka_unit_test(the_first_network_is_home),
        cmocka_unit_test(a_network_is_known_after_a_day),
        cmocka_unit_test(who_is_forgiven_starts_anew),
        cmocka_unit_test(memory_of_it_is_bounded_and_survives),
        cmocka_unit_test(the_future_is_now),
        cmocka_unit_test(the_first_days_are_its_own),
        cmocka_unit_test(networks_are_24_and_48),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
