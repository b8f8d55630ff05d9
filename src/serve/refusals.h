/* refusals: the latest answers that kept an account from sending, or mail from reaching it, so that
 * who helps its owner can see them (`port26 account show`). In memory: the log has all of them. A
 * few for each account, and the accounts that were refused last; what happens again is counted, so
 * that a program that tries every minute does not push out the rest. Keeper, loop thread.
 *
 * They are kept over a restart in the file "refusals" beside the store: one JSON object a line, for
 * each account, the one that was refused last first; as many as REFUSALS_FILE takes. It is written
 * some time after a change and at the end, never synced, and never while anybody waits for it: a
 * crash costs the last minute of them. What in it does not read is left out. */
#ifndef PORT26_SERVE_REFUSALS_H
#define PORT26_SERVE_REFUSALS_H

#include "base/span.h"
#include "mail/reply.h"

#include <jansson.h>

struct refusals;
struct loop;

enum {
    REFUSALS_EACH = 8,
    REFUSALS_ACCOUNTS = 5000,
    REFUSALS_WORDS = 400,
    REFUSALS_FILE = 1 << 20,      /* octets */
    REFUSALS_SAVE_MS = 60 * 1000, /* after the first change */
    REFUSALS_DAYS = 30,           /* what is older is not read again */
};

struct refusals *refusals_new(void);
/* Reads what is kept in that folder, and keeps it there from now on, until refusals_free. */
void refusals_keep(struct refusals *r, struct loop *l, const char *folder);
void refusals_free(struct refusals **r);
/* `account` was answered so; `peer` may be empty. Does nothing without an account. */
void refusals_note(struct refusals *r, struct span account, struct span peer,
                   const struct reply *reply);
/* It was removed. */
void refusals_forget(struct refusals *r, struct span account);
/* [{"at", "first", "times", "peer", "code", "status", "words"}], the latest first: a new reference.
 */
json_t *refusals_json(const struct refusals *r, struct span account);

/* Since when they are noted: wall clock. */
int64_t refusals_since(const struct refusals *r);

#endif
