/* Links: for each account, domain and alias the names by which others look for it, so that nobody
 * has to read all records. A link is a value without bytes: its name is what it belongs to (two
 * octets of length in front) and the name of the record. It is written in the transaction of the
 * record. */
#include "base/memory.h"
#include "mail/address.h"
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>
#include <string.h>

enum { PAGE = 500 };
#define LINKS "2" /* changes when links are added: all are made anew then */

/* ---- names ---- */

static const enum driver_kind kinds[STORE_LIST_COUNT] = {
    [STORE_ACCOUNTS] = DRIVER_ACCOUNT,
    [STORE_HOSTS] = DRIVER_HOST,
    [STORE_DOMAINS] = DRIVER_DOMAIN,
    [STORE_ALIASES] = DRIVER_ALIAS,
    [STORE_CLAIMS] = DRIVER_CLAIM,
    [STORE_HOST_ACCOUNTS] = DRIVER_HOST_ACCOUNT,
    [STORE_DOMAIN_ACCOUNTS] = DRIVER_DOMAIN_ACCOUNT,
    [STORE_HOST_DOMAINS] = DRIVER_HOST_DOMAIN,
    [STORE_DOMAIN_ALIASES] = DRIVER_DOMAIN_ALIAS,
    [STORE_TARGET_ALIASES] = DRIVER_TARGET_ALIAS,
};

static struct span link_name(struct arena *a, struct span of, struct span name)
{
    char *at = arena_alloc(a, 2 + of.len + name.len);

    at[0] = (char)(of.len >> 8);
    at[1] = (char)of.len;
    if (of.len)
        memcpy(at + 2, of.at, of.len);
    if (name.len)
        memcpy(at + 2 + of.len, name.at, name.len);
    return (struct span){at, 2 + of.len + name.len};
}

/* The record's name in a link's. */
static struct span linked(struct span link)
{
    size_t of =
        link.len < 2 ? 0 : (size_t)(unsigned char)link.at[0] << 8 | (unsigned char)link.at[1];

    return span_from(link, 2 + of);
}

/* ---- reading ---- */

struct each_name {
    store_name_fn *fn;
    void *arg;
    size_t skip;
};

static bool call_name(void *arg, struct span name, struct span value)
{
    struct each_name *w = arg;

    (void)value;
    return w->fn(w->arg, span_from(name, w->skip));
}

int store_names(struct store *s, const struct store_list *list, const struct store_range *range,
                store_name_fn *fn, void *arg, struct error *e)
{
    struct driver_range part = {.max = SIZE_MAX};
    struct each_name w = {.fn = fn, .arg = arg};
    bool link = list->kind >= STORE_CLAIMS;
    struct arena *a = arena_new();
    int bad;

    if (range)
        part =
            (struct driver_range){range->prefix, range->after, range->max ? range->max : SIZE_MAX};
    if (link) {
        part.prefix = link_name(a, list->of, part.prefix);
        part.after = part.after.len ? link_name(a, list->of, part.after) : SPAN_NONE;
        w.skip = 2 + list->of.len;
    }
    bad = s->driver->value_range(s->self, kinds[list->kind], &part, call_name, &w, e);
    arena_free(&a);
    return bad;
}

/* No name of a record is longer, and none begins with 255: what no name reaches. */
static struct span beyond(struct arena *a, struct span prefix)
{
    char *at = arena_alloc(a, STORE_NAME_MAX + 1);

    memset(at, 0xff, STORE_NAME_MAX + 1);
    return prefix.len ? link_name(a, prefix, (struct span){at, STORE_NAME_MAX + 1})
                      : (struct span){at, STORE_NAME_MAX + 1};
}

int store_count(struct store *s, const struct store_list *list, uint64_t *count, struct error *e)
{
    bool link = list->kind >= STORE_CLAIMS;
    struct arena *a = arena_new();
    struct span from = link ? link_name(a, list->of, SPAN_NONE) : SPAN_NONE,
                to = beyond(a, link ? list->of : SPAN_NONE);
    int bad = s->driver->value_count(s->self, kinds[list->kind], from, to, count, e);

    arena_free(&a);
    return bad;
}

/* ---- writing ---- */

