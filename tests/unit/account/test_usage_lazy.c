/* Usage in memory beside a store that runs ahead of it: transactions are committed in order, and
 * told later in the same order; between, any account and hosting account may be read for the first
 * time. When all is told, memory knows what the store knows. And what cannot be read is never
 * "room". */
#include "quiet.h"
#include "../store/fixture.h"
#include "account/usage.h"
#include "account/usage_store.h"
#include "account/usage_sums.h"
#include "account/usage_words.h"
#include "base/arena.h"
#include "store/store_parts.h"

enum { ACCOUNTS = 5, HOSTS = 3, PENDING = 8, ROUNDS = 1500 };

enum kind { ADD, SET, REMOVED, PUT, REMOVE, KINDS };

struct operation {
    enum kind kind;
    int account, host;
    int64_t octets;
    bool change; /* PUT of what is there already: nothing, when it is not there any more */
    bool done;   /* the store did it */
};

struct world {
    struct fixture *f;
    struct store *reader;
    struct usage *usage;
    struct operation op[PENDING]; /* submitted, in order */
    int submitted, committed, told;
    int host[ACCOUNTS]; /* as the directory has it: what was told; -1: no such account */
    bool early;         /* it reads the store itself, which may be ahead */
    bool fails;         /* reading fails */
    uint32_t random;
};

static uint32_t draw(struct world *w, uint32_t below)
{
    w->random = w->random * 1664525 + 1013904223;
    return (w->random >> 8) % below;
}

static struct span name_of(char kind, int i)
{
    static char names[2][8][16];
    char *name = names[kind == 'h'][i];

    snprintf(name, 16, "%c%d", kind, i);
    return span_of(name);
}

static int from_store(struct world *w, struct span name)
{
    struct arena *a = arena_new();
    struct store_account acc;
    int got = store_account_get(w->reader, name, a, &acc, NULL), host = -1;

    if (got == STORE_GOT)
        host = acc.host.len ? acc.host.at[1] - '0' : 0;
    arena_free(&a);
    return host;
}

static int who(void *arg, struct span name, struct span *host, uint64_t *quota, struct error *e)
{
    struct world *w = arg;
    int is = w->early ? from_store(w, name) : w->host[name.at[1] - '0'];

    if (w->fails)
        return error_set(e, ERROR_TEMPORARY, "the disk is gone");
    if (is < 0)
        return 0;
    *host = is ? name_of('h', is) : SPAN_NONE;
    *quota = 0;
    return 1;
}

static int host_quota(void *arg, struct span name, uint64_t *quota, struct error *e)
{
    (void)arg;
    (void)name;
    (void)e;
    *quota = 0;
    return 1;
}

static const struct usage_calls calls = {who, host_quota, quiet_level, quiet_unsure};

static struct world *world_new(const char *driver)
{
    static const struct usage_settings set = {.warns = 0};
    struct world *w = memory_alloc(sizeof *w);
    struct error e = {0};

    w->f = fixture_new(driver);
    w->random = 26;
    for (int i = 0; i < ACCOUNTS; i++)
        w->host[i] = -1;
    assert_int_equal(store_reader_open(w->f->store, &w->reader, &e), 0);
    w->usage = usage_open(w->f->store, w->reader, &set, &calls, w, &e);
    assert_non_null(w->usage);
    usage_begin(w->usage);
    return w;
}

static void world_free(struct world *w)
{
    usage_free(&w->usage);
    store_close(&w->reader);
    fixture_free(w->f);
    free(w);
}

/* The next process. */
static void again(struct world *w)
{
    static const struct usage_settings set = {.warns = 0};
    struct error e = {0};

    usage_free(&w->usage);
    w->usage = usage_open(w->f->store, w->reader, &set, &calls, w, &e);
    assert_non_null(w->usage);
}

/* ---- the life of a change ---- */

