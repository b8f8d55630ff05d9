/* Guessing is slowed down, owners are not shut out (HOSTILE 82). */
#include "account/throttle.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_few_slips_are_free(void **state)
{
    struct throttle *t = throttle_new();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("192.0.2.1")), 0);
        throttle_note(t, SPAN("me"), SPAN("192.0.2.1"), false);
    }
    throttle_note(t, SPAN("me"), SPAN("192.0.2.1"), true);
    for (int i = 0; i < 3; i++)
        throttle_note(t, SPAN("me"), SPAN("192.0.2.1"), false);
    assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("192.0.2.1")), 0);
    throttle_free(&t);
}

static void guessing_gets_slower_and_then_refused(void **state)
{
    struct throttle *t = throttle_new();
    uint32_t last = 0;

    (void)state;
    for (int i = 0; i < 12; i++) {
        uint32_t wait = throttle_wait(t, SPAN("me"), SPAN("192.0.2.1"));

        assert_true(wait >= last);
        last = wait;
        throttle_note(t, SPAN("me"), SPAN("192.0.2.1"), false);
    }
    assert_true(last > THROTTLE_PATIENCE);
    clock_shift(CLOCK_HOUR); /* but not for ever */
    assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("192.0.2.1")), 0);
    throttle_free(&t);
}

/* Who has one IPv6 address has the whole network. */
static void a_network_of_ipv6_is_one_peer(void **state)
{
    struct throttle *t = throttle_new();
    char peer[40];

    (void)state;
    for (int i = 0; i < 15; i++) {
        snprintf(peer, sizeof peer, "2001:db8::%x:%x", i, 7 * i);
        throttle_note(t, SPAN("me"), span_of(peer), false);
    }
    assert_true(throttle_wait(t, SPAN("me"), SPAN("2001:db8::99")) > THROTTLE_PATIENCE);
    assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("2001:db8:0:1::99")), 0);
    assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("192.0.2.1")), 0);
    throttle_note(t, SPAN("me"), SPAN("2001:db8::5:5"), true); /* the owner is forgiven there */
    assert_int_equal(throttle_wait(t, SPAN("me"), SPAN("2001:db8::99")), 0);
    throttle_free(&t);
}

static void a_strangers_guesses_do_not_shut_the_owner_out(void **state)
{
    struct throttle *t = throttle_new();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char peer[32];

        snprintf(peer, sizeof peer, "198.51.100.%d", i % 250);
        throttle_note(t, SPAN("me"), span_of(peer), false);
    }
    assert_true(throttle_wait(t, SPAN("me"), SPAN("192.0.2.1")) <= THROTTLE_PATIENCE);
    throttle_free(&t);
}

static void one_address_trying_many_names_is_refused(void **state)
{
    struct throttle *t = throttle_new();

    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[32];

        snprintf(name, sizeof name, "name%d", i);
        throttle_note(t, span_of(name), SPAN("192.0.2.1"), false);
    }
    assert_true(throttle_wait(t, SPAN("another"), SPAN("192.0.2.1")) > THROTTLE_PATIENCE);
    assert_int_equal(throttle_wait(t, SPAN("another"), SPAN("192.0.2.2")), 0);
    throttle_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_slips_are_free),
        cmocka_unit_test(guessing_gets_slower_and_then_refused),
        cmocka_unit_test(a_network_of_ipv6_is_one_peer),
        cmocka_unit_test(a_strangers_guesses_do_not_shut_the_owner_out),
        cmocka_unit_test(one_address_trying_many_names_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
