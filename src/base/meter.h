/* meter: how much of something came lately from each of many sources. What is counted fades evenly,
 * so there is no moment at which all is forgiven. Bounded: peers choose the keys (P9). */
#ifndef PORT26_BASE_METER_H
#define PORT26_BASE_METER_H

#include "base/span.h"

struct meter;

enum { METER_KEYS_MAX = 100 * 1000 };

/* `amount` fades within `ms`. */
struct meter *meter_new(double amount, int64_t ms);
void meter_free(struct meter **m);
/* Another pace, for all that is there. */
void meter_pace(struct meter *m, double amount, int64_t ms);
/* What is left now; 0 for keys that are unknown. */
double meter_level(const struct meter *m, struct span key);
/* Adds and returns what it became. With METER_KEYS_MAX keys those that have faded are forgotten,
 * and when none has, all. */
double meter_add(struct meter *m, struct span key, double amount);
/* Milliseconds until the level of that key is at most `level`. */
int64_t meter_until(const struct meter *m, struct span key, double level);

#endif
