/* Who is here: accounts, hosting accounts, domains, aliases. */
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>

int store_account_put(struct store *s, const struct store_account *acc, struct error *e)
{
    assert(s->open);
    if (store_check_name(acc->name, e) < 0)
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
    assert(s->open);
    return store_remove_named(s, DRIVER_ACCOUNT, name, e);
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

/* ---- hosting accounts ---- */

int store_host_put(struct store *s, const struct store_host *h, struct error *e)
{
    assert(s->open);
    if (store_check_name(h->name, e) < 0)
        return -1;
    pack_host(&s->record, h);
    return s->driver->value_put(s->self, DRIVER_HOST, h->name, text_span(&s->record), e);
}

int store_host_remove(struct store *s, struct span name, struct error *e)
{
    assert(s->open);
    return store_remove_named(s, DRIVER_HOST, name, e);
}

/* One record that does not read stops the opening: its quota and its lock would be lost unseen. */
static int damaged(const char *what, struct span name, struct error *e)
{
    return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                      "the record of %s %.*s is damaged; restore the store from a backup", what,
                      SPAN_ARG(name));
}

struct each_host {
    store_host_fn *fn;
    void *arg;
    int bad;
    struct error *e;
};

static bool each_host(void *arg, struct span name, struct span record)
{
    struct each_host *w = arg;
    struct store_host h;

    if (!pack_read_host(record, &h))
        w->bad = damaged("hosting account", name, w->e);
    h.name = name;
    return !w->bad && w->fn(w->arg, &h);
}

int store_host_each(struct store *s, store_host_fn *fn, void *arg, struct error *e)
{
    struct each_host w = {fn, arg, 0, e};

    return s->driver->value_each(s->self, DRIVER_HOST, each_host, &w, e) || w.bad ? -1 : 0;
}

/* ---- domains ---- */

int store_domain_put(struct store *s, const struct store_domain *d, struct error *e)
{
    assert(s->open);
    if (store_check_name(d->name, e) < 0)
        return -1;
    if (!pack_domain(&s->record, d))
        return error_set(e, ERROR_INPUT, "the catch-all address is too long");
    return s->driver->value_put(s->self, DRIVER_DOMAIN, d->name, text_span(&s->record), e);
}

int store_domain_remove(struct store *s, struct span name, struct error *e)
{
    assert(s->open);
    return store_remove_named(s, DRIVER_DOMAIN, name, e);
}

struct each_domain {
    store_domain_fn *fn;
    void *arg;
    struct arena *arena;
    int bad;
    struct error *e;
};

static bool each_domain(void *arg, struct span name, struct span record)
{
    struct each_domain *w = arg;
    struct store_domain d;

    arena_clear(w->arena);
    if (!pack_read_domain(record, w->arena, &d))
        w->bad = damaged("domain", name, w->e);
    d.name = name;
    return !w->bad && w->fn(w->arg, &d);
}

int store_domain_each(struct store *s, store_domain_fn *fn, void *arg, struct error *e)
{
    struct each_domain w = {fn, arg, arena_new(), 0, e};
    int bad = s->driver->value_each(s->self, DRIVER_DOMAIN, each_domain, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}

/* ---- aliases ---- */

int store_alias_put(struct store *s, const struct store_alias *al, struct error *e)
{
    assert(s->open);
    if (store_check_name(al->address, e) < 0)
        return -1;
    if (!al->target_count || al->target_count > STORE_TARGETS_MAX || !pack_alias(&s->record, al))
        return error_set(e, ERROR_INPUT, "an alias has 1 to %d targets", STORE_TARGETS_MAX);
    return s->driver->value_put(s->self, DRIVER_ALIAS, al->address, text_span(&s->record), e);
}

int store_alias_remove(struct store *s, struct span address, struct error *e)
{
    assert(s->open);
    return store_remove_named(s, DRIVER_ALIAS, address, e);
}

struct each_alias {
    store_alias_fn *fn;
    void *arg;
    struct arena *arena;
    int bad;
    struct error *e;
};

static bool each_alias(void *arg, struct span name, struct span record)
{
    struct each_alias *w = arg;
    struct store_alias al;

    arena_clear(w->arena);
    if (!pack_read_alias(record, w->arena, &al))
        w->bad = damaged("alias", name, w->e);
    al.address = name;
    return !w->bad && w->fn(w->arg, &al);
}

int store_alias_each(struct store *s, store_alias_fn *fn, void *arg, struct error *e)
{
    struct each_alias w = {fn, arg, arena_new(), 0, e};
    int bad = s->driver->value_each(s->self, DRIVER_ALIAS, each_alias, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}
