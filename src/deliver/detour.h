/* detour: a job over its further ways, when the network we are in lets nobody through to the first:
 * the relay of this place's provider, then the recipients' own servers, as its route says. Each way
 * is an attempt of its own, with its own relay, login, certificates and floor; nothing of one is
 * known to another.
 *
 * Only the network opens the next way. What a server refused (the login, the sender, the message, a
 * recipient), for now or for ever, no other one is asked to take. A relay is asked only in the
 * networks that its `when` names. */
#ifndef PORT26_DELIVER_DETOUR_H
#define PORT26_DELIVER_DETOUR_H

#include "deliver/attempt.h"

enum {
    DETOUR_SHUT_TIME =
        5 * 60 * 1000,  /* ms in which a way that was shut is asked after the others */
    DETOUR_TRIES = 200, /* of the story, in all */
};

struct detour;

/* Both outlive it. */
struct detour *detour_new(const struct config *config, struct attempt_context *attempts);
/* NULL is fine; nulls the pointer. */
void detour_free(struct detour **d);
/* Told before mail of this sender goes by the relay of a further way. */
void detour_hear(struct detour *d, void (*about)(void *arg, struct span relay, struct span sender),
                 void *arg);

/* As attempt_run. */
void detour_run(struct detour *d, const struct job *job, struct arena *a, struct job_result *out);
/* The network is, or may be, another one. */
void detour_moved(struct detour *d);

#endif
