/* worker: a bounded queue in front of some threads, and the way back into the loop.
 *
 * A job passes from `waiting` (under the lock) to one thread, from there to `finished` (under the
 * lock again), and from there to its `done`, in the loop. Only the two lists are shared. */
#include "io/worker.h"

#include "base/memory.h"
#include "io/park.h"
#include "io/turn.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    struct job *next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct jobs {
    struct job *first, **last;
};

struct worker {
    uv_async_t finish; /* first member */
    struct loop *loop;
    char name[16]; /* what the kernel keeps of a thread's name */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct jobs waiting, finished;
    unsigned queued; /* in `waiting` */
    bool ending;
    unsigned load, max, threads;
    pthread_t thread[];
};

static void jobs_init(struct jobs *j)
{
    j->first = NULL;
    j->last = &j->first;
}

static void jobs_add(struct jobs *list, struct job *j)
{
    j->next = NULL;
    *list->last = j;
    list->last = &j->next;
}

static struct job *jobs_take(struct jobs *list)
{
    struct job *j = list->first;

    if (j) {
        list->first = j->next;
        if (!list->first)
            list->last = &list->first;
    }
    return j;
}

/* The next job, or NULL when the pool ends and nothing is left. */
static struct job *next_job(struct worker *w)
{
    struct job *j;

    while (!(j = jobs_take(&w->waiting)) && !w->ending)
        pthread_cond_wait(&w->more, &w->lock);
    if (j)
        w->queued--;
    return j;
}

static void *thread_body(void *arg)
{
    struct worker *w = arg;
    struct job *j;

    pthread_setname_np(pthread_self(), w->name);
    pthread_mutex_lock(&w->lock);
    while ((j = next_job(w))) {
        pthread_mutex_unlock(&w->lock);
        j->work(j->arg);
        pthread_mutex_lock(&w->lock);
        jobs_add(&w->finished, j);
        pthread_mutex_unlock(&w->lock); /* else the loop would wake up only to wait for the lock */
        uv_async_send(&w->finish);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Calls what is finished. With a load the pool keeps the loop running, without it does not. */
static void deliver(struct worker *w)
{
    struct job *j, *next;

    pthread_mutex_lock(&w->lock);
    j = w->finished.first;
    jobs_init(&w->finished);
    pthread_mutex_unlock(&w->lock);
    for (; j; j = next) {
        next = j->next;
        if (--w->load == 0)
            uv_unref((uv_handle_t *)&w->finish);
        if (j->done)
            j->done(j->arg);
        free(j);
    }
}

static void finished(uv_async_t *a)
{
    deliver((struct worker *)a);
}

static void must(int error, const char *what)
{
    if (error == 0)
        return;
    errno = error;
    perror(what);
    abort();
}

/* The loop's thread alone hears signals. */
static void start_threads(struct worker *w, unsigned threads)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; w->threads < threads; w->threads++)
        must(pthread_create(&w->thread[w->threads], NULL, thread_body, w), "port26: thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct worker *worker_new(struct loop *l, const char *name, unsigned threads, unsigned max)
{
    struct worker *w = memory_alloc(sizeof *w + threads * sizeof w->thread[0]);

    assert(threads > 0 && max > 0);
    w->loop = l;
    w->max = max;
    snprintf(w->name, sizeof w->name, "%s", name);
    jobs_init(&w->waiting);
    jobs_init(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    must(-uv_async_init(&l->uv, &w->finish, finished), "port26: worker");
    uv_unref((uv_handle_t *)&w->finish);
    start_threads(w, threads);
    return w;
}

static void closed(uv_handle_t *h)
{
    free(h);
}

void worker_free(struct worker **w)
{
    struct worker *gone = *w;

    if (!gone)
        return;
    *w = NULL;
    pthread_mutex_lock(&gone->lock);
    gone->ending = true;
    pthread_cond_broadcast(&gone->more);
    pthread_mutex_unlock(&gone->lock);
    for (unsigned i = 0; i < gone->threads; i++)
        pthread_join(gone->thread[i], NULL);
    deliver(gone);
    assert(gone->load == 0);
    pthread_cond_destroy(&gone->more);
    pthread_mutex_destroy(&gone->lock);
    uv_close((uv_handle_t *)&gone->finish, closed);
}

static bool enqueue(struct worker *w, struct job *j)
{
    bool room;

    pthread_mutex_lock(&w->lock);
    room = w->queued < w->max && !w->ending;
    if (room) {
        jobs_add(&w->waiting, j);
        w->queued++;
    }
    pthread_mutex_unlock(&w->lock);
    if (room)
        pthread_cond_signal(&w->more);
    return room;
}

bool worker_run(struct worker *w, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct job *j = memory_alloc(sizeof *j);

    assert(work);
    j->work = work;
    j->done = done;
    j->arg = arg;
    if (!enqueue(w, j)) {
        free(j);
        return false;
    }
    if (w->load++ == 0)
        uv_ref((uv_handle_t *)&w->finish);
    return true;
}

struct call {
    struct fiber *fiber;
    void (*work)(void *arg);
    void *arg;
    bool done;
};

static void call_work(void *arg)
{
    struct call *c = arg;

    c->work(c->arg);
}

static void call_done(void *arg)
{
    struct call *c = arg;

    c->done = true;
    fiber_wake(c->fiber);
}

int worker_call(struct worker *w, void (*work)(void *arg), void *arg)
{
    struct call c = {.fiber = fiber_self(), .work = work, .arg = arg};

    assert(c.fiber);
    if (!worker_run(w, call_work, call_done, &c))
        return -EBUSY;
    while (!c.done)
        fiber_park();
    return 0;
}

unsigned worker_load(const struct worker *w)
{
    return w->load;
}
