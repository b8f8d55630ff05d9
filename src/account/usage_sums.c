#include "account/usage_sums.h"

#include "account/usage_store.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"

#include <inttypes.h>

enum { RECORD = 60 };

/* In the store's small values: its sums are kept. */
#define BEGUN SPAN("usage-sums")

/* ---- one sum: "octets messages" in decimal ---- */

/* The beginning of a record of a mailbox, so that one reader does. */
#define REST " 0 0"

static bool read_sum(struct span value, struct usage_sum *out)
{
    struct text t = TEXT_INIT(RECORD + 4);
    struct usage_record r = {0};
    bool good;

    text_add(&t, value);
    text_adds(&t, REST);
    good = !t.full && usage_store_read(text_span(&t), &r);
    text_free(&t);
    *out = (struct usage_sum){r.octets, r.messages};
    return good;
}

static int put(struct store *s, struct span host, struct usage_sum sum, struct error *e)
{
    struct text t = TEXT_INIT(RECORD);
    int bad;

    if (!sum.octets && !sum.messages)
        return store_value_remove(s, STORE_KIND_HOSTED, host, e) < 0 ? -1 : 0;
    text_addf(&t, "%" PRId64 " %" PRId64, sum.octets, sum.messages);
    bad = store_value_put(s, STORE_KIND_HOSTED, host, text_span(&t), e);
    text_free(&t);
    return bad;
}

/* STORE_GOT, STORE_ABSENT, STORE_BROKEN or -1. */
static int get(struct store *s, struct span host, struct usage_sum *out, struct error *e)
{
    struct usage_record r;
    int got = usage_store_value(s, STORE_KIND_HOSTED, host, REST, &r, e);

    *out = (struct usage_sum){r.octets, r.messages};
    return got;
}

int usage_sums_add(struct store *s, struct span host, struct usage_sum by, struct error *e)
{
    struct usage_sum sum;
    int got;

    if (!host.len || (!by.octets && !by.messages))
        return 0;
    got = get(s, host, &sum, e);
    if (got == STORE_BROKEN)
        return usage_sums_mend(s, host, NULL, NULL, e);
    if (got < 0)
        return -1;
    sum.octets += by.octets;
    sum.messages += by.messages;
    return put(s, host, sum, e);
}

/* ---- all of them ---- */

struct tally {
    struct tally *next;
    struct span host;
    struct usage_sum was, is;
    bool broken; /* what stood there */
};

struct one {
    struct one *next;
    struct span name;
    struct tally *tally; /* NULL: of no hosting account */
    struct usage_record record;
    bool there, marked; /* a record that reads; among the unsure */
};

struct mend {
    struct store *store;
    struct arena *arena;
    struct span only; /* empty: all */
    struct map *hosts, *accounts;
    struct tally *tallies;
    struct one *ones;
    struct one *strays; /* records and marks of no account */
};

static struct tally *tally_of(struct mend *m, struct span host)
{
    struct tally *t = host.len ? map_get(m->hosts, host) : NULL;

    if (t || !host.len)
        return t;
    t = arena_alloc(m->arena, sizeof *t);
    t->host = arena_span(m->arena, host);
    t->next = m->tallies;
    m->tallies = t;
    map_put(m->hosts, t->host, t);
    return t;
}

static void take(struct mend *m, struct span account, struct span host)
{
    struct one *o = arena_alloc(m->arena, sizeof *o);

    o->name = arena_span(m->arena, account);
    o->tally = tally_of(m, host);
    o->next = m->ones;
    m->ones = o;
    map_put(m->accounts, o->name, o);
}

static bool take_account(void *arg, const struct store_account *acc)
{
    take(arg, acc->name, acc->host);
    return true;
}

static bool take_name(void *arg, struct span name)
{
    struct mend *m = arg;

    take(m, name, m->only);
    return true;
}

static void stray(struct mend *m, struct span name)
{
    struct one *o = arena_alloc(m->arena, sizeof *o);

    o->name = arena_span(m->arena, name);
    o->next = m->strays;
    m->strays = o;
}

static void add_record(struct one *o, const struct usage_record *r)
{
    o->there = true;
    o->record = *r;
    if (!o->tally)
        return;
    o->tally->is.octets += r->octets;
    o->tally->is.messages += r->messages;
}

static bool take_record(void *arg, struct span name, struct span value)
{
    struct mend *m = arg;
    struct one *o = map_get(m->accounts, name);
    struct usage_record r;

    if (!o)
        stray(m, name);
    else if (value.at && usage_store_read(value, &r))
        add_record(o, &r);
    return true;
}

static bool take_mark(void *arg, struct span name, struct span value)
{
    struct mend *m = arg;
    struct one *o = map_get(m->accounts, name);

    (void)value;
    if (o)
        o->marked = true;
    else
        stray(m, name);
    return true;
}

