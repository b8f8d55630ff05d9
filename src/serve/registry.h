/* registry: the one place that changes who is here: hosting accounts, domains, aliases, accounts.
 * Some changes make one transaction: the store is written first, and only then the directory; all
 * of them happen or none. Where they are too many for one (others would wait for the store as long
 * as it takes), they are written in parts. Loop thread. */
#ifndef PORT26_SERVE_REGISTRY_H
#define PORT26_SERVE_REGISTRY_H

#include "serve/house.h"

struct registry;

/* The fields of an account that a change writes. */
enum registry_field {
    REGISTRY_VERIFIER = 1,
    REGISTRY_SENDERS = 2,
    REGISTRY_LOCK = 4, /* STORE_ACCOUNT_LOCKED of flags */
    REGISTRY_QUOTA = 8,
    REGISTRY_HOST = 16,
    REGISTRY_MESSAGES = 32,   /* limits of messages */
    REGISTRY_RECIPIENTS = 64, /* limits of recipients */
};

/* An empty set of changes. */
struct registry *registry_new(struct house *h);
/* Drops one that was not committed; nulls the pointer. */
void registry_free(struct registry **r);
size_t registry_count(const struct registry *r);

/* Each adds a change; all is copied. */
void registry_account_put(struct registry *r, const struct store_account *a);
/* One that is new: an error when there is one of its name by then. */
void registry_account_add(struct registry *r, const struct store_account *a);
/* Fields of an account that exists, as it stands in the store by then. With `expected` (a verifier)
 * nothing happens unless the account still has that one. */
void registry_account_change(struct registry *r, const struct store_account *to, unsigned fields,
                             struct span expected);
void registry_account_remove(struct registry *r, struct span name);
/* The same for one whose record does not read. */
void registry_account_discard(struct registry *r, struct span name);
void registry_host_put(struct registry *r, const struct store_host *h);
void registry_host_remove(struct registry *r, struct span name);
void registry_domain_put(struct registry *r, const struct store_domain *d);
void registry_domain_remove(struct registry *r, struct span name);
void registry_alias_put(struct registry *r, const struct store_alias *a);
void registry_alias_remove(struct registry *r, struct span address);

/* Writes them; done is called exactly once, later, from the loop; `e` is NULL when all is written
 * and in force. Takes the set over and nulls the pointer. `done` may be NULL. */
typedef void registry_done_fn(void *arg, const struct error *e);
void registry_commit(struct registry **r, registry_done_fn *done, void *arg);

/* ---- in parts ---- */

/* What of a set is written already, kept in the store with each part that is not the last. */
struct registry_part {
    int64_t stamp;         /* the caller's */
    uint64_t written, all; /* changes */
};
/* Writes what can be written in REGISTRY_PART_MS, in the order of the set, as one transaction, and
 * with it where the set stands, under `name` (the last part takes that away; empty: nowhere). The
 * set stays the caller's, who must leave it alone until done was called, and calls this again until
 * registry_left is 0. */
enum { REGISTRY_PART_MS = 10 };
void registry_commit_part(struct registry *r, struct span name, int64_t stamp,
                          registry_done_fn *done, void *arg);
size_t registry_left(const struct registry *r);
/* A set of that name that was broken off: STORE_GOT, STORE_ABSENT, or -1 with *e. */
int registry_part_get(struct house *h, struct span name, struct registry_part *out,
                      struct error *e);
/* All of them. -1 with *e. */
typedef void registry_part_fn(void *arg, struct span name, const struct registry_part *p);
int registry_parts(struct house *h, registry_part_fn *fn, void *arg, struct error *e);
/* Nobody will go on with that one. */
void registry_part_forget(struct registry *r, struct span name);

#endif
