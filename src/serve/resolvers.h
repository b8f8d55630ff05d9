/* resolvers: has the system's list of name servers changed? Networks write it when they are joined,
 * often a moment after the route is there: so it is looked at several times after a change. */
#ifndef PORT26_SERVE_RESOLVERS_H
#define PORT26_SERVE_RESOLVERS_H

#include "io/loop.h"

struct resolvers;

/* Reads `file` (resolv.conf(5)) as it is now. `changed` is called from the loop when other name
 * servers stand there. */
struct resolvers *resolvers_new(struct loop *l, const char *file, void (*changed)(void *arg),
                                void *arg);
/* NULL is fine; nulls the pointer. */
void resolvers_free(struct resolvers **r);
/* The network changed: looks now (`changed` may be called before it returns) and for the next
 * quarter of a minute. */
void resolvers_look(struct resolvers *r);

#endif
