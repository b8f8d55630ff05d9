/* crew: the keeper's children, listeners and couriers: the same binary started again with one
 * socket to talk through. One that dies is started again with back-off and costs its own work only
 * (R10); a reload replaces them all, the old ones finish what they have. */
#ifndef PORT26_SERVE_CREW_H
#define PORT26_SERVE_CREW_H

#include "post/channel.h"

#include <sys/types.h>

struct crew;

struct member {
    struct crew *crew;
    enum letter_side side; /* SIDE_LISTENER or SIDE_COURIER */
    unsigned number;       /* among its kind, from 0 */
    unsigned generation;   /* grows with every reload */
    pid_t pid;
    struct channel *channel;
    bool ready;    /* it said so after its setup */
    bool leaving;  /* drained: no new work, will not be replaced */
    unsigned load; /* for the owner: jobs under way, */
    bool looks;    /* for an open door of a relay */
    void *own;     /* for the owner, as well */
    int64_t started;
    struct member *next;
};

struct crew_calls {
    /* Just started: send it its setup. */
    void (*joined)(void *arg, struct member *m);
    /* A letter from it; the callee owns the parcel. */
    void (*parcel)(void *arg, struct member *m, struct parcel *p);
    /* It is gone; take back what it had. The member is freed afterwards. */
    void (*left)(void *arg, struct member *m);
    /* The last of all is gone (after crew_drain in a hurry). */
    void (*empty)(void *arg);
};

/* `program` is the binary to start; it gets argv {program, "serve", "--role", "listener"}. */
struct crew *crew_new(struct loop *l, const char *program, const struct crew_calls *calls,
                      void *arg);
/* How many of a side are wanted; starts them, or lets the surplus go at the next crew_replace. */
void crew_want(struct crew *c, enum letter_side side, unsigned count);
/* Starts a new generation; when all of it is ready the one before drains, without hurry. Called
 * again before that, it does so once more afterwards. Of the old processes at most some dozens are
 * kept waiting for slow clients; the oldest are hurried. */
void crew_replace(struct crew *c);
/* Tells all to finish, in a hurry; nothing is started any more; `empty` is called at the end. What
 * still runs after `ms` is killed. */
void crew_drain(struct crew *c, int64_t ms);
/* Is each one that is wanted there, and ready? */
bool crew_complete(const struct crew *c);
struct member *crew_first(const struct crew *c);
void crew_free(struct crew **c);

#endif
