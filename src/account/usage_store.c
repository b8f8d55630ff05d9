#include "account/usage_store.h"

#include "account/usage_sums.h"
#include "base/arena.h"
#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum { RECORD = 100, KEY = STORE_NAME_MAX };

/* ---- one record: "octets messages removals unsure", all in decimal ---- */

static bool number(struct span *rest, int64_t *out)
{
    struct span word = span_word(rest);
    bool minus = span_starts(word, SPAN("-"));
    uint64_t n;

    if (!span_u64(span_from(word, minus), INT64_MAX, &n))
        return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

bool usage_store_read(struct span value, struct usage_record *out)
{
    int64_t removals, unsure;

    *out = (struct usage_record){0};
    if (!number(&value, &out->octets) || !number(&value, &out->messages) ||
        !number(&value, &removals) || removals < 0 || removals > UINT32_MAX ||
        !number(&value, &unsure) || (unsure != 0 && unsure != 1) || value.len)
        return false;
    out->removals = (uint32_t)removals;
    out->unsure = unsure;
    return true;
}

bool usage_store_wants_count(const struct usage_record *r)
{
    return r->unsure || r->removals || r->octets < 0 || r->messages < 0;
}

int usage_store_value(struct store *s, enum store_kind kind, struct span name, const char *rest,
                      struct usage_record *out, struct error *e)
{
    struct arena *a = arena_new();
    struct span value = SPAN_NONE;
    int got = store_value_get(s, kind, name, a, &value, e);

    if (got == STORE_BROKEN)
        error_clear(e); /* it is said by the return, and is no failure of reading */
    if (got == STORE_GOT &&
        !usage_store_read(span_of(arena_printf(a, "%.*s%s", SPAN_ARG(value), rest)), out))
        got = STORE_BROKEN;
    if (got != STORE_GOT)
        *out = (struct usage_record){.unsure = true};
    arena_free(&a);
    return got;
}

int usage_store_get(struct store *s, struct span account, struct usage_record *out, struct error *e)
{
    return usage_store_value(s, STORE_KIND_USAGE, account, "", out, e);
}

static int put(struct store *s, struct span account, const struct usage_record *r, struct error *e)
{
    struct text t = TEXT_INIT(RECORD);
    int bad;

    text_addf(&t, "%" PRId64 " %" PRId64 " %" PRIu32 " %d", r->octets, r->messages, r->removals,
              r->unsure);
    bad = store_value_put(s, STORE_KIND_USAGE, account, text_span(&t), e);
    text_free(&t);
    if (bad)
        return -1;
    if (usage_store_wants_count(r))
        return store_value_put(s, STORE_KIND_UNSURE, account, SPAN_NONE, e);
    return store_value_remove(s, STORE_KIND_UNSURE, account, e) < 0 ? -1 : 0;
}

/* ---- one change ---- */

struct change {
    struct store *store;
    struct arena *arena;
    struct span account;
    struct store_account is; /* as the store knows it */
    struct usage_record was, now;
    bool broken; /* what it was cannot be read: the sum of its host is to be made anew */
};

/* STORE_GOT; STORE_ABSENT: there is no such account, and nothing to change; -1. Ends with `end`. */
static int begin(struct change *c, struct store *s, struct span account, struct error *e)
{
    int got, old;

    *c = (struct change){.store = s, .arena = arena_new(), .account = account};
    got = store_account_get(s, account, c->arena, &c->is, e);
    if (got < 0)
        return -1;
    old = usage_store_get(s, account, &c->was, e);
    if (old < 0)
        return -1;
    c->broken = old == STORE_BROKEN;
    c->now = c->was;
    return got;
}

static int end(struct change *c, int result)
{
    arena_free(&c->arena);
    return result;
}

/* The record stands first: a sum that is made anew has to find it. */
static int sum(struct change *c, struct span host, int64_t octets, int64_t messages,
               struct error *e)
{
    if (c->broken && host.len)
        return usage_sums_mend(c->store, host, NULL, NULL, e);
    return usage_sums_add(c->store, host, (struct usage_sum){octets, messages}, e);
}

static int write(struct change *c, struct error *e)
{
    if (put(c->store, c->account, &c->now, e) < 0)
        return -1;
    return sum(c, c->is.host, c->now.octets - c->was.octets, c->now.messages - c->was.messages, e);
}

int usage_store_add(struct store *s, struct span account, const struct usage_record *difference,
                    struct error *e)
{
    struct change c;
    int got = begin(&c, s, account, e);

    c.now.octets += difference->octets;
    c.now.messages += difference->messages;
    c.now.unsure |= difference->unsure;
    return end(&c, got == STORE_GOT ? write(&c, e) : got);
}

int usage_store_removing(struct store *s, struct span account, struct error *e)
{
    struct change c;
    int got = begin(&c, s, account, e);

    c.now.removals++;
    return end(&c, got == STORE_GOT ? write(&c, e) : got);
}

int usage_store_removed(struct store *s, struct span account, int64_t octets, int64_t messages,
                        struct error *e)
{
    struct change c;
    int got = begin(&c, s, account, e);

    c.now.removals -= c.now.removals > 0;
    c.now.octets += octets;
    c.now.messages += messages;
    return end(&c, got == STORE_GOT ? write(&c, e) : got);
}

int usage_store_set(struct store *s, struct span account, uint64_t octets, uint64_t messages,
                    struct error *e)
{
    struct change c;
    int got = begin(&c, s, account, e);

    c.now = (struct usage_record){.octets = (int64_t)octets, .messages = (int64_t)messages};
    return end(&c, got == STORE_GOT ? write(&c, e) : got);
}

/* ---- warnings ---- */

static void warning_key(bool is_host, struct span name, struct text *out)
{
    text_adds(out, is_host ? "host " : "account ");
    text_add(out, name);
}

static int forget_warning(struct store *s, bool is_host, struct span name, struct error *e)
{
    struct text key = TEXT_INIT(KEY);
    int got;

    warning_key(is_host, name, &key);
    got = store_value_remove(s, STORE_KIND_WARNING, text_span(&key), e);
    text_free(&key);
    return got < 0 ? -1 : 0;
}

int usage_store_warned(struct store *s, bool is_host, struct span name, unsigned percent,
                       struct error *e)
{
    struct text key = TEXT_INIT(KEY), value = TEXT_INIT(RECORD);
    int bad;

    if (!percent)
        return forget_warning(s, is_host, name, e);
    warning_key(is_host, name, &key);
    text_addf(&value, "%u", percent);
    bad = store_value_put(s, STORE_KIND_WARNING, text_span(&key), text_span(&value), e);
    text_free(&key);
    text_free(&value);
    return bad;
}

/* One that does not read is forgotten: the warning comes a second time. */
int usage_store_get_warned(struct store *s, bool is_host, struct span name, unsigned *percent,
                           struct error *e)
{
    struct text key = TEXT_INIT(KEY);
    struct arena *a = arena_new();
    struct span value = SPAN_NONE;
    uint64_t n = 0;
    int got;

    warning_key(is_host, name, &key);
    got = store_value_get(s, STORE_KIND_WARNING, text_span(&key), a, &value, e);
    if (got == STORE_BROKEN)
        error_clear(e);
    *percent = got == STORE_GOT && span_u64(value, 100, &n) ? (unsigned)n : 0;
    text_free(&key);
    arena_free(&a);
    return got < 0 ? -1 : 0;
}

/* ---- accounts ---- */

static int put_new(struct change *c, const struct store_account *to, struct error *e)
{
    c->now = (struct usage_record){.unsure = true};
    if (store_account_put(c->store, to, e) < 0 || put(c->store, to->name, &c->now, e) < 0)
        return -1;
    return forget_warning(c->store, false, to->name, e);
}

static int put_known(struct change *c, const struct store_account *to, struct error *e)
{
    if (store_account_put(c->store, to, e) < 0 ||
        (c->broken && put(c->store, c->account, &c->now, e) < 0))
        return -1;
    if (span_eq(c->is.host, to->host) && !c->broken)
        return 0;
    if (sum(c, c->is.host, -c->was.octets, -c->was.messages, e) < 0)
        return -1;
    return sum(c, to->host, c->was.octets, c->was.messages, e);
}

int usage_store_account_put(struct store *s, const struct store_account *to, struct error *e)
{
    struct change c;
    int got = begin(&c, s, to->name, e);

    if (got < 0)
        return end(&c, -1);
    return end(&c, got == STORE_GOT ? put_known(&c, to, e) : put_new(&c, to, e));
}

static int forget(struct change *c, struct error *e)
{
    if (store_account_remove(c->store, c->account, e) < 0 ||
        store_value_remove(c->store, STORE_KIND_USAGE, c->account, e) < 0 ||
        store_value_remove(c->store, STORE_KIND_UNSURE, c->account, e) < 0 ||
        forget_warning(c->store, false, c->account, e) < 0)
        return -1;
    return sum(c, c->is.host, -c->was.octets, -c->was.messages, e);
}

int usage_store_account_remove(struct store *s, struct span account, struct error *e)
{
    struct change c;
    int got = begin(&c, s, account, e);

    if (got == STORE_GOT && forget(&c, e) < 0)
        got = -1;
    return end(&c, got);
}

/* ---- accounts whose records do not read ---- */

struct hosts {
    struct arena *arena;
    struct span *name;
    size_t count, cap;
};

static bool take_host(void *arg, struct span name)
{
    struct hosts *h = arg;

    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 64;
        h->name = memory_grow(h->name, h->cap * sizeof *h->name);
    }
    h->name[h->count++] = arena_span(h->arena, name);
    return true;
}

