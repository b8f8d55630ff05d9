#include "serve/registry.h"

#include "account/usage_store.h"
#include "base/clock.h"
#include "base/memory.h"
#include "serve/quotas.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PART_MAX = 200 }; /* changes of one part: what the loop does with them in one turn */

enum kind {
    ACCOUNT_PUT,
    ACCOUNT_ADD,
    ACCOUNT_CHANGE,
    ACCOUNT_REMOVE,
    ACCOUNT_DISCARD,
    HOST_PUT,
    HOST_REMOVE,
    DOMAIN_PUT,
    DOMAIN_REMOVE,
    ALIAS_PUT,
    ALIAS_REMOVE,
    PART_FORGET,
};

struct change {
    enum kind kind;
    bool idle;       /* ACCOUNT_CHANGE: there was nothing to do */
    unsigned fields; /* ACCOUNT_CHANGE */
    struct span expected;
    union {
        struct store_account account; /* ACCOUNT_CHANGE: after the commit the whole record */
        struct store_host host;
        struct store_domain domain;
        struct store_alias alias;
        struct span part;
    };
};

struct registry {
    struct house *house;
    struct arena *arena; /* the loop's until the commit, then the store thread's, then the loop's */
    struct change *changes;
    size_t count, cap;
    size_t from, to; /* those that are being written; before `from`: written */
    bool in_parts;
    struct span part; /* where it stands is kept under this name; empty: nowhere */
    int64_t stamp;
    registry_done_fn *done;
    void *arg;
    struct error unread; /* nothing may be written */
};

struct registry *registry_new(struct house *h)
{
    struct registry *r = memory_alloc(sizeof *r);

    r->house = h;
    r->arena = arena_new();
    return r;
}

void registry_free(struct registry **r)
{
    if (!*r)
        return;
    arena_free(&(*r)->arena);
    free((*r)->changes);
    free(*r);
    *r = NULL;
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}

/* ---- collecting ---- */

static struct change *add(struct registry *r, enum kind kind)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 4;
        r->changes = memory_grow(r->changes, r->cap * sizeof *r->changes);
    }
    r->changes[r->count] = (struct change){.kind = kind};
    return &r->changes[r->count++];
}

static struct span *copy_spans(struct arena *a, const struct span *from, size_t count)
{
    struct span *to = arena_alloc(a, count * sizeof *to);

    for (size_t i = 0; i < count; i++)
        to[i] = arena_span(a, from[i]);
    return to;
}

static struct store_account copy_account(struct arena *a, const struct store_account *from)
{
    struct store_account to = *from;

    to.name = arena_span(a, from->name);
    to.verifier = arena_span(a, from->verifier);
    to.senders = copy_spans(a, from->senders, from->sender_count);
    to.host = arena_span(a, from->host);
    return to;
}

void registry_account_put(struct registry *r, const struct store_account *a)
{
    add(r, ACCOUNT_PUT)->account = copy_account(r->arena, a);
}

void registry_account_add(struct registry *r, const struct store_account *a)
{
    add(r, ACCOUNT_ADD)->account = copy_account(r->arena, a);
}

void registry_account_change(struct registry *r, const struct store_account *to, unsigned fields,
                             struct span expected)
{
    struct change *c = add(r, ACCOUNT_CHANGE);

    c->account = copy_account(r->arena, to);
    c->fields = fields;
    c->expected = arena_span(r->arena, expected);
}

void registry_account_remove(struct registry *r, struct span name)
{
    add(r, ACCOUNT_REMOVE)->account.name = arena_span(r->arena, name);
}

void registry_account_discard(struct registry *r, struct span name)
{
    add(r, ACCOUNT_DISCARD)->account.name = arena_span(r->arena, name);
}

void registry_host_put(struct registry *r, const struct store_host *h)
{
    struct change *c = add(r, HOST_PUT);

    c->host = *h;
    c->host.name = arena_span(r->arena, h->name);
}

void registry_host_remove(struct registry *r, struct span name)
{
    add(r, HOST_REMOVE)->host.name = arena_span(r->arena, name);
}

void registry_domain_put(struct registry *r, const struct store_domain *d)
{
    struct change *c = add(r, DOMAIN_PUT);

    c->domain = *d;
    c->domain.name = arena_span(r->arena, d->name);
    c->domain.host = arena_span(r->arena, d->host);
    c->domain.catch_all = arena_span(r->arena, d->catch_all);
}

