#include "deliver/recall.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { PATHS = 2 };

static struct {
    struct recall *recall;
    struct path path[PATHS];
    struct place here;
    unsigned noted;
    struct recall_note note[8];
} t;

static void noted(void *arg, const struct recall_note *n)
{
    (void)arg;
    t.note[t.noted++ % 8] = *n;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.recall = recall_new(noted, NULL);
    t.here = (struct place){.key = "0123456789abcdef0123456789abcdef", .name = "somewhere"};
    t.path[0] = (struct path){.host = SPAN("relay.example"), .port = 465, .tls = PATH_TLS_IMPLICIT};
    t.path[1] = (struct path){.host = SPAN("relay.example"), .port = 587, .tls = PATH_TLS_STARTTLS};
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    recall_free(&t.recall);
    return 0;
}

static void hear(const struct path *p, enum known_result r, int64_t age)
{
    struct recall_note n = {
        .place = t.here, .result = r, .at = clock_wall() - age, .proof = "no answer in 3 s"};

    path_door(p, n.door);
    recall_heard(t.recall, &n);
}

/* What another process found counts, and is not passed on. */
static void test_heard(void **state)
{
    size_t order[PATHS];

    (void)state;
    recall_place(t.recall, &t.here);
    assert_int_equal(recall_order(t.recall, t.path, PATHS, order), 0);
    assert_int_equal(order[0], 0);
    hear(&t.path[1], KNOWN_WORKS, 10);
    assert_int_equal(recall_order(t.recall, t.path, PATHS, order), 1);
    assert_int_equal(order[0], 1);
    assert_int_equal(t.noted, 0);
}

/* All doors, a moment ago, by another. */
static void test_closed(void **state)
{
    const char *proof = "";

    (void)state;
    hear(&t.path[0], KNOWN_SHUT, 0);
    hear(&t.path[1], KNOWN_SHUT, 0);
    assert_false(recall_closed(t.recall, t.path, PATHS, NULL)); /* we are nowhere yet */
    recall_place(t.recall, &t.here);
    assert_true(recall_closed(t.recall, t.path, PATHS, &proof));
    assert_string_equal(proof, "no answer in 3 s");
    assert_false(recall_closed(t.recall, t.path, 0, NULL));
    hear(&t.path[1], KNOWN_WORKS, 0);
    assert_false(recall_closed(t.recall, t.path, PATHS, NULL));
    hear(&t.path[1], KNOWN_STRANGER, 0);
    assert_true(recall_closed(t.recall, t.path, PATHS, NULL));
}

static void test_closed_long_ago(void **state)
{
    (void)state;
    hear(&t.path[0], KNOWN_SHUT, RECALL_MOMENT + 1);
    recall_place(t.recall, &t.here);
    hear(&t.path[1], KNOWN_SHUT, 0);
    assert_false(recall_closed(t.recall, t.path, PATHS, NULL));
}

/* Where it was ever quick it is no slow server. */
static void test_quick(void **state)
{
    struct recall_note n = {.result = KNOWN_WORKS, .at = clock_wall(), .ms = 900};

    (void)state;
    recall_place(t.recall, &t.here);
    hear(&t.path[0], KNOWN_SHUT, 0);
    assert_false(recall_quick(t.recall, t.path, PATHS, 1000));
    n.place = (struct place){.key = "00000000000000000000000000000001"};
    path_door(&t.path[1], n.door);
    recall_heard(t.recall, &n);
    assert_true(recall_quick(t.recall, t.path, PATHS, 1000));
    assert_false(recall_quick(t.recall, t.path, PATHS, 900));
    assert_false(recall_quick(t.recall, t.path, 1, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heard, set_up, clean_up),
        cmocka_unit_test_setup_teardown(test_closed, set_up, clean_up),
        cmocka_unit_test_setup_teardown(test_closed_long_ago, set_up, clean_up),
        cmocka_unit_test_setup_teardown(test_quick, set_up, clean_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
