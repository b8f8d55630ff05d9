/* clerk: answers the keeper's letters: logins, who may send and reach whom, files for large bodies,
 * accepted messages, commands. One clerk for each listener and each connection of the command line.
 */
#ifndef PORT26_SERVE_CLERK_H
#define PORT26_SERVE_CLERK_H

#include "post/channel.h"
#include "serve/house.h"

struct clerk;

/* What a connection of the command line may do beyond handing over mail. */
struct clerk_rights {
    bool admin;
    struct span person; /* who it is: for the log, and as origin of its mail */
};

/* Runs a command (JSON text in, JSON text out) on a fiber. Declared here, given by control.c. */
typedef void clerk_command_fn(void *arg, struct span command, const struct clerk_rights *rights,
                              struct text *answer);

/* `c` is the channel the answers go to: clerk_free must come before its end. `rights` NULL: a
 * listener. */
struct clerk *clerk_new(struct house *h, struct channel *c, const struct clerk_rights *rights,
                        clerk_command_fn *command, void *arg);
/* Takes a letter (owns it from now on). */
void clerk_take(struct clerk *k, struct parcel *p);
/* The other side is gone: what is under way is finished, its answers are dropped. */
void clerk_free(struct clerk **k);

#endif
