/* discover: from a mail address's domain to its server for sending. */
#ifndef PORT26_PROBE_DISCOVER_H
#define PORT26_PROBE_DISCOVER_H

#include "base/error.h"
#include "io/loop.h"
#include "probe/findings.h"

struct discover {
    char host[FINDINGS_NAME];
    unsigned port;   /* 0: not said */
    const char *how; /* "SRV _submissions", "guess smtp."; static */
};

/* Asks for the SRV records of RFC 8314 and 6186 and for the customary names, all at once. `second`
 * is a further resolver for when the system's is broken, or NULL. Runs l. Always names a host: when
 * nothing is found, the first guess, whose absence the check then tells. 0, or -1 and *e. */
int discover_run(struct loop *l, const char *domain, const char *second, struct discover *out,
                 struct error *e);

#endif
