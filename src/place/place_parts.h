/* place_parts: what place.c and place_watch.c share. For this folder only. */
#ifndef PORT26_PLACE_PLACE_PARTS_H
#define PORT26_PLACE_PLACE_PARTS_H

#include "place/exit.h"
#include "place/place.h"

/* Reads the place over an open socket (netlink_open). *way (may be NULL) is the way out that the
 * place is known by. */
int place_read(int fd, struct place *out, struct exit_way *way, struct error *e);
/* Is the gateway's link address still to be learned? */
bool place_unsettled(const struct exit_way *w);
/* Makes the kernel ask the gateway for its link address: sends it one empty datagram. Costs
 * nothing when it fails. */
void place_poke(const struct exit_way *w);

#endif
