#include "serve/greylist.h"

#include "base/memory.h"
#include "io/fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { DELAY = 60 * 1000 };

static int64_t ask(struct greylist *g, const char *peer, const char *sender, const char *recipient)
{
    return greylist_wait(g, span_of(peer), span_of(sender), span_of(recipient), DELAY);
}

static void second_try(void **state)
{
    struct greylist *g = greylist_new();

    (void)state;
    assert_int_equal(ask(g, "192.0.2.1", "a@far.example", "you@here.example"), DELAY);
    clock_shift(DELAY / 2);
    assert_in_range(ask(g, "192.0.2.1", "a@far.example", "you@here.example"), 1, DELAY / 2);
    /* neither another sender, nor recipient, nor network has waited */
    assert_int_equal(ask(g, "192.0.2.1", "b@far.example", "you@here.example"), DELAY);
    assert_int_equal(ask(g, "192.0.2.1", "a@far.example", "me@here.example"), DELAY);
    assert_int_equal(ask(g, "192.0.3.1", "a@far.example", "you@here.example"), DELAY);
    clock_shift(DELAY / 2);
    assert_int_equal(ask(g, "192.0.2.200", "A@FAR.example", "You@here.example"),
                     0); /* a neighbour */
    /* from now on the domain is known in that network, and only there */
    assert_int_equal(ask(g, "192.0.2.7", "new@far.example", "me@here.example"), 0);
    assert_int_equal(ask(g, "192.0.2.7", "new@other.example", "me@here.example"), DELAY);
    assert_int_equal(ask(g, "192.0.9.7", "new@far.example", "me@here.example"), DELAY);
    clock_shift(GREYLIST_MEMORY / 2);
    assert_int_equal(ask(g, "192.0.2.7", "c@far.example", "me@here.example"), 0);
    clock_shift(GREYLIST_MEMORY - CLOCK_DAY); /* counted from the last mail */
    assert_int_equal(ask(g, "192.0.2.7", "c@far.example", "me@here.example"), 0);
    clock_shift(GREYLIST_MEMORY + CLOCK_DAY);
    assert_int_equal(ask(g, "192.0.2.7", "c@far.example", "me@here.example"), DELAY);
    greylist_free(&g);
    assert_null(g);
}

static void too_late(void **state)
{
    struct greylist *g = greylist_new();

    (void)state;
    assert_int_equal(ask(g, "2001:db8::1", "", "you@here.example"), DELAY);
    clock_shift(GREYLIST_PATIENCE + CLOCK_MINUTE);
    assert_int_equal(ask(g, "2001:db8::1", "", "you@here.example"), DELAY);
    clock_shift(DELAY + 1);
    assert_int_equal(ask(g, "2001:db8::2:1", "", "you@here.example"), 0);
    assert_int_equal(ask(g, "2001:db8::1", "", "me@here.example"), 0);
    assert_int_equal(ask(g, "2001:db8:0:1::1", "", "me@here.example"), DELAY);
    greylist_free(&g);
}

static void stays_bounded(void **state)
{
    struct greylist *g = greylist_new();
    char name[40];

    (void)state;
    for (int i = 0; i < GREYLIST_MAX + 10; i++) {
        snprintf(name, sizeof name, "x%d@far.example", i);
        assert_int_equal(ask(g, "192.0.2.1", name, "you@here.example"), DELAY);
    }
    clock_shift(DELAY + 1);
    assert_int_equal(ask(g, "192.0.2.1", "x1@far.example", "you@here.example"), DELAY); /* lost */
    assert_int_equal(ask(g, "192.0.2.1", name, "you@here.example"), 0);
    greylist_free(&g);
}

/* ---- what is old leaves the store, in several transactions, so that no start reads it ---- */

enum { OLD = 12000 };

static struct {
    struct loop *loop;
    struct store *store;
    struct commit *commit;
    struct greylist *list;
} t;

static bool count(void *arg, struct span name, struct span value)
{
    (void)name, (void)value;
    ++*(int *)arg;
    return true;
}

static void learn(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) {
        char sender[40];

        snprintf(sender, sizeof sender, "a@d%d.example", i);
        ask(t.list, "192.0.2.1", sender, "you@here.example");
        clock_shift(2 * DELAY);
        assert_int_equal(ask(t.list, "192.0.2.1", sender, "you@here.example"), 0);
        while (commit_load(t.commit)) /* written, and told so */
            fiber_sleep(1);
    }
    loop_stop(t.loop);
}

static void put_old(void)
{
    int64_t at = clock_wall() - GREYLIST_MEMORY - CLOCK_DAY;
    struct error e = {0};
    char name[40];

    assert_int_equal(store_begin(t.store, &e), 0);
    for (int i = 0; i < OLD; i++) {
        snprintf(name, sizeof name, "old%d", i);
        assert_int_equal(store_value_put(t.store, STORE_KIND_GREY, span_of(name),
                                         (struct span){(const char *)&at, sizeof at}, &e),
                         0);
    }
    assert_int_equal(store_commit(t.store, &e), 0);
}

static void old_ones_leave(void **state)
{
    struct store_settings set = {.driver = "memory"};
    struct error e = {0};
    int left = 0;

    (void)state;
    t.loop = loop_new();
    assert_int_equal(store_open(&set, &t.store, NULL, &e), 0);
    put_old();
    t.list = greylist_new();
    assert_int_equal(greylist_load(t.list, t.store, &e), 0);
    t.commit = commit_new(t.loop, t.store, &(struct commit_settings){0});
    greylist_keep(t.list, t.commit);
    fiber_start(t.loop, learn, NULL);
    loop_run(t.loop);
    commit_free(&t.commit);
    assert_int_equal(store_value_each(t.store, STORE_KIND_GREY, count, &left, &e), 0);
    assert_int_equal(left, 4);
    greylist_free(&t.list);
    store_close(&t.store);
    loop_free(&t.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(second_try), cmocka_unit_test(too_late),
                                       cmocka_unit_test(stays_bounded),
                                       cmocka_unit_test(old_ones_leave)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