void registry_domain_remove(struct registry *r, struct span name)
{
    add(r, DOMAIN_REMOVE)->domain.name = arena_span(r->arena, name);
}

void registry_alias_put(struct registry *r, const struct store_alias *a)
{
    struct change *c = add(r, ALIAS_PUT);

    c->alias = *a;
    c->alias.address = arena_span(r->arena, a->address);
    c->alias.targets = copy_spans(r->arena, a->targets, a->target_count);
}

void registry_alias_remove(struct registry *r, struct span address)
{
    add(r, ALIAS_REMOVE)->alias.address = arena_span(r->arena, address);
}

void registry_part_forget(struct registry *r, struct span name)
{
    add(r, PART_FORGET)->part = arena_span(r->arena, name);
}

/* ---- writing: store thread ---- */

static void take_fields(struct store_account *to, const struct store_account *from, unsigned fields)
{
    if (fields & REGISTRY_VERIFIER)
        to->verifier = from->verifier;
    if (fields & REGISTRY_SENDERS) {
        to->senders = from->senders;
        to->sender_count = from->sender_count;
    }
    if (fields & REGISTRY_LOCK)
        to->flags = (to->flags & ~(uint32_t)STORE_ACCOUNT_LOCKED) |
                    (from->flags & (uint32_t)STORE_ACCOUNT_LOCKED);
    if (fields & REGISTRY_QUOTA)
        to->quota = from->quota;
    if (fields & REGISTRY_HOST)
        to->host = from->host;
    if (fields & REGISTRY_MESSAGES) {
        to->limits.messages_hour = from->limits.messages_hour;
        to->limits.messages_day = from->limits.messages_day;
    }
    if (fields & REGISTRY_RECIPIENTS) {
        to->limits.recipients_hour = from->limits.recipients_hour;
        to->limits.recipients_day = from->limits.recipients_day;
    }
}

/* Nobody comes to belong to one that was removed since the command looked. */
static int host_is_there(struct store *s, struct registry *r, struct span host, struct error *e)
{
    struct store_host record;
    int got = host.len ? store_host_get(s, host, r->arena, &record, e) : STORE_GOT;

    if (got != STORE_ABSENT)
        return got;
    return error_set(e, ERROR_INPUT, "the hosting account %.*s was removed meanwhile",
                     SPAN_ARG(host));
}

/* Reads and writes in one transaction, so that two changes of one account both hold. */
static int change_account(struct store *s, struct registry *r, struct change *c, struct error *e)
{
    struct store_account now;
    int got = store_account_get(s, c->account.name, r->arena, &now, e);

    if (got < 0 || (c->fields & REGISTRY_HOST && host_is_there(s, r, c->account.host, e) < 0))
        return -1;
    if (got == STORE_ABSENT || (c->expected.len && !span_eq(c->expected, now.verifier))) {
        c->idle = true;
        if (c->expected.len)
            return 0;
        return error_set(e, ERROR_INPUT, "the account %.*s was removed meanwhile",
                         SPAN_ARG(c->account.name));
    }
    take_fields(&now, &c->account, c->fields);
    c->account = now;
    return usage_store_account_put(s, &now, e);
}

static int add_account(struct store *s, struct registry *r, const struct store_account *to,
                       struct error *e)
{
    struct store_account there;
    int got = store_account_get(s, to->name, r->arena, &there, e);

    if (got < 0 || host_is_there(s, r, to->host, e) < 0)
        return -1;
    if (got == STORE_GOT)
        return error_set(e, ERROR_INPUT, "the account %.*s was added meanwhile",
                         SPAN_ARG(to->name));
    return usage_store_account_put(s, to, e);
}

/* Somebody may have given it something meanwhile, and the next one of this name is warned of its
 * own. */
static int remove_host(struct store *s, struct span name, struct error *e)
{
    struct store_list accounts = {STORE_HOST_ACCOUNTS, name}, domains = {STORE_HOST_DOMAINS, name};
    uint64_t of_accounts, of_domains;

    if (store_count(s, &accounts, &of_accounts, e) < 0 ||
        store_count(s, &domains, &of_domains, e) < 0)
        return -1;
    if (of_accounts || of_domains)
        return error_set(e, ERROR_INPUT,
                         "the hosting account %.*s was given an account or a domain meanwhile",
                         SPAN_ARG(name));
    if (usage_store_warned(s, true, name, 0, e) < 0)
        return -1;
    return store_host_remove(s, name, e);
}

