/* Counting a Maildir: inside the gate, so that no delivery and no removal of ours is between files
 * and store while it is counted; what was counted is stored before the gate opens again. */
#include "serve/quotas_parts.h"

#include "account/usage_gate.h"
#include "account/usage_store.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/worker.h"
#include "maildir/maildir.h"

#include <stdlib.h>
#include <string.h>

enum { GRAIN_MS = 20, NS_PER_MS = 1000000 };

struct waiter {
    struct waiter *next;
    quotas_measured_fn *fn;
    void *arg;
};

struct measure {
    struct measure *next;
    struct quotas *quotas;
    char *account, *root;
    struct waiter *waiters;
    struct quotas_measured found;
    struct maildir_sum sum;
    struct maildir_stamp stamp;
    bool believe; /* no delivery and no removal of ours was broken off in it */
    bool still;   /* nobody changed it while it was counted */
    struct error error;
    int result;
    bool gone;                 /* the account was removed meanwhile */
    char *host;                /* NULL: it is of none */
    struct usage_sum host_sum; /* with it */
};

static struct span name_of(const struct measure *m)
{
    return span_of(m->account);
}

static void take_out(struct measure *m)
{
    struct measure **link = &m->quotas->measures;

    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
}

static void free_measure(struct measure *m)
{
    while (m->waiters) {
        struct waiter *w = m->waiters;

        m->waiters = w->next;
        free(w);
    }
    free(m->account);
    free(m->host);
    free(m->root);
    free(m);
}

/* The gate is opened first: who asked may want to go in. And it is over by then: who is not content
 * and asks again begins a new one, instead of waiting for this. */
static void finish(struct measure *m)
{
    m->found.account = name_of(m);
    m->found.octets = m->sum.octets;
    m->found.messages = m->sum.messages;
    m->found.error = m->result < 0 ? &m->error : NULL;
    if (m->result < 0)
        log_event(LOG_WARNING, "quota.uncounted", LOG_SPAN("account", name_of(m)),
                  LOG_STR("words", m->error.words));
    take_out(m);
    usage_gate_counted(usage_gate(m->quotas->usage), name_of(m));
    for (const struct waiter *w = m->waiters; w; w = w->next)
        w->fn(w->arg, &m->found);
    free_measure(m);
}

/* ---- store ---- */

/* When its record did not read, the sum of its hosting account was made anew with it. */
static int store_work(struct store *s, void *arg, struct error *e)
{
    struct measure *m = arg;
    struct arena *a = arena_new();
    struct store_account account = {0};
    int got = usage_store_set(s, name_of(m), m->sum.octets, m->sum.messages, e);

    m->gone = got == STORE_ABSENT;
    if (got == STORE_GOT)
        got = store_account_get(s, name_of(m), a, &account, e);
    if (got == STORE_GOT && account.host.len) {
        got = usage_sums_get(s, account.host, &m->host_sum, e);
        m->host = span_dup(account.host);
    }
    arena_free(&a);
    return got < 0 ? -1 : 0;
}

static void corrected(const struct measure *m)
{
    bool differs = m->found.was_octets != (int64_t)m->sum.octets ||
                   m->found.was_messages != (int64_t)m->sum.messages;

    if (differs)
        log_event(m->found.was_unsure ? LOG_INFO : LOG_NOTICE, "quota.counted",
                  LOG_SPAN("account", name_of(m)), LOG_NUM("octets", m->sum.octets),
                  LOG_NUM("messages", m->sum.messages), LOG_NUM("before", m->found.was_octets));
}

static void measured(struct measure *m)
{
    struct quotas *q = m->quotas;

    usage_measured(q->usage, name_of(m), m->sum.octets, m->sum.messages);
    quotas_look_counted(q, name_of(m), m->still ? &m->stamp : NULL);
}

static void host_stored(const struct measure *m)
{
    struct usage_sum was;

    if (m->host && usage_host_is(m->quotas->usage, span_of(m->host), &m->host_sum, &was))
        log_event(LOG_NOTICE, "quota.mended", LOG_STR("host", m->host),
                  LOG_NUM("octets", m->host_sum.octets), LOG_NUM("before", was.octets));
}

static void stored(void *arg, int result, const struct error *e)
{
    struct measure *m = arg;

    if (result < 0) {
        m->result = -1;
        m->error = *e;
    } else if (!m->gone) {
        corrected(m);
        measured(m);
        host_stored(m);
    }
    finish(m);
}

/* ---- files ---- */

