/* dialogue: a job's recipients over one connection, in as many transactions as the server's limits
 * ask for; and the ledger of what became of each recipient so far in this attempt. */
#ifndef PORT26_DELIVER_DIALOGUE_H
#define PORT26_DELIVER_DIALOGUE_H

#include "deliver/hop.h"
#include "deliver/judge.h"

/* The recipients over all paths of one attempt. */
struct dialogue {
    const struct job *job;
    struct arena *arena;
    struct outcome *outcomes; /* of each recipient: the final one, or the best told so far */
    bool *settled;            /* nothing else is tried for it in this attempt */
    size_t left;              /* not settled */
};

/* Where something happened. */
struct dialogue_place {
    struct span host, address, tls;
};

enum dialogue_end {
    DIALOGUE_DONE,  /* every recipient is settled */
    DIALOGUE_NEXT,  /* another path may do for the rest */
    DIALOGUE_STOP,  /* no other path of this route */
    DIALOGUE_STALE, /* a kept connection that was dead: nothing happened */
};

/* All recipients begin as "not tried": OUTCOME_LATER. */
void dialogue_init(struct dialogue *d, const struct job *job, struct arena *a);
/* Sends what is not settled. `failure` is what ended it, or stage STAGE_NONE. */
enum dialogue_end dialogue_run(struct dialogue *d, struct hop *h,
                               struct smtp_client_failure *failure);
/* A failure that concerns all who are not settled (no connection, no path). */
enum dialogue_end dialogue_fail(struct dialogue *d, const struct judge_event *e, const char *words,
                                const struct dialogue_place *at, bool maybe_delivered);
struct dialogue_place dialogue_place_of(const struct hop *h);

#endif
