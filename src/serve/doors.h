/* doors: the listening sockets, made (or inherited) by the keeper and handed to the listeners. They
 * outlive listeners and reloads, so that no connection is refused in between. */
#ifndef PORT26_SERVE_DOORS_H
#define PORT26_SERVE_DOORS_H

#include "conf/config.h"

struct doors;

/* Takes the sockets systemd handed over (LISTEN_FDS, sd_listen_fds(3)), if any; call once, early.
 */
struct doors *doors_new(void);
/* Opens what the configuration wants and is not open, keeps what it already has, closes the rest.
 * 0, or -1 and *e: then nothing was changed. */
int doors_open(struct doors *d, const struct config *c, struct error *e);
/* Calls fn for each open socket with the name of its door. */
void doors_each(const struct doors *d, void (*fn)(void *arg, const char *door, int fd), void *arg);
void doors_free(struct doors **d);

#endif
