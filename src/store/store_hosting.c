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
