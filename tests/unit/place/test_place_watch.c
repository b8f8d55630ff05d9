/* Includes the file, to make its buffer for news a small one, and to stop its clock. */
#include "base/clock.h"

#include <stdbool.h>

static int64_t stopped; /* what it takes for the time; 0: the time */
#define clock_now() (stopped ? stopped : clock_now())
#include "place/place_watch.c"

#include "io/jail.h"
#include "netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GATEWAY "neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0"

/* How long a test waits for news that must not come. */
enum { CALM_MS = 3 * QUIET_MS };

struct scene {
    struct loop *loop;
    struct place_watch *watch;
    struct timer *step, *end;
    void (*next)(struct scene *s);
    unsigned told, wanted; /* 0: as many as it takes to be somewhere */
    struct place place;
    int64_t began, at;
};

static void ip(const char *words)
{
    if (netns_ip(words) != 0)
        fail_msg("ip %s", words);
}

static void stop(void *arg)
{
    struct scene *s = arg;

    loop_stop(s->loop);
}

static void told(void *arg, const struct place *p)
{
    struct scene *s = arg;

    s->told++;
    s->place = *p;
    s->at = clock_now();
    if (s->wanted ? s->told == s->wanted : !p->offline)
        timer_set(s->end, CALM_MS); /* and none more */
}

static void step(void *arg)
{
    struct scene *s = arg;

    s->began = clock_now();
    s->next(s);
}

static int enter(void **state)
{
    *state = netns_enter() ? (void *)"in" : NULL;
    return 0;
}

static int clean(void **state)
{
    (void)state;
    netns_ip("addr flush dev v0");
    netns_ip("neigh flush dev v0 nud permanent");
    return 0;
}

static void need(void **state)
{
    if (!*state) {
        print_message("skipped: no network namespace can be made here\n");
        skip();
    }
}

static void begin(struct scene *s)
{
    struct error e = {0};

    s->loop = loop_new();
    s->watch = place_watch_new(s->loop, told, s, &e);
    if (!s->watch)
        fail_msg("%s", e.words);
    s->end = timer_new(s->loop, stop, s);
    s->step = timer_new(s->loop, step, s);
    timer_set(s->step, 0);
    timer_set(s->end, 20000);
}

static void finish(struct scene *s)
{
    place_watch_free(&s->watch);
    assert_null(s->watch);
    place_watch_free(&s->watch);
    timer_free(&s->step);
    timer_free(&s->end);
    loop_free(&s->loop);
}

/* Lets the loop run until `wanted` changes were told and some calm. */
static void run(struct scene *s, unsigned wanted, void (*next)(struct scene *s))
{
    struct place before;

    s->wanted = wanted;
    s->next = next;
    begin(s);
    before = *place_watch_here(s->watch);
    loop_run(s->loop);
    assert_int_equal(s->told, wanted);
    assert_string_equal(place_watch_here(s->watch)->key, wanted ? s->place.key : before.key);
    finish(s);
}

static void arrive(struct scene *s)
{
    (void)s;
    ip(GATEWAY);
    ip("addr add 192.0.2.10/24 dev v0");
    ip("route add default via 192.0.2.1");
}

static void a_burst_is_told_once(void **state)
{
    struct scene s = {.told = 0};

    need(state);
    run(&s, 1, arrive);
    assert_false(s.place.offline);
    assert_string_equal(s.place.gateway, "192.0.2.1");
    assert_true(s.at - s.began >= QUIET_MS);
}

static void leave(struct scene *s)
{
    (void)s;
    ip("addr flush dev v0");
}

static void leaving_is_told(void **state)
{
    struct scene s = {.told = 0};

    need(state);
    arrive(&s);
    run(&s, 1, leave);
    assert_true(s.place.offline);
}

static void neighbours_come_and_go(struct scene *s)
{
    ip("neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 dev v0");
    ip("neigh del 192.0.2.77 dev v0");
    ip(GATEWAY);
    timer_set(s->end, CALM_MS);
}

static void neighbours_are_no_news(void **state)
{
    struct scene s = {.told = 0};

    need(state);
    arrive(&s);
    run(&s, 0, neighbours_come_and_go);
}

static void another_gateway(struct scene *s)
{
    (void)s;
    ip("neigh replace 192.0.2.1 lladdr 02:00:00:00:00:99 dev v0");
}