static void submit(struct world *w)
{
    struct operation *op = &w->op[w->submitted];
    struct span name;
    int there;

    *op = (struct operation){.kind = (enum kind)draw(w, KINDS),
                             .account = (int)draw(w, ACCOUNTS),
                             .host = (int)draw(w, HOSTS + 1),
                             .octets = (int64_t)draw(w, 900)};
    name = name_of('a', op->account);
    w->early = draw(w, 2);
    there = usage_touch(w->usage, name, NULL);
    op->change = there;
    if (op->kind < PUT && !there)
        return; /* nothing of it is begun */
    if (op->kind == PUT && op->host)
        assert_int_equal(usage_touch_host(w->usage, name_of('h', op->host), NULL), 0);
    w->submitted++;
}

static int apply(struct world *w, const struct operation *op)
{
    struct span name = name_of('a', op->account);
    struct store *s = w->f->store;
    struct usage_record add = {.octets = op->octets, .messages = 1};
    struct store_account to = {.name = name, .verifier = SPAN("x")}, now;
    struct error e = {0};

    to.host = op->host ? name_of('h', op->host) : SPAN_NONE;
    switch (op->kind) {
    case ADD:
        return usage_store_add(s, name, &add, &e);
    case SET:
        return usage_store_set(s, name, (uint64_t)op->octets, 1, &e);
    case REMOVED:
        return usage_store_removed(s, name, -op->octets, -1, &e);
    case PUT:
        if (op->change && store_account_get(s, name, w->f->arena, &now, &e) != STORE_GOT)
            return STORE_ABSENT;
        return usage_store_account_put(s, &to, &e);
    default:
        return usage_store_account_remove(s, name, &e);
    }
}

static void commit(struct world *w)
{
    struct operation *op = &w->op[w->committed++];
    struct error e = {0};
    int got;

    assert_int_equal(store_begin(w->f->store, &e), 0);
    got = apply(w, op);
    assert_true(got == STORE_GOT || got == STORE_ABSENT);
    op->done = got == STORE_GOT;
    assert_int_equal(store_commit(w->f->store, &e), 0);
}

static void tell(struct world *w)
{
    const struct operation *op = &w->op[w->told++];
    struct span name = name_of('a', op->account);

    w->early = draw(w, 2);
    if (!op->done && op->kind != REMOVE)
        return;
    switch (op->kind) {
    case ADD:
        usage_delivered(w->usage, NULL, 0, name, (uint64_t)op->octets);
        break;
    case SET:
        usage_measured(w->usage, name, (uint64_t)op->octets, 1);
        break;
    case REMOVED:
        usage_mailbox(w->usage, name, -op->octets, -1);
        break;
    case PUT:
        w->host[op->account] = op->host;
        usage_account(w->usage, name);
        break;
    default:
        w->host[op->account] = -1;
        usage_removed(w->usage, name);
    }
}

/* Somebody asks in between. */
static void look(struct world *w)
{
    struct usage_view v;
    int host = 1 + (int)draw(w, HOSTS), account = (int)draw(w, ACCOUNTS);

    w->early = draw(w, 2);
    if (draw(w, 2))
        assert_true(usage_of_host(w->usage, name_of('h', host), &v, NULL) >= 0);
    else
        assert_true(usage_of(w->usage, name_of('a', account), &v, NULL) >= 0);
}

