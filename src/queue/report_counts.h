/* report_counts: how many reports a sender got within the last hour, so that a mailbox is not
 * flooded with them (queue/bundle.h). Kept in the store, each count in the transaction of its
 * report: no crash gives anybody a fresh hour. Store thread only, once it runs.
 *
 * Bound: SENDERS_MAX senders, of which the one without a report for longest is forgotten; what is
 * over goes as others come. */
#ifndef PORT26_QUEUE_REPORT_COUNTS_H
#define PORT26_QUEUE_REPORT_COUNTS_H

#include "store/store.h"

struct report_counts;

enum { REPORT_COUNTS_MAX = 20000 };

struct report_counts *report_counts_new(void);
/* Nulls the pointer, which may be NULL. */
void report_counts_free(struct report_counts **c);
/* Reads what is stored; `now` is the queue clock. What is damaged begins anew. 0, or -1 and *e. */
int report_counts_read(struct report_counts *c, struct store *st, int64_t now, struct error *e);
/* Inside a transaction: is one more report to that sender within the hour one too many? 1: yes; 0:
 * no, and it is counted; -1 and *e. What is stored in vain counts too until the next start. */
int report_counts_take(struct report_counts *c, struct store *st, struct span sender,
                       unsigned per_hour, int64_t now, struct error *e);

#endif
