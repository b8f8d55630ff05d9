/* window: how many messages and recipients went out in the last hour and in the last day, sliding:
 * nothing jumps at the full hour or at midnight.
 *
 * What was sent is kept by the minute, what is older than the hour by the half hour, and only where
 * there was any: somebody who sends twenty mails a day costs twenty small rows, nobody more than
 * WINDOW_TICKS_MAX. Error bound: what was sent counts for the whole hour (day) and at most one
 * minute (thirty-one minutes) longer, never shorter. So a limit is never passed in any hour or day,
 * however one places it.
 *
 * Times are milliseconds of a clock that does not go back: the queue's (queue/qclock.h). */
#ifndef PORT26_ACCOUNT_WINDOW_H
#define PORT26_ACCOUNT_WINDOW_H

#include "base/clock.h"
#include "base/text.h"

enum window_span { WINDOW_HOUR, WINDOW_DAY, WINDOW_SPANS };
enum window_what { WINDOW_MESSAGES, WINDOW_RECIPIENTS, WINDOW_WHATS };
enum { WINDOW_TICKS_MAX = 160, WINDOW_PACKED_MAX = WINDOW_TICKS_MAX * 32 };

struct window_tick {
    uint32_t minute; /* of the clock; of a half hour its last one */
    uint32_t n[WINDOW_WHATS];
};

/* Begins as {0}. */
struct window {
    struct window_tick *tick; /* oldest first */
    uint16_t count, cap;
};

void window_free(struct window *w);
void window_add(struct window *w, int64_t now, uint32_t messages, uint32_t recipients);
/* Takes back what was added at `when`. */
void window_take(struct window *w, int64_t when, uint32_t messages, uint32_t recipients);
uint32_t window_sum(const struct window *w, enum window_span s, enum window_what what, int64_t now);
/* From when on `need` more fit into `limit`, if nothing else is sent: `now` when they fit at once,
 * CLOCK_NEVER when need is more than limit. */
int64_t window_frees(const struct window *w, enum window_span s, enum window_what what,
                     uint32_t need, uint32_t limit, int64_t now);
/* Nothing within the last day? */
bool window_empty(const struct window *w, int64_t now);
/* Appends what window_unpack reads: words of digits, each with a blank behind it. */
void window_pack(const struct window *w, struct text *out);
/* Takes them off the front of *rest. False when it is damaged: the window is then empty. */
bool window_unpack(struct span *rest, struct window *out);
/* After unpacking, when the time is known: forgets what is old, and what lies in the future (of a
 * clock that was lost) is taken for of now. */
void window_settle(struct window *w, int64_t now);

#endif
