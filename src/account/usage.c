#include "account/usage.h"

#include "account/usage_gate.h"
#include "account/usage_store.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A warning is remembered until usage is so much below it: or each message that waits in the queue
 * for a minute would bring one. */
enum { SLACK = 5 };

/* Signed: what is taken may come before what was given (usage_store.h). */
struct amount {
    int64_t queue, coming, mailbox, messages;
    unsigned warned; /* percent */
};

struct usage_host {
    struct amount sum;
    struct usage_entry *first; /* its accounts */
    size_t name_len;
    char name[];
};

struct usage_entry {
    struct amount sum;
    struct usage_host *host;          /* NULL: none */
    struct usage_entry *next, **link; /* among the host's */
    struct usage_entry *later;        /* in the list of the unsure */
    unsigned charges;                 /* that name it */
    bool exists;                      /* as an account; else it goes with its last charge */
    bool unsure, listed;
    int64_t measured;
    size_t name_len;
    char name[];
};

struct charged_post {
    struct usage_entry *entry; /* NULL: released */
    uint32_t number;
    int64_t octets;
};

struct usage_charge {
    struct usage_entry *sender; /* NULL: nobody pays */
    int64_t octets;
    size_t count;
    struct charged_post post[];
};

struct usage {
    struct usage_settings set;
    const struct usage_calls *calls;
    void *arg;
    struct map *entries, *hosts;
    struct usage_entry *unsure, **unsure_end;
    struct usage_gate *gate;
    bool began;
};

static struct span entry_name(const struct usage_entry *n)
{
    return (struct span){n->name, n->name_len};
}

static struct span host_name(const struct usage_host *h)
{
    return (struct span){h->name, h->name_len};
}

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

static void fill(const struct amount *sum, struct usage_view *v)
{
    v->queue = positive(sum->queue + sum->coming);
    v->mailbox = positive(sum->mailbox);
    v->messages = positive(sum->messages);
    v->used = v->queue + v->mailbox;
}

static struct usage_view entry_view(const struct usage *u, const struct usage_entry *n)
{
    struct usage_view v = {.name = entry_name(n), .unsure = n->unsure};
    struct span host;
    uint64_t quota = 0;

    if (n->host)
        v.host = host_name(n->host);
    fill(&n->sum, &v);
    if (n->exists && u->calls->account(u->arg, v.name, &host, &quota))
        v.allowed = allowed(quota, u->set.account);
    return v;
}

static struct usage_view host_view(const struct usage *u, const struct usage_host *h)
{
    struct usage_view v = {.name = host_name(h), .is_host = true};

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

static void judge(struct usage *u, struct amount *sum, const struct usage_view *v,
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

static void judge_entry(struct usage *u, struct usage_entry *n)
{
    struct usage_view v;

    if (!u->began || (!u->set.warns && !n->sum.warned))
        return;
    v = entry_view(u, n);
    judge(u, &n->sum, &v, v.name);
    if (!n->host)
        return;
    v = host_view(u, n->host);
    judge(u, &n->host->sum, &v, entry_name(n));
}

/* ---- entries ---- */

static void add(struct amount *to, const struct amount *sum, int sign)
{
    to->queue += sign * sum->queue;
    to->coming += sign * sum->coming;
    to->mailbox += sign * sum->mailbox;
    to->messages += sign * sum->messages;
}

static void change(struct usage_entry *n, struct amount by)
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
        map_take(u->hosts, host_name(h));
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
    map_take(u->entries, entry_name(n));
    free(n);
}

/* What is not in a list, not an account and not charged has gone. */
static void drop_if_idle(struct usage *u, struct usage_entry *n)
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
static struct usage_entry *known(struct usage *u, struct span name)
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
    if (!span_eq(host, n->host ? host_name(n->host) : SPAN_NONE)) {
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
    change(n, (struct amount){.mailbox = -n->sum.mailbox, .messages = -n->sum.messages});
    n->sum.warned = 0;
    n->exists = false;
    n->unsure = false;
    n->measured = 0;
    drop_if_idle(u, n);
}

void usage_account(struct usage *u, struct span name)
{
    struct usage_entry *n = known(u, name);

    if (n)
        judge_entry(u, n);
    else if (name.len && (n = map_get(u->entries, name)) && n->exists)
        lost(u, n);
}

/* ---- charging ---- */

static struct usage_charge *charge_all(struct usage *u, const struct usage_want *w)
{
    struct usage_charge *c = memory_alloc(sizeof *c + w->count * sizeof *c->post);

