#include "place/known.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR (60 * 60 * 1000LL)
#define DAY  (24 * HOUR)
#define NOON 1795000000000LL /* some day in 2026 */

static struct place place_numbered(unsigned n)
{
    struct place p = {.gateway = "192.0.2.1", .device = "eth0"};

    snprintf(p.key, sizeof p.key, "%032x", n);
    snprintf(p.name, sizeof p.name, "place %u", n);
    return p;
}

static void note(struct known *k, const struct place *p, const char *door, enum known_result r,
                 int64_t now)
{
    known_note(k, p, span_of(door), r, 20, SPAN("so it was"), now);
}

static const struct known_door *door(const struct known *k, const struct place *p, const char *name)
{
    return known_door(k, p->key, span_of(name));
}

static void results_have_names(void **state)
{
    (void)state;
    assert_string_equal(known_result_name(KNOWN_STRANGER), "stranger");
    assert_string_equal(known_result_name((enum known_result)99), "");
}

static void a_door_remembers_how_it_fared(void **state)
{
    struct known *k = known_new();
    struct place p = place_numbered(1);
    const struct known_door *d;

    (void)state;
    assert_null(known_place(k, p.key));
    note(k, &p, "a:587", KNOWN_WORKS, NOON);
    note(k, &p, "a:587", KNOWN_WORKS, NOON + 10);
    d = door(k, &p, "a:587");
    assert_int_equal(d->last, KNOWN_WORKS);
    assert_int_equal(d->at, NOON + 10);
    assert_int_equal(d->since, NOON);
    assert_int_equal(d->before_at, 0);
    assert_int_equal(d->ms, 20);
    assert_string_equal(d->proof, "so it was");
    note(k, &p, "a:587", KNOWN_SHUT, NOON + 20);
    note(k, &p, "a:587", KNOWN_STRANGER, NOON + 30);
    d = door(k, &p, "a:587");
    assert_int_equal(d->last, KNOWN_STRANGER);
    assert_int_equal(d->since, NOON + 30);
    assert_int_equal(d->before_at, NOON + 10); /* when it last worked */
    assert_int_equal(d->tries, 4);
    assert_int_equal(d->failures, 2);
    assert_int_equal(d->recent, 3);
    assert_int_equal(d->recent_count, 4);
    note(k, &p, "a:587", KNOWN_WORKS, NOON + 40);
    assert_int_equal(door(k, &p, "a:587")->before_at, NOON + 30);
    assert_null(door(k, &p, "a:465"));
    assert_int_equal(known_place(k, p.key)->first, NOON);
    assert_int_equal(known_place(k, p.key)->latest, NOON + 40);
    known_free(&k);
    assert_null(k);
    known_free(&k);
}

static void offline_is_no_place(void **state)
{
    struct known *k = known_new();
    struct place p = {.offline = true};

    (void)state;
    note(k, &p, "a:587", KNOWN_SHUT, NOON);
    known_visit(k, &p, NOON);
    assert_null(known_at(k, 0));
    known_free(&k);
}

static void no_place_writes_lines_of_its_own(void **state)
{
    struct known *k = known_new(), *again = known_new();
    struct place p = place_numbered(1), wrong = place_numbered(2);
    struct text t = TEXT_INIT(KNOWN_TEXT_MAX);

    (void)state;
    snprintf(p.name, sizeof p.name, "a\tb\nplace\t");
    snprintf(p.gateway, sizeof p.gateway, "\x1b[2J");
    snprintf(p.device, sizeof p.device, "eth0\n");
    known_visit(k, &p, NOON);
    wrong.key[7] = '\n';
    known_visit(k, &wrong, NOON);
    wrong.key[7] = '\0';
    note(k, &wrong, "a", KNOWN_WORKS, NOON);
    assert_null(known_at(k, 1));
    known_write(k, &t);
    assert_int_equal(known_read(again, text_span(&t), NULL), 0);
    assert_string_equal(known_at(again, 0)->place.name, "a\\x09b\\x0aplace\\x09");
    assert_string_equal(known_at(again, 0)->place.gateway, "\\x1b[2J");
    assert_string_equal(known_at(again, 0)->place.device, "eth0\\x0a");
    text_free(&t);
    known_free(&k);
    known_free(&again);
}

