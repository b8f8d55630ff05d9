#include "account/usage_parts.h"

#include "account/usage_gate.h"
#include "account/usage_store.h"
#include "account/usage_sums.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MARKS = 500 }; /* of the unsure, read at a time */

struct span usage_entry_name(const struct usage_entry *n)
{
    return (struct span){n->name, n->name_len};
}

struct span usage_host_name(const struct usage_host *h)
{
    return (struct span){h->name, h->name_len};
}

/* ---- sums ---- */

/* To what the store knows nothing is added before it was read: it will be in there. */
static void add(struct usage_amount *to, bool loaded, const struct usage_amount *sum, int sign)
{
    to->queue += sign * sum->queue;
    to->coming += sign * sum->coming;
    if (!loaded)
        return;
    to->mailbox += sign * sum->mailbox;
    to->messages += sign * sum->messages;
}

void usage_change(struct usage_entry *n, struct usage_amount by)
{
    add(&n->sum, n->loaded, &by, 1);
    if (n->host)
        add(&n->host->sum, n->host->loaded, &by, 1);
}

static void move_to(struct usage_entry *n, struct usage_host *to)
{
    if (n->host)
        add(&n->host->sum, n->host->loaded, &n->sum, -1);
    n->host = to;
    if (to)
        add(&to->sum, to->loaded, &n->sum, 1);
}

/* ---- hosting accounts ---- */

static struct usage_host *take_host(struct usage *u, struct span name)
{
    struct usage_host *h = name.len ? map_get(u->hosts, name) : NULL;

    if (h || !name.len)
        return h;
    h = memory_alloc(sizeof *h + name.len);
    memcpy(h->name, name.at, name.len);
    h->name_len = name.len;
    map_put(u->hosts, name, h);
    return h;
}

static int load_host(struct usage *u, struct usage_host *h, struct error *e)
{
    struct span name = usage_host_name(h);
    struct usage_sum sum;
    struct error own;
    int there = u->calls->host(u->arg, name, &h->quota, e ? e : &own);

    if (there < 0)
        return -1;
    h->exists = there;
    if (h->loaded)
        return 0;
    if (usage_sums_get(u->reader, name, &sum, e) < 0 ||
        usage_store_get_warned(u->reader, true, name, &h->sum.warned, e) < 0)
        return -1;
    h->loaded = true;
    h->sum.mailbox = sum.octets;
    h->sum.messages = sum.messages;
    return 0;
}

struct usage_host *usage_known_host(struct usage *u, struct span name, struct error *e)
{
    struct usage_host *h = take_host(u, name);

    return h && load_host(u, h, e) == 0 ? h : NULL;
}

int usage_touch_host(struct usage *u, struct span host, struct error *e)
{
    return !host.len || usage_known_host(u, host, e) ? 0 : -1;
}

bool usage_host_is(struct usage *u, struct span host, const struct usage_sum *is,
                   struct usage_sum *was)
{
    struct usage_host *h = host.len ? map_get(u->hosts, host) : NULL;

    if (!h || !h->loaded || (h->sum.mailbox == is->octets && h->sum.messages == is->messages))
        return false;
    *was = (struct usage_sum){h->sum.mailbox, h->sum.messages};
    h->sum.mailbox = is->octets;
    h->sum.messages = is->messages;
    return true;
}

/* ---- entries ---- */

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

static int load(struct usage *u, struct usage_entry *n, struct error *e)
{
    struct span name = usage_entry_name(n);
    struct usage_record r;
    int got;

    if (n->loaded)
        return 0;
    got = usage_store_get(u->reader, name, &r, e);
    if (got < 0 || usage_store_get_warned(u->reader, false, name, &n->sum.warned, e) < 0)
        return -1;
    n->loaded = true;
    n->blind = got == STORE_BROKEN;
    n->sum.mailbox = r.octets;
    n->sum.messages = r.messages;
    if (usage_store_wants_count(&r))
        doubt(u, n);
    return 0;
}

static struct usage_entry *take_entry(struct usage *u, struct span name)
{
    struct usage_entry *n = map_get(u->entries, name);

    if (n)
        return n;
    n = memory_alloc(sizeof *n + name.len);
    memcpy(n->name, name.at, name.len);
    n->name_len = name.len;
    map_put(u->entries, name, n);
    return n;
}

/* Its host is asked each time it is wanted for a charge, so that none is made to the wrong one. */
int usage_known(struct usage *u, struct span name, struct usage_entry **out, struct error *e)
{
    struct span host = SPAN_NONE;
    struct usage_entry *n;
    struct error own;
    uint64_t quota = 0;
    int there = name.len ? u->calls->account(u->arg, name, &host, &quota, e ? e : &own) : 0;

    *out = NULL;
    if (there <= 0)
        return there;
    *out = n = take_entry(u, name);
    if (!n->exists && n->loaded)
        doubt(u, n); /* it comes back after it was removed: its Maildir may still be there */
    n->exists = true;
    n->quota = quota;
    if (!span_eq(host, n->host ? usage_host_name(n->host) : SPAN_NONE))
        move_to(n, take_host(u, host));
    if (load(u, n, e) < 0 || (n->host && load_host(u, n->host, e) < 0))
        return -1;
    return 1;
}

