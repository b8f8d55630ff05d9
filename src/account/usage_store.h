/* usage_store: what the store knows of mailboxes (STORE_KIND_USAGE), of their sum for each hosting
 * account (STORE_KIND_HOSTED), of those that are to be counted (STORE_KIND_UNSURE), and of warnings
 * (STORE_KIND_WARNING). On the store thread, inside the transaction of what they belong to; changes
 * are differences, so what waits beside each other cannot overwrite.
 *
 * After each of these calls it is true of the store that
 *  - only accounts have records, and each account has one;
 *  - the sum of a hosting account is that of the records of the accounts which the store says are
 *    its own; a sum of nothing is not there;
 *  - an account stands among the unsure exactly when its record wants it to be counted.
 * usage_sums_mend finds what is not so. */
#ifndef PORT26_ACCOUNT_USAGE_STORE_H
#define PORT26_ACCOUNT_USAGE_STORE_H

#include "store/store.h"

/* Of one Maildir. Signed: a removal may come to the store before the delivery of the same mail. */
struct usage_record {
    int64_t octets, messages;
    uint32_t removals; /* under way: the files may be gone already */
    bool unsure;       /* to be counted at the next chance */
};

/* False when the value is no record. */
bool usage_store_read(struct span value, struct usage_record *out);
/* Must its Maildir be counted? */
bool usage_store_wants_count(const struct usage_record *r);
/* A value of that kind whose beginning is one of a record, and `rest` the other part of it. Returns
 * as usage_store_get. */
int usage_store_value(struct store *s, enum store_kind kind, struct span name, const char *rest,
                      struct usage_record *out, struct error *e);
/* The record of an account. STORE_GOT; STORE_ABSENT or STORE_BROKEN: *out is zero, and unsure; -1
 * with *e. */
int usage_store_get(struct store *s, struct span account, struct usage_record *out,
                    struct error *e);

/* ---- mailboxes: STORE_GOT; STORE_ABSENT: there is no such account (any more), and nothing
 * changed; -1 with *e ---- */

/* Adds a difference. With unsure the mark is set, and stays until usage_store_set. */
int usage_store_add(struct store *s, struct span account, const struct usage_record *difference,
                    struct error *e);
/* Files are about to be removed: a start from here counts them anew. */
int usage_store_removing(struct store *s, struct span account, struct error *e);
/* They are removed; octets and messages are negative. */
int usage_store_removed(struct store *s, struct span account, int64_t octets, int64_t messages,
                        struct error *e);
/* It was counted. */
int usage_store_set(struct store *s, struct span account, uint64_t octets, uint64_t messages,
                    struct error *e);

/* ---- accounts: instead of store_account_put and store_account_remove ---- */

/* A new one is to be counted: its Maildir may be there already. One that moves takes its amounts
 * with it. */
int usage_store_account_put(struct store *s, const struct store_account *to, struct error *e);
/* As store_account_remove; nothing of it stays. */
int usage_store_account_remove(struct store *s, struct span account, struct error *e);
/* The same for one whose record does not read (else nothing happens: STORE_ABSENT). *host (in `a`):
 * the hosting account whose sum was made anew; empty: it belonged to none. */
int usage_store_account_discard(struct store *s, struct span account, struct arena *a,
                                struct span *host, struct error *e);

/* ---- warnings ---- */

/* The last warning, percent; 0: none is remembered. */
int usage_store_warned(struct store *s, bool is_host, struct span name, unsigned percent,
                       struct error *e);
/* 0 and *percent, or -1 with *e. */
int usage_store_get_warned(struct store *s, bool is_host, struct span name, unsigned *percent,
                           struct error *e);

#endif
