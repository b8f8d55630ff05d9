/* Accounts, charges, and other small values. */
#include "base/clock.h"
#include "base/memory.h"
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_OCTETS = 400,
    CHARGE_DAYS = 8, /* how long charges are kept */
};

/* ---- values that grow old: their names begin with the day ---- */

static uint32_t big_endian(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

struct stale {
    struct store *store;
    uint32_t before;
    struct span names[1000];
    size_t count;
};

static bool find_stale(void *arg, struct span name, struct span value)
{
    struct stale *f = arg;

    (void)value;
    if (name.len < 4 || big_endian(name.at) >= f->before || f->count == COUNT(f->names))
        return false; /* names begin with the day: the rest is younger */
    f->names[f->count++] = arena_span(f->store->arena, name);
    return true;
}

/* Values whose names begin with a day before this one; not all at a time. */
static int forget_old(struct store *s, enum driver_kind kind, uint32_t before, struct error *e)
{
    struct stale *f = memory_alloc(sizeof *f);
    int bad;

    f->store = s;
    f->before = before;
    bad = s->driver->value_each(s->self, kind, find_stale, f, e);
    for (size_t i = 0; i < f->count && !bad; i++)
        bad = s->driver->value_remove(s->self, kind, f->names[i], e);
    free(f);
    return bad;
}

int store_forget_charges(struct store *s, struct error *e)
{
    if (store_begin(s, e) < 0)
        return -1;
    if (forget_old(s, DRIVER_CHARGE, (uint32_t)(clock_wall() / CLOCK_DAY) - CHARGE_DAYS, e) == 0)
        return store_commit(s, e);
    store_rollback(s);
    return -1;
}

static int check_name(struct span name, struct error *e)
{
    if (name.len && name.len <= NAME_MAX_OCTETS)
        return 0;
    return error_set(e, ERROR_INPUT, "a name has 1 to %d octets, this one has %zu", NAME_MAX_OCTETS,
                     name.len);
}

int store_account_put(struct store *s, const struct store_account *acc, struct error *e)
{
    assert(s->open);
    if (check_name(acc->name, e) < 0)
        return -1;
    if (acc->verifier.len > STORE_VERIFIER_MAX || acc->sender_count > STORE_SENDERS_MAX)
        return error_set(e, ERROR_INPUT, "an account has at most %d sender addresses",
                         STORE_SENDERS_MAX);
    if (!pack_account(&s->record, acc))
        return error_set(e, ERROR_INPUT, "the account's addresses are too long");
    return s->driver->value_put(s->self, DRIVER_ACCOUNT, acc->name, text_span(&s->record), e);
}

static int read_account(struct span name, struct span record, struct arena *a,
                        struct store_account *out, struct error *e)
{
    if (!pack_read_account(record, a, out)) /* temporary: a 535 would make clients forget the
                                               password (fault 33) */
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the record of account %.*s is damaged; set its password again",
                          SPAN_ARG(name));
    out->name = arena_span(a, name);
    return STORE_GOT;
}

int store_account_get(struct store *s, struct span name, struct arena *a, struct store_account *out,
                      struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, DRIVER_ACCOUNT, name, a, &record, e);

    return got == STORE_GOT ? read_account(name, record, a, out, e) : got;
}

int store_account_remove(struct store *s, struct span name, struct error *e)
{
    struct span record;
    int got;

    assert(s->open);
    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_ACCOUNT, name, s->arena, &record, e);
    if (got == STORE_GOT && s->driver->value_remove(s->self, DRIVER_ACCOUNT, name, e) < 0)
        return -1;
    return got;
}

struct each {
    store_account_fn *fn;
    void *arg;
    struct arena *arena;
    int bad;
    struct error *e;
};

static bool each_account(void *arg, struct span name, struct span value)
{
    struct each *w = arg;
    struct store_account acc;

    arena_clear(w->arena);
    w->bad = read_account(name, value, w->arena, &acc, w->e);
    return w->bad == 0 && w->fn(w->arg, &acc);
}

