/* cidr: an address block, "192.0.2.0/24", "2001:db8::/32" or one bare address (RFC 4632). */
#ifndef PORT26_CONF_CIDR_H
#define PORT26_CONF_CIDR_H

#include "base/span.h"

#include <sys/socket.h>

enum { CIDR_TEXT = 64 };

struct cidr {
    int family; /* AF_INET or AF_INET6 */
    unsigned bits;
    unsigned char byte[16]; /* network order; bits behind the prefix are 0 */
};

/* False when it is no address, has a longer prefix than the family, or bits are set behind the
 * prefix (10.0.0.1/8 is rather a slip than a wish). "::ffff:a.b.c.d" is the IPv4 address. */
bool cidr_parse(struct span s, struct cidr *out);
/* Writes "address/bits", or the bare address for a single host, and a NUL. */
void cidr_text(const struct cidr *c, char buf[CIDR_TEXT]);
/* Is this socket address inside one of them? An IPv4 address mapped into IPv6 counts as IPv4. */
bool cidr_any(const struct cidr *list, size_t count, const struct sockaddr_storage *address);

#endif