/* What changed just before the first look may have changed again within the grain of its time. */
static bool is_still(struct maildir *maildir, const struct maildir_stamp *was)
{
    struct maildir_stamp is;

    return clock_wall() * NS_PER_MS - was->newest > GRAIN_MS * NS_PER_MS &&
           maildir_stamp(maildir, &is, NULL) == 0 && is.rest == was->rest &&
           is.arrived == was->arrived;
}

static void count_work(void *arg)
{
    struct measure *m = arg;
    struct maildir *maildir;

    m->result = maildir_open(m->root, name_of(m), false, &maildir, &m->error);
    if (m->result < 0)
        return;
    m->result = maildir_stamp(maildir, &m->stamp, &m->error);
    if (m->result == 0)
        m->result = maildir_measure(maildir, m->believe, &m->sum, &m->error);
    m->still = m->result == 0 && is_still(maildir, &m->stamp);
    maildir_close(&maildir);
}

/* In memory, and in the store: nobody changes its record while the gate is shut. */
static bool already_known(struct measure *m)
{
    struct usage_record r;
    int got = usage_store_get(m->quotas->house->reader, name_of(m), &r, NULL);
    bool damaged = got == STORE_BROKEN ||
                   (got == STORE_GOT &&
                    (r.octets != m->found.was_octets || r.messages != m->found.was_messages));

    if (damaged) {
        m->found.was_octets = r.octets;
        m->found.was_messages = r.messages;
    }
    return got == STORE_GOT && !damaged && !usage_store_wants_count(&r) && !m->found.was_unsure &&
           m->found.was_octets == (int64_t)m->sum.octets &&
           m->found.was_messages == (int64_t)m->sum.messages;
}

static void counted(void *arg)
{
    struct measure *m = arg;
    struct quotas *q = m->quotas;

    if (m->result == 0 && already_known(m)) {
        measured(m);
        finish(m);
    } else if (m->result == 0) {
        commit_submit(queue_commit(q->house->queue), COMMIT_OWN, store_work, stored, m, 0);
    } else {
        finish(m);
    }
}

static void go(void *arg)
{
    struct measure *m = arg;
    struct quotas *q = m->quotas;
    struct usage_view v = {0};
    struct usage_record r;

    if (usage_of(q->usage, name_of(m), &v, &m->error) < 0) {
        m->result = -1;
        finish(m);
        return;
    }
    m->found.was_octets = (int64_t)v.mailbox;
    m->found.was_messages = (int64_t)v.messages;
    m->found.was_unsure = v.unsure;
    m->believe = usage_store_get(q->house->reader, name_of(m), &r, NULL) == STORE_GOT &&
                 !usage_store_wants_count(&r);
    if (!q->ending && worker_run(q->worker, count_work, counted, m))
        return;
    m->result = error_set(&m->error, ERROR_TEMPORARY, "too many Maildirs are being counted");
    finish(m);
}

/* ---- entries ---- */

static void add_waiter(struct measure *m, quotas_measured_fn *fn, void *arg)
{
    struct waiter *w = memory_alloc(sizeof *w);

    *w = (struct waiter){m->waiters, fn, arg};
    m->waiters = w;
}

void quotas_measure(struct quotas *q, struct span account, quotas_measured_fn *fn, void *arg)
{
    struct measure *m = q->measures;

    while (m && !span_eq(name_of(m), account))
        m = m->next;
    if (m) {
        add_waiter(m, fn, arg);
        return;
    }
    m = memory_alloc(sizeof *m);
    m->quotas = q;
    m->account = span_dup(account);
    m->root = memory_dup(q->house->config->inboxes.path);
    m->next = q->measures;
    q->measures = m;
    add_waiter(m, fn, arg);
    usage_gate_count(usage_gate(q->usage), name_of(m), go, m);
}

static void counted_one(void *arg, const struct quotas_measured *m)
{
    struct quotas *q = arg;

    (void)m;
    q->counting = false;
    if (!q->ending)
        timer_set(q->turn, 0);
}

/* One after the other: nobody waits for these. */
void quotas_count_next(struct quotas *q)
{
    struct span name;

    if (!q->started || q->counting || q->ending)
        return;
    name = usage_next_unsure(q->usage);
    if (!name.len)
        return;
    q->counting = true;
    quotas_measure(q, name, counted_one, q);
}

/* Those that never got through the gate. */
void quotas_measure_free(struct quotas *q)
{
    while (q->measures) {
        struct measure *m = q->measures;

        take_out(m);
        free_measure(m);
    }
}