    c->sender = known(u, w->sender);
    c->octets = w->local ? 0 : (int64_t)w->octets;
    if (c->sender) {
        c->sender->charges++;
        change(c->sender, (struct amount){.queue = c->octets});
    }
    for (size_t i = 0; i < w->count; i++) {
        struct usage_entry *n = known(u, w->posts[i].account);

        if (!n)
            continue;
        n->charges++;
        change(n, (struct amount){.coming = (int64_t)w->posts[i].octets});
        c->post[c->count++] =
            (struct charged_post){n, w->posts[i].number, (int64_t)w->posts[i].octets};
    }
    return c;
}

static bool is_over(const struct usage *u, const struct usage_entry *n, bool sends,
                    struct usage_full *full)
{
    if (!n)
        return false;
    full->account = entry_name(n);
    full->whose = sends ? USAGE_SENDER : USAGE_RECIPIENT;
    full->view = entry_view(u, n);
    if (full->view.allowed && full->view.used > full->view.allowed)
        return true;
    if (!n->host)
        return false;
    full->whose = sends ? USAGE_SENDER_HOST : USAGE_RECIPIENT_HOST;
    full->view = host_view(u, n->host);
    return full->view.allowed && full->view.used > full->view.allowed;
}

/* Whoever is over now is full; the view tells how it was before this charge. */
static bool find_full(const struct usage *u, const struct usage_charge *c, struct usage_full *full)
{
    bool over = is_over(u, c->sender, true, full);

    full->wanted = (uint64_t)c->octets;
    for (size_t i = 0; !over && i < c->count; i++) {
        full->wanted = (uint64_t)c->post[i].octets;
        over = is_over(u, c->post[i].entry, false, full);
    }
    return over;
}

static void take_back(struct usage *u, struct usage_entry *n, struct amount by, bool tell)
{
    change(n, by);
    n->charges--;
    if (tell)
        judge_entry(u, n);
    drop_if_idle(u, n);
}

static void release(struct usage *u, struct usage_charge **c, bool tell)
{
    for (size_t i = 0; i < (*c)->count; i++)
        if ((*c)->post[i].entry)
            take_back(u, (*c)->post[i].entry, (struct amount){.coming = -(*c)->post[i].octets},
                      tell);
    if ((*c)->sender)
        take_back(u, (*c)->sender, (struct amount){.queue = -(*c)->octets}, tell);
    free(*c);
    *c = NULL;
}

/* The same view without what was just tried. */
static void view_again(const struct usage *u, struct usage_full *full)
{
    struct usage_view v = full->view;
    bool found = v.is_host ? usage_of_host(u, v.name, &v) : usage_of(u, v.name, &v);

    if (found)
        full->view = v;
}

static int refused(struct usage *u, struct usage_charge **c, struct usage_full *full)
{
    release(u, c, false);
    view_again(u, full);
    return -1;
}

/* Room for the sender's part of a message for which the recipients pay? */
static bool sender_fits(struct usage *u, const struct usage_want *w, struct usage_full *full)
{
    const struct usage_want alone = {.sender = w->sender, .octets = w->octets};

    return !w->local || usage_fits(u, &alone, full) == 0;
}

int usage_charge(struct usage *u, const struct usage_want *w, bool force, struct usage_charge **out,
                 struct usage_full *full)
{
    struct usage_charge *c;

