/* reporting: a report on its way into the queue: composed and stored on the store thread, in the
 * transaction of what it tells of (P3), and put into the schedule after the commit. */
#ifndef PORT26_QUEUE_REPORTING_H
#define PORT26_QUEUE_REPORTING_H

#include "queue/report.h"

struct queue;

/* Begins as {0} with `report` filled; no report while report.count is 0. */
struct reporting {
    struct report report;
    struct message message;       /* the report as it stands in the store */
    struct store_recipient state; /* of its one recipient */
    bool stored;
};

/* Fills what all reports of a queue have in common; count and lines are the caller's. */
void reporting_begin(struct queue *q, enum report_kind kind, struct report *r);
/* Store thread, inside the transaction: about `head`, with `content` as in report_compose. What it
 * makes lives in `a`. -1 with *e: then nothing of the transaction may remain. */
int reporting_store(struct queue *q, struct store *st, struct reporting *r,
                    const struct store_head *head, const struct content *content, struct arena *a,
                    struct error *e);
/* Loop thread, after the commit: into the schedule, when it was stored. */
void reporting_enter(struct queue *q, const struct reporting *r);

#endif
