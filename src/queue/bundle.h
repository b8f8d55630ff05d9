/* bundle: too many reports to one sender become one mail. The first ones of an hour go out as they
 * are. A further one is stored as every report is, in one transaction with the end it tells of
 * (P3), but is not due at once; half an hour after the first that rests so, all of them are
 * replaced, again in one transaction, by one mail that holds each of them whole (mail/dsn.h).
 *
 * So each failure is told once at any moment, and a rest needs nobody who remembers it: a report
 * that no bundle takes (a crash at the wrong time, a store that fails, the setting changed) goes
 * out alone when its time has come. docs/why/reports.md tells more. */
#ifndef PORT26_QUEUE_BUNDLE_H
#define PORT26_QUEUE_BUNDLE_H

#include "base/clock.h"
#include "store/store.h"

struct bundle;
struct queue;

enum {
    BUNDLE_REST_MS = 30 * CLOCK_MINUTE,   /* until the bundle is made */
    BUNDLE_MARGIN_MS = 10 * CLOCK_MINUTE, /* later a report goes out alone */
    BUNDLE_MOST = 1000,                   /* reports in one mail, */
    BUNDLE_OCTETS = 4 << 20,              /* or octets of it: the rest comes in a further one */
};
/* The words of a recipient by which a report that rests is known, also after a restart. */
#define BUNDLE_WORDS                                                                               \
    "There are many reports to this sender: it waits to become one mail with others."

/* How many go out as they are stands in the queue (queue_reports); 0: all. */
struct bundle *bundle_new(struct queue *q);
/* Before the store thread runs: what was counted before. 0, or -1 and *e. */
int bundle_read(struct bundle *b, struct store *st, struct error *e);
/* After the store thread has ended; nulls the pointer, which may be NULL. */
void bundle_free(struct bundle **b);
/* Store thread, inside the transaction of the report: is it one too many for that sender? 1: yes;
 * 0: no, and it is counted; -1 and *e. */
int bundle_over(struct bundle *b, struct store *st, struct span sender, struct error *e);
/* The state of the one recipient of a report that rests from now on. Any thread. */
void bundle_rest(const struct bundle *b, struct store_recipient *state);
bool bundle_rests(const struct store_head *head);
/* Loop: a message is in the schedule; remembers it when it is a report that rests. */
void bundle_note(struct bundle *b, const struct store_head *head);
/* Loop, now and then: bundles what has rested enough. */
void bundle_tick(struct bundle *b);

#endif