static void texts_of_strangers_are_cleaned_and_cut(void **state)
{
    struct known *k = known_new();
    struct place p = place_numbered(1);
    char large[1000];
    const struct known_door *d;

    (void)state;
    memset(large, 'x', sizeof large);
    known_note(k, &p, SPAN("a\tb\n"), KNOWN_BROKE, -7, (struct span){large, sizeof large}, NOON);
    d = known_door(k, p.key, SPAN("a\tb\n"));
    assert_string_equal(d->name, "a\\x09b\\x0a");
    assert_int_equal(strlen(d->proof), KNOWN_PROOF - 1);
    assert_int_equal(d->ms, 0);
    /* A letter of two octets at the edge goes whole. */
    large[KNOWN_PROOF - 2] = '\xc3';
    large[KNOWN_PROOF - 1] = '\xa4';
    known_note(k, &p, SPAN("b"), KNOWN_BROKE, 1, (struct span){large, sizeof large}, NOON);
    assert_int_equal(strlen(known_door(k, p.key, SPAN("b"))->proof), KNOWN_PROOF - 2);
    known_free(&k);
}

static void the_clock_may_jump_back(void **state)
{
    static const struct {
        const char *what;
        int64_t now, at, earlier; /* noted at `now`; then it counts as; the note before becomes */
    } rows[] = {
        {"an hour", NOON - HOUR, NOON, NOON},
        {"a machine that has no date yet", 5000, NOON, NOON},
        {"not even that", -1, NOON, NOON},
        {"it was ahead by months", NOON - 100 * DAY, NOON - 100 * DAY, NOON - 100 * DAY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct known *k = known_new();
        struct place p = place_numbered(1);

        note(k, &p, "before", KNOWN_WORKS, NOON);
        note(k, &p, "after", KNOWN_WORKS, rows[i].now);
        if (door(k, &p, "after")->at != rows[i].at || door(k, &p, "before")->at != rows[i].earlier)
            fail_msg("%s", rows[i].what);
        assert_true(known_sure(door(k, &p, "before"), rows[i].at));
        known_free(&k);
    }
}

static void the_place_not_visited_longest_goes(void **state)
{
    struct known *k = known_new();
    struct place p;

    (void)state;
    for (unsigned i = 0; i < KNOWN_PLACES_MAX; i++) {
        p = place_numbered(i);
        note(k, &p, "a", KNOWN_WORKS, NOON + i);
    }
    p = place_numbered(0);
    known_visit(k, &p, NOON + 1000);
    p = place_numbered(500);
    note(k, &p, "a", KNOWN_WORKS, NOON + 2000);
    assert_string_equal(known_at(k, 0)->place.name, "place 500");
    assert_string_equal(known_at(k, 1)->place.name, "place 0");
    assert_non_null(known_at(k, KNOWN_PLACES_MAX - 1));
    assert_null(known_at(k, KNOWN_PLACES_MAX));
    p = place_numbered(1);
    assert_null(known_place(k, p.key));
    p = place_numbered(2);
    assert_non_null(door(k, &p, "a"));
    assert_true(known_forget(k, p.key));
    assert_false(known_forget(k, p.key));
    known_free(&k);
}

static void the_door_not_tried_longest_goes(void **state)
{
    struct known *k = known_new();
    struct place p = place_numbered(1);
    char name[16];

    (void)state;
    for (int i = 0; i < KNOWN_DOORS_MAX; i++) {
        snprintf(name, sizeof name, "door %d", i);
        note(k, &p, name, KNOWN_WORKS, NOON + i);
    }
    note(k, &p, "door 0", KNOWN_SHUT, NOON + 100);
    note(k, &p, "new", KNOWN_SHUT, NOON + 101);
    assert_int_equal(known_place(k, p.key)->door_count, KNOWN_DOORS_MAX);
    assert_null(door(k, &p, "door 1"));
    assert_non_null(door(k, &p, "door 0"));
    assert_int_equal(door(k, &p, "new")->tries, 1);
    known_free(&k);
}

static void what_is_old_is_forgotten(void **state)
{
    struct known *k = known_new();
    struct place old = place_numbered(1), young = place_numbered(2);
    int64_t later = NOON + KNOWN_EXPIRY_MS;

    (void)state;
    note(k, &old, "a", KNOWN_WORKS, NOON);
    note(k, &young, "a", KNOWN_WORKS, NOON);
    note(k, &young, "b", KNOWN_WORKS, NOON + 1);
    known_expire(k, later);
    assert_non_null(known_place(k, old.key)); /* to the day */
    known_expire(k, later + 1);
    assert_null(known_place(k, old.key));
    assert_null(door(k, &young, "a"));
    assert_non_null(door(k, &young, "b"));
    known_expire(k, later + 2 * DAY);
    assert_null(known_at(k, 0));
    known_free(&k);
}

/* One letter for each try, the oldest first: w works, f fails. */
static void what_fails_now_and_then_is_sporadic(void **state)
{
    static const struct {
        const char *tries;
        bool sporadic, sure;
    } rows[] = {
        {"", false, false},
        {"w", false, true},
        {"ff", false, false},
        {"fw", false, true},
        {"wfw", false, true},
        {"wff", false, false},
        {"ffw", false, true},
        {"ffww", true, false},
        {"wfwfw", true, false},
        {"fffffffffw", true, false},         /* 9 of 10 */
        {"wwwwwwwwfw", false, true},         /* 1 of 10 */
        {"ffwwwwwwwwwwwwwwww", false, true}, /* long ago: only 16 are kept */
        {"fwwwwwwwwwwwwwwwf", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct known *k = known_new();
        struct place p = place_numbered(1);
        const struct known_door *d;

        known_visit(k, &p, NOON);
        for (const char *c = rows[i].tries; *c; c++)
            note(k, &p, "a", *c == 'w' ? KNOWN_WORKS : KNOWN_BROKE, NOON);
        d = door(k, &p, "a");
        if ((d && known_sporadic(d)) != rows[i].sporadic || known_sure(d, NOON) != rows[i].sure)
            fail_msg("\"%s\"", rows[i].tries);
        known_free(&k);
    }
}

static void only_what_is_fresh_is_sure(void **state)
{
    static const struct {
        int64_t age;
        bool sure;
    } rows[] = {
        {0, true},     {KNOWN_FRESH_MS - 1, true}, {KNOWN_FRESH_MS, false},
        {-HOUR, true}, {-2 * DAY, false},
    };
    struct known_door d = {.last = KNOWN_WORKS, .at = NOON};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(known_sure(&d, NOON + rows[i].age), rows[i].sure);
}

/* Doors "a" to "e" are wished in this order. */
static void doors_are_tried_in_order(void **state)
{
    static const struct {
        const char *what;
        const char *notes; /* door and result (w, s, t stranger, b broke, n now and then), ... */
        int64_t age;
        const char *order;
    } rows[] = {
        {"nothing is known", "", 0, "abcde"},
        {"one works", "dw", 0, "dabce"},
        {"two work: the wish decides", "dwcw", 0, "cdabe"},
        {"what is shut goes behind", "asbw", 0, "bcdea"},
        {"strangers and the broken too", "atbb", 0, "cdeab"},
        {"what fails now and then comes before those", "anbsew", 0, "ecdab"},
        {"all shut", "asbscsdses", 0, "abcde"},
        {"all is long ago", "asbsewcn", KNOWN_FRESH_MS, "abcde"},
    };
    static const struct span doors[] = {SPAN("a"), SPAN("b"), SPAN("c"), SPAN("d"), SPAN("e")};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct known *k = known_new();
        struct place p = place_numbered(1);
        size_t order[COUNT(doors)];
        char said[COUNT(doors) + 1] = "";

        for (const char *c = rows[i].notes; *c; c += 2) {
            char name[2] = {c[0], '\0'};
            enum known_result r = c[1] == 's'   ? KNOWN_SHUT
                                  : c[1] == 't' ? KNOWN_STRANGER
                                  : c[1] == 'b' ? KNOWN_BROKE
                                                : KNOWN_WORKS;

            for (int n = 0; c[1] == 'n' && n < 2; n++) {
                note(k, &p, name, KNOWN_WORKS, NOON);
                note(k, &p, name, KNOWN_BROKE, NOON);
            }
            note(k, &p, name, r, NOON);
        }
        known_order(k, p.key, doors, COUNT(doors), NOON + rows[i].age, order);
        for (size_t j = 0; j < COUNT(doors); j++)
            said[j] = doors[order[j]].at[0];
        if (strcmp(said, rows[i].order) != 0)
            fail_msg("%s: %s and not %s", rows[i].what, said, rows[i].order);
        known_order(NULL, "", doors, COUNT(doors), NOON, order);
        assert_int_equal(order[4], 4);
        known_free(&k);
    }
}

static void what_is_written_is_read(void **state)
{
    struct known *k = known_new(), *again = known_new();
    struct place p = place_numbered(1), q = place_numbered(2);
    struct text first = TEXT_INIT(KNOWN_TEXT_MAX), second = TEXT_INIT(KNOWN_TEXT_MAX);
    const struct known_door *d;

    (void)state;
    snprintf(p.name, sizeof p.name, "Wi-Fi Café\\x07");
    q.tunnel = true;
    note(k, &p, "a:587", KNOWN_WORKS, NOON);
    note(k, &p, "a:587", KNOWN_SHUT, NOON + 5);
    note(k, &q, "a:465", KNOWN_STRANGER, NOON + 6);
    known_visit(k, &p, NOON + 9);
    known_write(k, &first);
    assert_int_equal(known_read(again, text_span(&first), NULL), 0);
    known_write(again, &second);
    assert_string_equal(text_cstr(&first), text_cstr(&second));
    assert_string_equal(known_at(again, 0)->place.name, p.name);
    assert_true(known_at(again, 1)->place.tunnel);
    d = door(again, &p, "a:587");
    assert_int_equal(d->recent, 1);
    assert_int_equal(d->recent_count, 2);
    assert_int_equal(d->before_at, NOON);
    /* The latest time is known again as well. */
    note(again, &q, "a:465", KNOWN_WORKS, NOON);
    assert_int_equal(door(again, &q, "a:465")->at, NOON + 9);
    text_free(&first);
    text_free(&second);
    known_free(&k);
    known_free(&again);
}

static void the_largest_memory_fits(void **state)
{
    struct known *k = known_new(), *again = known_new();
    struct text t = TEXT_INIT(KNOWN_TEXT_MAX);
    char name[KNOWN_DOOR], proof[KNOWN_PROOF];

    (void)state;
    memset(name, 'n', sizeof name);
    memset(proof, 'p', sizeof proof);
    for (unsigned i = 0; i < KNOWN_PLACES_MAX; i++) {
        struct place p = place_numbered(i);

        memset(p.name, 'x', sizeof p.name - 1);
        for (unsigned j = 0; j < KNOWN_DOORS_MAX; j++) {
            snprintf(name, 4, "%03u", j);
            name[3] = 'n';
            known_note(k, &p, (struct span){name, sizeof name - 1}, KNOWN_STRANGER, INT64_MAX,
                       (struct span){proof, sizeof proof - 1}, INT64_MAX - 9);
        }
    }
    known_write(k, &t);
    assert_false(t.full);
    assert_int_equal(known_read(again, text_span(&t), NULL), 0);
    text_free(&t);
    known_free(&k);
    known_free(&again);
}

#define HEAD  "port26-places\t1\n"
#define PLACE "place\t0123456789abcdef0123456789abcdef\thome\t192.0.2.1\teth0\t-\t1\t2\n"
#define DOOR  "door\ta:587\tworks\t1\t1\t0\t20\t3\t1\t001\tfine\n"

static void what_nobody_wrote_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "Line 1 "},
        {"\n", "Line 1 "},
        {"port26-places\n", "Line 1 "},
        {"port26-places\t0\n", "Line 1 "},
        {"port26-places\t3\n", "Line 1 was written by a newer port26"},
        {"port-places\t1\n", "Line 1 "},
        {HEAD "\n" PLACE, "Line 2 is neither"},
        {HEAD DOOR, "Line 2 is a door without a place"},
        {HEAD PLACE PLACE, "Line 3 names a place for the second time"},
        {HEAD PLACE DOOR DOOR, "Line 4 names a door for the second time"},
        {HEAD "called\thome\n", "Line 2 is no name of a place"},
        {HEAD PLACE "called\n", "Line 3 is no name of a place"},
        {HEAD PLACE "street\n", "Line 3 is neither"},
        {HEAD "place\t0123\thome\t\t\t-\t1\t2\n", "Line 2 is no place"},
        {HEAD "place\t0123456789ABCDEF0123456789abcdef\thome\t\t\t-\t1\t2\n", "Line 2 is no place"},
        {HEAD "place\t0123456789abcdef0123456789abcdef\thome\t\t\t-\t-1\t2\n",
         "Line 2 is no place"},
        {HEAD "place\t0123456789abcdef0123456789abcdef\thome\t\t\t-\t1\n", "Line 2 is no place"},
        {HEAD PLACE "door\ta\topen\t1\t1\t0\t20\t3\t1\t001\tfine\n", "Line 3 is no door"},
        {HEAD PLACE "door\ta\tworks\t1\t1\t0\t20\t4294967296\t1\t001\tfine\n", "Line 3 is no door"},
        {HEAD PLACE "door\ta\tworks\t1\t1\t0\t20\t3\t1\t002\tfine\n", "Line 3 is no door"},
        {HEAD PLACE "door\ta\tworks\t1\t1\t0\t20\t3\t1\t\tfine\n", "Line 3 is no door"},
        {HEAD PLACE "door\ta\tworks\t1\t1\t0\t20\t3\t1\t00000000000000000\tfine\n",
         "Line 3 is no door"},
        {HEAD PLACE "door\ta\tworks\t1\t1\t0\t20\t3\t1\t001\n", "Line 3 is no door"},
        {HEAD PLACE "door\ta\tb\tc\td\te\tf\tg\th\ti\tj\tk\tl\tm\n", "Line 3 has too many fields"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct known *k = known_new();
        struct error e = {0};

        assert_int_equal(known_read(k, span_of(rows[i].text), &e), -1);
        if (strncmp(e.words, rows[i].words, strlen(rows[i].words)) != 0)
            fail_msg("row %zu: %s", i, e.words);
        known_free(&k);
    }
}

