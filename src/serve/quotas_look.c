/* What other programs do in a Maildir, seen before the next mail is let in: the times of its
 * folders are compared with those of when it was counted. What we change ourselves moves them as
 * well, and is told here, so that it is not counted for it. Bounded: one thread, some stats for
 * each folder, at most once in LOOK_MS for one account. docs/why/quota.md */
#include "serve/quotas_parts.h"

#include "account/usage_gate.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/worker.h"

#include <stdlib.h>

enum { LOOK_MS = 1000 };

/* One Maildir as it was when it was counted, and after what we did since. */
struct seen {
    struct maildir_stamp stamp;
    bool counted, known; /* ever; and nothing moved then, so that `stamp` is good */
    unsigned version;    /* of what we did ourselves */
    int64_t looked;      /* clock_now() */
};

struct place {
    struct span account;
    struct maildir_stamp stamp;
    unsigned version; /* when the look began */
    bool good;
};

struct look {
    struct quotas *quotas;
    struct arena *arena;
    char *root;
    struct place *places;
    size_t count;
    quotas_looked_fn *fn;
    void *arg;
};

static struct seen *take_seen(struct quotas *q, struct span account)
{
    struct seen *s = map_get(q->seen, account);

    if (s)
        return s;
    s = memory_alloc(sizeof *s);
    s->looked = -LOOK_MS;
    map_put(q->seen, account, s);
    return s;
}

void quotas_look_counted(struct quotas *q, struct span account, const struct maildir_stamp *stamp)
{
    struct seen *s = take_seen(q, account);

    s->counted = true;
    s->known = stamp != NULL;
    if (stamp)
        s->stamp = *stamp;
    s->version++;
}

/* ---- what we did ---- */

static bool alone(const struct quotas *q, struct span account)
{
    return usage_gate_inside(usage_gate(q->usage), account) <= 1;
}

/* A change of somebody else that came before it is not hidden by it, unless more of us were at
 * work: then their times may not have been told yet. */
void quotas_arrived(struct house *h, struct span account, int64_t before, int64_t after)
{
    struct seen *s = map_get(h->quotas->seen, account);

    if (!s)
        return;
    s->version++;
    if ((before <= s->stamp.arrived || !alone(h->quotas, account)) && after > s->stamp.arrived)
        s->stamp.arrived = after;
}

void quotas_removed(struct house *h, struct span account, const struct maildir_stamp *before,
                    const struct maildir_stamp *after)
{
    struct seen *s = map_get(h->quotas->seen, account);

    if (!s)
        return;
    s->version++;
    if (before->rest != s->stamp.rest)
        return;
    s->stamp.rest = after->rest;
    if ((before->arrived <= s->stamp.arrived || !alone(h->quotas, account)) &&
        after->arrived > s->stamp.arrived)
        s->stamp.arrived = after->arrived;
}

/* ---- looking ---- */

static void work(void *arg)
{
    struct look *l = arg;

    for (size_t i = 0; i < l->count; i++) {
        struct place *p = &l->places[i];
        struct maildir *m;

        if (maildir_open(l->root, p->account, false, &m, NULL) < 0)
            continue;
        p->good = maildir_stamp(m, &p->stamp, NULL) == 0;
        maildir_close(&m);
    }
}

/* While we are at work there ourselves nobody can tell: the next look does. */
static bool is_changed(struct look *l, const struct place *p)
{
    struct quotas *q = l->quotas;
    struct seen *s = take_seen(q, p->account);

    if (!p->good || usage_gate_inside(usage_gate(q->usage), p->account) || s->version != p->version)
        return false;
    if (!s->known && !s->counted)
        usage_doubt(q->usage, p->account);
    if (!s->known)
        return s->counted; /* somebody was at work when it was */
    if (s->stamp.rest == p->stamp.rest && p->stamp.arrived <= s->stamp.arrived)
        return false;
    log_event(LOG_DEBUG, "quota.others", LOG_SPAN("account", p->account));
    return true;
}

static void ended(void *arg)
{
    struct look *l = arg;
    struct span *names = arena_alloc(l->arena, l->count * sizeof *names);
    size_t n = 0;

    for (size_t i = 0; i < l->count; i++)
        if (is_changed(l, &l->places[i]))
            names[n++] = l->places[i].account;
    l->fn(l->arg, names, n);
    arena_free(&l->arena);
    free(l);
}

/* Has it a quota, of its own or of its hosting account? What is to be counted anyway waits for
 * that.
 */
static bool is_limited(const struct quotas *q, struct span account)
{
    struct usage_view v, host;

    if (usage_of(q->usage, account, &v, NULL) <= 0 || v.unsure)
        return false;
    return v.allowed ||
           (v.host.len && usage_of_host(q->usage, v.host, &host, NULL) > 0 && host.allowed);
}

static void add(struct look *l, struct span account)
{
    struct seen *s;

    if (!account.len || !is_limited(l->quotas, account))
        return;
    s = take_seen(l->quotas, account);
    if (clock_now() - s->looked < LOOK_MS)
        return;
    s->looked = clock_now();
    l->places[l->count++] =
        (struct place){.account = arena_span(l->arena, account), .version = s->version};
}

bool quotas_look(struct quotas *q, const struct span *accounts, size_t count, quotas_looked_fn *fn,
                 void *arg)
{
    struct look *l;

    if (!q->started || q->ending || !count)
        return false;
    l = memory_alloc(sizeof *l);
    *l = (struct look){.quotas = q, .arena = arena_new(), .fn = fn, .arg = arg};
    l->root = arena_cstr(l->arena, span_of(q->house->config->inboxes.path));
    l->places = arena_alloc(l->arena, count * sizeof *l->places);
    for (size_t i = 0; i < count; i++)
        add(l, accounts[i]);
    if (l->count && worker_run(q->looker, work, ended, l))
        return true;
    arena_free(&l->arena);
    free(l);
    return false;
}

/* ---- one that somebody wants to see ---- */

struct refresh {
    struct quotas *quotas;
    void (*fn)(void *arg);
    void *arg;
};

static void end_refresh(struct refresh *r)
{
    r->fn(r->arg);
    free(r);
}

static void refreshed(void *arg, const struct quotas_measured *m)
{
    (void)m;
    end_refresh(arg);
}

static void refresh_looked(void *arg, const struct span *names, size_t count)
{
    struct refresh *r = arg;

    if (count)
        quotas_measure(r->quotas, names[0], refreshed, r);
    else
        end_refresh(r);
}

void quotas_refresh(struct quotas *q, struct span account, void (*fn)(void *arg), void *arg)
{
    struct refresh *r = memory_alloc(sizeof *r);

    *r = (struct refresh){q, fn, arg};
    if (!quotas_look(q, &account, 1, refresh_looked, r))
        end_refresh(r);
}

static void free_seen(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

void quotas_look_free(struct quotas *q)
{
    map_each(q->seen, free_seen, NULL);
    map_free(&q->seen);
}
