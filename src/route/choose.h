/* choose: which way a recipient's mail leaves. Pure: rules in, route out. */
#ifndef PORT26_ROUTE_CHOOSE_H
#define PORT26_ROUTE_CHOOSE_H

#include "base/arena.h"
#include "mail/job.h"

/* One `route` of the configuration. Patterns: "example.com" (it alone), ".example.com" (it and all
 * below it), "*" (any), "user@example.com" (that mailbox). Domains in A-labels. An empty list
 * matches all. A rule matches when its `to` and its `from` do. */
struct route_rule {
    const struct span *to; /* of the recipient */
    size_t to_count;
    const struct span *from; /* of the sender; <> has no domain: matches "*" and the empty list */
    size_t from_count;
    enum route_kind via;
    struct span relay; /* name of the relay, for ROUTE_RELAY */
    struct span then;  /* its further ways as one text, "relay:isp, then mx", or empty */
};

struct route_rules {
    const struct route_rule *rule;
    size_t count;
    const struct span *local; /* domains with inboxes here, A-labels */
    size_t local_count;
    /* Further local domains; NULL: none. `domain` is canonical. */
    bool (*also_local)(void *arg, struct span domain);
    void *arg;
};

struct route {
    enum route_kind kind;
    struct span relay;       /* ROUTE_RELAY: its name */
    struct span domain;      /* of the recipient, canonical; a literal with its brackets */
    struct span destination; /* recipients with the same one share jobs and connections:
                                "mx:example.com", "relay:provider", "inbox",
                                "relay:provider, then relay:isp, then mx" */
    ptrdiff_t rule;          /* index of the rule that decided, -1: the default */
};

/* The first rule that matches decides. A local domain goes to its inbox unless a rule names the
 * domain or the mailbox itself: a catch-all for the world ("*") must not carry our own mail away.
 * Without a rule: inbox for local domains and for <postmaster>, else MX. Addresses as in the
 * envelope, without <>. The spans of *out point into the arena or the rules. */
void choose_route(const struct route_rules *rules, struct span sender, struct span recipient,
                  struct arena *a, struct route *out);

#endif
