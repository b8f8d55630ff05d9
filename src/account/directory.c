#include "account/directory_parts.h"
#include "account/hash.h"

#include "base/memory.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255, SHOWN = 5 };

bool directory_name(struct span as_typed, struct text *out)
{
    struct address a;

    text_clear(out);
    if (!as_typed.len || as_typed.len > NAME_MAX_BYTES || as_typed.at[0] == '.' ||
        as_typed.at[0] == '-')
        return false;
    for (size_t i = 0; i < as_typed.len; i++)
        if ((unsigned char)as_typed.at[i] <= ' ' || as_typed.at[i] == '/' || as_typed.at[i] == 0x7f)
            return false;
    if (span_find(as_typed, '@') >= 0)
        return address_parse(as_typed, true, &a) == PATH_OK && address_canon(&a, true, out);
    for (size_t i = 0; i < as_typed.len; i++) {
        char c = as_typed.at[i];

        text_addc(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    return !out->full;
}

static void forget_aliases(struct directory *d, const struct owned_account *o)
{
    for (size_t i = 0; i < o->account.alias_count; i++)
        if (map_get(d->by_address, o->account.aliases[i]) == o)
            map_take(d->by_address, o->account.aliases[i]);
}

static void free_owned(struct owned_account *o)
{
    memory_wipe(&o->account.verifier, sizeof o->account.verifier);
    if (o->account.hash.len)
        memory_wipe((void *)(uintptr_t)o->account.hash.at, o->account.hash.len);
    arena_free(&o->arena);
    free(o);
}

static struct span canonical_alias(struct arena *a, struct span text)
{
    struct text out = TEXT_INIT(1024);
    struct span result = SPAN_NONE;

    if (address_claim_canon(text, &out))
        result = arena_span(a, text_span(&out));
    text_free(&out);
    return result;
}

static bool take_out(struct directory *d, struct span canonical)
{
    struct owned_account *o = map_take(d->by_name, canonical);

    if (!o)
        return false;
    directory_host_count(d, &o->account, -1);
    forget_aliases(d, o);
    free_owned(o);
    return true;
}

void directory_put(struct directory *d, const struct store_account *record)
{
    struct owned_account *o = memory_alloc(sizeof *o), *former;
    struct account *acc = &o->account;

    o->arena = arena_sized(OWNED_BLOCK);
    acc->name = arena_span(o->arena, record->name);
    acc->has_password = scram_parse(record->verifier, &acc->verifier);
    acc->elsewhere = span_is(record->verifier, ACCOUNT_ELSEWHERE);
    if (hash_is(record->verifier)) {
        acc->hash = arena_span(o->arena, record->verifier);
        acc->has_password = true;
    }
    acc->locked = record->flags & STORE_ACCOUNT_LOCKED;
    acc->created = record->created;
    acc->host = arena_span(o->arena, record->host);
    acc->quota = record->quota;
    acc->limits = record->limits;
    acc->aliases = arena_alloc(o->arena, record->sender_count * sizeof *acc->aliases);
    for (size_t i = 0; i < record->sender_count; i++) {
        struct span alias = canonical_alias(o->arena, record->senders[i]);

        if (alias.len)
            acc->aliases[acc->alias_count++] = alias;
    }
    take_out(d, acc->name);
    former = map_put(d->by_name, acc->name, o);
    if (former)
        free_owned(former);
    for (size_t i = 0; i < acc->alias_count; i++)
        map_put(d->by_address, acc->aliases[i], o);
    directory_host_count(d, acc, 1);
    if (d->watch)
        d->watch(d->watch_arg, acc->name);
}

/* `canonical` may be the removed account's own name. */
void directory_remove(struct directory *d, struct span canonical)
{
    char name[STORE_NAME_MAX + 1];

    if (!span_cstr(canonical, name, sizeof name) || !take_out(d, canonical))
        return;
    if (d->watch)
        d->watch(d->watch_arg, span_of(name));
}

void directory_watch(struct directory *d, void (*fn)(void *arg, struct span name), void *arg)
{
    d->watch = fn;
    d->watch_arg = arg;
}

static bool put_each(void *arg, const struct store_account *record)
{
    directory_put(arg, record);
    return true;
}

void directory_domains(struct directory *d, const char *const *domains, size_t count)
{
    for (size_t i = 0; i < d->own_domain_count; i++) {
        struct span name = span_of(d->own_domains[i]);

        directory_domain_entry(d, name)->in_settings = false;
        directory_domain_tidy(d, name);
        free(d->own_domains[i]);
    }
    free(d->own_domains);
    d->own_domains = memory_array(count, sizeof *d->own_domains);
    d->own_domain_count = count;
    for (size_t i = 0; i < count; i++) {
        d->own_domains[i] = memory_dup(domains[i]);
        directory_domain_entry(d, span_of(domains[i]))->in_settings = true;
    }
}

struct directory *directory_open(struct store *s, const char *const *domains, size_t count,
                                 struct error *e)
{
    struct directory *d = memory_alloc(sizeof *d);

    d->by_name = map_new();
    d->by_address = map_new();
    d->hosts = map_new();
    d->domains = map_new();
    d->aliases = map_new();
    directory_domains(d, domains, count);
    if (directory_hosting_read(d, s, e) < 0 || directory_alias_read(d, s, e) < 0 ||
        store_account_each(s, put_each, d, e) < 0)
        directory_free(&d);
    return d;
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_owned(value);
}

void directory_free(struct directory **d)
{
    if (!*d)
        return;
    map_each((*d)->by_name, free_each, NULL);
    map_free(&(*d)->by_name);
    map_free(&(*d)->by_address);
    directory_domains(*d, NULL, 0);
    free((*d)->own_domains);
    directory_alias_free(*d);
    directory_hosting_free(*d);
    free(*d);
    *d = NULL;
}

const struct account *directory_find(const struct directory *d, struct span canonical)
{
    struct owned_account *o = map_get(d->by_name, canonical);

    return o ? &o->account : NULL;
}

struct span directory_domain_part(struct span address)
{
    ptrdiff_t at = span_rfind(address, '@');

    return at < 0 ? SPAN_NONE : span_from(address, (size_t)at + 1);
}

static bool in_settings(const struct directory *d, struct span canonical)
{
    const struct owned_domain *o = map_get(d->domains, canonical);

    return o && o->domain.in_settings;
}

const struct account *directory_exact(const struct directory *d, struct span address)
{
    struct owned_account *o = map_get(d->by_name, address);
    ptrdiff_t at = span_rfind(address, '@');

    /* What stands before the last @ of "you@b.test"@b.test looks like a login, and is none. */
    if (!o && at > 0 && span_find(address, '@') == at &&
        in_settings(d, directory_domain_part(address)))
        o = map_get(d->by_name, span_head(address, (size_t)at));
    if (!o)
        o = map_get(d->by_address, address);
    return o ? &o->account : NULL;
}

bool directory_without_detail(struct span address, struct text *out)
{
    ptrdiff_t plus = span_find(address, '+'), at = span_rfind(address, '@');

    text_clear(out);
    if (plus <= 0 || at < plus)
        return false;
    text_add(out, span_head(address, (size_t)plus));
    return text_add(out, span_from(address, (size_t)at));
}

const struct account *directory_wildcard(const struct directory *d, struct span address)
{
    ptrdiff_t at = span_rfind(address, '@');
    struct owned_account *all =
        at < 0 ? NULL : map_get(d->by_address, span_from(address, (size_t)at));

    return all ? &all->account : NULL;
}

static const struct account *canonical_owner(const struct directory *d, struct span address)
{
    const struct account *a = directory_exact(d, address);
    struct text base = TEXT_INIT(1024);

    if (!a && directory_without_detail(address, &base))
        a = directory_exact(d, text_span(&base));
    text_free(&base);
    return a ? a : directory_wildcard(d, address);
}

const struct account *directory_owner(const struct directory *d, struct span address)
{
    struct text canonical = TEXT_INIT(1024);
    const struct account *a =
        directory_name(address, &canonical) ? canonical_owner(d, text_span(&canonical)) : NULL;

    text_free(&canonical);
    return a;
}

/* Does an alias of this address lead to the account? */
static bool leads_to(const struct directory *d, struct span address, const struct account *a)
{
    struct arena *arena = arena_new();
    struct directory_target *targets;
    size_t count;
    bool found = false;

    if (directory_expand(d, address, STORE_TARGETS_MAX, arena, &targets, &count, NULL) == 0)
        for (size_t i = 0; i < count; i++)
            found |= targets[i].account == a;
    arena_free(&arena);
    return found;
}

bool directory_may_send(const struct directory *d, const struct account *a, struct span sender)
{
    return sender.len == 0 || directory_owner(d, sender) == a || leads_to(d, sender, a);
}

void directory_addresses(const struct directory *d, const struct account *a, struct text *out)
{
    size_t shown = 0, all = 0;
    bool bare = span_find(a->name, '@') < 0;

    for (size_t i = 0; i < (bare ? d->own_domain_count : 1); i++, all++)
        if (shown < SHOWN && ++shown)
            text_addf(out, "%s%.*s%s%s", shown > 1 ? ", " : "", SPAN_ARG(a->name), bare ? "@" : "",
                      bare ? d->own_domains[i] : "");
    for (size_t i = 0; i < a->alias_count; i++, all++)
        if (shown < SHOWN && ++shown)
            text_addf(out, "%s%s%.*s", shown > 1 ? ", " : "",
                      a->aliases[i].at[0] == '@' ? "anything" : "", SPAN_ARG(a->aliases[i]));
    if (all > shown)
        text_addf(out, " and %zu more", all - shown);
    if (!all)
        text_adds(out, "none yet: the administrator can add some");
}

size_t directory_count(const struct directory *d)
{
    return map_count(d->by_name);
}

struct each {
    void (*fn)(void *arg, const struct account *a);
    void *arg;
};

static void call_each(struct span key, void *value, void *arg)
{
    struct each *each = arg;

    (void)key;
    each->fn(each->arg, &((struct owned_account *)value)->account);
}

void directory_each(const struct directory *d, void (*fn)(void *arg, const struct account *a),
                    void *arg)
{
    map_each(d->by_name, call_each, &(struct each){fn, arg});
}
