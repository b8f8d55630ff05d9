/* sendings: sending limits and stolen passwords at work in the keeper: whose limits hold, who is
 * told, and what becomes of the mail that waits (account/sending.h counts and judges). */
#ifndef PORT26_SERVE_SENDINGS_H
#define PORT26_SERVE_SENDINGS_H

#include "serve/held_mail.h"

#include <jansson.h>

struct sendings;

/* Reads what is stored; before the queue of `h` is made. NULL and *e when that fails. */
struct sendings *sendings_open(struct house *h, struct error *e);
/* What an accept is charged. */
struct queue_toll sendings_toll(struct sendings *s);
/* When the queue runs. */
void sendings_start(struct sendings *s);
/* Writes what is not yet written; before the queue ends. `s` may be NULL. */
void sendings_stop(struct sendings *s);
/* After the queue has ended; nulls the pointer, which may be NULL. */
void sendings_close(struct sendings **s);
/* The settings have changed. */
void sendings_configure(struct sendings *s);

/* Who sends: an account, from a client's address, with an address in MAIL FROM. */
struct sendings_from {
    struct span account, peer, sender;
};
/* May it send one more message to so many recipients now? 0, or -1 with *e for a 452. */
int sendings_may(struct sendings *s, const struct sendings_from *from, uint32_t recipients,
                 struct error *e);
/* To how many a message may go without asking again. */
uint32_t sendings_room(const struct sendings *s, const struct sendings_from *from);
/* Is the account's mail held, because its password looks stolen? */
bool sendings_held(const struct sendings *s, struct span account);
/* Other servers refused a recipient of its mail for good. */
void sendings_failed(struct sendings *s, struct span account, unsigned count);
/* The same for the store: store thread, inside a transaction. 0, or -1 with *e. */
int sendings_note_failures(const struct sendings *s, struct store *st, struct span account,
                           unsigned count, struct error *e);

/* A person says that the account's mail is its owner's, but for what came from a foreign network:
 * see serve/held_mail.h. done is called once, from the loop, in any case. False: the account was
 * not held (some of its mail may be, when the release of before did not come to its end). */
bool sendings_release(struct sendings *s, const struct held_mail_order *o, held_mail_fn *done,
                      void *arg);
/* A person says that what an account, or hosting account, sent so far does not count. */
void sendings_reset(struct sendings *s, bool host, struct span name, struct span person);
/* An account, or hosting account, was removed. */
void sendings_forget(struct sendings *s, bool host, struct span name);
/* What it has sent and may send, and why it is held: a new reference. The keys are stable. */
json_t *sendings_json(const struct sendings *s, struct span account);
json_t *sendings_host_json(const struct sendings *s, struct span host);

#endif
