/* When the keeper looks for keys, how often, and what it makes of the answers: with a courier that
 * says what the scene wants. Includes the file, to see when a look is over. */
#include "serve/sightings.c"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { EMPTY = 20 }; /* more than one batch */

static struct {
    struct house house;
    struct config *config;
    struct channel *keeper, *courier; /* each side's end */
    struct arena *arena;
    void (*scene)(void);
    /* what the courier says, and what it was asked */
    enum letter_seen says;
    unsigned questions, keys, most;
} t;

static void on_question(void *arg, struct parcel *p)
{
    const struct letter_keys *q = p->letter;
    struct letter_sighting rows[LETTER_KEYS_MAX];
    struct letter_sightings answer = {rows, q->count};

    (void)arg;
    for (size_t i = 0; i < q->count; i++)
        rows[i] = (struct letter_sighting){t.says, t.says ? SPAN("so it is") : SPAN_NONE};
    t.questions++;
    t.keys += (unsigned)q->count;
    t.most = q->count > t.most ? (unsigned)q->count : t.most;
    channel_send(t.courier, LETTER_SIGHTINGS, p->tag, &answer, -1);
    parcel_free(&p);
}

static void not_expected(void *arg, struct parcel *p)
{
    (void)arg;
    parcel_free(&p);
    fail();
}

static void closed(void *arg, const char *why)
{
    (void)arg, (void)why;
}

static struct channel *a_courier(void *arg)
{
    (void)arg;
    return t.keeper;
}

static void run_scene(void *arg)
{
    (void)arg;
    t.scene();
    loop_stop(t.house.loop);
}

static void open_channels(void)
{
    static const struct channel_calls asked = {on_question, closed}, asks = {not_expected, closed};
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    t.keeper = channel_new(t.house.loop, fd[0], SIDE_COURIER, &asks, NULL);
    t.courier = channel_new(t.house.loop, fd[1], SIDE_KEEPER, &asked, NULL);
}

static void play(void (*scene)(void))
{
    const char *domains[EMPTY + 1] = {"keys.test"};
    char names[EMPTY][20];
    struct house *h = &t.house;
    struct store *reader;
    struct commit *commit;
    struct error e = {0};

    memset(&t, 0, sizeof t);
    for (int i = 0; i < EMPTY; i++) {
        snprintf(names[i], sizeof names[i], "empty%d.test", i);
        domains[i + 1] = names[i];
    }
    h->loop = loop_new();
    assert_int_equal(store_open(&(struct store_settings){.driver = "memory"}, &h->store, NULL, &e),
                     0);
    assert_int_equal(store_reader_open(h->store, &reader, &e), 0);
    h->directory = directory_open(reader, domains, COUNT(domains), &e);
    commit = commit_new(h->loop, h->store, &(struct commit_settings){0});
    t.config = config_defaults();
    h->config = t.config;
    h->signer = signer_new(h->loop, commit, h->config);
    h->sightings = sightings_new(h);
    h->courier = a_courier;
    open_channels();
    t.arena = arena_new();
    t.scene = scene;
    fiber_start(h->loop, run_scene, NULL);
    loop_run(h->loop);
    channel_free(&t.keeper);
    channel_free(&t.courier);
    sightings_free(&h->sightings);
    commit_free(&commit);
    signer_free(&h->signer);
    arena_free(&t.arena);
    config_free(&t.config);
    directory_free(&h->directory);
    store_close(&reader);
    store_close(&h->store);
    loop_free(&h->loop);
}

static enum sightings_state state_of(const char *domain)
{
    struct sighting s;

    sightings_find(t.house.sightings, span_of(domain), &s);
    return s.state;
}

/* Until it looked again and has drawn its conclusions; its timer does not know that the test moves
 * the clock. */
static void look_again(void)
{
    unsigned before = t.questions;

    sightings_configure(t.house.sightings);
    for (int i = 0; i < 1000 && (t.questions == before || t.house.sightings->running); i++)
        fiber_sleep(20);
    assert_true(t.questions > before);
}

static void count_bad(void *arg, struct span domain)
{
    assert_true(span_is(domain, "keys.test"));
    ++*(unsigned *)arg;
}

static unsigned bad(void)
{
    unsigned n = 0;

    sightings_each_bad(t.house.sightings, count_bad, &n);
    return n;
}

