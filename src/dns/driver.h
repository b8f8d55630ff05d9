/* driver: what answers the questions. Private to dns/. There are two: libunbound (resolver.c) and
 * the table of tests (dns_fake.c). */
#ifndef PORT26_DNS_DRIVER_H
#define PORT26_DNS_DRIVER_H

#include "dns/dns.h"

/* A driver embeds this as its first member. */
struct dns {
    const struct dns_driver *driver;
};

struct dns_driver {
    /* Answers all lookups before it returns, by the deadline. Their names passed rdata_name_ok and
     * their outputs are zero. Fills each status and, for DNS_OK, the raw records. */
    void (*query)(struct dns *d, struct dns_lookup **lookups, size_t count, int64_t deadline,
                  struct arena *a);
    void (*free)(struct dns *d);
};

#endif
