/* knock: one TCP connection being opened, that may go on alone when whoever wanted it is content
 * with another one: so that a door that gives no sign is told from one that was only slower. It
 * connects and no more: nothing is ever said over it. */
#ifndef PORT26_DELIVER_KNOCK_H
#define PORT26_DELIVER_KNOCK_H

#include "io/stream.h"

#include <sys/socket.h>

struct knock;

/* Begins. `from` may be NULL; `until` is clock_now() milliseconds. Never NULL. */
struct knock *knock_new(struct loop *l, const struct sockaddr_storage *to,
                        const struct sockaddr_storage *from, int64_t until);
/* Waits on this fiber until it has ended. 0 and *out, which is the caller's; or a negative errno;
 * -ECANCELED when this fiber was cancelled, and then it still goes on. */
int knock_wait(struct knock *k, struct stream **out);
/* It goes on alone, until `until` at the latest. Then the connection, if there is one, is closed,
 * *k freed, and `ended` told: 0 it stood, or a negative errno. That may be before this returns. */
void knock_leave(struct knock *k, int64_t until, void (*ended)(void *arg, int rc), void *arg);
/* Gives up; nobody is told. Nulls the pointer; NULL is fine. */
void knock_drop(struct knock **k);

#endif
