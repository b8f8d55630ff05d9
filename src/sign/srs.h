/* srs: Sender Rewriting Scheme: a reverse-path of our own that carries a stranger's, so that SPF
 * holds where an alias leads to another host, and that can be turned back when a report comes
 * (Meng Weng Wong, "Sender Rewriting Scheme", 2003; written as libsrs2, Mail::SRS and postsrsd do):
 *
 *   SRS0=HASH=TT=domain=local@ours          local@domain, forwarded by us
 *   SRS1=HASH=first=REST@ours               SRS0REST@first, forwarded by `first` and then by us
 *
 * TT is the day in base32, HASH the first SRS_HASH characters of the base64 of HMAC-SHA-1 over what
 * comes after it, in lower case. Both are read in any case, for some servers change it on the way.
 * A quoted local part stays quoted as a whole. Pure functions; bounded by their texts. */
#ifndef PORT26_SIGN_SRS_H
#define PORT26_SIGN_SRS_H

#include "base/text.h"

enum {
    SRS_HASH =
        6, /* characters: 31 bits, guessed at a door that counts wrong ones; others write 4 */
    SRS_DAYS = 21,  /* so long an address is taken back: longer than any queue's lifetime */
    SRS_LOCAL = 64, /* octets of a local part (RFC 5321 4.5.3.1.1) */
    SRS_SECRETS = 4
};

/* The first one signs, all are accepted. Octets of any kind. */
struct srs_secrets {
    struct span at[SRS_SECRETS];
    size_t count; /* 1 at least */
};

enum srs_result {
    SRS_OK,
    SRS_NONE,   /* it does not look like one */
    SRS_FORGED, /* the hash is none of ours */
    SRS_OLD,    /* it was one of ours, for its days */
    SRS_LONG    /* it does not fit into a local part, or can not stand in one */
};

/* Does the local part of this address begin as ours do? */
bool srs_is(struct span address);
/* Adds the reverse-path at `domain` (ours, canonical) that stands for `sender`, an address that is
 * not <>. `wall` is in milliseconds. SRS_OK, or SRS_LONG and nothing is added. */
enum srs_result srs_forward(const struct srs_secrets *s, struct span sender, struct span domain,
                            int64_t wall, struct text *out);
/* Adds the address that stands behind one of ours; the caller has looked at its domain. SRS_OK, or
 * nothing is added. */
enum srs_result srs_back(const struct srs_secrets *s, struct span address, int64_t wall,
                         struct text *out);

#endif
