/* peer_user: whose program stands at the other end of a TCP connection from this very machine? On
 * loopback an address says nothing about who it is; the kernel knows (sock_diag(7), no privilege
 * needed). For doors that take mail without a login from some users of the machine only. */
#ifndef PORT26_IO_PEER_USER_H
#define PORT26_IO_PEER_USER_H

#include "base/error.h"

#include <sys/socket.h>
#include <sys/types.h>

struct peer_user;

/* Opens the socket to the kernel: before the jail. NULL and *e. */
struct peer_user *peer_user_open(struct error *e);
/* NULL is fine; nulls the pointer. */
void peer_user_close(struct peer_user **p);
/* The user who owns the far end of the connection between `peer` (theirs) and `local` (ours). False
 * when it is not of this machine (of this network namespace), is gone, or the kernel does not tell.
 * Does not wait. */
bool peer_user_find(struct peer_user *p, const struct sockaddr *peer, const struct sockaddr *local,
                    uid_t *out);

#endif
