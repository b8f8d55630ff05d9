/* registry: the one place that changes who is here: hosting accounts, domains, aliases, accounts.
 * Some changes make one transaction: the store is written first, and only then the directory; all
 * of them happen or none. Loop thread. */
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
/* Fields of an account that exists, as it stands in the store by then. With `expected` (a verifier)
 * nothing happens unless the account still has that one. */
void registry_account_change(struct registry *r, const struct store_account *to, unsigned fields,
                             struct span expected);
void registry_account_remove(struct registry *r, struct span name);
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

#endif
