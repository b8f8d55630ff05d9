/* usage_store: what the store knows of mailboxes (STORE_KIND_USAGE) and warnings
 * (STORE_KIND_WARNING). On the store thread, inside the transaction of what they belong to; changes
 * are differences, so what waits beside each other cannot overwrite. */
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
/* The account is gone; nothing of it stays. */
int usage_store_forget(struct store *s, struct span account, struct error *e);

/* The last warning, percent; 0: none is remembered. */
int usage_store_warned(struct store *s, bool is_host, struct span name, unsigned percent,
                       struct error *e);
/* Reads one: false when it is none. *name lives as long as key. */
bool usage_store_read_warned(struct span key, struct span value, bool *is_host, struct span *name,
                             unsigned *percent);

#endif
