/* reverse: the host name of an address, and whether that name leads back to it (forward-confirmed
 * reverse DNS; RFC 8601 3 calls the test iprev). */
#ifndef PORT26_DNS_REVERSE_H
#define PORT26_DNS_REVERSE_H

#include "dns/dns.h"

enum { REVERSE_NAMES_MAX = 5 }; /* names of one address that are looked at */

struct reverse {
    struct dns_status status; /* of the question for the name; DNS_TEMPORARY or DNS_BOGUS also when
                                 the way back could not be told */
    struct span name;         /* the first that leads back; else the first; empty: there is none */
    bool confirmed;           /* it leads back */
};

/* Blocks the fiber until the deadline (clock_now() ms) at most. Names that are no host names
 * (letters, digits, "-" and dots) are passed over. All lives in `a`. Returns status.result. */
enum dns_result reverse_look(struct dns *d, const struct sockaddr_storage *address,
                             int64_t deadline, struct arena *a, struct reverse *out);

#endif
