/* zone_ask: asks the DNS for what a domain publishes. */
#ifndef PORT26_ZONE_ZONE_ASK_H
#define PORT26_ZONE_ZONE_ASK_H

#include "zone/zone.h"

/* Fills one `found` for each record of `z`: out has z->count of them. Blocks the fiber, until the
 * deadline (clock_now()) at most. All lives in `a`. */
void zone_ask(struct dns *d, const struct config *c, const struct zone *z, int64_t deadline,
              struct arena *a, struct zone_found *out);

#endif
