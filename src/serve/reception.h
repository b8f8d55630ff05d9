/* reception: the control socket, where the command line comes in. Who it is the kernel tells
 * (SO_PEERCRED). */
#ifndef PORT26_SERVE_RECEPTION_H
#define PORT26_SERVE_RECEPTION_H

#include "serve/control.h"

struct reception;

/* Binds the socket (replacing what a dead daemon left; the store's lock says no other one lives),
 * open for all users of the machine: what they may do is decided per user. NULL and *e. `control`
 * must outlive it. */
struct reception *reception_open(struct loop *l, const char *path, struct control *control,
                                 struct error *e);
/* Ends all connections, removes the socket. Nulls the pointer; NULL is fine. */
void reception_close(struct reception **r);

#endif