static int write_one(struct store *s, struct registry *r, struct change *c, struct error *e)
{
    switch (c->kind) {
    case ACCOUNT_PUT:
        return usage_store_account_put(s, &c->account, e);
    case ACCOUNT_ADD:
        return add_account(s, r, &c->account, e);
    case ACCOUNT_CHANGE:
        return change_account(s, r, c, e);
    case ACCOUNT_REMOVE:
        return usage_store_account_remove(s, c->account.name, e);
    case ACCOUNT_DISCARD:
        return usage_store_account_discard(s, c->account.name, r->arena, &c->account.host, e) < 0
                   ? -1
                   : 0;
    case HOST_PUT:
        return store_host_put(s, &c->host, e);
    case HOST_REMOVE:
        return remove_host(s, c->host.name, e);
    case DOMAIN_PUT:
        return store_domain_put(s, &c->domain, e);
    case DOMAIN_REMOVE:
        return store_domain_remove(s, c->domain.name, e);
    case ALIAS_PUT:
        return store_alias_put(s, &c->alias, e);
    case ALIAS_REMOVE:
        return store_alias_remove(s, c->alias.address, e);
    case PART_FORGET:
        return store_value_remove(s, STORE_KIND_IMPORT, c->part, e) < 0 ? -1 : 0;
    }
    return 0;
}

static int write_all(struct store *s, void *arg, struct error *e)
{
    struct registry *r = arg;

    if (r->unread.class) {
        *e = r->unread;
        return -1;
    }
    for (size_t i = 0; i < r->count; i++)
        if (write_one(s, r, &r->changes[i], e) < 0)
            return -1;
    r->to = r->count;
    return 0;
}

/* "stamp written all", in decimal. */
static int keep_part(struct store *s, const struct registry *r, struct error *e)
{
    struct text t = TEXT_INIT(100);
    int bad;

    if (!r->part.len)
        return 0;
    if (r->to == r->count)
        return store_value_remove(s, STORE_KIND_IMPORT, r->part, e) < 0 ? -1 : 0;
    text_addf(&t, "%" PRId64 " %zu %zu", r->stamp, r->to, r->count);
    bad = store_value_put(s, STORE_KIND_IMPORT, r->part, text_span(&t), e);
    text_free(&t);
    return bad;
}

static int write_part(struct store *s, void *arg, struct error *e)
{
    struct registry *r = arg;
    int64_t until = clock_now() + REGISTRY_PART_MS;

    if (r->unread.class) {
        *e = r->unread;
        return -1;
    }
    r->to = r->from;
    while (r->to < r->count && r->to < r->from + PART_MAX &&
           (r->to == r->from || clock_now() < until))
        if (write_one(s, r, &r->changes[r->to++], e) < 0)
            return -1;
    return keep_part(s, r, e);
}

/* ---- in force: loop thread ---- */

/* A verifier that replaces an expected one proves the same password: nothing is to be forgotten. A
 * hosting account may have been locked. */
static void forget_logins(struct house *h, const struct change *c)
{
    if (c->kind == ACCOUNT_PUT || c->kind == ACCOUNT_REMOVE || c->kind == ACCOUNT_DISCARD ||
        (c->kind == ACCOUNT_CHANGE && !c->idle && !c->expected.len))
        login_forget_one(h->login, c->account.name);
    if (c->kind == HOST_REMOVE ||
        (c->kind == HOST_PUT && directory_host(h->directory, c->host.name)))
        login_forget(h->login);
}

static void mended(void *arg, const struct quotas_mended *m)
{
    (void)arg;
    (void)m; /* it is in the log */
}

/* Memory may not have known whose it was. */
static void apply_discard(struct house *h, const struct store_account *a)
{
    directory_remove(h->directory, a->name);
    quotas_account_removed(h, a->name);
    if (a->host.len)
        quotas_mend(h->quotas, a->host, mended, NULL);
}

