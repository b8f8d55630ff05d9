/* zone_ask: asks the DNS for what a domain publishes. */
#ifndef PORT26_ZONE_ZONE_ASK_H
#define PORT26_ZONE_ZONE_ASK_H

#include "zone/zone.h"

/* Fills one `found` for each record of `z`: out has z->count of them. Blocks the fiber, until the
 * deadline (clock_now()) at most. All lives in `a`. */
void zone_ask(struct dns *d, const struct config *c, const struct zone *z, int64_t deadline,
              struct arena *a, struct zone_found *out);

/* Fills `alias` of each: asked when something is not right, for an alias may stand in the way. */
void zone_ask_aliases(struct dns *d, const struct zone *z, int64_t deadline, struct arena *a,
                      struct zone_found *out);

/* Looks at the server itself; returns how many rows of `out` (ZONE_SERVER_MAX) it filled: none of
 * the second kind when all mail leaves by relays. Else as zone_ask. */
size_t zone_ask_server(struct dns *d, const struct config *c, int64_t deadline, struct arena *a,
                       struct zone_server *out);

#endif
