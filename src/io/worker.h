/* worker: threads for what blocks (password hashes, database, files). Jobs are bounded in number;
 * results come back in the loop. */
#ifndef PORT26_IO_WORKER_H
#define PORT26_IO_WORKER_H

#include "io/loop.h"

struct worker;

/* A pool of `threads` with room for `max` waiting jobs. One pool per kind of work, so that hashing
 * cannot starve the database. */
struct worker *worker_new(struct loop *l, const char *name, unsigned threads, unsigned max);
/* Lets running and waiting jobs finish, ends the threads, and calls the outstanding `done`s. Nulls
 * the pointer. */
void worker_free(struct worker **w);
/* Runs work(arg) on a thread, then done(arg) in the loop. False when the queue is full: answer "try
 * later". */
bool worker_run(struct worker *w, void (*work)(void *arg), void (*done)(void *arg), void *arg);
/* The same for a fiber: returns 0 when the work is done, -EBUSY when the queue is full. It waits
 * for the end even when the fiber was cancelled, because the work uses its arguments. */
int worker_call(struct worker *w, void (*work)(void *arg), void *arg);
/* Jobs waiting and running. */
unsigned worker_load(const struct worker *w);

#endif