static void a_place_keeps_its_name(void **state)
{
    struct known *k = known_new(), *again = known_new();
    struct text t = TEXT_INIT(KNOWN_TEXT_MAX);
    struct place home = place_numbered(500), old = place_numbered(501);

    (void)state;
    note(k, &home, "a", KNOWN_WORKS, NOON);
    note(k, &old, "a", KNOWN_WORKS, NOON);
    assert_false(known_call(k, "nowhere", SPAN("x")));
    assert_true(known_call(k, home.key, SPAN("my\thome\n")));
    known_write(k, &t);
    assert_int_equal(known_read(again, text_span(&t), NULL), 0);
    assert_string_equal(known_place(again, home.key)->called, known_place(k, home.key)->called);
    assert_null(strpbrk(known_place(k, home.key)->called, "\t\n"));
    /* Neither time nor other places take it away; one without a name goes first. */
    for (unsigned i = 0; i < KNOWN_PLACES_MAX + 5; i++)
        note(k, &(struct place[]){place_numbered(i)}[0], "a", KNOWN_WORKS, NOON + 1);
    assert_non_null(known_place(k, home.key));
    assert_null(known_place(k, old.key));
    known_expire(k, NOON + 2 * KNOWN_EXPIRY_MS);
    assert_non_null(known_place(k, home.key));
    assert_true(known_call(k, home.key, SPAN_NONE));
    known_expire(k, NOON + 2 * KNOWN_EXPIRY_MS);
    assert_null(known_place(k, home.key));
    text_free(&t);
    known_free(&k);
    known_free(&again);
}

