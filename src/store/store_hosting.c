/* Who is here: accounts, hosting accounts, domains, aliases. Their links are in store_links.c. */
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>

static int read_account(struct span name, struct span record, struct arena *a,
                        struct store_account *out, struct error *e)
{
    if (!pack_read_account(record, a, out)) /* temporary: a 535 would make clients forget the
                                               password (fault 33) */
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the record of account %.*s is damaged: restore the store from a backup, "
                          "or remove the account and add it anew (`port26 account rm`; its mail "
                          "stays)",
                          SPAN_ARG(name));
    out->name = arena_span(a, name);
    return STORE_GOT;
}

/* Its links become those of `has`; NULL: none. A damaged record may be replaced and removed. */
static int relink_account(struct store *s, struct span name, const struct store_account *has,
                          struct error *e)
{
    struct store_account had;
    struct span record;
    int got;

    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_ACCOUNT, name, s->arena, &record, e);
    if (got == STORE_GOT && read_account(name, record, s->arena, &had, NULL) == STORE_GOT)
        return store_account_links(s, &had, has, e);
    if (got < 0 || (got == STORE_GOT && store_account_unlink_all(s, name, e) < 0))
        return -1;
    return store_account_links(s, NULL, has, e);
}

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
    if (relink_account(s, acc->name, acc, e) < 0)
        return -1;
    return s->driver->value_put(s->self, DRIVER_ACCOUNT, acc->name, text_span(&s->record), e);
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
    if (relink_account(s, name, NULL, e) < 0)
        return -1;
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
    int bad = store_all_values(s, DRIVER_ACCOUNT, each_account, &w, e);

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

/* Temporary: its quota and its lock must not be lost unseen. */
static int damaged(const char *what, struct span name, struct error *e)
{
    return error_mail(
        e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
        "the record of %s %.*s is damaged: restore the store from a backup, or set it "
        "anew (`port26 %s set`)",
        what, SPAN_ARG(name), span_is(span_of(what), "hosting account") ? "host" : what);
}

int store_host_get(struct store *s, struct span name, struct arena *a, struct store_host *out,
                   struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, DRIVER_HOST, name, a, &record, e);

    if (got != STORE_GOT)
        return got;
    if (!pack_read_host(record, out))
        return damaged("hosting account", name, e);
    out->name = arena_span(a, name);
    return STORE_GOT;
}

int store_host_remove(struct store *s, struct span name, struct error *e)
{
    assert(s->open);
    return store_remove_named(s, DRIVER_HOST, name, e);
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

    return store_all_values(s, DRIVER_HOST, each_host, &w, e) || w.bad ? -1 : 0;
}

/* ---- domains ---- */

int store_domain_get(struct store *s, struct span name, struct arena *a, struct store_domain *out,
                     struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, DRIVER_DOMAIN, name, a, &record, e);

    if (got != STORE_GOT)
        return got;
    if (!pack_read_domain(record, a, out))
        return damaged("domain", name, e);
    out->name = arena_span(a, name);
    return STORE_GOT;
}

static int relink_domain(struct store *s, struct span name, const struct store_domain *has,
                         struct error *e)
{
    struct store_domain had;
    struct span record;
    int got;

    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_DOMAIN, name, s->arena, &record, e);
    if (got == STORE_GOT && pack_read_domain(record, s->arena, &had)) {
        had.name = name;
        return store_domain_links(s, &had, has, e);
    }
    if (got < 0 || (got == STORE_GOT && store_domain_unlink_all(s, name, e) < 0))
        return -1;
    return store_domain_links(s, NULL, has, e);
}

int store_domain_put(struct store *s, const struct store_domain *d, struct error *e)
{
    assert(s->open);
    if (store_check_name(d->name, e) < 0)
        return -1;
    if (!pack_domain(&s->record, d))
        return error_set(e, ERROR_INPUT, "the catch-all address is too long");
    if (relink_domain(s, d->name, d, e) < 0)
        return -1;
    return s->driver->value_put(s->self, DRIVER_DOMAIN, d->name, text_span(&s->record), e);
}

int store_domain_remove(struct store *s, struct span name, struct error *e)
{
    assert(s->open);
    if (relink_domain(s, name, NULL, e) < 0)
        return -1;
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
    int bad = store_all_values(s, DRIVER_DOMAIN, each_domain, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}

/* ---- aliases ---- */

static int relink_alias(struct store *s, struct span address, const struct store_alias *has,
                        struct error *e)
{
    struct store_alias had;
    struct span record;
    int got;

    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_ALIAS, address, s->arena, &record, e);
    if (got == STORE_GOT && pack_read_alias(record, s->arena, &had)) {
        had.address = address;
        return store_alias_links(s, &had, has, e);
    }
    if (got < 0 || (got == STORE_GOT && store_alias_unlink_all(s, address, e) < 0))
        return -1;
    return store_alias_links(s, NULL, has, e);
}

int store_alias_put(struct store *s, const struct store_alias *al, struct error *e)
{
    assert(s->open);
    if (store_check_name(al->address, e) < 0)
        return -1;
    if (!al->target_count || al->target_count > STORE_TARGETS_MAX)
        return error_set(e, ERROR_INPUT, "an alias has 1 to %d targets", STORE_TARGETS_MAX);
    if (relink_alias(s, al->address, al, e) < 0)
        return -1;
    if (!pack_alias(&s->record, al))
        return error_set(e, ERROR_INPUT, "the targets are too long");
    return s->driver->value_put(s->self, DRIVER_ALIAS, al->address, text_span(&s->record), e);
}

int store_alias_get(struct store *s, struct span address, struct arena *a, struct store_alias *out,
                    struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, DRIVER_ALIAS, address, a, &record, e);

    if (got != STORE_GOT)
        return got;
    if (!pack_read_alias(record, a, out))
        return damaged("alias", address, e);
    out->address = arena_span(a, address);
    return STORE_GOT;
}

int store_alias_remove(struct store *s, struct span address, struct error *e)
{
    assert(s->open);
    if (relink_alias(s, address, NULL, e) < 0)
        return -1;
    return store_remove_named(s, DRIVER_ALIAS, address, e);
}

/* ---- any of them ---- */

int store_record_reads(struct store *s, enum store_list_kind kind, struct span name,
                       struct error *e)
{
    static const enum driver_kind kinds[] = {[STORE_ACCOUNTS] = DRIVER_ACCOUNT,
                                             [STORE_HOSTS] = DRIVER_HOST,
                                             [STORE_DOMAINS] = DRIVER_DOMAIN,
                                             [STORE_ALIASES] = DRIVER_ALIAS};
    struct arena *a = arena_new();
    struct store_account account;
    struct store_domain domain;
    struct store_alias alias;
    struct store_host host;
    struct span record;
    bool reads = true;
    int got;

    assert(kind <= STORE_ALIASES);
    got = s->driver->value_get(s->self, kinds[kind], name, a, &record, e);
    if (got == STORE_GOT)
        reads = kind == STORE_ACCOUNTS  ? pack_read_account(record, a, &account)
                : kind == STORE_HOSTS   ? pack_read_host(record, &host)
                : kind == STORE_DOMAINS ? pack_read_domain(record, a, &domain)
                                        : pack_read_alias(record, a, &alias);
    arena_free(&a);
    return reads ? got : STORE_BROKEN;
}
