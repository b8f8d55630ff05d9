/* lookout: looks into the DNS for the keeper, which asks no servers: do DKIM keys stand there as
 * they should (sightings.h)? In the courier. */
#ifndef PORT26_SERVE_LOOKOUT_H
#define PORT26_SERVE_LOOKOUT_H

#include "conf/config.h"
#include "dns/dns.h"
#include "post/letter.h"

enum { LOOKOUT_MS = 50 * 1000 }; /* for all of it */

/* On a fiber: one row for each key, in their order. All lives in `a`. */
void lookout_run(struct dns *d, const struct config *c, const struct letter_keys *keys,
                 struct arena *a, struct letter_sightings *out);

#endif
