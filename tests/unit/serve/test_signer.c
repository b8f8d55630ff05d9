/* The signer over a store in memory, on a real loop with its threads. */
#include "serve/signer.h"

#include "../account/who.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static struct {
    struct loop *loop;
    struct store *store;
    struct commit *commit;
    struct config *config;
    struct signer *signer;
    struct store *reader;
    struct directory *directory;
    struct arena *arena;
    void (*scene)(void);
} t;

static void run_scene(void *arg)
{
    (void)arg;
    t.scene();
    loop_stop(t.loop);
}

static int put_damaged(struct store *s, void *arg, struct error *e)
{
    (void)arg;
    return store_value_put(s, STORE_KIND_DKIM, SPAN("damaged.test"), SPAN("port26-dkim-1\0zz"), e);
}

static void put_done(void *arg, int result, const struct error *e)
{
    (void)e;
    assert_int_equal(result, 0);
    fiber_wake(arg);
}

static void play(void (*scene)(void))
{
    static const char *const ours[] = {"b.test", "d.test", "damaged.test"};
    struct store_account a = {.name = SPAN("a@b.test"), .verifier = SPAN("x")};
    struct error e = {0};

    t.loop = loop_new();
    assert_int_equal(store_open(&(struct store_settings){.driver = "memory"}, &t.store, NULL, &e),
                     0);
    assert_int_equal(store_reader_open(t.store, &t.reader, &e), 0);
    t.directory = directory_open(t.reader, ours, COUNT(ours), &e);
    who_account(t.store, t.directory, &a); /* from here on the store belongs to its thread */
    t.commit = commit_new(t.loop, t.store, &(struct commit_settings){0});
    t.config = config_defaults();
    t.signer = signer_new(t.loop, t.commit, t.config);
    t.arena = arena_new();
    t.scene = scene;
    fiber_start(t.loop, run_scene, NULL);
    loop_run(t.loop);
    arena_free(&t.arena);
    commit_free(&t.commit);
    signer_free(&t.signer);
    config_free(&t.config);
    directory_free(&t.directory);
    store_close(&t.reader);
    store_close(&t.store);
    loop_free(&t.loop);
}

/* Signs a message from that address, as that right allows; how many signatures it has. */
static unsigned sign_as(enum signer_right right, const char *account, const char *from,
                        const char *keys)
{
    struct span body =
        span_of(arena_printf(t.arena, "From: %s\r\nSubject: x\r\n\r\nbody\r\n", from));
    struct message m = {.content = {.prefix = SPAN("Received: x\r\n"), .body = body, .fd = -1}};
    struct error e = {0};
    unsigned count = 0;

    m.content.size = body.len;
    m.origin.account = span_of(account);
    assert_int_equal(signer_sign(t.signer, t.directory, right, &m, t.arena, &e), 0);
    assert_true(span_ends(m.content.prefix, SPAN("Received: x\r\n")));
    for (struct span rest = m.content.prefix, line; span_cut(&rest, '\n', &line);)
        count += span_starts(line, SPAN("DKIM-Signature:"));
    assert_true(!keys || span_search(m.content.prefix, span_of(keys)) >= 0);
    return count;
}

static unsigned sign(const char *from, const char *keys)
{
    return sign_as(SIGNER_HOUSE, "", from, keys);
}

/* Who may get a signature: docs/why/dkim.md has the same table. */
static void scene_rights(void)
{
    struct error e = {0};

    assert_int_equal(signer_rotate(t.signer, SPAN("b.test"), &e), 0);
    assert_int_equal(signer_rotate(t.signer, SPAN("gone.test"), &e), 0);
    assert_int_equal(sign_as(SIGNER_LOGIN, "a@b.test", "a@b.test", NULL), 2);
    assert_int_equal(sign_as(SIGNER_LOGIN, "a@b.test", "c@b.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_LOGIN, "a@b.test", "a@b.test, c@b.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_LOGIN, "nobody", "a@b.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_LOGIN, "", "a@b.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "c@b.test", NULL), 2);
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "a@b.test, c@b.test", NULL), 2);
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "a@b.test, x@far.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "a@d.test", NULL), 0);    /* no keys */
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "a@gone.test", NULL), 0); /* not ours any more */
    assert_int_equal(sign_as(SIGNER_NOBODY, "", "a@b.test", NULL), 0);
    assert_int_equal(sign_as(SIGNER_HOUSE, "", "a@b.test\r\nFrom: x@b.test", NULL), 0);
}

static void test_rights(void **state)
{
    (void)state;
    play(scene_rights);
}

static void scene_rotation(void)
{
    struct dkim_keys keys;
    struct error e = {0};
    struct span b = SPAN("b.test");

    assert_false(signer_has_keys(t.signer));
    assert_int_equal(sign("a@b.test", NULL), 0);
    assert_int_equal(signer_rotate(t.signer, b, &e), 0);
    assert_true(signer_has_keys(t.signer));
    assert_int_equal(sign("a@B.Test", "-ed;"), 2);
    assert_int_equal(sign("a@sub.b.test", NULL), 0);
    assert_int_equal(sign("a@b.test, c@d.test", NULL), 0);
    assert_int_equal(signer_rotate(t.signer, b, &e), 0);
    assert_int_equal(signer_rotate(t.signer, b, &e), -1);
    assert_int_equal(signer_keys(t.signer, b, t.arena, &keys, &e), 0);
    assert_int_equal(keys.count, 2);
    assert_int_equal(keys.pair[0].state, DKIM_ACTIVE);
    assert_int_equal(keys.pair[0].pem[0].at[0], 0); /* wiped */
    assert_int_equal(signer_seen(t.signer, b, keys.pair[0].stem, &e), -1);
    assert_int_equal(signer_seen(t.signer, b, keys.pair[1].stem, &e), 0);
    assert_int_equal(sign("a@b.test", arena_cstr(t.arena, keys.pair[1].stem)), 2);
    clock_shift(8 * CLOCK_DAY);
    assert_int_equal(signer_keys(t.signer, b, t.arena, &keys, &e), 0);
    assert_int_equal(keys.pair[0].state, DKIM_GONE);
    assert_int_equal(signer_rotate(t.signer, b, &e), 0);
    assert_int_equal(signer_keys(t.signer, b, t.arena, &keys, &e), 0);
    assert_int_equal(keys.count, 2); /* what was gone is erased */
    assert_int_equal(signer_remove(t.signer, b, &e), 0);
    assert_int_equal(sign("a@b.test", NULL), 0);
    clock_shift(-8 * CLOCK_DAY);
}

static void test_rotation(void **state)
{
    (void)state;
    play(scene_rotation);
}

/* Damaged keys stop no mail; removing them makes way for new ones. */
static void scene_damaged(void)
{
    struct error e = {0};
    struct span name = SPAN("damaged.test");

    assert_true(commit_submit(t.commit, COMMIT_OWN, put_damaged, put_done, fiber_self(), 0));
    fiber_wait(CLOCK_NEVER);
    assert_int_equal(sign("a@damaged.test", NULL), 0);
    assert_int_equal(signer_rotate(t.signer, name, &e), -1);
    assert_non_null(strstr(e.words, "domain unsign"));
    assert_int_equal(signer_remove(t.signer, name, &e), 0);
    assert_int_equal(signer_rotate(t.signer, name, &e), 0);
    assert_int_equal(sign("a@damaged.test", NULL), 2);
}

static void test_damaged(void **state)
{
    (void)state;
    play(scene_damaged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rights),
                                       cmocka_unit_test(test_rotation),
                                       cmocka_unit_test(test_damaged)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