static bool take_sum(void *arg, struct span host, struct span value)
{
    struct mend *m = arg;
    struct tally *t = tally_of(m, host);

    t->broken = !value.at || !read_sum(value, &t->was);
    return true;
}

static int collect_all(struct mend *m, struct error *e)
{
    if (store_account_each(m->store, take_account, m, e) < 0 ||
        store_value_each(m->store, STORE_KIND_USAGE, take_record, m, e) < 0 ||
        store_value_each(m->store, STORE_KIND_HOSTED, take_sum, m, e) < 0)
        return -1;
    return store_value_each(m->store, STORE_KIND_UNSURE, take_mark, m, e);
}

/* The time grows with the accounts of this one only. */
static int collect_one(struct mend *m, struct error *e)
{
    struct store_list list = {.kind = STORE_HOST_ACCOUNTS, .of = m->only};
    struct tally *t = tally_of(m, m->only);
    int got = get(m->store, m->only, &t->was, e);

    t->broken = got == STORE_BROKEN;
    if (got < 0 || store_names(m->store, &list, NULL, take_name, m, e) < 0)
        return -1;
    for (struct one *o = m->ones; o; o = o->next) {
        struct usage_record r;
        int there = usage_store_get(m->store, o->name, &r, e);

        if (there < 0)
            return -1;
        if (there == STORE_GOT)
            add_record(o, &r);
    }
    return 0;
}

static int collect(struct mend *m, struct error *e)
{
    return m->only.len ? collect_one(m, e) : collect_all(m, e);
}

static int mend_sums(struct mend *m, usage_sums_fn *fn, void *arg, struct error *e)
{
    for (const struct tally *t = m->tallies; t; t = t->next) {
        bool wrong =
            t->broken || t->was.octets != t->is.octets || t->was.messages != t->is.messages;

        if (wrong && put(m->store, t->host, t->is, e) < 0)
            return -1;
        if (fn)
            fn(arg, &(struct usage_sums_found){t->host, t->was, t->is, wrong});
    }
    return 0;
}

/* By a change of nothing, which makes a record that is missing, or damaged, and its mark. */
static int mend_marks(const struct mend *m, struct error *e)
{
    static const struct usage_record nothing = {0};

    for (const struct one *o = m->ones; o; o = o->next)
        if (!o->there || usage_store_wants_count(&o->record) != o->marked)
            if (usage_store_add(m->store, o->name, &nothing, e) < 0)
                return -1;
    for (const struct one *o = m->strays; o; o = o->next)
        if (store_value_remove(m->store, STORE_KIND_USAGE, o->name, e) < 0 ||
            store_value_remove(m->store, STORE_KIND_UNSURE, o->name, e) < 0)
            return -1;
    return 0;
}

static struct mend begin_mend(struct store *s, struct span only)
{
    return (struct mend){
        .store = s, .arena = arena_new(), .only = only, .hosts = map_new(), .accounts = map_new()};
}

static void end_mend(struct mend *m)
{
    map_free(&m->hosts);
    map_free(&m->accounts);
    arena_free(&m->arena);
}

int usage_sums_mend(struct store *s, struct span host, usage_sums_fn *fn, void *arg,
                    struct error *e)
{
    struct mend m = begin_mend(s, host);
    int bad = collect(&m, e);

    if (!bad)
        bad = mend_sums(&m, fn, arg, e);
    if (!bad && !host.len)
        bad = mend_marks(&m, e);
    end_mend(&m);
    return bad;
}

/* What the sum of one hosting account should be. */
static int count(struct store *s, struct span host, struct usage_sum *out, struct error *e)
{
    struct mend m = begin_mend(s, host);
    int bad = collect(&m, e);

    if (!bad)
        *out = tally_of(&m, host)->is;
    end_mend(&m);
    return bad;
}

int usage_sums_get(struct store *s, struct span host, struct usage_sum *out, struct error *e)
{
    int got = get(s, host, out, e);

    return got == STORE_BROKEN ? count(s, host, out, e) : got < 0 ? -1 : 0;
}

int usage_sums_begin(struct store *s, struct error *e)
{
    struct arena *a = arena_new();
    struct span value;
    int got = store_meta_get(s, BEGUN, a, &value, e);

    arena_free(&a);
    if (got != STORE_ABSENT)
        return got < 0 ? -1 : 0;
    if (store_begin(s, e) < 0)
        return -1;
    if (usage_sums_mend(s, SPAN_NONE, NULL, NULL, e) == 0 &&
        store_meta_put(s, BEGUN, SPAN("1"), e) == 0)
        return store_commit(s, e);
    store_rollback(s);
    return -1;
}