struct looked {
    struct span account;
    bool found;
};

static bool is_it(void *arg, struct span name)
{
    struct looked *l = arg;

    l->found = span_eq(name, l->account);
    return false;
}

/* The links still know whose it is. */
static int host_of(struct store *s, struct span account, struct arena *a, struct span *host,
                   struct error *e)
{
    struct store_list all = {.kind = STORE_HOSTS};
    struct hosts h = {.arena = a};
    struct looked l = {.account = account};
    int bad = store_names(s, &all, NULL, take_host, &h, e);

    *host = SPAN_NONE;
    for (size_t i = 0; i < h.count && !bad && !l.found; i++) {
        struct store_list own = {STORE_HOST_ACCOUNTS, h.name[i]};

        bad =
            store_names(s, &own, &(struct store_range){.prefix = account, .max = 1}, is_it, &l, e);
        if (l.found)
            *host = h.name[i];
    }
    free(h.name);
    return bad;
}

int usage_store_account_discard(struct store *s, struct span account, struct arena *a,
                                struct span *host, struct error *e)
{
    struct change c = {.store = s, .account = account};
    int got = store_record_reads(s, STORE_ACCOUNTS, account, e);

    if (got != STORE_BROKEN)
        return got < 0 ? -1 : STORE_ABSENT;
    if (host_of(s, account, a, host, e) < 0 || forget(&c, e) < 0)
        return -1;
    return host->len ? usage_sums_mend(s, *host, NULL, NULL, e) : 0;
}
