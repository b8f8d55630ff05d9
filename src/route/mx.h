/* mx: the paths to a domain's own mail hosts (RFC 5321 section 5, RFC 7505). */
#ifndef PORT26_ROUTE_MX_H
#define PORT26_ROUTE_MX_H

#include "base/error.h"
#include "dns/dns.h"
#include "route/path.h"

struct mx_settings {
    uint16_t port; /* 0: 25 */
    enum path_family family;
    enum path_tls tls; /* as each path gets it; usually opportunistic */
    bool must_encrypt, must_verify;
    bool allow_loopback; /* laboratory and tests: paths to this machine and link are fine */
    bool allow_literals; /* user@[192.0.2.1] may be sent to (HOSTILE 74) */
    /* Ourselves: an MX that is us ends the list, for the mail would come back. */
    const struct span *own_names;
    size_t own_name_count;
    const struct sockaddr_storage *own_addresses;
    size_t own_address_count;
    uint64_t seed; /* of the shuffle among equal preferences; 0: random */
};

/* Finds the paths to a recipient's domain. Blocks the fiber until the deadline (clock_now() ms) at
 * most. Returns 0 with at least one path, or -1 and *e:
 *   5.1.10 the domain takes no mail (null MX)      5.1.2  there is no such domain, or it is no name
 *   5.4.4  none of its mail hosts exists, or it has neither MX nor address
 *   5.4.6  its best mail host is this machine      4.4.3  DNS failed (never permanent, P6)
 *   4.4.4  its hosts have no usable address now: none at all, only local ones, wrong IP version */
int mx_paths(struct dns *d, struct span domain, const struct mx_settings *s, int64_t deadline,
             struct path_list *out, struct error *e);

#endif