int store_account_each(struct store *s, store_account_fn *fn, void *arg, struct error *e)
{
    struct each w = {.fn = fn, .arg = arg, .arena = arena_new(), .e = e};
    int bad = s->driver->value_each(s->self, DRIVER_ACCOUNT, each_account, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}

/* Four octets of the day, then the name: old days stand together at the front. */
static struct span charge_name(struct store *s, struct span name, uint32_t day)
{
    char *at = arena_alloc(s->arena, 4 + name.len);

    for (int i = 0; i < 4; i++)
        at[i] = (char)(day >> (24 - 8 * i));
    if (name.len)
        memcpy(at + 4, name.at, name.len);
    return (struct span){at, 4 + name.len};
}

int store_charged(struct store *s, struct span name, uint32_t day, uint32_t *n, struct error *e)
{
    struct span value;
    int got;

    *n = 0;
    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_CHARGE, charge_name(s, name, day), s->arena, &value,
                               e);
    if (got == STORE_GOT && value.len == 4)
        *n = big_endian(value.at);
    return got < 0 ? -1 : 0;
}

/* P12: read and written in the caller's transaction, by the only thread that writes, so two accepts
 * can never both take the last place. */
int store_charge(struct store *s, struct span name, uint32_t day, uint32_t n, uint32_t limit,
                 struct error *e)
{
    char value[4];
    uint32_t have;

    assert(s->open);
    if (check_name(name, e) < 0 || store_charged(s, name, day, &have, e) < 0)
        return -1;
    if (limit && (uint64_t)have + n > limit)
        return error_mail(e, ERROR_TEMPORARY, "4.7.1", OWNER_YOU,
                          "this account may send to %u recipients a day and has sent to %u; go on "
                          "tomorrow, or ask your provider to raise the limit",
                          limit, have);
    have = have > UINT32_MAX - n ? UINT32_MAX : have + n;
    for (int i = 0; i < 4; i++)
        value[i] = (char)(have >> (24 - 8 * i));
    return s->driver->value_put(s->self, DRIVER_CHARGE, charge_name(s, name, day),
                                (struct span){value, 4}, e);
}

/* As charge_name: the day in front. */
static struct span once_name(struct store *s, struct span account, struct span key, uint32_t day)
{
    const char *both = arena_printf(s->arena, "%.*s %.*s", SPAN_ARG(account), SPAN_ARG(key));

    return charge_name(s, span_of(both), day);
}

int store_once_get(struct store *s, struct span account, struct span key, int64_t now,
                   struct store_once *out, struct error *e)
{
    uint32_t day = (uint32_t)(now / CLOCK_DAY);
    struct span value;
    int got = STORE_ABSENT;

    arena_clear(s->arena);
    for (uint32_t back = 0; back < 2 && back <= day && got == STORE_ABSENT; back++)
        got = s->driver->value_get(s->self, DRIVER_ONCE, once_name(s, account, key, day - back),
                                   s->arena, &value, e);
    if (got == STORE_GOT && value.len == sizeof *out)
        memcpy(out, value.at, sizeof *out);
    return got;
}

int store_once_put(struct store *s, struct span account, struct span key, int64_t now,
                   const struct store_once *once, struct error *e)
{
    uint32_t day = (uint32_t)(now / CLOCK_DAY);

    assert(s->open && key.len && key.len <= STORE_ONCE_KEY_MAX);
    arena_clear(s->arena);
    if (s->driver->value_put(s->self, DRIVER_ONCE, once_name(s, account, key, day),
                             (struct span){(const char *)once, sizeof *once}, e) < 0)
        return -1;
    return day ? forget_old(s, DRIVER_ONCE, day - 1, e) : 0;
}

int store_meta_get(struct store *s, struct span name, struct arena *a, struct span *value,
                   struct error *e)
{
    return s->driver->value_get(s->self, DRIVER_META, name, a, value, e);
}

int store_meta_put(struct store *s, struct span name, struct span value, struct error *e)
{
    assert(s->open);
    if (check_name(name, e) < 0)
        return -1;
    if (value.len > STORE_META_MAX)
        return error_set(e, ERROR_INPUT, "a value has at most %d octets", STORE_META_MAX);
    return s->driver->value_put(s->self, DRIVER_META, name, value, e);
}
