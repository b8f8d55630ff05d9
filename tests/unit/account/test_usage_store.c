/* What the store knows of mailboxes, held against a plain recount by random steps, with each
 * driver: the sum of a hosting account is that of its accounts' records, whatever happens in what
 * order and whichever transaction is undone, rolled back or cut off by the end of the process. */
#include "../store/fixture.h"
#include "account/usage_store.h"
#include "account/usage_sums.h"
#include "base/arena.h"
#include "store/store_parts.h"

enum { ACCOUNTS = 6, HOSTS = 3, STEPS = 6000 };

struct random {
    uint32_t state;
};

static uint32_t draw(struct random *r, uint32_t below)
{
    r->state = r->state * 1664525 + 1013904223;
    return (r->state >> 8) % below;
}

static struct span account_name(uint32_t i)
{
    static const char *const names[ACCOUNTS] = {"a@x.test", "b@x.test", "c@y.test",
                                                "d",        "e@y.test", "f@z.test"};

    return span_of(names[i]);
}

static struct span host_name(uint32_t i)
{
    static const char *const names[HOSTS + 1] = {"", "acme", "beta", "corp"};

    return span_of(names[i]);
}

/* ---- what must be true ---- */

struct truth {
    struct store *store;
    struct usage_sum sum[HOSTS + 1];
    unsigned records, marks, sums;
};

static bool count_record(void *arg, struct span name, struct span value)
{
    (void)name;
    (void)value;
    ++*(unsigned *)arg;
    return true;
}

static void add_up(struct truth *t, uint32_t account)
{
    struct arena *a = arena_new();
    struct store_account acc;
    struct usage_record r;
    struct span value;
    struct error e = {0};
    int got = store_account_get(t->store, account_name(account), a, &acc, &e), marked, there;

    there = store_value_get(t->store, STORE_KIND_USAGE, account_name(account), a, &value, &e);
    assert_int_equal(there, got); /* records of accounts only, and of each */
    assert_true(usage_store_get(t->store, account_name(account), &r, &e) >= 0);
    marked = store_value_get(t->store, STORE_KIND_UNSURE, account_name(account), a, &value, &e);
    assert_int_equal(marked == STORE_GOT, got == STORE_GOT && usage_store_wants_count(&r));
    for (uint32_t h = 1; got == STORE_GOT && h <= HOSTS; h++) {
        if (!span_eq(acc.host, host_name(h)))
            continue;
        t->sum[h].octets += r.octets;
        t->sum[h].messages += r.messages;
    }
    arena_free(&a);
}

static void check(struct store *s)
{
    struct truth t = {.store = s};
    struct error e = {0};
    unsigned sums = 0, there = 0;

    for (uint32_t i = 0; i < ACCOUNTS; i++)
        add_up(&t, i);
    for (uint32_t h = 1; h <= HOSTS; h++) {
        struct usage_sum sum;

        assert_int_equal(usage_sums_get(s, host_name(h), &sum, &e), 0);
        assert_int_equal(sum.octets, t.sum[h].octets);
        assert_int_equal(sum.messages, t.sum[h].messages);
        sums += sum.octets || sum.messages;
    }
    assert_int_equal(store_value_each(s, STORE_KIND_HOSTED, count_record, &there, &e), 0);
    assert_int_equal(there, sums); /* a sum of nothing is not kept */
}

static void wrong(void *arg, const struct usage_sums_found *f)
{
    *(unsigned *)arg += f->wrong;
}

