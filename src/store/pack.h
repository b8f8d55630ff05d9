/* pack: records as bytes. A record begins with its kind and version, holds numbers (little groups
 * of seven bits) and counted spans, and ends with a seal (CRC-64), so that a damaged one is known
 * before anything of it is used (R3). All drivers keep the same bytes. */
#ifndef PORT26_STORE_PACK_H
#define PORT26_STORE_PACK_H

#include "base/arena.h"
#include "base/text.h"
#include "store/store.h"

enum { PACK_MAX = 32 << 20 };

/* What stands in a head besides the head for people: how the body proves itself. */
struct pack_body {
    uint64_t crc; /* of prefix and body together */
    uint64_t prefix_size;
    uint64_t body_size;
};

/* Each writes one whole record; false when it is larger than the text's maximum. */
bool pack_head(struct text *t, const struct message *m, int64_t born, const struct pack_body *body);
bool pack_recipient(struct text *t, const struct store_recipient *r);
bool pack_event(struct text *t, const struct store_event *ev);
bool pack_account(struct text *t, const struct store_account *acc);
bool pack_host(struct text *t, const struct store_host *h);
bool pack_domain(struct text *t, const struct store_domain *d);
bool pack_alias(struct text *t, const struct store_alias *al);
/* Octets of another part. */
bool pack_value(struct text *t, struct span value);

/* Each reads one whole record into `a`; false when it is damaged or of a kind or version not known.
 * pack_read_head leaves id, state, words unset and sets all recipients to their first state. */
bool pack_read_head(struct span record, struct arena *a, struct store_head *out,
                    struct pack_body *body);
bool pack_read_recipient(struct span record, struct arena *a, struct store_recipient *out);
bool pack_read_event(struct span record, struct arena *a, struct store_event *out);
/* The name is not part of the record, here and below. */
bool pack_read_account(struct span record, struct arena *a, struct store_account *out);
bool pack_read_host(struct span record, struct store_host *out);
bool pack_read_domain(struct span record, struct arena *a, struct store_domain *out);
bool pack_read_alias(struct span record, struct arena *a, struct store_alias *out);
/* *value points into the record. */
bool pack_read_value(struct span record, struct span *value);

#endif