    if (!force && !sender_fits(u, w, full))
        return -1;
    c = charge_all(u, w);
    if (!force && find_full(u, c, full))
        return refused(u, &c, full);
    if (c->sender)
        judge_entry(u, c->sender);
    for (size_t i = 0; i < c->count; i++)
        judge_entry(u, c->post[i].entry);
    *out = c;
    return 0;
}

int usage_fits(struct usage *u, const struct usage_want *w, struct usage_full *full)
{
    struct usage_charge *c;

    if (!sender_fits(u, w, full))
        return -1;
    c = charge_all(u, w);
    if (find_full(u, c, full))
        return refused(u, &c, full);
    release(u, &c, false);
    return 0;
}

static void release_post(struct usage *u, struct usage_charge *c, uint32_t number, bool tell)
{
    for (size_t i = 0; c && i < c->count; i++) {
        struct charged_post *p = &c->post[i];
        struct usage_entry *n = p->entry;

        if (!n || p->number != number)
            continue;
        p->entry = NULL;
        take_back(u, n, (struct amount){.coming = -p->octets}, tell);
    }
}

void usage_release_post(struct usage *u, struct usage_charge *c, uint32_t number)
{
    release_post(u, c, number, true);
}

/* Told when both is done: what was kept free becomes the file, and no level is passed by that. */
void usage_delivered(struct usage *u, struct usage_charge *c, uint32_t number, struct span account,
                     uint64_t octets)
{
    struct usage_entry *n = known(u, account);

    if (n)
        change(n, (struct amount){.mailbox = (int64_t)octets, .messages = 1});
    release_post(u, c, number, false);
    if (n)
        judge_entry(u, n);
}

void usage_release(struct usage *u, struct usage_charge **c)
{
    if (*c)
        release(u, c, true);
}

/* ---- mailboxes ---- */

void usage_mailbox(struct usage *u, struct span account, int64_t octets, int64_t messages)
{
    struct usage_entry *n = known(u, account);

    if (!n)
        return;
    change(n, (struct amount){.mailbox = octets, .messages = messages});
    judge_entry(u, n);
}

void usage_measured(struct usage *u, struct span account, uint64_t octets, uint64_t messages)
{
    struct usage_entry *n = known(u, account);

    if (!n)
        return;
    change(n, (struct amount){.mailbox = (int64_t)octets - n->sum.mailbox,
                              .messages = (int64_t)messages - n->sum.messages});
    n->unsure = false;
    n->measured = clock_now();
    judge_entry(u, n);
}

void usage_doubt(struct usage *u, struct span account)
{
    struct usage_entry *n = known(u, account);

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
            return entry_name(n);
        drop_if_idle(u, n);
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

/* ---- looking ---- */

bool usage_of(const struct usage *u, struct span account, struct usage_view *out)
{
    const struct usage_entry *n = account.len ? map_get(u->entries, account) : NULL;

    if (n)
        *out = entry_view(u, n);
    return n != NULL;
}

bool usage_of_host(const struct usage *u, struct span host, struct usage_view *out)
{
    const struct usage_host *h = host.len ? map_get(u->hosts, host) : NULL;

    if (h)
        *out = host_view(u, h);
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
    struct usage_view v = entry_view(e->usage, value);

    (void)key;
    e->fn(e->arg, &v);
}

static void show_host(struct span key, void *value, void *arg)
{
    const struct each *e = arg;
    struct usage_view v = host_view(e->usage, value);

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
            out[count++] = entry_name(n);
    return count;
}

bool usage_never(const struct usage *u)
{
    return u->set.never;
}

/* ---- start ---- */

static bool read_mailbox(void *arg, struct span name, struct span value)
{
    struct usage *u = arg;
    struct usage_record r = {0};
    struct usage_entry *n = known(u, name);

    if (!n || !value.at || !usage_store_read(value, &r))
        return true;
    change(n, (struct amount){.mailbox = r.octets, .messages = r.messages});
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
    if (store_value_each(s, STORE_KIND_USAGE, read_mailbox, u, e) < 0 ||
        store_value_each(s, STORE_KIND_WARNING, read_warning, u, e) < 0)
        usage_free(&u);
    return u;
}

static void judge_each(struct span key, void *value, void *arg)
{
    (void)key;
    judge_entry(arg, value);
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
