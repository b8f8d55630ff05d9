/* dns_fake: DNS out of a table, for tests of what stands above. The data goes through the same
 * parsers as real answers. */
#ifndef PORT26_DNS_DNS_FAKE_H
#define PORT26_DNS_DNS_FAKE_H

#include "dns/dns.h"

/* One record, or one result. Several rows of the same name and type are several records. */
struct dns_fake_row {
    const char *name; /* a row of zeroes ends the table */
    enum dns_type type;
    enum dns_result result; /* when not DNS_OK, data is not used */
    const char *data; /* "192.0.2.1", "2001:db8::1", "10 mx.example.com", "0 .", "text", "host",
                         "1 2 587 host"; "#0102ff": these very bytes; a "!" before all: proven by
                         DNSSEC */
};

/* Names without any row are DNS_NXDOMAIN; types without a row are DNS_NONE. Needs neither loop nor
 * fiber. The table must outlive it. Free with dns_free. */
struct dns *dns_fake(const struct dns_fake_row *table);
/* Questions asked so far. */
unsigned dns_fake_asked(const struct dns *d);

#endif
