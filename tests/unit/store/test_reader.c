/* The second handle: it sees what is committed, never waits for the store, never loses an error. */
#include "fixture.h"

#include "faultvfs.h"

#include <pthread.h>
#include <stdatomic.h>

static int setup_sqlite(void **state)
{
    struct fixture *f = *state = fixture_new("sqlite");

    fixture_reader(f);
    return 0;
}

static int setup_memory(void **state)
{
    struct fixture *f = *state = fixture_new("memory");

    fixture_reader(f);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *value)
{
    struct error e = {0};

    if (store_value_put(f->store, STORE_KIND_USAGE, span_of(name), span_of(value), &e) < 0)
        fail_msg("%s", e.words);
}

static const char *seen(struct fixture *f, const char *name)
{
    struct span value;
    struct error e = {0};
    int got = store_value_get(f->reader, STORE_KIND_USAGE, span_of(name), f->arena, &value, &e);

    if (got < 0)
        fail_msg("%s", e.words);
    return got == STORE_GOT ? arena_cstr(f->arena, value) : NULL;
}

static void test_sees_commits(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(SPAN("Subject: x\r\n\r\n"));
    struct store_head h;

    assert_null(seen(f, "kim"));
    fixture_begin(f);
    put(f, "kim", "1");
    fixture_commit(f);
    assert_string_equal(seen(f, "kim"), "1");
    fixture_begin(f);
    put(f, "kim", "2");
    if (strcmp(f->driver, "sqlite") == 0) /* with the other one this thread would wait for itself */
        assert_string_equal(seen(f, "kim"), "1");
    store_rollback(f->store);
    assert_string_equal(seen(f, "kim"), "1");
    fixture_put(f, &m);
    assert_int_equal(store_find(f->reader, &m.envelope.id, f->arena, &h, NULL), STORE_GOT);
    assert_int_equal(h.envelope.count, 3);
}

static bool list_value(void *arg, struct span name, struct span value)
{
    text_addf(arg, "%.*s=%.*s ", SPAN_ARG(name), SPAN_ARG(value));
    return true;
}

static void range(struct fixture *f, struct store_range r, const char *expected)
{
    struct text t = TEXT_INIT(200);

    assert_int_equal(store_value_range(f->reader, STORE_KIND_USAGE, &r, list_value, &t, NULL), 0);
    assert_string_equal(text_cstr(&t), expected);
    text_free(&t);
}

static void test_ranges(void **state)
{
    struct fixture *f = *state;

    fixture_begin(f);
    put(f, "a", "1");
    put(f, "a/x", "2");
    put(f, "a/y", "3");
    put(f, "a0", "4");
    put(f, "b", "5");
    put(f, "\xff\xff", "6");
    fixture_commit(f);
    range(f, (struct store_range){0}, "a=1 a/x=2 a/y=3 a0=4 b=5 \xff\xff=6 ");
    range(f, (struct store_range){.prefix = SPAN("a/")}, "a/x=2 a/y=3 ");
    range(f, (struct store_range){.prefix = SPAN("a/"), .after = SPAN("a/x")}, "a/y=3 ");
    range(f, (struct store_range){.prefix = SPAN("a/"), .after = SPAN("a/y")}, "");
    range(f, (struct store_range){.prefix = SPAN("b"), .after = SPAN("a")}, "b=5 ");
    range(f, (struct store_range){.prefix = SPAN("a"), .max = 2}, "a=1 a/x=2 ");
    range(f, (struct store_range){.after = SPAN("a"), .max = 2}, "a/x=2 a/y=3 ");
    range(f, (struct store_range){.after = SPAN("a1")}, "b=5 \xff\xff=6 ");
    range(f, (struct store_range){.prefix = SPAN("\xff")}, "\xff\xff=6 ");
    range(f, (struct store_range){.prefix = SPAN("c")}, "");
}

/* ---- beside the store thread ---- */

struct beside {
    struct fixture *f;
    atomic_bool stop;
    unsigned rounds;
};

/* Both values of a pair are written in one commit; between them checkpoints of both kinds run. */
static void *write_pairs(void *arg)
{
    struct beside *b = arg;
    struct error e = {0};
    char text[20];

    for (unsigned n = 1; n <= b->rounds; n++) {
        snprintf(text, sizeof text, "%u", n);
        fixture_begin(b->f);
        put(b->f, "first", text);
        put(b->f, "second", text);
        fixture_commit(b->f);
        if ((n % 7 == 0 && store_tidy(b->f->store, &e) < 0) ||
            (n % 11 == 0 && store_reopen(b->f->store, &e) < 0))
            fail_msg("%s", e.words);
    }
    atomic_store(&b->stop, true);
    return NULL;
}

