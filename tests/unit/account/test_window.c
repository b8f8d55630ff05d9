/* The sliding window against a naive list of all that was ever sent. */
#include "account/window.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STEPS = 100000 };
static const int64_t lengths[] = {CLOCK_HOUR, CLOCK_DAY};
static const int64_t bounds[] = {CLOCK_MINUTE, 31 * CLOCK_MINUTE};

struct sent {
    int64_t at;
    uint32_t n[WINDOW_WHATS];
};

struct model {
    struct sent *sent;
    size_t count, first; /* what is older than a day and an hour is left behind */
};

static uint64_t exact(const struct model *m, int64_t now, int64_t length, int what)
{
    uint64_t sum = 0;

    for (size_t i = m->count; i-- > m->first && now - m->sent[i].at < length;)
        sum += m->sent[i].n[what];
    return sum;
}

/* Never less than was sent within the span, never more than within the span and the bound. */
static void compare(const struct window *w, const struct model *m, int64_t now)
{
    for (int s = 0; s < WINDOW_SPANS; s++) {
        for (int n = 0; n < WINDOW_WHATS; n++) {
            uint32_t have = window_sum(w, (enum window_span)s, (enum window_what)n, now);

            assert_true(have >= exact(m, now, lengths[s], n));
            assert_true(have <= exact(m, now, lengths[s] + bounds[s], n));
        }
    }
}

/* What window_frees promises is true when that time has come, and not a minute too late. */
static void check_promise(const struct window *w, int64_t now, uint32_t limit)
{
    for (int s = 0; s < WINDOW_SPANS; s++) {
        int64_t at = window_frees(w, (enum window_span)s, WINDOW_RECIPIENTS, 2, limit, now);
        uint32_t then = window_sum(w, (enum window_span)s, WINDOW_RECIPIENTS, at);

        assert_true(at >= now);
        assert_true(then + 2 <= limit);
        if (at > now)
            assert_true(at <= now + lengths[s] + bounds[s]);
        else
            assert_true(window_sum(w, (enum window_span)s, WINDOW_RECIPIENTS, now) + 2 <= limit);
    }
}

static void copy(const struct window *from, struct window *to)
{
    struct text packed = TEXT_INIT(WINDOW_PACKED_MAX);
    struct span rest;

    window_pack(from, &packed);
    assert_false(packed.full);
    rest = text_span(&packed);
    assert_true(window_unpack(&rest, to));
    assert_int_equal(span_trim(rest).len, 0);
    text_free(&packed);
}

/* Mostly seconds, sometimes hours, now and then a day and more. */
static int64_t step(void)
{
    static const int64_t spans[] = {2 * CLOCK_SECOND, 40 * CLOCK_SECOND, 3 * CLOCK_MINUTE,
                                    2 * CLOCK_HOUR, 30 * CLOCK_HOUR};
    long which = random() % 1000;

    return random() % spans[which < 500   ? 0
                            : which < 800 ? 1
                            : which < 985 ? 2
                            : which < 999 ? 3
                                          : 4];
}

static void never_less_and_hardly_more_than_the_truth(void **state)
{
    struct model m = {memory_array(STEPS, sizeof *m.sent), 0, 0};
    struct window w = {0}, read;
    int64_t now = CLOCK_DAY + 12345;

    (void)state;
    srandom(4711);
    for (int i = 0; i < STEPS; i++) {
        struct sent *s = &m.sent[m.count++];

        now += step();
        *s = (struct sent){now, {1, (uint32_t)(random() % 20)}};
        window_add(&w, now, 1, s->n[WINDOW_RECIPIENTS]);
        assert_true(w.count < WINDOW_TICKS_MAX);
        while (now - m.sent[m.first].at > CLOCK_DAY + CLOCK_HOUR)
            m.first++;
        if (i % 7 == 0)
            compare(&w, &m, now);
        if (i % 31 == 0)
            check_promise(&w, now, 60);
        if (i % 101 == 0) { /* a restart forgets nothing */
            copy(&w, &read);
            window_free(&w);
            w = read;
            window_settle(&w, now);
            compare(&w, &m, now);
            compare(&w, &m, now + random() % CLOCK_DAY);
        }
    }
    window_free(&w);
    free(m.sent);
}

