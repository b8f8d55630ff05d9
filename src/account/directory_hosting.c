/* Hosting accounts and domains. */
#include "account/directory_parts.h"
#include "base/memory.h"
#include "mail/address.h"

#include <stdlib.h>

enum { HOST_NAME_MAX_OCTETS = 64 };

/* ---- hosting accounts ---- */

bool directory_host_name(struct span as_typed, struct text *out)
{
    text_clear(out);
    if (!as_typed.len || as_typed.len > HOST_NAME_MAX_OCTETS)
        return false;
    for (size_t i = 0; i < as_typed.len; i++) {
        char c = as_typed.at[i];
        bool letter;

        c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '.' && c != '-' && c != '_')))
            return false;
        text_addc(out, c);
    }
    return !out->full;
}

static struct hosting *find_host(const struct directory *d, struct span name)
{
    struct owned_host *o = name.len ? map_get(d->hosts, name) : NULL;

    return o ? &o->hosting : NULL;
}

const struct hosting *directory_host(const struct directory *d, struct span name)
{
    return find_host(d, name);
}

const struct hosting *directory_host_of(const struct directory *d, const struct account *a)
{
    return find_host(d, a->host);
}

bool directory_locked(const struct directory *d, const struct account *a)
{
    const struct hosting *h = directory_host_of(d, a);

    return a->locked || (h && (h->locked || h->damaged));
}

/* The entry stays where it is, so that pointers to it and its counts stay good. */
void directory_host_put(struct directory *d, const struct store_host *record)
{
    struct owned_host *o = map_get(d->hosts, record->name);

    if (!o) {
        o = memory_alloc(sizeof *o);
        o->arena = arena_sized(OWNED_BLOCK);
        o->hosting.name = arena_span(o->arena, record->name);
        map_put(d->hosts, o->hosting.name, o);
    }
    o->hosting.quota = record->quota;
    o->hosting.limits = record->limits;
    o->hosting.created = record->created;
    o->hosting.locked = record->flags & STORE_HOST_LOCKED;
    o->hosting.damaged = false;
}

static void free_host(struct owned_host *o)
{
    if (o)
        arena_free(&o->arena);
    free(o);
}

void directory_host_remove(struct directory *d, struct span name)
{
    free_host(map_take(d->hosts, name));
}

struct each_host {
    void (*fn)(void *arg, const struct hosting *h);
    void *arg;
};

static void call_host(struct span key, void *value, void *arg)
{
    struct each_host *each = arg;

    (void)key;
    each->fn(each->arg, &((struct owned_host *)value)->hosting);
}

void directory_host_each(const struct directory *d, void (*fn)(void *arg, const struct hosting *h),
                         void *arg)
{
    map_each(d->hosts, call_host, &(struct each_host){fn, arg});
}

/* ---- domains ---- */

struct hosted_domain *directory_domain_entry(struct directory *d, struct span canonical)
{
    struct owned_domain *o = map_get(d->domains, canonical);

    if (!o) {
        o = memory_alloc(sizeof *o);
        o->arena = arena_sized(OWNED_BLOCK);
        o->domain.name = arena_span(o->arena, canonical);
        map_put(d->domains, o->domain.name, o);
    }
    return &o->domain;
}

static void free_domain(struct owned_domain *o)
{
    if (o)
        arena_free(&o->arena);
    free(o);
}

void directory_domain_tidy(struct directory *d, struct span canonical)
{
    struct owned_domain *o = map_get(d->domains, canonical);

    if (o && !o->domain.in_settings && !o->domain.in_store)
        free_domain(map_take(d->domains, canonical));
}

static const struct hosted_domain *find_domain(const struct directory *d, struct span canonical)
{
    struct owned_domain *o = map_get(d->domains, canonical);

    return o ? &o->domain : NULL;
}

const struct hosted_domain *directory_domain_find(const struct directory *d, struct span domain)
{
    struct text canonical = TEXT_INIT(1024);
    const struct hosted_domain *found = NULL;

    if (address_domain_canon(domain, &canonical))
        found = find_domain(d, text_span(&canonical));
    text_free(&canonical);
    return found;
}

bool directory_domain(const struct directory *d, struct span domain)
{
    return directory_domain_find(d, domain) != NULL;
}

struct span directory_domain_host(const struct directory *d, struct span domain)
{
    const struct hosted_domain *found = directory_domain_find(d, domain);

    return found ? found->host : SPAN_NONE;
}

size_t directory_domain_count(const struct directory *d)
{
    return d->stored_domain_count;
}

