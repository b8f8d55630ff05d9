/* commit: P1 is kept here: `finished`, the only place that calls a done with 0, runs after
 * store_commit has returned 0, which is after the sync. The risk when that order is broken: a 250
 * for mail that is not on the disk.
 *
 *     submit -> waiting -> group (store thread: begin, steps, commit) -> dones
 *                  ^ the next group gathers while this one syncs */
#include "queue/commit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/worker.h"

#include <assert.h>
#include <stdlib.h>

enum { WAITING_MAX = 5000, BYTES_MAX = 256 << 20, GROUP_MAX = 200, REOPEN_MS = 3000 };

struct operation {
    struct operation *next;
    commit_fn *fn;
    commit_done_fn *done;
    void *arg;
    size_t bytes;
    enum commit_kind kind;
    int result;
    struct error error;
};

struct commit {
    struct loop *loop;
    struct worker *worker;
    struct store *store;
    struct commit_settings set;
    struct timer *reopen;
    struct operation *first, **last; /* waiting; the loop's */
    struct operation *group;         /* being worked on; the store thread's while `busy` */
    bool busy, ending, was_failed;
    unsigned guests, load;
    size_t bytes;
    struct error failure; /* of the last reopening; the store thread's while busy */
};

/* ---- on the store thread ---- */

static void fail_all(struct operation *o, const struct error *e)
{
    for (; o; o = o->next) {
        if (o->result == 0)
            o->error = *e;
        o->result = -1;
    }
}

/* One operation in a step of its own: a bad one must not spoil the group. */
static void step(struct store *s, struct operation *o)
{
    o->result = store_mark(s, &o->error);
    if (o->result < 0)
        return;
    o->result = o->fn(s, o->arg, &o->error);
    if (o->result == 0)
        o->result = store_keep(s, &o->error);
    if (o->result < 0)
        store_undo(s);
}

static void run_group(struct commit *c)
{
    struct error e = {0};

    c->failure = (struct error){0};
    if (store_failed(c->store) && store_reopen(c->store, &c->failure) < 0) {
        fail_all(c->group, &c->failure);
        return;
    }
    if (!c->group)
        return;
    if (store_begin(c->store, &e) < 0) {
        fail_all(c->group, &e);
        return;
    }
    for (struct operation *o = c->group; o; o = o->next)
        step(c->store, o);
    if (store_commit(c->store, &e) < 0)
        fail_all(c->group, &e);
}

static void work(void *arg)
{
    run_group(arg);
}

static void tidy(void *arg)
{
    struct commit *c = arg;

    store_tidy(c->store, NULL); /* a failure loses nothing; the next one tries again */
}

/* ---- on the loop ---- */

static void start(struct commit *c);

static void tidied(void *arg)
{
    struct commit *c = arg;

    c->busy = false;
    if (!c->ending)
        start(c);
}

/* Tells once when the store fails and once when it works again. */
static void watch_store(struct commit *c)
{
    bool failed = store_failed(c->store);

    if (failed && !c->was_failed)
        log_event(LOG_ERROR, "store.failed",
                  LOG_STR("words", "a write to the store failed; nothing is accepted until it can "
                                   "be opened again"));
    if (!failed && c->was_failed)
        log_event(LOG_NOTICE, "store.works");
    c->was_failed = failed;
    if (failed && !c->ending)
        timer_set(c->reopen, REOPEN_MS);
}

static void answer(struct commit *c, struct operation *o)
{
    while (o) {
        struct operation *next = o->next;

        c->load--;
        if (o->kind == COMMIT_GUEST) {
            c->guests--;
            c->bytes -= o->bytes;
        }
        o->done(o->arg, o->result, &o->error);
        free(o);
        o = next;
    }
}

static void finished(void *arg)
{
    struct commit *c = arg;
    struct operation *group = c->group;

    c->group = NULL;
    c->busy = false;
    watch_store(c);
    if (!c->ending && store_wants_tidy(c->store))
        c->busy = worker_run(c->worker, tidy, tidied, c);
    else if (!c->ending)
        start(c); /* the next sync runs while the answers are given */
    answer(c, group);
}

static void take_group(struct commit *c)
{
    struct operation **end = &c->first;

    for (unsigned n = 0; *end && n < c->set.group_max; n++)
        end = &(*end)->next;
    c->group = c->first;
    c->first = *end;
    *end = NULL;
    if (!c->first)
        c->last = &c->first;
}

static void start(struct commit *c)
{
    if (c->busy || !c->first)
        return;
    take_group(c);
    c->busy = worker_run(c->worker, work, finished, c);
    assert(c->busy);
}

static void reopen(void *arg)
{
    struct commit *c = arg;

    if (c->busy || !store_failed(c->store))
        return;
    take_group(c);
    c->busy = worker_run(c->worker, work, finished, c);
}

struct commit *commit_new(struct loop *l, struct store *s, const struct commit_settings *set)
{
    struct commit *c = memory_alloc(sizeof *c);

    c->loop = l;
    c->store = s;
    c->set = *set;
    c->set.waiting_max = set->waiting_max ? set->waiting_max : WAITING_MAX;
    c->set.bytes_max = set->bytes_max ? set->bytes_max : BYTES_MAX;
    c->set.group_max = set->group_max ? set->group_max : GROUP_MAX;
    c->last = &c->first;
    c->worker = worker_new(l, "store", 1, 2);
    c->reopen = timer_new(l, reopen, c);
    return c;
}

void commit_free(struct commit **c)
{
    if (!*c)
        return;
    (*c)->ending = true;
    worker_free(&(*c)->worker); /* calls `finished` when a group was under way */
    while ((*c)->first) {
        take_group(*c);
        run_group(*c);
        finished(*c);
    }
    timer_free(&(*c)->reopen);
    free(*c);
    *c = NULL;
}

bool commit_has_room(const struct commit *c, size_t bytes)
{
    return c->guests < c->set.waiting_max && bytes <= c->set.bytes_max &&
           c->bytes <= c->set.bytes_max - bytes;
}

bool commit_submit(struct commit *c, enum commit_kind kind, commit_fn *fn, commit_done_fn *done,
                   void *arg, size_t bytes)
{
    struct operation *o;

    if (kind == COMMIT_GUEST && !commit_has_room(c, bytes))
        return false;
    o = memory_alloc(sizeof *o);
    *o = (struct operation){.fn = fn, .done = done, .arg = arg, .bytes = bytes, .kind = kind};
    *c->last = o;
    c->last = &o->next;
    c->load++;
    if (kind == COMMIT_GUEST) {
        c->guests++;
        c->bytes += bytes;
    }
    if (!c->ending)
        start(c);
    return true;
}

unsigned commit_load(const struct commit *c)
{
    return c->load;
}
