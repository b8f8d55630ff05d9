/* author: the person who runs the command, as a sender of mail; and which domain stands behind
 * names without one. */
#ifndef PORT26_CLI_AUTHOR_H
#define PORT26_CLI_AUTHOR_H

#include "base/arena.h"
#include "conf/config.h"

struct author {
    struct span login;
    struct span name;    /* full name, or empty */
    struct span address; /* login@hostname */
};

void author_self(const struct config *c, struct arena *a, struct author *out);
/* For recipients such as "root": hostname when its mailboxes are here or no domain's are; else the
 * first of the domains. */
struct span author_domain(const struct config *c);

#endif