struct usage_entry *usage_committed(struct usage *u, struct span name)
{
    return name.len ? map_get(u->entries, name) : NULL;
}

int usage_touch(struct usage *u, struct span account, struct error *e)
{
    struct usage_entry *n;

    return usage_known(u, account, &n, e);
}

void usage_account(struct usage *u, struct span name)
{
    struct usage_entry *n;

    if (usage_known(u, name, &n, NULL) > 0)
        usage_judge(u, n);
}

/* Its mailbox counts no more; what of it is in the queue still does, for the hosting account it was
 * of. The entry stays: changes of what was may still have to be told. */
void usage_removed(struct usage *u, struct span name)
{
    struct usage_entry *n = usage_committed(u, name);

    if (!n)
        return;
    usage_change(n,
                 (struct usage_amount){.mailbox = -n->sum.mailbox, .messages = -n->sum.messages});
    n->sum.warned = 0;
    n->exists = n->blind = n->unsure = false;
    n->measured = 0;
}

/* ---- mailboxes ---- */

void usage_mailbox(struct usage *u, struct span account, int64_t octets, int64_t messages)
{
    struct usage_entry *n = usage_committed(u, account);

    if (!n)
        return;
    usage_change(n, (struct usage_amount){.mailbox = octets, .messages = messages});
    usage_judge(u, n);
}

void usage_measured(struct usage *u, struct span account, uint64_t octets, uint64_t messages)
{
    struct usage_entry *n = usage_committed(u, account);

    if (!n || !n->loaded)
        return;
    usage_change(n, (struct usage_amount){.mailbox = (int64_t)octets - n->sum.mailbox,
                                          .messages = (int64_t)messages - n->sum.messages});
    n->unsure = n->blind = false;
    n->measured = clock_now();
    usage_judge(u, n);
}

void usage_doubt(struct usage *u, struct span account)
{
    struct usage_entry *n = usage_committed(u, account);

    if (n)
        doubt(u, n);
}

/* ---- those to be counted ---- */

struct marks {
    struct arena *arena;
    struct span name[MARKS];
    size_t count;
};

static bool take_mark(void *arg, struct span name, struct span value)
{
    struct marks *m = arg;

    (void)value;
    m->name[m->count++] = arena_span(m->arena, name);
    return m->count < MARKS;
}

/* The next ones that the store knew at the start; its own changes come by usage_doubt. False: they
 * cannot be read now. */
static bool read_marks(struct usage *u)
{
    struct marks *m = memory_alloc(sizeof *m);
    struct store_range range = {.after = span_of(u->marked), .max = MARKS};
    struct usage_entry *n;
    bool good;

    m->arena = arena_new();
    good = store_value_range(u->reader, STORE_KIND_UNSURE, &range, take_mark, m, NULL) == 0;
    if (good) {
        free(u->marked);
        u->marked = m->count == MARKS ? span_dup(m->name[MARKS - 1]) : NULL;
        for (size_t i = 0; i < m->count; i++)
            usage_known(u, m->name[i], &n, NULL); /* lists it */
    }
    arena_free(&m->arena);
    free(m);
    return good;
}

struct span usage_next_unsure(struct usage *u)
{
    while (!u->unsure && u->marked && read_marks(u))
        ; /* marks of nobody, or of accounts that cannot be read, are no end */
    while (u->unsure) {
        struct usage_entry *n = u->unsure;

        u->unsure = n->later;
        if (!u->unsure)
            u->unsure_end = &u->unsure;
        n->listed = false;
        if (n->exists && n->unsure)
            return usage_entry_name(n);
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

struct usage *usage_open(struct store *s, struct store *reader, const struct usage_settings *set,
                         const struct usage_calls *calls, void *arg, struct error *e)
{
    struct usage *u;

    assert(set->warns <= USAGE_WARN_MAX);
    if (usage_sums_begin(s, e) < 0)
        return NULL;
    u = memory_alloc(sizeof *u);
    u->set = *set;
    u->calls = calls;
    u->arg = arg;
    u->reader = reader;
    u->entries = map_new();
    u->hosts = map_new();
    u->unsure_end = &u->unsure;
    u->marked = memory_dup("");
    u->gate = usage_gate_new();
    u->looked = (struct text)TEXT_INIT(2 * STORE_NAME_MAX + 2);
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
    text_free(&(*u)->looked);
    free((*u)->marked);
    free(*u);
    *u = NULL;
}
