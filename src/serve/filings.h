/* filings: deliveries into the Maildirs here: one job of the queue, its recipients one after the
 * other on a thread, while nobody counts what is in them. Loop thread. */
#ifndef PORT26_SERVE_FILINGS_H
#define PORT26_SERVE_FILINGS_H

#include "mail/job.h"
#include "serve/house.h"

struct filings;

struct filings *filings_new(struct house *h);
/* Takes a ROUTE_INBOX job (queue_calls.inbox). False: not now. */
bool filings_take(struct filings *f, struct job *job);
/* Finishes what a thread has; begins nothing more. Before the queue is closed. */
void filings_stop(struct filings *f);
/* After it. Nulls the pointer. */
void filings_free(struct filings **f);

#endif
