/* clock: the only place that asks what time it is. Deadlines and retry waits use the monotonic
 * clock, so that a jump of the calendar neither expires nor stalls mail (HOSTILE fault 22). */
#ifndef PORT26_BASE_CLOCK_H
#define PORT26_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR   (60 * CLOCK_MINUTE)
#define CLOCK_DAY    (24 * CLOCK_HOUR)
#define CLOCK_NEVER  INT64_MAX

/* Milliseconds of CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
int64_t clock_now(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall(void);
/* The earlier of two moments. */
int64_t clock_sooner(int64_t a, int64_t b);
/* Moves both clocks by ms: for tests. */
void clock_shift(int64_t ms);
/* "Sun, 22 Nov 2026 17:39:00 +0000" (RFC 5322 3.3, local zone); buf of at least 40 bytes. */
void clock_rfc5322(int64_t wall_ms, char *buf, size_t cap);
/* "2026-11-22T17:39:00.123Z"; buf of at least 32 bytes. */
void clock_iso(int64_t wall_ms, char *buf, size_t cap);

#endif
