#include "sign/dkim_keys.h"

#include "base/clock.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#define DAY  CLOCK_DAY
#define BORN INT64_C(1795392000000) /* 23 November 2026 */

static const struct dkim_times times = {.wait = 0, .overlap = 7 * DAY};

static void test_life(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_keys k = {.count = 0};
    struct error e = {0};
    struct text t = TEXT_INIT(1000);

    assert_int_equal(dkim_keys_make(&k, BORN, a, &e), 0);
    dkim_keys_look(&k, &times, BORN);
    assert_int_equal(k.pair[0].state, DKIM_ACTIVE); /* the first: at once */
    assert_int_equal(dkim_keys_make(&k, BORN + DAY, a, &e), 0);
    dkim_keys_look(&k, &times, BORN + 300 * DAY);
    assert_int_equal(k.pair[0].state, DKIM_ACTIVE);
    assert_int_equal(k.pair[1].state, DKIM_NEW); /* however long: nobody saw it */
    assert_int_equal(dkim_keys_make(&k, BORN + 300 * DAY, a, &e), -1);
    assert_non_null(strstr(e.words, "published"));
    k.pair[1].active = BORN + 301 * DAY;
    dkim_keys_look(&k, &times, BORN + 301 * DAY);
    assert_int_equal(k.pair[0].state, DKIM_RETIRING);
    assert_int_equal(k.pair[1].state, DKIM_ACTIVE);
    assert_ptr_equal(dkim_keys_in(&k, DKIM_ACTIVE), &k.pair[1]);
    dkim_keys_look(&k, &times, BORN + 308 * DAY - 1);
    assert_int_equal(k.pair[0].state, DKIM_RETIRING);
    dkim_keys_look(&k, &times, BORN + 308 * DAY);
    assert_int_equal(k.pair[0].state, DKIM_GONE);
    dkim_keys_sweep(&k);
    assert_int_equal(k.count, 1);
    assert_true(dkim_keys_selector(&k.pair[0], KEYPAIR_ED25519, &t));
    assert_string_equal(text_cstr(&t), "p26-202611b-ed");
    text_clear(&t);
    assert_true(dkim_keys_record(&k.pair[0], KEYPAIR_ED25519, &t));
    assert_int_equal(strncmp(text_cstr(&t), "v=DKIM1; k=ed25519; p=", 22), 0);
    assert_int_equal(t.len, 22 + 44);
    text_free(&t);
    arena_free(&a);
}

/* With a setting, time is enough; three in a row retire from their own successor on. */
static void test_wait(void **state)
{
    (void)state;
    struct dkim_times t = {.wait = 3 * DAY, .overlap = 7 * DAY};
    struct dkim_keys k = {.count = 3};

    k.pair[0] = (struct dkim_pair){.created = BORN, .active = BORN};
    k.pair[1] = (struct dkim_pair){.created = BORN};
    k.pair[2] = (struct dkim_pair){.created = BORN + 6 * DAY};
    dkim_keys_look(&k, &t, BORN + 3 * DAY - 1);
    assert_int_equal(k.pair[1].state, DKIM_NEW);
    dkim_keys_look(&k, &t, BORN + 3 * DAY);
    assert_int_equal(k.pair[0].state, DKIM_RETIRING);
    assert_int_equal(k.pair[1].state, DKIM_ACTIVE);
    assert_int_equal(k.pair[2].state, DKIM_NEW);
    dkim_keys_look(&k, &t, BORN + 10 * DAY);
    assert_int_equal(k.pair[0].state, DKIM_GONE);
    assert_int_equal(k.pair[1].state, DKIM_RETIRING);
    assert_int_equal(k.pair[2].state, DKIM_ACTIVE);
}

static void test_record(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_keys k = {.count = 0}, again;
    struct text t = TEXT_INIT(DKIM_RECORD_MAX);

    assert_int_equal(dkim_keys_make(&k, BORN, a, NULL), 0);
    assert_int_equal(dkim_keys_make(&k, BORN, a, NULL), 0);
    assert_true(dkim_keys_write(&k, &t));
    assert_true(dkim_keys_read(text_span(&t), &again));
    assert_int_equal(again.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(span_eq(again.pair[i].stem, k.pair[i].stem));
        assert_int_equal(again.pair[i].active, i ? 0 : BORN);
        for (size_t n = 0; n < DKIM_KINDS; n++) {
            assert_true(span_eq(again.pair[i].pem[n], k.pair[i].pem[n]));
            assert_true(span_eq(again.pair[i].published[n], k.pair[i].published[n]));
        }
    }
    for (size_t n = 0; n < t.len; n++) /* cut anywhere, it is none, but between its pairs */
        if (dkim_keys_read(span_head(text_span(&t), n), &again))
            assert_true(again.count < 2);
    dkim_keys_read(text_span(&t), &again);
    dkim_keys_wipe(&again);
    assert_int_equal(again.pair[0].pem[0].at[0], 0);
    text_free(&t);
    arena_free(&a);
}

static void test_bad_records(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN(""),
        SPAN("port26-dkim-1"),
        SPAN("port26-dkim-2\0"),
        SPAN("port26-dkim-1\0a.b\0"
             "1\0"
             "0\0x\0y\0x\0y\0"),
        SPAN("port26-dkim-1\0ab\0"
             "-1\0"
             "0\0x\0y\0x\0y\0"),
        SPAN("port26-dkim-1\0ab\0"
             "1\0"
             "0\0x\0y;\0x\0y\0"),
        SPAN("port26-dkim-1\0ab\0"
             "1\0"
             "0\0x\0y\0x\0"),
    };
    struct dkim_keys k;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(dkim_keys_read(rows[i], &k));
    assert_true(dkim_keys_read(SPAN("port26-dkim-1\0"), &k));
    assert_true(dkim_keys_read(SPAN("port26-dkim-1\0ab\0"
                                    "1\0"
                                    "0\0x\0y\0x\0y\0"),
                               &k));
    assert_int_equal(k.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_bad_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
