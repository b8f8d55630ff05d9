/* opening: how one attempt comes to a connection: by races over its paths. A relay's doors are one
 * race, in the order the memory of this place gives them. The hosts of a domain are one race for
 * each preference, those that were dead a moment ago last. */
#ifndef PORT26_DELIVER_OPENING_H
#define PORT26_DELIVER_OPENING_H

#include "deliver/dead.h"
#include "deliver/race.h"
#include "deliver/recall.h"
#include "deliver/silence.h"
#include "deliver/ways.h"

/* A race under way, for those who hear that the network changed. */
struct opening_race {
    struct race race;
    struct opening_race *next;
};

struct opening {
    /* the caller's */
    const struct job *job;
    const struct ways *ways;
    struct dead *dead;
    struct recall *recall;
    struct silence *silence;
    struct opening_race **races; /* all that are under way */
    struct hop_wish wish;
    struct arena *arena;
    void (*failed)(void *arg, const struct path *p, const struct smtp_client_failure *f,
                   struct span tls);
    void *arg;
    /* Where none of a relay's doors is sure to be open: ms in which one has to take the connection;
     * 0: the usual time. */
    int64_t hurry;
    struct path_list list;
    /* its own */
    bool tried[PATH_MAX_COUNT];
    unsigned begun;         /* paths that made us wait */
    bool moved;             /* the last race was aborted: the network is another one */
    const struct path *won; /* the path of the connection returned last */
};

/* A connection over a path that was not tried yet; NULL: none could be opened (`failed` told why),
 * or the fiber was cancelled, or `moved`. */
struct hop *opening_next(struct opening *o);
/* The same over this one path only. */
struct hop *opening_at(struct opening *o, const struct path *p);
/* The same over the paths of the door of this name (path_door). */
struct hop *opening_door(struct opening *o, struct span door);
/* The path of this door, NULL: there is none, or it was tried. */
const struct path *opening_find(const struct opening *o, const struct sockaddr_storage *address,
                                enum path_tls tls);
bool opening_left(const struct opening *o);

#endif
