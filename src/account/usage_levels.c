/* What a sum means: views, percents, warnings. */
#include "account/usage_parts.h"

#include "account/usage_store.h"
#include "base/arena.h"

/* A warning is remembered until usage is so much below it: or each message that waits in the queue
 * for a minute would bring one. */
enum { SLACK = 5 };

/* ---- views and levels ---- */

static uint64_t positive(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t allowed(uint64_t own, uint64_t standard)
{
    uint64_t n = own ? own : standard;

    return n >= INT64_MAX ? 0 : n; /* USAGE_NO_END */
}

static void fill(const struct usage_amount *sum, struct usage_view *v)
{
    v->queue = positive(sum->queue + sum->coming);
    v->mailbox = positive(sum->mailbox);
    v->messages = positive(sum->messages);
    v->used = v->queue + v->mailbox;
}

struct usage_view usage_entry_view(const struct usage *u, const struct usage_entry *n)
{
    struct usage_view v = {.name = usage_entry_name(n), .unsure = n->unsure};

    if (n->host)
        v.host = usage_host_name(n->host);
    fill(&n->sum, &v);
    if (n->exists)
        v.allowed = allowed(n->quota, u->set.account);
    return v;
}

struct usage_view usage_host_view(const struct usage *u, const struct usage_host *h)
{
    struct usage_view v = {.name = usage_host_name(h), .is_host = true};

    fill(&h->sum, &v);
    if (h->exists)
        v.allowed = allowed(h->quota, u->set.host);
    return v;
}

unsigned usage_percent(const struct usage_view *v)
{
    uint64_t percent;

    if (!v->allowed)
        return 0;
    percent =
        v->used <= UINT64_MAX / 100 ? v->used * 100 / v->allowed : v->used / (v->allowed / 100 + 1);
    return percent < 1000000 ? (unsigned)percent : 1000000;
}

static unsigned level_of(const struct usage *u, unsigned percent)
{
    unsigned level = 0;

    for (unsigned i = 0; i < u->set.warns; i++)
        if (percent >= u->set.warn[i])
            level = u->set.warn[i];
    return level;
}

static void judge(struct usage *u, struct usage_amount *sum, const struct usage_view *v,
                  struct span account)
{
    unsigned percent = usage_percent(v), rises = level_of(u, percent);
    unsigned holds = v->allowed ? level_of(u, percent + SLACK) : 0;
    unsigned before = sum->warned;

    if (rises > before)
        sum->warned = rises;
    else if (holds < before)
        sum->warned = holds;
    if (sum->warned != before)
        u->calls->level(u->arg, v, account, sum->warned, sum->warned > before);
}

void usage_judge(struct usage *u, struct usage_entry *n)
{
    struct usage_view v;

    if (!u->began || (!u->set.warns && !n->sum.warned))
        return;
    v = usage_entry_view(u, n);
    judge(u, &n->sum, &v, v.name);
    if (!n->host)
        return;
    v = usage_host_view(u, n->host);
    judge(u, &n->host->sum, &v, usage_entry_name(n));
}

/* ---- looking ---- */

int usage_of(struct usage *u, struct span account, struct usage_view *out, struct error *e)
{
    struct usage_entry *n;
    int there = usage_known(u, account, &n, e);

    if (there == 0 && account.len)
        n = map_get(u->entries, account); /* removed, and something of it is in the queue */
    if (there < 0 || !n)
        return there;
    *out = usage_entry_view(u, n);
    return n->exists || out->used;
}

int usage_of_host(struct usage *u, struct span host, struct usage_view *out, struct error *e)
{
    struct usage_host *h = host.len ? usage_known_host(u, host, e) : NULL;

    if (!h)
        return host.len ? -1 : 0;
    *out = usage_host_view(u, h);
    return h->exists || out->used;
}

static void copy_names(struct usage *u, struct usage_view *v)
{
    size_t name = v->name.len, host = v->host.len;

    text_clear(&u->looked);
    text_add(&u->looked, v->name);
    text_add(&u->looked, v->host);
    v->name = span_head(text_span(&u->looked), name);
    v->host = (struct span){text_cstr(&u->looked) + name, host};
}

int usage_look(struct usage *u, struct span account, struct usage_view *out, struct error *e)
{
    struct usage_entry *n = account.len ? map_get(u->entries, account) : NULL;
    struct usage_amount sum = {0};
    struct usage_record r;
    struct error own;
    uint64_t quota = 0;
    int there;

    if (n)
        return usage_of(u, account, out, e);
    *out = (struct usage_view){.name = account};
    there = u->calls->account(u->arg, account, &out->host, &quota, e ? e : &own);
    if (there <= 0)
        return there;
    copy_names(u, out);
    if (usage_store_get(u->reader, out->name, &r, e) < 0)
        return -1;
    sum.mailbox = r.octets;
    sum.messages = r.messages;
    fill(&sum, out);
    out->unsure = usage_store_wants_count(&r);
    out->allowed = allowed(quota, u->set.account);
    return 1;
}

struct stale {
    const struct usage *usage;
    struct arena *arena;
    struct span *out;
    int64_t before;
    int count, max;
};

static bool take_stale(void *arg, struct span name)
{
    struct stale *s = arg;
    const struct usage_entry *n = map_get(s->usage->entries, name);

    if (!n || n->measured < s->before)
        s->out[s->count++] = arena_span(s->arena, name);
    return s->count < s->max;
}

int usage_stale(struct usage *u, struct span host, int64_t before, struct arena *a,
                struct span *out, int max, struct error *e)
{
    struct stale s = {u, a, out, before, 0, max};
    struct store_list list = {.kind = STORE_HOST_ACCOUNTS, .of = host};

    return store_names(u->reader, &list, NULL, take_stale, &s, e) < 0 ? -1 : s.count;
}

bool usage_never(const struct usage *u)
{
    return u->set.never;
}
