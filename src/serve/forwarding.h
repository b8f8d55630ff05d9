/* forwarding: the reverse-path of mail from outside that an alias sends on to another host (SRS,
 * sign/srs.h), and the reports that come back to it. Its secrets are made here, kept in the store
 * and changed every three months; those before are accepted as long as an address of theirs is
 * good. What does not fit into a local part is kept in the store for as long. In the keeper, on the
 * loop thread. docs/why/incoming.md */
#ifndef PORT26_SERVE_FORWARDING_H
#define PORT26_SERVE_FORWARDING_H

#include "serve/house.h"

struct forwarding;

enum {
    FORWARDING_REPORTS = 100,    /* so many an hour come back to one sender */
    FORWARDING_KEPT_MAX = 200000 /* addresses that did not fit */
};

/* Reads the secrets, or makes the first; no other thread may use the store yet. NULL and *e. */
struct forwarding *forwarding_open(struct house *h, struct error *e);
void forwarding_close(struct forwarding **f);
/* From now on there is a store thread to write with. */
void forwarding_start(struct forwarding *f);
/* Changes the secret and forgets what is over, when it is time. Call it every few minutes. */
void forwarding_tidy(struct forwarding *f);

/* Is this sender one whose reverse-path changes where an alias leads elsewhere: neither <> nor
 * ours, and the settings want SRS? */
bool forwarding_wanted(const struct forwarding *f, struct span sender);
/* The reverse-path with which such a message leaves: an address of ours, in `a`; else `sender`
 * itself.
 */
struct span forwarding_leaving(struct forwarding *f, struct span sender, struct arena *a);

enum forwarding_way {
    FORWARDING_NONE, /* not such an address */
    FORWARDING_BACK, /* *to is whom it stands for, in the arena */
    FORWARDING_REFUSED
};
/* Is the recipient such an address of ours? A refusal (550, or 451 when the store could not say)
 * has its words in the arena. */
enum forwarding_way forwarding_back(struct forwarding *f, struct span recipient, struct arena *a,
                                    struct span *to, struct reply *refusal);
/* Counts a report on its way back to `to`: code 0, or 451 when that are too many. */
struct reply forwarding_count(struct forwarding *f, struct span to, struct arena *a);
/* What is to be said of a message that is no report (its sender is not <>). */
struct reply forwarding_no_report(struct span recipient, struct arena *a);

#endif
