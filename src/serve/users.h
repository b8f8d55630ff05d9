/* users: which users of this machine may send at a door without a login (trust-users). */
#ifndef PORT26_SERVE_USERS_H
#define PORT26_SERVE_USERS_H

#include "conf/config.h"

struct users;

/* Looks the names up: before the jail. A name that the system does not know is logged and trusted
 * by nobody. NULL when no door names any, or the kernel does not tell users (logged). */
struct users *users_open(const struct config *c);
/* Nulls the pointer; NULL is fine. */
void users_close(struct users **u);
/* Does this connection come from a program of one of the door's users? */
bool users_trusted(struct users *u, const struct config_door *d, int fd);

#endif
