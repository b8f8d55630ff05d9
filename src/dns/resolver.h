/* resolver: the driver that asks the network, over libunbound. Private to dns/. */
#ifndef PORT26_DNS_RESOLVER_H
#define PORT26_DNS_RESOLVER_H

#include "dns/driver.h"

/* See dns_new. */
struct dns *resolver_new(struct loop *l, const struct dns_settings *s, struct error *e);

#endif
