#include "account/usage_parts.h"

#include "account/usage_gate.h"
#include "account/usage_store.h"
#include "account/usage_sums.h"
#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct span usage_entry_name(const struct usage_entry *n)
{
    return (struct span){n->name, n->name_len};
}

struct span usage_host_name(const struct usage_host *h)
{
    return (struct span){h->name, h->name_len};
}

/* ---- entries ---- */

static void add(struct usage_amount *to, const struct usage_amount *sum, int sign)
{
    to->queue += sign * sum->queue;
    to->coming += sign * sum->coming;
    to->mailbox += sign * sum->mailbox;
    to->messages += sign * sum->messages;
}

void usage_change(struct usage_entry *n, struct usage_amount by)
{
    add(&n->sum, &by, 1);
    if (n->host)
        add(&n->host->sum, &by, 1);
}

static struct usage_host *take_host(struct usage *u, struct span name)
{
    struct usage_host *h = map_get(u->hosts, name);

    if (h || !name.len)
        return h;
    h = memory_alloc(sizeof *h + name.len);
    memcpy(h->name, name.at, name.len);
    h->name_len = name.len;
    map_put(u->hosts, name, h);
    return h;
}

/* A host without accounts uses nothing; its warning is forgotten with it. */
static void leave_host(struct usage *u, struct usage_entry *n)
{
    struct usage_host *h = n->host;

    if (!h)
        return;
    add(&h->sum, &n->sum, -1);
    *n->link = n->next;
    if (n->next)
        n->next->link = n->link;
    n->host = NULL;
    if (!h->first) {
        map_take(u->hosts, usage_host_name(h));
        free(h);
    }
}

static void join_host(struct usage_entry *n, struct usage_host *h)
{
    n->host = h;
    if (!h)
        return;
    add(&h->sum, &n->sum, 1);
    n->next = h->first;
    n->link = &h->first;
    if (n->next)
        n->next->link = &n->next;
    h->first = n;
}

static void doubt(struct usage *u, struct usage_entry *n)
{
    n->unsure = true;
    if (n->listed)
        return;
    n->listed = true;
    n->later = NULL;
    *u->unsure_end = n;
    u->unsure_end = &n->later;
    u->calls->unsure(u->arg);
}

static void free_entry(struct usage *u, struct usage_entry *n)
{
    leave_host(u, n);
    map_take(u->entries, usage_entry_name(n));
    free(n);
}

/* What is not in a list, not an account and not charged has gone. */
void usage_drop_if_idle(struct usage *u, struct usage_entry *n)
{
    if (!n->exists && !n->charges && !n->listed)
        free_entry(u, n);
}

static struct usage_entry *new_entry(struct usage *u, struct span name)
{
    struct usage_entry *n = memory_alloc(sizeof *n + name.len);

    memcpy(n->name, name.at, name.len);
    n->name_len = name.len;
    map_put(u->entries, name, n);
    return n;
}

/* Its host is asked each time it is wanted for a charge, so that none is made to the wrong one. */
struct usage_entry *usage_known(struct usage *u, struct span name)
{
    struct usage_entry *n = name.len ? map_get(u->entries, name) : NULL;
    struct span host = SPAN_NONE;
    uint64_t quota;

    if (!name.len || !u->calls->account(u->arg, name, &host, &quota))
        return NULL;
    if (!n)
        n = new_entry(u, name);
    if (!n->exists)
        doubt(u, n);
    n->exists = true;
    if (!span_eq(host, n->host ? usage_host_name(n->host) : SPAN_NONE)) {
        struct usage_host *to = take_host(u, host);

        leave_host(u, n);
        join_host(n, to);
    }
    return n;
}

/* The mailbox of a removed account counts no more; what of it is in the queue still does, for the
 * hosting account it was of. */
static void lost(struct usage *u, struct usage_entry *n)
{
    usage_change(n,
                 (struct usage_amount){.mailbox = -n->sum.mailbox, .messages = -n->sum.messages});
    n->sum.warned = 0;
    n->exists = false;
    n->unsure = false;
    n->measured = 0;
    usage_drop_if_idle(u, n);
}

void usage_account(struct usage *u, struct span name)
{
    struct usage_entry *n = usage_known(u, name);

    if (n)
        usage_judge(u, n);
    else if (name.len && (n = map_get(u->entries, name)) && n->exists)
        lost(u, n);
}

