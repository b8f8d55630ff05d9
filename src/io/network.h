/* network: the network an address stands for, when many of them are one person's. */
#ifndef PORT26_IO_NETWORK_H
#define PORT26_IO_NETWORK_H

#include "base/span.h"

enum { NETWORK_TEXT = 56 };

/* "192.0.2.0/24" of "192.0.2.7" with bits4 24: the first bits4 bits of an IPv4 address (also of one
 * mapped into IPv6), bits6 of an IPv6 one. False, and the text itself as far as it fits, when it is
 * no address. */
bool network_text(struct span address, unsigned bits4, unsigned bits6, char out[NETWORK_TEXT]);

#endif