static void nothing_jumps_at_the_full_hour(void **state)
{
    struct window w = {0};
    int64_t at = 100 * CLOCK_HOUR + 59 * CLOCK_MINUTE;

    (void)state;
    window_add(&w, at, 1, 100);
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, at + 2 * CLOCK_MINUTE), 100);
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, at + CLOCK_HOUR - 1), 100);
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, at + 61 * CLOCK_MINUTE), 0);
    assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_RECIPIENTS, at + 24 * CLOCK_HOUR - 1), 100);
    assert_int_equal(
        window_sum(&w, WINDOW_DAY, WINDOW_RECIPIENTS, at + 24 * CLOCK_HOUR + 31 * CLOCK_MINUTE), 0);
    assert_int_equal(window_frees(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 1, 100, at),
                     at + 61 * CLOCK_MINUTE);
    assert_true(window_frees(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 101, 100, at) == CLOCK_NEVER);
    assert_int_equal(window_frees(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 1, 101, at), at);
    assert_false(window_empty(&w, at));
    assert_true(window_empty(&w, at + 2 * CLOCK_DAY));
    window_free(&w);
}

static void what_failed_is_taken_back(void **state)
{
    struct window w = {0};
    int64_t at = CLOCK_DAY;

    (void)state;
    window_add(&w, at, 1, 7);
    window_add(&w, at + CLOCK_MINUTE, 1, 5);
    window_take(&w, at, 1, 7);
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, at + CLOCK_MINUTE), 5);
    window_take(&w, at, 9, 9); /* never below nothing */
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_MESSAGES, at + CLOCK_MINUTE), 1);
    window_free(&w);
}

/* A clock that was lost: what lies ahead counts as of now, and so ends within a day. */
static void a_lost_clock_locks_nobody_out(void **state)
{
    struct window w = {0};

    (void)state;
    window_add(&w, 1000 * CLOCK_DAY, 1, 50);
    window_settle(&w, 10 * CLOCK_DAY);
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 10 * CLOCK_DAY), 50);
    assert_int_equal(window_sum(&w, WINDOW_DAY, WINDOW_RECIPIENTS, 12 * CLOCK_DAY), 0);
    window_add(&w, 9 * CLOCK_DAY, 1, 1); /* and one that goes back does not hurt */
    assert_int_equal(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 10 * CLOCK_DAY), 51);
    window_free(&w);
}

static void damaged_records_are_empty_windows(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "1 ",
        "1 2 3",
        "161 ",
        "2 5 1 1 5 1 1",
        "2 6 1 1 5 1 1",
        "1 99999999999 1 1",
        "1 5 -1 1",
        "1 5 1 4294967296",
    };
    struct window w;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span rest = span_of(rows[i]);

        assert_false(window_unpack(&rest, &w));
        assert_int_equal(w.count, 0);
    }
}

static void counts_do_not_wrap(void **state)
{
    struct window w = {0};

    (void)state;
    for (int i = 0; i < 3; i++)
        window_add(&w, CLOCK_DAY + i * CLOCK_MINUTE, UINT32_MAX, UINT32_MAX);
    assert_true(window_sum(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, CLOCK_DAY) == UINT32_MAX);
    assert_true(window_frees(&w, WINDOW_HOUR, WINDOW_RECIPIENTS, 1, 10, CLOCK_DAY) > CLOCK_DAY);
    window_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_less_and_hardly_more_than_the_truth),
        cmocka_unit_test(nothing_jumps_at_the_full_hour),
        cmocka_unit_test(what_failed_is_taken_back),
        cmocka_unit_test(a_lost_clock_locks_nobody_out),
        cmocka_unit_test(damaged_records_are_empty_windows),
        cmocka_unit_test(counts_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