static void what_was_read_before_a_mistake_stays(void **state)
{
    struct known *k = known_new();
    struct place gone = place_numbered(7);

    (void)state;
    note(k, &gone, "a", KNOWN_WORKS, NOON);
    assert_int_equal(known_read(k, SPAN(HEAD PLACE DOOR "oops"), NULL), -1);
    assert_null(known_place(k, gone.key));
    assert_non_null(known_door(k, "0123456789abcdef0123456789abcdef", SPAN("a:587")));
    known_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_have_names),
        cmocka_unit_test(a_door_remembers_how_it_fared),
        cmocka_unit_test(offline_is_no_place),
        cmocka_unit_test(no_place_writes_lines_of_its_own),
        cmocka_unit_test(texts_of_strangers_are_cleaned_and_cut),
        cmocka_unit_test(the_clock_may_jump_back),
        cmocka_unit_test(the_place_not_visited_longest_goes),
        cmocka_unit_test(the_door_not_tried_longest_goes),
        cmocka_unit_test(what_is_old_is_forgotten),
        cmocka_unit_test(what_fails_now_and_then_is_sporadic),
        cmocka_unit_test(only_what_is_fresh_is_sure),
        cmocka_unit_test(doors_are_tried_in_order),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_largest_memory_fits),
        cmocka_unit_test(what_nobody_wrote_is_refused),
        cmocka_unit_test(a_place_keeps_its_name),
        cmocka_unit_test(what_was_read_before_a_mistake_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