/* How many sums were wrong. */
static unsigned mend(struct store *s, struct span host)
{
    struct error e = {0};
    unsigned found = 0;

    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(usage_sums_mend(s, host, wrong, &found, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    return found;
}

/* ---- steps ---- */

static void step(struct store *s, struct random *r)
{
    struct span name = account_name(draw(r, ACCOUNTS));
    struct store_account to = {
        .name = name, .verifier = SPAN("x"), .host = host_name(draw(r, HOSTS + 1))};
    struct usage_record add = {.octets = draw(r, 5000), .messages = 1, .unsure = draw(r, 8) == 0};
    struct error e = {0};

    switch (draw(r, 10)) {
    case 0:
        assert_int_equal(usage_store_account_put(s, &to, &e), 0);
        break;
    case 1:
        if (draw(r, 3) == 0)
            assert_true(usage_store_account_remove(s, name, &e) >= 0);
        break;
    case 2:
        assert_true(usage_store_set(s, name, draw(r, 9000), draw(r, 9), &e) >= 0);
        break;
    case 3:
        assert_true(usage_store_removing(s, name, &e) >= 0);
        break;
    case 4:
    case 5:
        assert_true(usage_store_removed(s, name, -(int64_t)draw(r, 4000), -1, &e) >= 0);
        break;
    default:
        assert_true(usage_store_add(s, name, &add, &e) >= 0);
    }
}

/* Some steps of which one may be undone, as queue/commit.c does. */
static void group(struct fixture *f, struct random *r)
{
    struct error e = {0};

    assert_int_equal(store_begin(f->store, &e), 0);
    for (uint32_t n = 1 + draw(r, 4); n; n--) {
        assert_int_equal(store_mark(f->store, &e), 0);
        step(f->store, r);
        if (draw(r, 5) == 0)
            store_undo(f->store);
        else
            assert_int_equal(store_keep(f->store, &e), 0);
    }
    switch (draw(r, 40)) {
    case 0:
        store_rollback(f->store);
        break;
    case 1:
        if (strcmp(f->driver, "sqlite") == 0) { /* the end of the process, before its commit */
            fixture_reopen(f);
            break;
        }
        __attribute__((fallthrough));
    default:
        assert_int_equal(store_commit(f->store, &e), 0);
    }
}

static void always_true(const char *driver)
{
    struct fixture *f = fixture_new(driver);
    struct random r = {26};
    struct error e = {0};

    assert_int_equal(usage_sums_begin(f->store, &e), 0);
    for (int n = 0; n < STEPS / 3; n++) {
        group(f, &r);
        check(f->store);
    }
    assert_int_equal(mend(f->store, SPAN_NONE), 0);
    for (uint32_t h = 1; h <= HOSTS; h++)
        assert_int_equal(mend(f->store, host_name(h)), 0);
    check(f->store);
    fixture_free(f);
}

static void in_memory(void **state)
{
    (void)state;
    always_true("memory");
}

static void on_disk(void **state)
{
    (void)state;
    always_true("sqlite");
}

/* ---- stores that are not so (yet) ---- */

static void raw(struct store *s, enum driver_kind kind, struct span name, struct span bytes)
{
    struct error e = {0};

    assert_int_equal(s->driver->value_put(s->self, kind, name, bytes, &e), 0);
}

/* As versions before this one wrote it: accounts and records, some not counted yet, a record that
 * an account left behind. */
static void from_before(void **state)
{
    struct fixture *f = fixture_new("sqlite");
    struct store_account a = {.name = account_name(0), .verifier = SPAN("x"), .host = SPAN("acme")};
    struct usage_sum sum;
    struct error e = {0};

    (void)state;
    assert_int_equal(store_begin(f->store, &e), 0);
    assert_int_equal(store_account_put(f->store, &a, &e), 0);
    a.name = account_name(1);
    assert_int_equal(store_account_put(f->store, &a, &e), 0);
    a.name = account_name(2);
    assert_int_equal(store_account_put(f->store, &a, &e), 0);
    assert_int_equal(
        store_value_put(f->store, STORE_KIND_USAGE, account_name(0), SPAN("100 2 0 0"), &e), 0);
    assert_int_equal(
        store_value_put(f->store, STORE_KIND_USAGE, account_name(1), SPAN("50 1 1 0"), &e), 0);
    assert_int_equal(
        store_value_put(f->store, STORE_KIND_USAGE, account_name(5), SPAN("9 9 0 1"), &e), 0);
    assert_int_equal(store_commit(f->store, &e), 0);

    assert_int_equal(usage_sums_begin(f->store, &e), 0);
    check(f->store);
    assert_int_equal(usage_sums_get(f->store, SPAN("acme"), &sum, &e), 0);
    assert_int_equal(sum.octets, 150);
    assert_int_equal(sum.messages, 3);
    fixture_reopen(f);
    assert_int_equal(usage_sums_begin(f->store, &e), 0); /* nothing to do: it was written */
    check(f->store);
    assert_int_equal(store_begin(f->store, &e), 0);
    raw(f->store, DRIVER_HOSTED, SPAN("acme"), SPAN("junk"));
    assert_int_equal(store_commit(f->store, &e), 0);
    assert_int_equal(usage_sums_begin(f->store, &e), 0); /* once, not at each start */
    assert_int_equal(mend(f->store, SPAN_NONE), 1);
    check(f->store);
    fixture_free(f);
}

static void put_account(struct store *s, uint32_t i, struct span host)
{
    struct store_account a = {.name = account_name(i), .verifier = SPAN("x"), .host = host};
    struct error e = {0};

    assert_int_equal(usage_store_account_put(s, &a, &e), 0);
    assert_int_equal(usage_store_set(s, account_name(i), 1000 * (i + 1), i + 1, &e), 0);
}

static void mended(void **state)
{
    struct fixture *f = fixture_new("memory");
    struct store *s = f->store;
    struct usage_record one = {.octets = 7, .messages = 1};
    struct error e = {0};

    (void)state;
    assert_int_equal(store_begin(s, &e), 0);
    put_account(s, 0, SPAN("acme"));
    put_account(s, 1, SPAN("acme"));
    put_account(s, 2, SPAN("beta"));
    assert_int_equal(store_commit(s, &e), 0);
    check(s);

    assert_int_equal(store_begin(s, &e), 0); /* sums that are wrong, of one and of all */
    assert_int_equal(store_value_put(s, STORE_KIND_HOSTED, SPAN("acme"), SPAN("1 1"), &e), 0);
    assert_int_equal(store_value_put(s, STORE_KIND_HOSTED, SPAN("beta"), SPAN("1 1"), &e), 0);
    assert_int_equal(store_value_put(s, STORE_KIND_HOSTED, SPAN("corp"), SPAN("1 1"), &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    assert_int_equal(mend(s, SPAN("acme")), 1);
    assert_int_equal(mend(s, SPAN_NONE), 2);
    check(s);

    assert_int_equal(store_begin(s, &e), 0); /* a sum that does not read is made anew by a change */
    raw(s, DRIVER_HOSTED, SPAN("acme"), SPAN("junk"));
    assert_int_equal(usage_store_add(s, account_name(0), &one, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    check(s);

    assert_int_equal(store_begin(s, &e), 0); /* so is one of a record that does not read */
    raw(s, DRIVER_USAGE, account_name(0), SPAN("junk"));
    assert_int_equal(usage_store_add(s, account_name(0), &one, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    check(s);
    assert_int_equal(store_begin(s, &e), 0); /* also when it moves, and goes */
    raw(s, DRIVER_USAGE, account_name(0), SPAN("junk"));
    put_account(s, 0, SPAN("beta"));
    assert_int_equal(store_commit(s, &e), 0);
    check(s);
    assert_int_equal(store_begin(s, &e), 0);
    raw(s, DRIVER_USAGE, account_name(0), SPAN("junk"));
    assert_int_equal(usage_store_account_remove(s, account_name(0), &e), STORE_GOT);
    assert_int_equal(usage_store_account_remove(s, account_name(0), &e), STORE_ABSENT);
    assert_int_equal(store_commit(s, &e), 0);
    check(s);
    assert_int_equal(mend(s, SPAN_NONE), 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(on_disk),
        cmocka_unit_test(from_before),
        cmocka_unit_test(mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
