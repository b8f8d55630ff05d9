#include "account/directory_parts.h"
#include "account/hash.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "mail/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255, SHOWN = 5, TELL_MS = 10000 };

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

/* ---- what the store says ---- */

void directory_note(const struct directory *d, const struct error *e)
{
    struct directory_notes *n = d->notes;

    n->troubles++;
    if (clock_now() - n->told < TELL_MS && strcmp(n->words, e->words) == 0)
        return;
    n->told = clock_now();
    snprintf(n->words, sizeof n->words, "%s", e->words);
    log_event(LOG_ERROR, "directory.unreadable", LOG_STR("words", e->words));
}

void directory_note_record(const struct directory *d, enum store_list_kind kind, struct span name,
                           const struct error *e)
{
    struct directory_notes *n = d->notes;
    size_t last = COUNT(n->unread) - 1;

    directory_note(d, e);
    for (size_t i = 0; i < n->unreads; i++)
        if (n->unread[i].kind == kind && span_is(name, n->unread[i].name))
            return;
    if (n->unreads > last)
        free(n->unread[last].name);
    else
        last = n->unreads++;
    n->unread[last].kind = kind;
    n->unread[last].name = span_dup(name);
}

void directory_damaged(const struct directory *d, directory_damaged_fn *fn, void *arg)
{
    const struct directory_notes *n = d->notes;

    for (size_t i = 0; i < n->unreads; i++) {
        struct span name = span_of(n->unread[i].name);
        struct error e = {0};

        if (store_record_reads(d->reader, n->unread[i].kind, name, &e) == STORE_BROKEN)
            fn(arg, n->unread[i].kind, name);
    }
}

unsigned directory_troubles(const struct directory *d)
{
    return d->notes->troubles;
}

const struct error *directory_trouble(const struct directory *d)
{
    return &d->notes->trouble;
}

static struct span absent_key(enum store_list_kind kind, struct span name, struct text *out)
{
    text_addc(out, (char)('a' + (int)kind));
    text_add(out, name);
    return text_span(out);
}

bool directory_known_absent(const struct directory *d, enum store_list_kind kind, struct span name)
{
    struct text key = TEXT_INIT(1024);
    bool known = map_get(d->notes->nobody, absent_key(kind, name, &key)) != NULL && !key.full;

    text_free(&key);
    return known;
}

void directory_note_absent(const struct directory *d, enum store_list_kind kind, struct span name)
{
    static char yes;
    struct text key = TEXT_INIT(1024);

    if (map_count(d->notes->nobody) >= DIRECTORY_ABSENT)
        directory_forget_absent(d);
    absent_key(kind, name, &key);
    if (!key.full)
        map_put(d->notes->nobody, text_span(&key), &yes);
    text_free(&key);
}

void directory_forget_absent(const struct directory *d)
{
    if (!map_count(d->notes->nobody))
        return;
    map_free(&d->notes->nobody);
    d->notes->nobody = map_new();
}

/* What a record says, in memory of its own. */
static struct owned_account *make(const struct store_account *record)
{
    struct owned_account *o = memory_alloc(sizeof *o);
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
    return o;
}

static void forget(struct directory *d, struct span canonical)
{
    struct owned_account *o = map_take(d->by_name, canonical);

    if (o)
        free_owned(o);
}

/* The record, in memory of its own that the caller frees. NULL: none, or trouble. */
static struct owned_account *read_account(const struct directory *d, struct span name)
{
    struct store_account record;
    struct error e = {0};
    int got;

    arena_clear(d->notes->arena);
    got = store_account_get(d->reader, name, d->notes->arena, &record, &e);
    if (got < 0)
        directory_note_record(d, STORE_ACCOUNTS, name, &e);
    if (got == STORE_ABSENT)
        directory_note_absent(d, STORE_ACCOUNTS, name);
    return got == STORE_GOT ? make(&record) : NULL;
}

/* Is it known whether its hosting account lets it in? */
static bool host_reads(const struct directory *d, const struct account *a)
{
    const struct hosting *h = directory_host_of(d, a);
    struct error e = {0};

    if (!h || !h->damaged)
        return true;
    error_mail(&e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
               "the record of hosting account %.*s is damaged; set it anew (`port26 host set`) or "
               "restore the store from a backup",
               SPAN_ARG(h->name));
    directory_note(d, &e);
    return false;
}

const struct account *directory_find(const struct directory *d, struct span canonical)
{
    struct owned_account *o = map_get(d->by_name, canonical);

    if (!o && canonical.len && canonical.len <= STORE_NAME_MAX &&
        !directory_known_absent(d, STORE_ACCOUNTS, canonical)) {
        o = read_account(d, canonical);
        if (o)
            map_put(d->by_name, o->account.name, o);
    }
    if (!o || !host_reads(d, &o->account))
        return NULL;
    o->asked = true;
    return &o->account;
}

static bool last_name(void *arg, struct span name)
{
    struct text *last = arg;

    text_clear(last);
    return text_add(last, name);
}

static bool claims(const struct account *a, struct span address)
{
    for (size_t i = 0; a && i < a->alias_count; i++)
        if (span_eq(a->aliases[i], address))
            return true;
    return false;
}

/* The account that has this address, or "@domain", among its own: of several the last by name. */
static const struct account *claimant(const struct directory *d, struct span address)
{
    struct store_list list = {STORE_CLAIMS, address};
    struct text name = TEXT_INIT(STORE_NAME_MAX + 1);
    const struct account *a = NULL;
    struct error e = {0};

    if (directory_known_absent(d, STORE_CLAIMS, address))
        return NULL;
    if (store_names(d->reader, &list, NULL, last_name, &name, &e) < 0)
        directory_note(d, &e);
    else if (name.len)
        a = directory_find(d, text_span(&name));
    else
        directory_note_absent(d, STORE_CLAIMS, address);
    text_free(&name);
    return claims(a, address) ? a : NULL;
}