/* ---- mailboxes ---- */

void usage_mailbox(struct usage *u, struct span account, int64_t octets, int64_t messages)
{
    struct usage_entry *n = usage_known(u, account);

    if (!n)
        return;
    usage_change(n, (struct usage_amount){.mailbox = octets, .messages = messages});
    usage_judge(u, n);
}

void usage_measured(struct usage *u, struct span account, uint64_t octets, uint64_t messages)
{
    struct usage_entry *n = usage_known(u, account);

    if (!n)
        return;
    usage_change(n, (struct usage_amount){.mailbox = (int64_t)octets - n->sum.mailbox,
                                          .messages = (int64_t)messages - n->sum.messages});
    n->unsure = false;
    n->measured = clock_now();
    usage_judge(u, n);
}

void usage_doubt(struct usage *u, struct span account)
{
    struct usage_entry *n = usage_known(u, account);

    if (n)
        doubt(u, n);
}

struct span usage_next_unsure(struct usage *u)
{
    while (u->unsure) {
        struct usage_entry *n = u->unsure;

        u->unsure = n->later;
        if (!u->unsure)
            u->unsure_end = &u->unsure;
        n->listed = false;
        if (n->exists && n->unsure)
            return usage_entry_name(n);
        usage_drop_if_idle(u, n);
    }
    return SPAN_NONE;
}

int64_t usage_measured_at(const struct usage *u, struct span account)
{
    const struct usage_entry *n = account.len ? map_get(u->entries, account) : NULL;

    return n ? n->measured : 0;
}

struct usage_gate *usage_gate(const struct usage *u)
{
    return u->gate;
}

/* ---- start ---- */

static bool read_mailbox(void *arg, struct span name, struct span value)
{
    struct usage *u = arg;
    struct usage_record r = {0};
    struct usage_entry *n = usage_known(u, name);

    if (!n || !value.at || !usage_store_read(value, &r))
        return true;
    usage_change(n, (struct usage_amount){.mailbox = r.octets, .messages = r.messages});
    n->unsure = r.unsure || r.removals || r.octets < 0 || r.messages < 0;
    return true;
}

static bool read_warning(void *arg, struct span key, struct span value)
{
    struct usage *u = arg;
    struct usage_entry *n;
    struct usage_host *h;
    struct span name;
    unsigned percent;
    bool is_host;

    if (!usage_store_read_warned(key, value, &is_host, &name, &percent))
        return true;
    n = is_host ? NULL : map_get(u->entries, name);
    h = is_host ? map_get(u->hosts, name) : NULL;
    if (n)
        n->sum.warned = percent;
    if (h)
        h->sum.warned = percent;
    return true;
}

struct usage *usage_open(struct store *s, const struct usage_settings *set,
                         const struct usage_calls *calls, void *arg, struct error *e)
{
    struct usage *u = memory_alloc(sizeof *u);

    assert(set->warns <= USAGE_WARN_MAX);
    u->set = *set;
    u->calls = calls;
    u->arg = arg;
    u->entries = map_new();
    u->hosts = map_new();
    u->unsure_end = &u->unsure;
    u->gate = usage_gate_new();
    if (usage_sums_begin(s, e) < 0 ||
        store_value_each(s, STORE_KIND_USAGE, read_mailbox, u, e) < 0 ||
        store_value_each(s, STORE_KIND_WARNING, read_warning, u, e) < 0)
        usage_free(&u);
    return u;
}

static void judge_each(struct span key, void *value, void *arg)
{
    (void)key;
    usage_judge(arg, value);
}

void usage_begin(struct usage *u)
{
    u->began = true;
    map_each(u->entries, judge_each, u);
}

void usage_configure(struct usage *u, const struct usage_settings *set)
{
    assert(set->warns <= USAGE_WARN_MAX);
    u->set = *set;
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

void usage_free(struct usage **u)
{
    if (!*u)
        return;
    map_each((*u)->entries, free_each, NULL);
    map_each((*u)->hosts, free_each, NULL);
    map_free(&(*u)->entries);
    map_free(&(*u)->hosts);
    usage_gate_free(&(*u)->gate);
    free(*u);
    *u = NULL;
}
