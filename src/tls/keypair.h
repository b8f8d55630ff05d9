/* keypair: private keys that sign text, and the digest that goes with them (DKIM: RFC 6376 3.3,
 * RFC 8463). A private key is loaded once and never comes out again. */
#ifndef PORT26_TLS_KEYPAIR_H
#define PORT26_TLS_KEYPAIR_H

#include "base/error.h"
#include "base/text.h"

enum keypair_kind { KEYPAIR_RSA, KEYPAIR_ED25519 };

enum {
    KEYPAIR_RSA_BITS = 2048, /* of those we make; loaded ones have 1024 to 4096 */
    KEYPAIR_PRIVATE_MAX = 4096,
    KEYPAIR_PUBLIC_MAX = 1024,
    KEYPAIR_SIGNATURE_MAX = 512,
    KEYPAIR_DIGEST = 32, /* octets of a SHA-256 */
};

struct keypair;

/* Makes a key and adds it as PEM (PKCS #8) to `pem`, a secret: text_wipe it. RSA takes some tenths
 * of a second: not on a loop's thread. 0, or -1 and *e. */
int keypair_make(enum keypair_kind kind, struct text *pem, struct error *e);
/* Reads one from PEM. NULL and *e, which tells nothing of the key. */
struct keypair *keypair_load(struct span pem, struct error *e);
/* Nulls the pointer; NULL is fine. */
void keypair_free(struct keypair **k);
enum keypair_kind keypair_kind_of(const struct keypair *k);
/* Adds the public part as DKIM publishes it, in base64: RSA as SubjectPublicKeyInfo, Ed25519 as its
 * bare 32 octets (RFC 8463 4). */
bool keypair_public(const struct keypair *k, struct text *out);
/* Adds the signature of `text` in base64: RSA by PKCS #1 v1.5 over SHA-256, Ed25519 over the
 * SHA-256 of the text (RFC 8463 3). Any thread, also several with one key. 0, or -1 and *e. */
int keypair_sign(const struct keypair *k, struct span text, struct text *out, struct error *e);

/* SHA-256 of bytes that come in pieces. */
struct keypair_digest;
struct keypair_digest *keypair_digest_new(void);
void keypair_digest_add(struct keypair_digest *d, struct span bytes);
/* Adds the digest in base64, frees, nulls the pointer. `out` NULL: only frees. */
void keypair_digest_end(struct keypair_digest **d, struct text *out);

#endif