/* ---- changes ---- */

/* Whoever is not in memory is read when somebody asks. */
void directory_put(struct directory *d, const struct store_account *record)
{
    d->notes->counted = false;
    directory_forget_absent(d);
    if (map_get(d->by_name, record->name)) {
        struct owned_account *o = make(record);

        forget(d, o->account.name);
        map_put(d->by_name, o->account.name, o);
    }
}

/* `canonical` may be the removed account's own name. */
void directory_remove(struct directory *d, struct span canonical)
{
    d->notes->counted = false;
    forget(d, canonical);
}

struct idle {
    struct owned_account **list;
    size_t count;
};

static void find_idle(struct span key, void *value, void *arg)
{
    struct owned_account *o = value;
    struct idle *idle = arg;

    (void)key;
    if (!o->asked)
        idle->list[idle->count++] = o;
    o->asked = false;
}

void directory_tidy(struct directory *d)
{
    struct idle idle = {0};

    directory_alias_tidy(d);
    if (map_count(d->by_name) < DIRECTORY_KEPT)
        return;
    idle.list = memory_array(map_count(d->by_name), sizeof(struct owned_account *));
    map_each(d->by_name, find_idle, &idle);
    for (size_t i = 0; i < idle.count; i++) {
        map_take(d->by_name, idle.list[i]->account.name);
        free_owned(idle.list[i]);
    }
    free(idle.list);
}

/* ---- open and close ---- */

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

struct directory *directory_open(struct store *reader, const char *const *domains, size_t count,
                                 struct error *e)
{
    struct directory *d = memory_alloc(sizeof *d);

    d->reader = reader;
    d->notes = memory_alloc(sizeof *d->notes);
    d->notes->arena = arena_new();
    d->notes->nobody = map_new();
    error_mail(&d->notes->trouble, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
               "the server can not read what it knows of its accounts right now (its log says "
               "why); nothing is lost, try again later");
    d->by_name = map_new();
    d->hosts = map_new();
    d->domains = map_new();
    d->aliases = map_new();
    directory_domains(d, domains, count);
    if (directory_hosting_read(d, e) < 0 || directory_alias_read(d, e) < 0)
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
    map_free(&(*d)->notes->nobody);
    directory_domains(*d, NULL, 0);
    free((*d)->own_domains);
    directory_alias_free(*d);
    directory_hosting_free(*d);
    arena_free(&(*d)->notes->arena);
    for (size_t i = 0; i < (*d)->notes->unreads; i++)
        free((*d)->notes->unread[i].name);
    free((*d)->notes);
    free(*d);
    *d = NULL;
}

/* ---- whose address is it? ---- */

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
    const struct account *a = directory_find(d, address);
    ptrdiff_t at = span_rfind(address, '@');

    /* What stands before the last @ of "you@b.test"@b.test looks like a login, and is none. */
    if (!a && at > 0 && span_find(address, '@') == at &&
        in_settings(d, directory_domain_part(address)))
        a = directory_find(d, span_head(address, (size_t)at));
    return a ? a : claimant(d, address);
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

    return at < 0 ? NULL : claimant(d, span_from(address, (size_t)at));
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

/* ---- lists ---- */

static bool take_name(void *arg, struct span name)
{
    struct directory_names *n = arg;

    if (n->count == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 64;
        n->name = memory_grow(n->name, n->cap * sizeof *n->name);
    }
    n->name[n->count++] = arena_span(n->arena, name);
    return true;
}

int directory_names(const struct directory *d, const struct store_list *list,
                    const struct store_range *range, struct directory_names *out, struct error *e)
{
    *out = (struct directory_names){.arena = arena_new()};
    return store_names(d->reader, list, range, take_name, out, e);
}

void directory_names_free(struct directory_names *n)
{
    arena_free(&n->arena);
    free(n->name);
}

int directory_page(const struct directory *d, const struct store_list *list,
                   const struct store_range *range, struct directory_names *out, struct error *e)
{
    struct store_range page = *range;

    page.max = page.max && page.max < DIRECTORY_PAGE ? page.max : DIRECTORY_PAGE;
    return directory_names(d, list, &page, out, e) < 0 ? -1 : out->count == page.max;
}

int directory_accounts(const struct directory *d, const struct store_list *list,
                       const struct store_range *range, directory_account_fn *fn, void *arg,
                       struct error *e)
{
    struct directory_names n;
    int more = directory_page(d, list, range, &n, e);

    for (size_t i = 0; i < n.count && more >= 0; i++) {
        struct owned_account *kept = map_get(d->by_name, n.name[i]),
                             *o = kept ? kept : read_account(d, n.name[i]);

        fn(arg, n.name[i], o ? &o->account : NULL);
        if (o && !kept)
            free_owned(o);
    }
    directory_names_free(&n);
    return more;
}

uint64_t directory_number(const struct directory *d, enum store_list_kind kind, struct span of)
{
    struct store_list list = {kind, of};
    struct directory_notes *n = d->notes;
    struct error e = {0};
    uint64_t count = 0;

    if (kind == STORE_ACCOUNTS && n->counted)
        return n->accounts;
    if (store_count(d->reader, &list, &count, &e) < 0) {
        directory_note(d, &e);
        return 0;
    }
    if (kind == STORE_ACCOUNTS) {
        n->counted = true;
        n->accounts = count;
    }
    return count;
}
