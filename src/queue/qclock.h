/* qclock: the queue clock. It counts the milliseconds the queue has lived through: all of them
 * while the machine runs or sleeps, measured by CLOCK_BOOTTIME; over a restart of the machine what
 * the calendar says has passed, but at most a day, because a calendar may jump by years and must
 * not make all mail expire at once (HOSTILE fault 22). */
#ifndef PORT26_QUEUE_QCLOCK_H
#define PORT26_QUEUE_QCLOCK_H

#include "base/text.h"

enum { QCLOCK_BOOT = 36 }; /* octets of the kernel's name for this boot */

struct qclock {
    int64_t base; /* queue time when clock_now() was `since` */
    int64_t since;
    char boot[QCLOCK_BOOT + 1];
};

/* Goes on from what qclock_save wrote (empty or unreadable: from a day after zero). `boot` names
 * this boot, now and wall are the clocks. */
void qclock_start(struct qclock *c, struct span saved, struct span boot, int64_t now, int64_t wall);
int64_t qclock_at(const struct qclock *c, int64_t now);
/* Adds what qclock_start takes. */
void qclock_save(const struct qclock *c, int64_t now, int64_t wall, struct text *out);
/* Reads the kernel's name for this boot; "" when it gives none. */
void qclock_boot(char boot[QCLOCK_BOOT + 1]);

#endif
