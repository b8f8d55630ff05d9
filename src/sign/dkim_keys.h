/* dkim_keys: the DKIM keys of one domain, as they lie in the store, and the state each is in. A
 * pair is one RSA and one Ed25519 key, made and changed together:
 *
 *     new ──(seen in DNS, or `wait` over)──▶ active ──(a newer one is active)──▶ retiring
 *                                                       ──(`overlap` over)──▶ gone
 *
 * States are not stored: they follow from two times of each pair. docs/why/dkim.md. */
#ifndef PORT26_SIGN_DKIM_KEYS_H
#define PORT26_SIGN_DKIM_KEYS_H

#include "base/arena.h"
#include "tls/keypair.h"

#define DKIM_KEYS_STATES(X)                                                                        \
    X(DKIM_NEW, "new")           /* to be published; does not sign */                              \
    X(DKIM_ACTIVE, "active")     /* published, signs */                                            \
    X(DKIM_RETIRING, "retiring") /* published, does not sign any more */                           \
    X(DKIM_GONE, "gone")         /* may be forgotten */
#define X(id, name) id,
enum dkim_state { DKIM_KEYS_STATES(X) };
#undef X
const char *dkim_keys_state_name(enum dkim_state s);

enum {
    DKIM_PAIRS_MAX = 8,
    DKIM_KINDS = 2,     /* of keys in a pair: enum keypair_kind */
    DKIM_STEM_MAX = 40, /* octets of the part of a selector that a pair shares */
    DKIM_RECORD_MAX = 60000,
};

struct dkim_pair {
    struct span stem;                  /* "p26-202611"; selectors are stem-rsa and stem-ed */
    int64_t created;                   /* wall clock */
    int64_t active;                    /* wall clock: signs from then on; 0: not seen in DNS yet */
    struct span pem[DKIM_KINDS];       /* by enum keypair_kind; secrets */
    struct span published[DKIM_KINDS]; /* base64, as it is published */
    enum dkim_state state;             /* by dkim_keys_look */
};

struct dkim_keys {
    struct dkim_pair pair[DKIM_PAIRS_MAX]; /* oldest first */
    size_t count;
};

/* Reads a record; spans point into it. False: it is damaged. */
bool dkim_keys_read(struct span record, struct dkim_keys *out);
/* Writes it: a secret, so make room first. False: it does not fit. */
bool dkim_keys_write(const struct dkim_keys *k, struct text *out);

/* How long things take, milliseconds. */
struct dkim_times {
    int64_t wait;    /* a new pair becomes active after this even when nobody saw it; 0: never */
    int64_t overlap; /* how long a retiring one stays published */
};
/* Sets the states as of `now`. */
void dkim_keys_look(struct dkim_keys *k, const struct dkim_times *t, int64_t now);
/* The pair in this state, the newest of several, or NULL. After dkim_keys_look. */
struct dkim_pair *dkim_keys_in(struct dkim_keys *k, enum dkim_state state);
/* Drops the pairs that are gone. After dkim_keys_look. */
void dkim_keys_sweep(struct dkim_keys *k);
/* Adds a pair with new keys, with a stem that no other has; texts live in `a`. The first pair of a
 * domain is active at once. Slow (RSA): on a worker. -1 and *e: a pair is new already, there are
 * too many, or no key could be made. After dkim_keys_look. */
int dkim_keys_make(struct dkim_keys *k, int64_t now, struct arena *a, struct error *e);
/* Overwrites the secrets that the spans show. */
void dkim_keys_wipe(struct dkim_keys *k);
/* "stem-rsa", "stem-ed". */
bool dkim_keys_selector(const struct dkim_pair *p, enum keypair_kind kind, struct text *out);
/* Where it is published: "stem-rsa._domainkey.domain". */
bool dkim_keys_name(const struct dkim_pair *p, enum keypair_kind kind, struct span domain,
                    struct text *out);
/* The text that is published there (RFC 6376 3.6.1, RFC 8463 4). */
bool dkim_keys_record(const struct dkim_pair *p, enum keypair_kind kind, struct text *out);

#endif