/* Takes what the store said out of an entry. */
static void unstore(struct directory *d, struct hosted_domain *domain)
{
    struct hosting *h = find_host(d, domain->host);

    if (h)
        h->domains--;
    d->stored_domain_count -= domain->in_store;
    domain->in_store = domain->damaged = false;
    domain->host = domain->catch_all = SPAN_NONE;
    domain->created = 0;
}

void directory_domain_put(struct directory *d, const struct store_domain *record)
{
    struct hosted_domain *domain = directory_domain_entry(d, record->name);
    struct owned_domain *o = map_get(d->domains, record->name);
    struct hosting *h = find_host(d, record->host);
    struct arena *old = o->arena;
    struct span key = domain->name;

    unstore(d, domain);
    o->arena = arena_sized(OWNED_BLOCK);
    domain->name = arena_span(o->arena, key);
    domain->host = arena_span(o->arena, record->host);
    domain->catch_all = arena_span(o->arena, record->catch_all);
    domain->created = record->created;
    domain->in_store = true;
    d->stored_domain_count++;
    if (h)
        h->domains++;
    arena_free(&old);
}

void directory_domain_remove(struct directory *d, struct span canonical)
{
    struct owned_domain *o = map_get(d->domains, canonical);

    if (!o)
        return;
    unstore(d, &o->domain);
    directory_domain_tidy(d, canonical);
}

struct each_domain {
    void (*fn)(void *arg, const struct hosted_domain *domain);
    void *arg;
};

static void call_domain(struct span key, void *value, void *arg)
{
    struct each_domain *each = arg;
    struct owned_domain *o = value;

    (void)key;
    each->fn(each->arg, &o->domain);
}

void directory_domain_each(const struct directory *d,
                           void (*fn)(void *arg, const struct hosted_domain *domain), void *arg)
{
    map_each(d->domains, call_domain, &(struct each_domain){fn, arg});
}

/* ---- reading ---- */

static bool read_host(void *arg, const struct store_host *record)
{
    directory_host_put(arg, record);
    return true;
}

static bool read_domain(void *arg, const struct store_domain *record)
{
    directory_domain_put(arg, record);
    return true;
}

/* Something among them does not read: one after the other, and what is damaged is known as such. */
static void read_one_host(struct directory *d, struct span name, struct arena *a)
{
    struct store_host record;
    struct error e = {0};
    int got = store_host_get(d->reader, name, a, &record, &e);
    bool damaged = got < 0;

    if (got == STORE_ABSENT)
        return;
    if (damaged) {
        directory_note_record(d, STORE_HOSTS, name, &e);
        record = (struct store_host){.name = name};
    }
    directory_host_put(d, &record);
    find_host(d, name)->damaged = damaged;
}

static void read_one_domain(struct directory *d, struct span name, struct arena *a)
{
    struct store_domain record;
    struct error e = {0};
    int got = store_domain_get(d->reader, name, a, &record, &e);
    bool damaged = got < 0;

    if (got == STORE_ABSENT)
        return;
    if (damaged) {
        directory_note_record(d, STORE_DOMAINS, name, &e);
        record = (struct store_domain){.name = name};
    }
    directory_domain_put(d, &record);
    directory_domain_entry(d, name)->damaged = damaged;
}

static int read_one_by_one(struct directory *d, enum store_list_kind kind, struct error *e)
{
    struct store_list list = {.kind = kind};
    struct directory_names n;
    int bad = directory_names(d, &list, NULL, &n, e);

    for (size_t i = 0; i < n.count && !bad; i++)
        if (kind == STORE_HOSTS)
            read_one_host(d, n.name[i], n.arena);
        else
            read_one_domain(d, n.name[i], n.arena);
    directory_names_free(&n);
    return bad;
}

int directory_hosting_read(struct directory *d, struct error *e)
{
    if (store_host_each(d->reader, read_host, d, e) < 0 && read_one_by_one(d, STORE_HOSTS, e) < 0)
        return -1;
    return store_domain_each(d->reader, read_domain, d, e) < 0
               ? read_one_by_one(d, STORE_DOMAINS, e)
               : 0;
}

static void free_each_host(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_host(value);
}

static void free_each_domain(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_domain(value);
}

void directory_hosting_free(struct directory *d)
{
    map_each(d->hosts, free_each_host, NULL);
    map_free(&d->hosts);
    map_each(d->domains, free_each_domain, NULL);
    map_free(&d->domains);
}