struct link {
    enum driver_kind kind;
    struct span name;
};

struct links {
    struct arena *arena;
    struct link *link;
    size_t count;
};

static void add(struct links *l, enum driver_kind kind, struct span of, struct span name)
{
    if (of.len)
        l->link[l->count++] = (struct link){kind, link_name(l->arena, of, name)};
}

static struct span domain_of(struct span address)
{
    ptrdiff_t at = span_rfind(address, '@');

    return at < 0 ? SPAN_NONE : span_from(address, (size_t)at + 1);
}

static struct links links_of(struct arena *a, const struct store_account *acc)
{
    struct links l = {.arena = a};
    struct text canonical = TEXT_INIT(1024);

    if (!acc)
        return l;
    l.link = arena_alloc(a, (2 + acc->sender_count) * sizeof *l.link);
    add(&l, DRIVER_HOST_ACCOUNT, acc->host, acc->name);
    add(&l, DRIVER_DOMAIN_ACCOUNT, domain_of(acc->name), acc->name);
    for (size_t i = 0; i < acc->sender_count; i++)
        if (address_claim_canon(acc->senders[i], &canonical))
            add(&l, DRIVER_CLAIM, text_span(&canonical), acc->name);
    text_free(&canonical);
    return l;
}

static bool holds(const struct links *l, const struct link *one)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->link[i].kind == one->kind && span_eq(l->link[i].name, one->name))
            return true;
    return false;
}

/* Writes the difference only. */
static int change(struct store *s, const struct links *had, const struct links *has,
                  struct error *e)
{
    int bad = 0;

    for (size_t i = 0; i < had->count && !bad; i++)
        if (!holds(has, &had->link[i]))
            bad = s->driver->value_remove(s->self, had->link[i].kind, had->link[i].name, e);
    for (size_t i = 0; i < has->count && !bad; i++)
        if (!holds(had, &has->link[i]))
            bad = s->driver->value_put(s->self, has->link[i].kind, has->link[i].name, SPAN(""), e);
    return bad;
}

int store_account_links(struct store *s, const struct store_account *had,
                        const struct store_account *has, struct error *e)
{
    struct arena *a = arena_new();
    struct links before = links_of(a, had), after = links_of(a, has);
    int bad = change(s, &before, &after, e);

    arena_free(&a);
    return bad;
}

int store_domain_links(struct store *s, const struct store_domain *had,
                       const struct store_domain *has, struct error *e)
{
    struct arena *a = arena_new();
    struct link first[1], second[1];
    struct links before = {a, first, 0}, after = {a, second, 0};
    int bad;

    if (had)
        add(&before, DRIVER_HOST_DOMAIN, had->host, had->name);
    if (has)
        add(&after, DRIVER_HOST_DOMAIN, has->host, has->name);
    bad = change(s, &before, &after, e);
    arena_free(&a);
    return bad;
}

static struct links links_of_alias(struct arena *a, const struct store_alias *al)
{
    struct links l = {.arena = a};

    if (!al)
        return l;
    l.link = arena_alloc(a, (1 + al->target_count) * sizeof *l.link);
    add(&l, DRIVER_DOMAIN_ALIAS, domain_of(al->address), al->address);
    for (size_t i = 0; i < al->target_count; i++)
        if (!span_eq(al->targets[i], al->address))
            add(&l, DRIVER_TARGET_ALIAS, al->targets[i], al->address);
    return l;
}

int store_alias_links(struct store *s, const struct store_alias *had, const struct store_alias *has,
                      struct error *e)
{
    struct arena *a = arena_new();
    struct links before = links_of_alias(a, had), after = links_of_alias(a, has);
    int bad = change(s, &before, &after, e);

    arena_free(&a);
    return bad;
}

/* ---- where the record does not say which ---- */

struct found {
    struct arena *arena;
    struct span name;        /* of the record; at NULL: any */
    struct span links[PAGE]; /* their whole names */
    size_t count;
};

static bool find_link(void *arg, struct span name, struct span value)
{
    struct found *f = arg;

    (void)value;
    if (!f->name.at || span_eq(linked(name), f->name))
        f->links[f->count++] = arena_span(f->arena, name);
    return f->count < PAGE;
}

