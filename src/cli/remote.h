/* remote: how a command reaches the house: through the control socket when the daemon runs, else by
 * opening the store itself, under the same lock and with the same commands. */
#ifndef PORT26_CLI_REMOTE_H
#define PORT26_CLI_REMOTE_H

#include "conf/config.h"
#include "mail/message.h"
#include "mail/reply.h"

#include <jansson.h>

struct loop;
struct remote;

/* 0, or -1 and *e: neither a daemon nor the store can be reached. `config` must outlive it. */
int remote_open(const struct config *config, struct remote **out, struct error *e);
/* The same on a loop that is the caller's. All calls below may then also be made from fibers of
 * that loop, which wait for the answers. */
int remote_open_on(const struct config *config, struct loop *loop, struct remote **out,
                   struct error *e);
void remote_close(struct remote **r);
/* Is a daemon at the other end? */
bool remote_daemon(const struct remote *r);
/* Runs a control command ("queue ls", serve/control.h). 0 and *answer (a new reference, "ok" true),
 * or -1 and *e with the house's words. */
int remote_command(struct remote *r, json_t *command, json_t **answer, struct error *e);
/* May mail go to this recipient? The reply (2xx, or a refusal) lives in the arena. 0, or -1 and *e.
 */
int remote_may_reach(struct remote *r, struct span recipient, struct arena *a, struct reply *out,
                     struct error *e);
/* Hands a message over; the reply lives in the arena. 0, or -1 and *e when there was no answer. */
int remote_accept(struct remote *r, struct message *m, struct arena *a, struct reply *out,
                  struct error *e);
/* An unnamed file for a large body, or -1 and *e. The caller closes it. */
int remote_body_file(struct remote *r, struct error *e);

#endif
