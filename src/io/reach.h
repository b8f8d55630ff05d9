/* reach: connects as stream_connect does, and tells what the network said about it. Linux hands the
 * ICMP errors of a connection attempt to the socket that asked for them (IP_RECVERR, ip(7)), with
 * type, code and the router that sent them: no privilege is needed. A reset leaves no such trace,
 * so refusals by a server and by a firewall that plays the server look alike here; reaching out
 * with a small hop limit tells them apart, because whoever answers at hop 2 stands at hop 2. */
#ifndef PORT26_IO_REACH_H
#define PORT26_IO_REACH_H

#include "io/stream.h"

#include <sys/socket.h>

struct reach {
    int sys;    /* 0: it opened; else a positive errno, ETIMEDOUT for silence until the deadline */
    int64_t ms; /* how long it took to know */
    unsigned again; /* times the first packet had to be sent again (lost, or let fall) */
    bool kept; /* none of the repeated packets left this computer: its own rules let them fall */
    /* What a router or the far host said by ICMP (RFC 792, RFC 4443): type and code as on the wire,
     * and who said it (port 0). icmp is false when nobody said anything. */
    bool icmp;
    uint8_t icmp_type, icmp_code;
    struct sockaddr_storage icmp_from;
};

/* Connects to `to` from inside a fiber, by `deadline` (clock_now() ms). `hops` limits how many
 * routers the packets may pass (IP_TTL, IPV6_UNICAST_HOPS); 0: the system's usual limit. Always
 * fills *out. Returns 0 and *s, or a negative errno and NULL; -ECANCELED as any wait. When s is
 * NULL, an open connection is reset at once. */
int reach_connect(struct loop *l, const struct sockaddr *to, int hops, int64_t deadline,
                  struct reach *out, struct stream **s);

#endif
