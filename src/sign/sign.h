/* sign: DKIM signatures (RFC 6376, RFC 8463) for a message as it will leave: relaxed/relaxed,
 * without l=. It decides nothing: whoever calls has chosen domain and keys. Why not a library:
 * docs/why/dkim.md. */
#ifndef PORT26_SIGN_SIGN_H
#define PORT26_SIGN_SIGN_H

#include "base/arena.h"
#include "mail/message.h"
#include "tls/keypair.h"

enum {
    SIGN_HEADER_MAX = 1 << 20, /* octets of a header that is signed */
    SIGN_FIELDS_MAX = 300,     /* fields that one signature covers */
    SIGN_KEYS_MAX = 4,
    SIGN_TEXT_MAX = 64 << 10, /* all signatures of one message */
};

struct sign_key {
    struct span domain, selector; /* d= and s=: A-labels */
    const struct keypair *key;
};

struct sign_wish {
    const struct sign_key *keys;
    size_t count;    /* 1 to SIGN_KEYS_MAX; one signature each, in this order */
    int64_t now;     /* wall clock: t= */
    int64_t expires; /* wall clock: x=; 0: none */
};

/* Adds a DKIM-Signature field for each key to `out`, to be put before all else of the message.
 * Reads the content once, a file in pieces: blocks, so on a worker. 0, or -1 and *e: nothing was
 * added. */
int sign_message(const struct sign_wish *w, const struct content *content, struct text *out,
                 struct error *e);

/* Who a message says it is from: all addresses of its one From field. */
struct sign_author {
    struct span domain; /* that they share, canonical; empty: no From, several, none that can be
                           read, or different domains: nobody to sign for */
    struct span *addresses;
    size_t count;
};
/* All lives in `a`. */
void sign_author(struct span header, struct arena *a, struct sign_author *out);
/* The header of a content: all octets up to and with the blank line, in `out`. 0, or -1 and *e: it
 * is larger than out->max, or can not be read. */
int sign_header(const struct content *content, struct text *out, struct error *e);

#endif