static void another_gateway_at_the_same_address_is(void **state)
{
    struct scene s = {.told = 0};
    struct place before;

    need(state);
    arrive(&s);
    assert_int_equal(place_now(&before, NULL, NULL), 0);
    run(&s, 1, another_gateway);
    assert_string_equal(s.place.gateway, before.gateway);
    assert_string_not_equal(s.place.key, before.key);
}

static void arrive_in_silence(struct scene *s)
{
    (void)s;
    ip("addr add 192.0.2.10/24 dev v0");
    ip("route add default via 192.0.2.1");
}

/* It is waited for, but not for ever: one gateway that does not answer may let mail through. */
static void a_gateway_that_does_not_answer_is_told_late(void **state)
{
    struct scene s = {.told = 0};

    need(state);
    run(&s, 1, arrive_in_silence);
    assert_false(s.place.offline);
    assert_true(s.at - s.began >= LONGEST_MS);
}

static void settle(void *arg)
{
    struct scene *s = arg;

    if (s->watch->poked) {
        ip(GATEWAY);
        stopped = 0;
    } else {
        timer_set(s->step, 1);
    }
}

/* Until the watch asks for the link address no time passes, however slow the machine is: else it
 * might be LONGEST_MS, after which it tells without. */
static void arrive_and_settle(struct scene *s)
{
    stopped = clock_now();
    arrive_in_silence(s);
    timer_free(&s->step);
    s->step = timer_new(s->loop, settle, s);
    timer_set(s->step, 1);
}

static void the_gateway_s_link_address_is_waited_for(void **state)
{
    struct scene s = {.told = 0};
    struct place after;

    need(state);
    run(&s, 1, arrive_and_settle);
    assert_int_equal(place_now(&after, NULL, NULL), 0);
    assert_string_equal(s.place.key, after.key);
}

static void settle_alone(struct scene *s)
{
    (void)s;
    ip(GATEWAY);
}

static void what_was_not_settled_at_first_is_told_when_it_is(void **state)
{
    struct scene s = {.told = 0};
    struct place before;

    need(state);
    arrive_in_silence(NULL);
    assert_int_equal(place_now(&before, NULL, NULL), 0);
    run(&s, 1, settle_alone);
    assert_string_not_equal(s.place.key, before.key);
}

static void flood(struct scene *s)
{
    int small = 2048;

    assert_int_equal(setsockopt(s->watch->news, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (int i = 0; i < 10; i++) { /* no news, but they leave no room for any */
        ip("neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 dev v0");
        ip("neigh del 192.0.2.77 dev v0");
    }
    arrive(s);
}

static void lost_news_do_not_matter(void **state)
{
    struct scene s = {.told = 0};

    need(state);
    run(&s, 1, flood);
    assert_string_equal(s.place.gateway, "192.0.2.1");
}

/* The child is in the jail; the parent changes the network around it. */
static void it_works_in_the_jail(void **state)
{
    char key[PLACE_KEY] = "";
    int status, ready[2];
    struct place after;
    pid_t child;

    need(state);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct scene s = {.wanted = 0};
        struct error e = {0};

        begin(&s);
        timer_stop(s.step);
        if (jail_enter(JAIL_COURIER, NULL, 64, &e) < 0 || write(ready[1], "r", 1) != 1)
            _exit(3);
        loop_run(s.loop);
        _exit(s.place.key[0] && write(ready[1], s.place.key, PLACE_KEY) > 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], key, 1), 1);
    arrive(NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(place_now(&after, NULL, NULL), 0);
    assert_int_equal(read(ready[0], key, sizeof key), sizeof key);
    assert_string_equal(key, after.key);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_burst_is_told_once, clean),
        cmocka_unit_test_setup(leaving_is_told, clean),
        cmocka_unit_test_setup(neighbours_are_no_news, clean),
        cmocka_unit_test_setup(another_gateway_at_the_same_address_is, clean),
        cmocka_unit_test_setup(a_gateway_that_does_not_answer_is_told_late, clean),
        cmocka_unit_test_setup(the_gateway_s_link_address_is_waited_for, clean),
        cmocka_unit_test_setup(what_was_not_settled_at_first_is_told_when_it_is, clean),
        cmocka_unit_test_setup(lost_news_do_not_matter, clean),
        cmocka_unit_test_setup(it_works_in_the_jail, clean),
    };

    return cmocka_run_group_tests(tests, enter, NULL);
}
