/* What a sum means: views, percents, warnings. */
#include "account/usage_parts.h"

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
    struct span host;
    uint64_t quota = 0;

    if (n->host)
        v.host = usage_host_name(n->host);
    fill(&n->sum, &v);
    if (n->exists && u->calls->account(u->arg, v.name, &host, &quota))
        v.allowed = allowed(quota, u->set.account);
    return v;
}

struct usage_view usage_host_view(const struct usage *u, const struct usage_host *h)
{
    struct usage_view v = {.name = usage_host_name(h), .is_host = true};

    fill(&h->sum, &v);
    v.allowed = allowed(u->calls->host(u->arg, v.name), u->set.host);
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

bool usage_of(const struct usage *u, struct span account, struct usage_view *out)
{
    const struct usage_entry *n = account.len ? map_get(u->entries, account) : NULL;

    if (n)
        *out = usage_entry_view(u, n);
    return n != NULL;
}

bool usage_of_host(const struct usage *u, struct span host, struct usage_view *out)
{
    const struct usage_host *h = host.len ? map_get(u->hosts, host) : NULL;

    if (h)
        *out = usage_host_view(u, h);
    return h != NULL;
}

struct each {
    const struct usage *usage;
    usage_each_fn *fn;
    void *arg;
};

static void show_entry(struct span key, void *value, void *arg)
{
    const struct each *e = arg;
    struct usage_view v = usage_entry_view(e->usage, value);

    (void)key;
    e->fn(e->arg, &v);
}

static void show_host(struct span key, void *value, void *arg)
{
    const struct each *e = arg;
    struct usage_view v = usage_host_view(e->usage, value);

    (void)key;
    e->fn(e->arg, &v);
}

void usage_each(const struct usage *u, usage_each_fn *fn, void *arg)
{
    map_each(u->entries, show_entry, &(struct each){u, fn, arg});
}

void usage_each_host(const struct usage *u, usage_each_fn *fn, void *arg)
{
    map_each(u->hosts, show_host, &(struct each){u, fn, arg});
}

size_t usage_stale(const struct usage *u, struct span host, int64_t before, struct span *out,
                   size_t max)
{
    const struct usage_host *h = host.len ? map_get(u->hosts, host) : NULL;
    size_t count = 0;

    for (const struct usage_entry *n = h ? h->first : NULL; n && count < max; n = n->next)
        if (n->exists && n->measured < before)
            out[count++] = usage_entry_name(n);
    return count;
}

bool usage_never(const struct usage *u)
{
    return u->set.never;
}