struct pair {
    unsigned value[2], count;
};

static bool take_pair(void *arg, struct span name, struct span value)
{
    struct pair *p = arg;
    uint64_t n = 0;

    (void)name;
    assert_true(span_u64(value, UINT32_MAX, &n));
    p->value[p->count++] = (unsigned)n;
    return true;
}

/* What is read together was committed together, no newer commit is ever taken back, and neither
 * side fails. */
static void test_beside_commits_and_checkpoints(void **state)
{
    struct beside b = {.f = *state, .rounds = 400};
    struct error e = {0};
    unsigned last = 0;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, write_pairs, &b), 0);
    while (!atomic_load(&b.stop)) {
        struct pair p = {0};

        if (store_value_each(b.f->reader, STORE_KIND_USAGE, take_pair, &p, &e) < 0)
            fail_msg("%s", e.words);
        assert_int_equal(p.value[0], p.value[1]);
        assert_true(p.value[0] >= last);
        last = p.value[0];
    }
    pthread_join(thread, NULL);
    assert_string_equal(seen(b.f, "first"), "400");
}

/* ---- trouble ---- */

/* An error while reading is -1 and never "absent"; afterwards it works again. */
static void test_read_error(void **state)
{
    struct fixture f = {.driver = "sqlite", .arena = arena_new()};
    struct store_account acc = {.name = SPAN("kim@b.test"), .verifier = SPAN("v")}, out;
    struct store_list list = {STORE_DOMAIN_ACCOUNTS, SPAN("b.test")};
    struct error e = {0};
    uint64_t count;

    (void)state;
    fault_reset();
    fixture_path(f.path);
    assert_int_equal(fixture_open(&f, "fault", NULL), 0);
    fixture_begin(&f);
    assert_int_equal(store_account_put(f.store, &acc, NULL), 0);
    fixture_commit(&f);
    fixture_reader(&f);
    fault_arm(1, 1 << FAULT_READ, SQLITE_IOERR_READ, true);
    assert_int_equal(store_account_get(f.reader, acc.name, f.arena, &out, &e), -1);
    assert_string_equal(e.enhanced, "4.3.0");
    assert_int_equal(store_account_get(f.reader, SPAN("nobody"), f.arena, &out, &e), -1);
    assert_int_equal(store_count(f.reader, &list, &count, &e), -1);
    fault.countdown = 0;
    assert_int_equal(store_account_get(f.reader, acc.name, f.arena, &out, &e), STORE_GOT);
    assert_int_equal(store_account_get(f.reader, SPAN("nobody"), f.arena, &out, &e), STORE_ABSENT);
    assert_int_equal(store_count(f.reader, &list, &count, &e), 0);
    assert_int_equal(count, 1);
    store_close(&f.reader);
    store_close(&f.store);
    fixture_wipe(f.path);
    arena_free(&f.arena);
}

/* No other process may open the database, with or without our lock; no index of the log lies beside
 * it. */
static void test_nobody_else(void **state)
{
    struct fixture *f = *state;
    char *db = arena_printf(f->arena, "%s/port26.db", f->path),
         *index = arena_printf(f->arena, "%s/port26.db-shm", f->path),
         *command = arena_printf(f->arena,
                                 "/usr/bin/python3 -c 'import sqlite3, sys\n"
                                 "try: sqlite3.connect(\"%s\", timeout=0)"
                                 ".execute(\"select count(*) from value\").fetchall()\n"
                                 "except sqlite3.OperationalError as e:"
                                 " sys.exit(0 if \"locked\" in str(e) else 2)\n"
                                 "sys.exit(1)'",
                                 db);

    fixture_begin(f);
    put(f, "kim", "1");
    fixture_commit(f);
    assert_string_equal(seen(f, "kim"), "1");
    assert_int_equal(system(command), 0);
    assert_int_not_equal(access(index, F_OK), 0);
}

#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, setup_sqlite, teardown, NULL},                                       \
    {                                                                                              \
#test " (memory)", test, setup_memory, teardown, NULL                                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_sees_commits),
        BOTH(test_ranges),
        BOTH(test_beside_commits_and_checkpoints),
        {"test_nobody_else (sqlite)", test_nobody_else, setup_sqlite, teardown, NULL},
        cmocka_unit_test(test_read_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
