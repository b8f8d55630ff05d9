/* Reverse-paths of forwarded mail over the years: secrets change, and what is over is forgotten. */
#include "home.h"
#include "serve/forwarding.h"

static int nothing(struct store *s, void *arg, struct error *e)
{
    (void)s;
    (void)arg;
    (void)e;
    return 0;
}

static void stop(void *arg, int result, const struct error *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(result, 0);
    loop_stop(t->loop);
}

/* What was handed to the store thread so far is in the store. */
static void written(void)
{
    assert_true(commit_submit(queue_commit(t->house->queue), COMMIT_OWN, nothing, stop, NULL, 0));
    loop_run(t->loop);
}

static void leaves(const char *sender, char out[400])
{
    struct arena *a = arena_new();

    assert_true(span_cstr(forwarding_leaving(t->house->forwarding, span_of(sender), a), out, 400));
    arena_free(&a);
}

/* Whom it goes back to; NULL: it is refused, with these words. */
static void goes_back(const char *address, const char *sender, const char *words)
{
    struct arena *a = arena_new();
    struct text said = TEXT_INIT(2000);
    struct span to;
    struct reply r = {0};
    enum forwarding_way way = forwarding_back(t->house->forwarding, span_of(address), a, &to, &r);

    assert_int_equal(way, sender ? FORWARDING_BACK : FORWARDING_REFUSED);
    if (sender) {
        assert_true(span_is(to, sender));
    } else {
        reply_format(&r, &said);
        assert_non_null(strstr(text_cstr(&said), words));
    }
    text_free(&said);
    arena_free(&a);
}

#define LONG "bounces+1234567-abcd-reader=here.example=newsletter@em1234.far.example"

static void over_the_years(void **state)
{
    char first[400], second[400], kept[400], same[400];

    (void)state;
    clock_shift(89 * CLOCK_DAY);
    leaves("ann@far.example", first);
    leaves(LONG, kept);
    written();
    clock_shift(2 * CLOCK_DAY);
    leaves("ann@far.example", same);
    forwarding_tidy(t->house->forwarding);
    written();
    leaves("ann@far.example", second);
    assert_string_not_equal(same, second); /* of one day, by another secret */
    for (int times = 0; times < 2; times++) {
        goes_back(first, "ann@far.example", NULL);
        goes_back(second, "ann@far.example", NULL);
        goes_back(kept, LONG, NULL);
        home_reopen(t);
    }
    clock_shift(20 * CLOCK_DAY);
    goes_back(first, NULL, "21 days");
    goes_back(second, "ann@far.example", NULL);
    goes_back(kept, NULL, "21 days");
    clock_shift(20 * CLOCK_DAY);
    forwarding_tidy(t->house->forwarding);
    written();
    for (int years = 0; years < 12; years++) { /* the day comes again after 1024, the secret not */
        clock_shift(92 * CLOCK_DAY);
        forwarding_tidy(t->house->forwarding);
        written();
    }
    goes_back(first, NULL, "not made by this server");
    leaves("ann@far.example", first);
    goes_back(first, "ann@far.example", NULL);
}

static bool count(void *arg, struct span name, struct span value)
{
    (void)name;
    (void)value;
    ++*(unsigned *)arg;
    return true;
}

static unsigned in_the_store(void)
{
    unsigned n = 0;

    assert_int_equal(store_value_each(t->house->reader, STORE_KIND_FORWARD, count, &n, NULL), 0);
    return n;
}

static void what_does_not_fit(void **state)
{
    char one[400], again[400];

    (void)state;
    clock_shift(2 * CLOCK_DAY);
    leaves(LONG, one);
    leaves(LONG, again);
    assert_string_equal(one, again);
    leaves("ann@[192.0.2.1]", again);
    written();
    assert_int_equal(in_the_store(), 2);
    clock_shift(27 * CLOCK_DAY);
    forwarding_tidy(t->house->forwarding);
    written();
    assert_int_equal(in_the_store(), 2);
    clock_shift(2 * CLOCK_DAY);
    forwarding_tidy(t->house->forwarding);
    written();
    assert_int_equal(in_the_store(), 0);
}

static void whose_stays(void **state)
{
    static const char *const ours[] = {"", "ann@here.example", "x@ALSO.example",
                                       "SRS0=a=b=c=d@mail.here.example"};
    struct arena *a = arena_new();
    struct reply r;
    struct span to;

    (void)state;
    for (size_t i = 0; i < COUNT(ours); i++) {
        struct span s = span_of(ours[i]);

        assert_false(forwarding_wanted(t->house->forwarding, s));
        assert_true(span_eq(forwarding_leaving(t->house->forwarding, s, a), s));
    }
    assert_int_equal(
        forwarding_back(t->house->forwarding, SPAN("SRS0=a=b=c=d@here.example"), a, &to, &r),
        FORWARDING_NONE);
    assert_int_equal(forwarding_back(t->house->forwarding, SPAN("postmaster"), a, &to, &r),
                     FORWARDING_NONE);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_the_years, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(whose_stays, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