static int unlink_kind(struct store *s, enum driver_kind kind, struct span name, struct error *e)
{
    struct found f = {.arena = arena_new(), .name = name};
    int bad;

    do {
        arena_clear(f.arena);
        f.count = 0;
        bad = store_all_values(s, kind, find_link, &f, e);
        for (size_t i = 0; i < f.count && !bad; i++)
            bad = s->driver->value_remove(s->self, kind, f.links[i], e);
    } while (f.count == PAGE && !bad);
    arena_free(&f.arena);
    return bad;
}

int store_account_unlink_all(struct store *s, struct span name, struct error *e)
{
    assert(name.len);
    return unlink_kind(s, DRIVER_CLAIM, name, e) || unlink_kind(s, DRIVER_HOST_ACCOUNT, name, e) ||
                   unlink_kind(s, DRIVER_DOMAIN_ACCOUNT, name, e)
               ? -1
               : 0;
}

int store_domain_unlink_all(struct store *s, struct span name, struct error *e)
{
    assert(name.len);
    return unlink_kind(s, DRIVER_HOST_DOMAIN, name, e);
}

int store_alias_unlink_all(struct store *s, struct span address, struct error *e)
{
    assert(address.len);
    return unlink_kind(s, DRIVER_DOMAIN_ALIAS, address, e) ||
                   unlink_kind(s, DRIVER_TARGET_ALIAS, address, e)
               ? -1
               : 0;
}

/* ---- a store that an older version wrote ---- */

struct page {
    struct arena *arena;
    struct span name[PAGE];
    size_t count;
};

static bool take_name(void *arg, struct span name)
{
    struct page *p = arg;

    p->name[p->count++] = arena_span(p->arena, name);
    return true;
}

static int link_one(struct store *s, enum store_list_kind kind, struct span name, struct arena *a,
                    struct error *e)
{
    struct store_account acc;
    struct store_domain domain;
    struct store_alias alias;

    if (kind == STORE_ACCOUNTS)
        return store_account_get(s, name, a, &acc, e) || store_account_links(s, NULL, &acc, e);
    if (kind == STORE_DOMAINS)
        return store_domain_get(s, name, a, &domain, e) || store_domain_links(s, NULL, &domain, e);
    return store_alias_get(s, name, a, &alias, e) || store_alias_links(s, NULL, &alias, e);
}

static int link_list(struct store *s, enum store_list_kind kind, struct error *e)
{
    struct page p = {.arena = arena_new()};
    struct store_range range = {.max = PAGE};
    char after[STORE_NAME_MAX];
    int bad;

    do {
        arena_clear(p.arena);
        p.count = 0;
        bad = store_names(s, &(struct store_list){.kind = kind}, &range, take_name, &p, e);
        for (size_t i = 0; i < p.count && !bad; i++)
            bad = link_one(s, kind, p.name[i], p.arena, e);
        if (p.count) {
            struct span last = p.name[p.count - 1];

            memcpy(after, last.at, last.len);
            range.after = (struct span){after, last.len};
        }
    } while (p.count == PAGE && !bad);
    arena_free(&p.arena);
    return bad ? -1 : 0;
}

static int link_all(struct store *s, struct error *e)
{
    static const enum store_list_kind from[] = {STORE_ACCOUNTS, STORE_DOMAINS, STORE_ALIASES};
    int bad = 0;

    for (int kind = STORE_CLAIMS; kind < STORE_LIST_COUNT && !bad; kind++)
        bad = unlink_kind(s, kinds[kind], SPAN_NONE, e);
    for (size_t i = 0; i < COUNT(from) && !bad; i++)
        bad = link_list(s, from[i], e);
    return bad || store_meta_put(s, SPAN("links"), SPAN(LINKS), e) ? -1 : 0;
}

int store_links_ready(struct store *s, struct error *e)
{
    struct span have;
    int got = store_meta_get(s, SPAN("links"), s->arena, &have, e);

    if (got < 0 || (got == STORE_GOT && span_is(have, LINKS)))
        return got;
    if (store_begin(s, e) < 0)
        return -1;
    if (link_all(s, e) < 0) {
        store_rollback(s);
        return -1;
    }
    return store_commit(s, e);
}