static uint64_t positive(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static void compare(struct world *w)
{
    struct usage_view v;
    struct usage_record r;
    struct usage_sum sum;
    struct error e = {0};

    for (int i = 0; i < ACCOUNTS; i++) {
        struct span name = name_of('a', i);
        int got = usage_store_get(w->reader, name, &r, &e);

        assert_int_equal(got == STORE_GOT, w->host[i] >= 0);
        assert_int_equal(usage_of(w->usage, name, &v, &e) > 0, w->host[i] >= 0);
        if (got != STORE_GOT)
            continue;
        assert_int_equal(v.mailbox, positive(r.octets));
        assert_int_equal(v.messages, positive(r.messages));
        assert_int_equal(v.host.len ? v.host.at[1] - '0' : 0, w->host[i]);
    }
    for (int h = 1; h <= HOSTS; h++) {
        assert_int_equal(usage_sums_get(w->reader, name_of('h', h), &sum, &e), 0);
        assert_true(usage_of_host(w->usage, name_of('h', h), &v, &e) >= 0);
        assert_int_equal(v.mailbox, positive(sum.octets));
        assert_int_equal(v.messages, positive(sum.messages));
    }
}

static void step(struct world *w)
{
    switch (draw(w, 4)) {
    case 0:
        if (w->submitted < PENDING)
            submit(w);
        break;
    case 1:
        if (w->committed < w->submitted)
            commit(w);
        break;
    case 2:
        if (w->told < w->committed)
            tell(w);
        break;
    default:
        look(w);
    }
}

static void store_ahead(const char *driver)
{
    struct world *w = world_new(driver);

    for (int round = 0; round < ROUNDS; round++) {
        w->submitted = w->committed = w->told = 0;
        for (int n = 0; n < 12; n++)
            step(w);
        while (w->committed < w->submitted)
            commit(w);
        while (w->told < w->submitted)
            tell(w);
        w->early = draw(w, 2);
        compare(w);
        if (draw(w, 4) == 0)
            again(w); /* so that it reads anew in the next round */
    }
    world_free(w);
}

static void ahead_in_memory(void **state)
{
    (void)state;
    store_ahead("memory");
}

static void ahead_on_disk(void **state)
{
    (void)state;
    store_ahead("sqlite");
}

/* ---- what cannot be read ---- */

static void one_account(struct world *w, uint64_t octets)
{
    struct store_account to = {.name = name_of('a', 0), .verifier = SPAN("x"), .host = SPAN("h1")};
    struct error e = {0};

    assert_int_equal(store_begin(w->f->store, &e), 0);
    assert_int_equal(usage_store_account_put(w->f->store, &to, &e), 0);
    assert_int_equal(usage_store_set(w->f->store, to.name, octets, 3, &e), 0);
    assert_int_equal(store_commit(w->f->store, &e), 0);
    w->host[0] = 1;
}

static void raw(struct world *w, enum driver_kind kind, struct span name)
{
    struct store *s = w->f->store;
    struct error e = {0};

    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(s->driver->value_put(s->self, kind, name, SPAN("junk"), &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
}

static void refused_for_now(struct world *w, const struct usage_want *want)
{
    struct usage_charge *c = NULL;
    struct usage_full full;
    struct error e;

    assert_int_equal(usage_fits(w->usage, want, &full), -1);
    assert_int_equal(full.whose, USAGE_UNREADABLE);
    assert_int_equal(usage_charge(w->usage, want, false, &c, &full), -1);
    assert_int_equal(full.whose, USAGE_UNREADABLE);
    assert_null(c);
    usage_words_full(&full, true, &e); /* also where a full one is refused for good */
    assert_string_equal(e.enhanced, "4.3.0");
    assert_int_equal(e.class, ERROR_TEMPORARY);
    assert_int_equal(usage_charge(w->usage, want, true, &c, &full), 0);
    assert_int_equal(full.error.class, ERROR_TEMPORARY);
    usage_release(w->usage, &c);
}

static void nobody_knows(void **state)
{
    struct world *w = world_new("memory");
    struct usage_post to = {name_of('a', 0), 0, 10};
    struct usage_want sends = {.sender = name_of('a', 0), .octets = 10};
    struct usage_want gets = {.posts = &to, .count = 1};
    struct usage_full full;
    struct usage_view v;

    (void)state;
    one_account(w, 500);
    w->fails = true;
    refused_for_now(w, &sends);
    refused_for_now(w, &gets);
    assert_int_equal(usage_touch(w->usage, to.account, NULL), -1);
    assert_int_equal(usage_of(w->usage, to.account, &v, NULL), -1);
    w->fails = false;
    assert_int_equal(usage_fits(w->usage, &sends, &full), 0);
    assert_int_equal(usage_of(w->usage, to.account, &v, NULL), 1);
    assert_int_equal(v.used, 500);

    raw(w, DRIVER_USAGE, to.account); /* its record is damaged: until it is counted */
    again(w);
    refused_for_now(w, &sends);
    refused_for_now(w, &gets);
    assert_true(span_eq(usage_next_unsure(w->usage), to.account));
    usage_measured(w->usage, to.account, 700, 4);
    assert_int_equal(usage_fits(w->usage, &sends, &full), 0);
    world_free(w);
}

/* A hosting account's sum that does not read is made of the records. */
static void sum_damaged(void **state)
{
    struct world *w = world_new("memory");
    struct usage_view v;
    struct error e = {0};

    (void)state;
    one_account(w, 500);
    raw(w, DRIVER_HOSTED, SPAN("h1"));
    assert_int_equal(usage_of_host(w->usage, SPAN("h1"), &v, &e), 1);
    assert_int_equal(e.class, ERROR_NONE);
    assert_int_equal(v.used, 500);
    assert_int_equal(v.messages, 3);
    world_free(w);
}

/* More than are read at a time; before them as many that are nobody's. */
static void all_unsure_are_found(void **state)
{
    struct world *w = world_new("memory");
    unsigned found = 0;
    struct error e = {0};

    (void)state;
    assert_int_equal(store_begin(w->f->store, &e), 0);
    for (int i = 0; i < 1201; i++) {
        char name[16];
        struct store_account to = {.verifier = SPAN("x")};

        snprintf(name, sizeof name, "n0-%05d", i);
        assert_int_equal(
            store_value_put(w->f->store, STORE_KIND_UNSURE, span_of(name), SPAN_NONE, &e), 0);
        snprintf(name, sizeof name, "u0-%05d", i);
        to.name = span_of(name);
        assert_int_equal(usage_store_account_put(w->f->store, &to, &e), 0);
    }
    assert_int_equal(store_commit(w->f->store, &e), 0);
    again(w);
    w->early = true;
    while (usage_next_unsure(w->usage).len)
        found++;
    assert_int_equal(found, 1201);
    world_free(w);
}

/* For lists: nothing is kept, and what is in memory is believed first. */
static void looked_at(void **state)
{
    struct world *w = world_new("memory");
    struct usage_post to = {name_of('a', 0), 0, 10};
    struct usage_want want = {.posts = &to, .count = 1};
    struct usage_charge *c;
    struct usage_full full;
    struct usage_view v;

    (void)state;
    one_account(w, 500);
    assert_int_equal(usage_look(w->usage, name_of('a', 1), &v, NULL), 0);
    assert_int_equal(usage_look(w->usage, to.account, &v, NULL), 1);
    assert_true(v.used == 500 && v.messages == 3 && !v.unsure && span_is(v.host, "h1"));
    assert_int_equal(usage_charge(w->usage, &want, false, &c, &full), 0);
    assert_int_equal(usage_look(w->usage, to.account, &v, NULL), 1);
    assert_true(v.used == 510 && span_eq(v.name, to.account));
    usage_release(w->usage, &c);
    world_free(w);
}

static void neighbours(void **state)
{
    struct world *w = world_new("memory");
    struct arena *a = arena_new();
    struct span out[2];

    (void)state;
    one_account(w, 500);
    assert_int_equal(usage_stale(w->usage, SPAN("h1"), 1, a, out, 2, NULL), 1);
    assert_true(span_eq(out[0], name_of('a', 0)));
    assert_int_equal(usage_stale(w->usage, SPAN("h2"), 1, a, out, 2, NULL), 0);
    assert_int_equal(usage_touch(w->usage, name_of('a', 0), NULL), 1);
    usage_measured(w->usage, name_of('a', 0), 500, 3);
    assert_int_equal(usage_stale(w->usage, SPAN("h1"), 1, a, out, 2, NULL), 0);
    arena_free(&a);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ahead_in_memory),      cmocka_unit_test(ahead_on_disk),
        cmocka_unit_test(nobody_knows),         cmocka_unit_test(sum_damaged),
        cmocka_unit_test(all_unsure_are_found), cmocka_unit_test(looked_at),
        cmocka_unit_test(neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
