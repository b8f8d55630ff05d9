#include "serve/incoming.h"

#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
    struct config *config;
    struct incoming *in;
    struct arena *arena;
    uint32_t wait;
};

static struct scene begin(const char *text)
{
    struct config_notes notes = {0};
    struct scene s = {.arena = arena_new()};

    assert_int_equal(config_parse(span_of(text), "f", &notes, &s.config), 0);
    config_notes_free(&notes);
    s.in = incoming_new(s.config);
    return s;
}

static void end(struct scene *s)
{
    incoming_free(&s->in);
    config_free(&s->config);
    arena_free(&s->arena);
}

/* The code after `peer` asked for somebody who exists, or not. */
static unsigned ask(struct scene *s, const char *peer, bool exists, bool outside)
{
    struct letter_may_reach q = {.sender = SPAN("a@far.example"),
                                 .recipient = SPAN("you@example.com"),
                                 .peer = span_of(peer),
                                 .outside = outside};
    struct reply said = exists ? reply_make(s->arena, 250, "2.1.5", "yes")
                               : reply_make(s->arena, 550, "5.1.1", "no");

    return incoming_judge(s->in, &q, said, s->arena, &s->wait).code;
}

static void harvest(void **state)
{
    struct scene s = begin("incoming { unknown-recipients = 20 unknown-delay = 3s }\n");

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(&s, "192.0.2.1", false, true), 550);
        assert_int_equal(s.wait, 0);
    }
    for (int i = 5; i < 20; i++) { /* slowed, whether they exist or not */
        assert_int_equal(ask(&s, "192.0.2.1", true, true), 250);
        assert_int_equal(s.wait, i > 5 ? 3000 : 0);
        assert_int_equal(ask(&s, "192.0.2.1", false, true), 550);
        assert_int_equal(s.wait, 3000);
    }
    assert_int_equal(ask(&s, "192.0.2.1", false, true), 421);
    assert_int_equal(ask(&s, "192.0.2.1", true, true), 421); /* they are not told apart any more */
    assert_int_equal(s.wait, 0);
    assert_int_equal(ask(&s, "192.0.2.2", false, true), 550); /* another address */
    assert_int_equal(ask(&s, "192.0.2.1", true, false), 250); /* after a login */
    clock_shift(CLOCK_MINUTE);
    assert_int_equal(ask(&s, "192.0.2.1", true, true), 250); /* some are forgotten */
    assert_int_equal(s.wait, 3000);
    clock_shift(20 * CLOCK_MINUTE);
    assert_int_equal(ask(&s, "192.0.2.1", true, true), 250);
    assert_int_equal(s.wait, 0);
    end(&s);
}

static void six(void **state)
{
    struct scene s = begin("incoming { unknown-recipients = 4 }\n");

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&s, i % 2 ? "2001:db8::1" : "2001:db8::2:1", false, true), 550);
    assert_int_equal(ask(&s, "2001:db8::3", true, true), 421);
    assert_int_equal(ask(&s, "2001:db8:0:1::3", true, true), 250);
    end(&s);
}

/* Other refusals tell nothing about who exists. */
static void others(void **state)
{
    struct scene s = begin("incoming { unknown-recipients = 4 }\n");
    struct letter_may_reach q = {.peer = SPAN("192.0.2.1"), .outside = true};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(incoming_judge(s.in, &q, reply_make(s.arena, 550, "5.7.1", "no relay"),
                                        s.arena, &s.wait)
                             .code,
                         550);
    assert_int_equal(s.wait, 0);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(harvest), cmocka_unit_test(six),
                                       cmocka_unit_test(others)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
