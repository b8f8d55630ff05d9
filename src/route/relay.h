/* relay: the paths to a relay (smarthost): an ordered list of doors, each resolved. */
#ifndef PORT26_ROUTE_RELAY_H
#define PORT26_ROUTE_RELAY_H

#include "base/error.h"
#include "dns/dns.h"
#include "route/path.h"

/* One door of a relay. */
struct relay_target {
    struct span name; /* of the relay in the configuration */
    struct span host; /* name in A-labels, or an address without brackets */
    uint16_t port;
    enum path_tls tls;
    bool verify;      /* the certificate must be good for the host */
    bool needs_login; /* raises the floor: verified TLS, unless the door is on this machine (P7) */
    enum path_family family;
    struct span proxy; /* of an HTTP proxy on the way there: its name or address, or empty */
    uint16_t proxy_port;
    struct span proxy_login; /* as in struct path */
};

/* Where the hosts of relays were when DNS told it the last time. A network whose DNS is broken,
 * slow or lies by silence can then be left all the same: the certificate proves who is there, so
 * only doors whose certificate is verified are found this way. Bounded. */
struct relay_memory;
struct relay_memory *relay_memory_new(void);
/* NULL is fine; nulls the pointer. */
void relay_memory_free(struct relay_memory **m);

/* Paths in the order of the doors (count >= 1; at most PATH_MAX_COUNT are used). 0 with at least
 * one path; -1 and *e, which is always temporary: the machine may be roaming, and a resolver that
 * knows nothing today knows it tomorrow. Doors that do not resolve are skipped as long as another
 * one does. `memory` may be NULL; when it knows all hosts, DNS gets a second at most. */
int relay_paths(struct dns *d, struct relay_memory *memory, const struct relay_target *targets,
                size_t count, int64_t deadline, struct path_list *out, struct error *e);

#endif
