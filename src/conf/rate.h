/* rate: how much may be sent by the hour and by the day: "100/h, 1000/d", either alone, or neither:
 * "". */
#ifndef PORT26_CONF_RATE_H
#define PORT26_CONF_RATE_H

#include "base/text.h"

struct rate {
    uint32_t hour, day; /* 0: no limit */
};

bool rate_parse(struct span s, struct rate *out);
/* Appends what rate_parse reads. */
void rate_text(const struct rate *r, struct text *out);

#endif
