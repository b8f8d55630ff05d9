#include "serve/filings.h"

#include "account/usage_gate.h"
#include "base/log.h"
#include "base/memory.h"
#include "deliver/inbox.h"
#include "io/worker.h"
#include "serve/quotas.h"

#include <stdlib.h>

/* Threads mostly wait for the disk, which syncs what comes together at once. */
enum { THREADS = 8, WAITING = 64 };

struct filings {
    struct house *house;
    struct worker *worker;
    struct filing *first;
    unsigned waiting; /* taken, and no thread has them yet */
    bool refused;     /* the queue has more */
};

enum filing_state {
    FILING_WAITS, /* at the gate, or for a place in the worker's queue */
    FILING_READY, /* inside the gate; no place in the queue */
    FILING_RUNS,
    FILING_ENDED, /* its result is on its way into the store */
};

struct filing {
    struct filing *next;
    struct filings *all;
    struct job *job;
    struct arena *arena;
    struct span *accounts; /* of each recipient; empty: nobody any more, */
    struct span *later;    /* or why that can not be told now */
    struct arrival {
        int64_t before, after;
    } * arrivals; /* of each: the Maildir's time around it */
    struct job_result result;
    char *root, *hostname;
    enum filing_state state;
};

static void nobody(const struct filing *f, size_t i, struct outcome *o)
{
    *o = (struct outcome){
        .kind = OUTCOME_NEVER, .stage = STAGE_INBOX, .owner = OWNER_RECIPIENT, .status = {5, 1, 1}};
    o->words = span_of(arena_printf(
        f->arena,
        "There is no mailbox %.*s here (any more). The recipient's administrator can create "
        "it; check the spelling of the address.",
        SPAN_ARG(f->job->envelope.recipients[i].address)));
}

/* P6: the store could not say. */
static void unknown(const struct filing *f, size_t i, struct outcome *o)
{
    *o = (struct outcome){.kind = OUTCOME_LATER,
                          .stage = STAGE_INBOX,
                          .owner = OWNER_PROVIDER,
                          .status = {4, 3, 0},
                          .words = f->later[i]};
}

static void file_all(void *arg)
{
    struct filing *f = arg;

    for (size_t i = 0; i < f->result.count; i++) {
        struct inbox_target target = {f->root, f->accounts[i], i, f->hostname};

        if (f->later[i].len) {
            unknown(f, i, &f->result.outcomes[i]);
            continue;
        }
        if (!f->accounts[i].len) {
            nobody(f, i, &f->result.outcomes[i]);
            continue;
        }
        f->arrivals[i].before = maildir_arrived(f->root, f->accounts[i]);
        f->result.outcomes[i] = inbox_outcome(&target, f->job, f->arena);
        f->arrivals[i].after = maildir_arrived(f->root, f->accounts[i]);
    }
}

static void free_filing(struct filing *f)
{
    struct filing **link = &f->all->first;

    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    if (f->job)
        queue_job_free(&f->job);
    arena_free(&f->arena);
    free(f);
}

/* The store has it, and the quotas have counted it. */
static void settled(void *arg)
{
    struct filing *f = arg;
    struct usage_gate *gate = usage_gate(quotas_usage(f->all->house->quotas));

    for (size_t i = 0; i < f->result.count; i++)
        usage_gate_leave(gate, f->accounts[i]);
    free_filing(f);
}

static void start_ready(struct filings *all);

static void filed(void *arg)
{
    struct filing *f = arg;
    struct filings *all = f->all;

    for (size_t i = 0; i < f->result.count; i++)
        log_event(LOG_INFO, "inbox.tried", LOG_ID(&f->job->envelope.id),
                  LOG_SPAN("to", f->job->envelope.recipients[i].address),
                  LOG_SPAN("account", f->accounts[i]),
                  LOG_STR("result",
                          f->result.outcomes[i].kind <= OUTCOME_RELAYED ? "delivered" : "not yet"),
                  LOG_SPAN("words", f->result.outcomes[i].words));
    for (size_t i = 0; i < f->result.count; i++)
        if (f->arrivals[i].after)
            quotas_arrived(all->house, f->accounts[i], f->arrivals[i].before, f->arrivals[i].after);
    f->state = FILING_ENDED;
    queue_job_free(&f->job);
    start_ready(all);
    if (all->refused)
        queue_kick(all->house->queue);
    queue_settle_then(all->house->queue, &f->result, settled, f);
}

static void run(struct filing *f)
{
    if (!f->all->worker || !worker_run(f->all->worker, file_all, filed, f))
        return;
    f->state = FILING_RUNS;
    f->all->waiting--;
}

/* Those that found the worker's queue full. */
static void start_ready(struct filings *all)
{
    for (struct filing *f = all->first; f; f = f->next)
        if (f->state == FILING_READY)
            run(f);
}

static void let_in(void *arg)
{
    struct filing *f = arg;

    f->state = FILING_READY;
    run(f);
}

static void find_inbox(struct filing *f, size_t i)
{
    struct error e = {0};
    struct span account;

    if (house_inbox(f->all->house, f->job->envelope.recipients[i].address, &account, &e) < 0)
        f->later[i] = arena_span(f->arena, span_of(e.words));
    else
        f->accounts[i] = arena_span(f->arena, account);
}

bool filings_take(struct filings *all, struct job *job)
{
    struct house *h = all->house;
    struct filing *f;

    if (!h->carry) /* the command line delivers nothing */
        return false;
    all->refused = all->waiting >= WAITING;
    if (all->refused)
        return false;
    f = memory_alloc(sizeof *f);
    f->all = all;
    f->next = all->first;
    all->first = f;
    all->waiting++;
    f->job = job;
    f->arena = arena_new();
    f->root = arena_cstr(f->arena, span_of(h->config->inboxes.path));
    f->hostname = arena_cstr(f->arena, span_of(h->config->hostname));
    f->result = (struct job_result){.lease = job->lease, .count = job->envelope.count};
    f->result.outcomes = arena_alloc(f->arena, f->result.count * sizeof *f->result.outcomes);
    f->accounts = arena_alloc(f->arena, f->result.count * sizeof *f->accounts);
    f->arrivals = arena_alloc(f->arena, f->result.count * sizeof *f->arrivals);
    f->later = arena_alloc(f->arena, f->result.count * sizeof *f->later);
    for (size_t i = 0; i < f->result.count; i++)
        find_inbox(f, i);
    usage_gate_enter(usage_gate(quotas_usage(h->quotas)), f->accounts, f->result.count, let_in, f);
    return true;
}

struct filings *filings_new(struct house *h)
{
    struct filings *all = memory_alloc(sizeof *all);

    all->house = h;
    all->worker = worker_new(h->loop, "inbox", THREADS, 2 * WAITING);
    return all;
}

void filings_stop(struct filings *all)
{
    if (all)
        worker_free(&all->worker);
}

void filings_free(struct filings **all)
{
    if (!*all)
        return;
    while ((*all)->first)
        free_filing((*all)->first);
    free(*all);
    *all = NULL;
}
