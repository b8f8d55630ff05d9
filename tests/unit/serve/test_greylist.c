#include "serve/greylist.h"

#include "base/memory.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(second_try), cmocka_unit_test(too_late),
                                       cmocka_unit_test(stays_bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
