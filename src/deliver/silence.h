/* silence: the doors that had given no sign when another one won the race. They get a fair time
 * from their beginning; who has not answered then is noted as shut here, so that people are told
 * which ports a network keeps silent about. Nothing is said to those that do answer. */
#ifndef PORT26_DELIVER_SILENCE_H
#define PORT26_DELIVER_SILENCE_H

#include "deliver/recall.h"

enum { SILENCE_FAIR = 3 * 1000 }; /* ms */

struct silence;

/* `r` outlives it. `fair`: milliseconds, SILENCE_FAIR. */
struct silence *silence_new(struct recall *r, int64_t fair);
/* Gives all up. NULL is fine; nulls the pointer. */
void silence_free(struct silence **s);
/* After a race: takes over the connections that it left half open (race_entry.knock). */
void silence_race(struct silence *s, struct race_entry *entry, size_t count);
/* The network is another one: what has not answered is given up. */
void silence_drop(struct silence *s);

#endif
