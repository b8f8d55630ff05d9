/* place: the network this machine is in, recognised again when it comes back. A place is known by
 * what does not change with the lease: the link address of the gateway and the prefix, of both
 * address families, and the SSID where it can be read. It needs no privilege: rtnetlink answers
 * everybody (rtnetlink(7)). Behind a tunnel (VPN) the place is another one than without it. */
#ifndef PORT26_PLACE_PLACE_H
#define PORT26_PLACE_PLACE_H

#include "base/error.h"

#include <stdbool.h>

struct loop;

enum { PLACE_KEY = 33, PLACE_NAME = 96, PLACE_ADDRESS = 64 };

struct place {
    char key[PLACE_KEY];         /* 32 hexadecimal digits; "" when offline */
    char name[PLACE_NAME];       /* for people: "Wi-Fi Cafe", "192.0.2.0/24 behind 192.0.2.1"; of
                                    printable characters only */
    char gateway[PLACE_ADDRESS]; /* the default router's address, IPv4 before IPv6, or "" */
    char device[32];             /* the interface that leads there */
    bool offline;                /* no way out in either family */
    bool tunnel;                 /* the way out is a tunnel */
};

/* Where are we now? The kernel answers at once. A gateway that it has not spoken with yet has no
 * link address: then one empty datagram makes it ask, which is waited for, 0.2 seconds at most. A
 * gateway that does not answer gives a place known by its prefix and gateway address alone, and
 * *settled (may be NULL) is false: it may have another key later. Opens sockets, so not in the
 * jail. 0, or -1 and *e when the kernel refuses; then *out is offline. */
int place_now(struct place *out, bool *settled, struct error *e);

/* Tells of changes (routes, addresses, links, the gateway's link address), each burst once, when it
 * has been quiet for 0.1 seconds or lasted for half a second. */
struct place_watch;

/* Opens the sockets: before the jail; then it asks nothing of it but to send and receive, and to
 * open a datagram socket. NULL and *e. The place given to `changed` is the new one, which may have
 * the same key as before (a lease renewed): compare. Called on the loop, outside of fibers; it may
 * free the watch. */
struct place_watch *place_watch_new(struct loop *l,
                                    void (*changed)(void *arg, const struct place *), void *arg,
                                    struct error *e);
/* The place as it was told last, at first the one where the watch began. Valid until the next. When
 * the gateway's link address was not known at the beginning, `changed` is called once it is. */
const struct place *place_watch_here(const struct place_watch *w);
/* NULL is fine; nulls the pointer. */
void place_watch_free(struct place_watch **w);

#endif