static bool all_visited(void)
{
    char name[20];

    for (int i = 0; i < EMPTY; i++) {
        snprintf(name, sizeof name, "empty%d.test", i);
        if (state_of(name) != SIGHTINGS_NONE)
            return false;
    }
    return true;
}

/* Keys that are old sign well, as far as anybody knows: a start asks nobody about them. */
static void scene_no_storm(void)
{
    struct error e = {0};

    assert_int_equal(signer_rotate(t.house.signer, SPAN("keys.test"), &e), 0);
    clock_shift(2 * CLOCK_DAY);
    sightings_start(t.house.sightings);
    for (int i = 0; i < 1000 && (!all_visited() || t.house.sightings->running); i++)
        fiber_sleep(20);
    assert_true(all_visited() && !t.house.sightings->running); /* the one with keys as well */
    assert_int_equal(t.questions, 0);
    assert_int_equal(state_of("keys.test"), SIGHTINGS_UNKNOWN);
    clock_shift(CLOCK_DAY); /* within which every one has its turn */
    look_again();
    assert_int_equal(t.keys, 2);
    assert_int_equal(state_of("keys.test"), SIGHTINGS_PUBLISHED);
}

static void no_storm(void **state)
{
    (void)state;
    play(scene_no_storm);
}

static void scene_gone(void)
{
    struct error e = {0};

    sightings_start(t.house.sightings);
    assert_int_equal(signer_rotate(t.house.signer, SPAN("keys.test"), &e), 0);
    sightings_changed(t.house.sightings, SPAN("keys.test"));
    t.says = LETTER_SEEN_MISSING;
    clock_shift(3 * CLOCK_MINUTE);
    look_again();
    assert_int_equal(state_of("keys.test"), SIGHTINGS_MISSING);
    clock_shift(2 * CLOCK_HOUR);
    look_again();
    assert_int_equal(bad(), 0); /* it is new: its owner has a day */
    clock_shift(CLOCK_DAY);
    look_again();
    assert_int_equal(bad(), 1);
    t.says = LETTER_SEEN_RIGHT;
    clock_shift(CLOCK_HOUR);
    look_again();
    assert_int_equal(bad(), 0);
    assert_int_equal(state_of("keys.test"), SIGHTINGS_PUBLISHED);
    t.says = LETTER_SEEN_UNKNOWN; /* a name server that is silent takes nothing away */
    clock_shift(CLOCK_DAY);
    look_again();
    assert_int_equal(state_of("keys.test"), SIGHTINGS_PUBLISHED);
    t.says = LETTER_SEEN_WRONG;
    clock_shift(CLOCK_DAY);
    look_again();
    assert_int_equal(state_of("keys.test"), SIGHTINGS_WRONG);
    assert_int_equal(bad(), 0); /* zones are edited in steps */
    clock_shift(CLOCK_HOUR);
    look_again();
    assert_int_equal(bad(), 1);
}

static void gone(void **state)
{
    (void)state;
    play(scene_gone);
}

static void scene_rotation(void)
{
    struct dkim_keys keys;
    struct error e = {0};
    struct span domain = SPAN("keys.test");

    sightings_start(t.house.sightings);
    assert_int_equal(signer_rotate(t.house.signer, domain, &e), 0);
    assert_int_equal(signer_rotate(t.house.signer, domain, &e), 0);
    sightings_changed(t.house.sightings, domain);
    t.says = LETTER_SEEN_MISSING;
    clock_shift(3 * CLOCK_MINUTE);
    look_again();
    assert_int_equal(t.most, 4); /* those that sign, and the new ones */
    assert_int_equal(signer_keys(t.house.signer, domain, t.arena, &keys, &e), 0);
    assert_int_equal(keys.pair[1].state, DKIM_NEW);
    t.says = LETTER_SEEN_RIGHT;
    clock_shift(CLOCK_HOUR);
    look_again();
    assert_int_equal(signer_keys(t.house.signer, domain, t.arena, &keys, &e), 0);
    assert_int_equal(keys.pair[0].state, DKIM_RETIRING);
    assert_int_equal(keys.pair[1].state, DKIM_ACTIVE);
}

static void rotation(void **state)
{
    (void)state;
    play(scene_rotation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_storm), cmocka_unit_test(gone),
                                       cmocka_unit_test(rotation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
