/* usage_sums: the sum of the mailboxes of each hosting account, kept in the store
 * (STORE_KIND_HOSTED) beside the records it is the sum of (usage_store.h). On the store thread,
 * inside begin and commit. */
#ifndef PORT26_ACCOUNT_USAGE_SUMS_H
#define PORT26_ACCOUNT_USAGE_SUMS_H

#include "store/store.h"

struct usage_sum {
    int64_t octets, messages;
};

/* Also with a reader. One that is not there is nothing; one that is damaged is summed up from the
 * records. 0 or -1 with *e. */
int usage_sums_get(struct store *s, struct span host, struct usage_sum *out, struct error *e);
/* Adds a difference; what is damaged is summed up anew from the records, which must have the
 * difference by then. No hosting account (an empty name) is fine. */
int usage_sums_add(struct store *s, struct span host, struct usage_sum by, struct error *e);

struct usage_sums_found {
    struct span host;
    struct usage_sum was, is;
    bool wrong; /* what stood there, or it did not read: now `is` does */
};
typedef void usage_sums_fn(void *arg, const struct usage_sums_found *f);
/* Sums up anew from all records, for one hosting account, or for all (empty); then also the index
 * of the unsure, and records that are missing or of no account. fn (NULL: nobody) is called in the
 * middle, for each sum, wrong or not: it must not use the store. Time grows with the number of
 * accounts. */
int usage_sums_mend(struct store *s, struct span host, usage_sums_fn *fn, void *arg,
                    struct error *e);
/* A store from before there were sums gets them: at the opening, in one transaction of its own. */
int usage_sums_begin(struct store *s, struct error *e);

#endif