static void apply_one(struct house *h, const struct change *c)
{
    struct directory *d = h->directory;

    forget_logins(h, c);
    switch (c->kind) {
    case ACCOUNT_PUT:
    case ACCOUNT_ADD:
    case ACCOUNT_CHANGE:
        if (c->idle)
            break;
        directory_put(d, &c->account);
        quotas_account_put(h, c->account.name);
        break;
    case ACCOUNT_REMOVE:
        directory_remove(d, c->account.name);
        quotas_account_removed(h, c->account.name);
        break;
    case ACCOUNT_DISCARD:
        apply_discard(h, &c->account);
        break;
    case HOST_PUT:
        directory_host_put(d, &c->host);
        break;
    case HOST_REMOVE:
        directory_host_remove(d, c->host.name);
        break;
    case DOMAIN_PUT:
        directory_domain_put(d, &c->domain);
        break;
    case DOMAIN_REMOVE:
        directory_domain_remove(d, c->domain.name);
        break;
    case ALIAS_PUT:
        directory_alias_put(d, &c->alias);
        break;
    case ALIAS_REMOVE:
        directory_alias_remove(d, c->alias.address);
        break;
    case PART_FORGET:
        break;
    }
}

static void written(void *arg, int result, const struct error *e)
{
    struct registry *r = arg;
    bool parts = r->in_parts;

    for (; r->from < r->to && result >= 0; r->from++)
        apply_one(r->house, &r->changes[r->from]);
    if (r->done)
        r->done(r->arg, result < 0 ? e : NULL);
    if (!parts)
        registry_free(&r);
}

/* Sums in memory must know what the store is about to change. */
static void touch(struct registry *r, size_t to)
{
    for (size_t i = r->from; i < to; i++) {
        const struct change *c = &r->changes[i];

        if (c->kind <= ACCOUNT_REMOVE &&
            quotas_account_touch(r->house, c->account.name, c->account.host, &r->unread) < 0)
            return;
    }
}

void registry_commit(struct registry **out, registry_done_fn *done, void *arg)
{
    struct registry *r = *out;

    *out = NULL;
    r->done = done;
    r->arg = arg;
    touch(r, r->count);
    commit_submit(queue_commit(r->house->queue), COMMIT_OWN, write_all, written, r, 0);
}

/* ---- in parts ---- */

void registry_commit_part(struct registry *r, struct span name, int64_t stamp,
                          registry_done_fn *done, void *arg)
{
    if (!r->part.len)
        r->part = arena_span(r->arena, name);
    r->in_parts = true;
    r->stamp = stamp;
    r->done = done;
    r->arg = arg;
    r->unread = (struct error){0};
    touch(r, r->count - r->from < PART_MAX ? r->count : r->from + PART_MAX);
    commit_submit(queue_commit(r->house->queue), COMMIT_OWN, write_part, written, r, 0);
}

size_t registry_left(const struct registry *r)
{
    return r->count - r->from;
}

static bool read_part(struct span value, struct registry_part *out)
{
    uint64_t stamp;

    if (!span_u64(span_word(&value), INT64_MAX, &stamp) ||
        !span_u64(span_word(&value), UINT64_MAX, &out->written) ||
        !span_u64(span_word(&value), UINT64_MAX, &out->all))
        return false;
    out->stamp = (int64_t)stamp;
    return true;
}

int registry_part_get(struct house *h, struct span name, struct registry_part *out, struct error *e)
{
    struct arena *a = arena_new();
    struct span value;
    int got = store_value_get(h->reader, STORE_KIND_IMPORT, name, a, &value, e);

    if (got == STORE_GOT && !read_part(value, out))
        got = STORE_BROKEN;
    arena_free(&a);
    return got == STORE_BROKEN ? STORE_ABSENT : got; /* then its accounts are others' */
}

struct parts {
    registry_part_fn *fn;
    void *arg;
};

static bool each_part(void *arg, struct span name, struct span value)
{
    struct parts *p = arg;
    struct registry_part part;

    if (value.at && read_part(value, &part))
        p->fn(p->arg, name, &part);
    return true;
}

int registry_parts(struct house *h, registry_part_fn *fn, void *arg, struct error *e)
{
    return store_value_each(h->reader, STORE_KIND_IMPORT, each_part, &(struct parts){fn, arg}, e);
}
