/* exit: the way out of this machine, of one address family, as the kernel would take it now. For
 * this folder only. */
#ifndef PORT26_PLACE_EXIT_H
#define PORT26_PLACE_EXIT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_ADDRESS = 16, EXIT_LINK = 32 };

struct exit_address {
    int family; /* AF_UNSPEC: none */
    uint8_t byte[EXIT_ADDRESS];
};

struct exit_way {
    bool open; /* there is a way */
    int family;
    int index;       /* of the interface */
    char device[32]; /* its name */
    bool tunnel;
    struct exit_address gateway; /* none: the far end is the other end of the wire */
    uint8_t link[EXIT_LINK];     /* the gateway's link address */
    size_t link_len;             /* 0: not known yet, or there is none */
    bool links;                  /* the interface has link addresses at all */
    struct exit_address prefix;  /* of the interface's address used; the rest is zero */
    unsigned prefix_len;
};

/* Asks the kernel over `fd` (netlink_open). No way is no failure. 0, or -1 and *e. */
int exit_find(int fd, int family, struct exit_way *out, struct error *e);
/* Octets of an address. */
size_t exit_size(int family);

#endif
