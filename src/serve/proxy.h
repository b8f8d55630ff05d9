/* proxy: the PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): a load balancer tells
 * the client's address before the first byte of SMTP. Believed only from listed peers
 * (CVE-2023-42117; HOSTILE 42, 43). */
#ifndef PORT26_SERVE_PROXY_H
#define PORT26_SERVE_PROXY_H

#include "base/span.h"

#include <sys/socket.h>

enum proxy_result {
    PROXY_DONE,  /* *used octets were the header; *from is the client, unless *local */
    PROXY_MORE,  /* the header is not whole yet */
    PROXY_BROKEN /* not a header, or a malformed one */
};

/* The longest header read: 16 octets and 4 KiB of addresses and TLVs (those are skipped). */
enum { PROXY_MAX = 16 + 4096 };

/* *local: the balancer speaks for itself (a health check): the connection's own peer address
 * stands. */
enum proxy_result proxy_parse(struct span bytes, size_t *used, struct sockaddr_storage *from,
                              bool *local);

#endif
