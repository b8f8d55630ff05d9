/* attempt: one try to deliver a job by its route: paths in order, connection, dialogue, judgement.
 * Runs in the courier, each on a fiber of its own; the context is shared by all of them. */
#ifndef PORT26_DELIVER_ATTEMPT_H
#define PORT26_DELIVER_ATTEMPT_H

#include "base/arena.h"
#include "base/error.h"
#include "mail/job.h"

enum { ATTEMPT_BRIEFLY = 1200 }; /* ms: all doors have begun after a second */

struct attempt_context;
struct config;
struct dns;
struct loop;
struct place;
struct recall_note;

/* What attempts share: TLS contexts (authorities are read here: call it before the jail), idle
 * connections, memory of dead destinations and of doors. `config` and `dns` stay the caller's and
 * must outlive it. NULL and *e when an authority file cannot be read. */
struct attempt_context *attempt_open(struct loop *l, const struct config *config, struct dns *dns,
                                     void (*noted)(void *arg, const struct recall_note *n),
                                     void *arg, struct error *e);
/* `told` hears of the login page of the network (login_page.h): its words, and "" when mail gets
 * out again. `looks`: whether any attempt is looking for an open door of a relay. */
struct attempt_ears {
    void (*told)(void *arg, const char *words);
    void (*looks)(void *arg, bool any);
    void *arg;
};
void attempt_hear(struct attempt_context *c, const struct attempt_ears *ears);
/* Says good-bye on idle connections and frees. No attempt may be running. Call it on a fiber.
 * Nulls the pointer; NULL is fine. */
void attempt_close(struct attempt_context **c);

/* One attempt, on the calling fiber. `out` is filled whole: one outcome per recipient and the story
 * of the tries; it lives in the arena (texts are copied there). Always ends: by the context's
 * deadline at the latest; fiber_cancel makes it end at once with OUTCOME_LATER. */
void attempt_run(struct attempt_context *c, const struct job *job, struct arena *a,
                 struct job_result *out);
/* The same for one of several ways to go (detour.h). It ends when the network becomes another one:
 * other ways may be the right ones there. And unless it is the `last`, one of the relay's doors has
 * to take the connection within ATTEMPT_BRIEFLY, or be known to be open here. */
void attempt_run_among(struct attempt_context *c, const struct job *job, bool last, struct arena *a,
                       struct job_result *out);

/* We are in this place (now). Where it is another one than before, what hangs on the old one is
 * given up at once and begun again here, and idle connections are dropped. On the loop or a fiber.
 */
void attempt_place(struct attempt_context *c, const struct place *p);
/* The same for a network that may have changed unseen, while the machine slept. */
void attempt_moved(struct attempt_context *c);
/* Others know the name servers of this network and we may not: whoever asks ours where a relay is
 * ends and waits for the network, and from now on they are given a moment only. */
void attempt_ask_no_more(struct attempt_context *c);
/* Another process found this out about a door. */
void attempt_heard(struct attempt_context *c, const struct recall_note *n);
/* Is this a name of the place where we are (recall_is_here)? */
bool attempt_is_here(const struct attempt_context *c, struct span name);
/* Where we are; valid until the next attempt_place. */
const struct place *attempt_here(const struct attempt_context *c);
/* What is remembered of places, as known_write writes it. */
void attempt_known(struct attempt_context *c, struct span text);

/* Idle connections held now. */
unsigned attempt_idle(const struct attempt_context *c);

#endif
