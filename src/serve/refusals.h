/* refusals: the latest answers that kept an account from sending, or mail from reaching it, so that
 * who helps its owner can see them (`port26 account show`). In memory, since the start: the log has
 * all of them. A few for each account, and the accounts that were refused last; what happens again
 * is counted, so that a program that tries every minute does not push out the rest. Keeper, loop
 * thread. */
#ifndef PORT26_SERVE_REFUSALS_H
#define PORT26_SERVE_REFUSALS_H

#include "base/span.h"
#include "mail/reply.h"

#include <jansson.h>

struct refusals;

enum { REFUSALS_EACH = 8, REFUSALS_ACCOUNTS = 5000, REFUSALS_WORDS = 400 };

struct refusals *refusals_new(void);
void refusals_free(struct refusals **r);
/* `account` was answered so; `peer` may be empty. Does nothing without an account. */
void refusals_note(struct refusals *r, struct span account, struct span peer,
                   const struct reply *reply);
/* It was removed. */
void refusals_forget(struct refusals *r, struct span account);
/* [{"at", "first", "times", "peer", "code", "status", "words"}], the latest first: a new reference.
 */
json_t *refusals_json(const struct refusals *r, struct span account);

/* Since when they are kept: wall clock. */
int64_t refusals_since(const struct refusals *r);

#endif
