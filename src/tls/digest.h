/* digest: what of OpenSSL's digests is needed outside of TLS. */
#ifndef PORT26_TLS_DIGEST_H
#define PORT26_TLS_DIGEST_H

#include "base/span.h"

/* For names only (UUIDs): nothing may hang on it that somebody would want to forge. */
enum { DIGEST_SHA1 = 20, DIGEST_MAX = 64 };
void digest_sha1(struct span s, unsigned char out[DIGEST_SHA1]);
/* Keyed (RFC 2104); any key, empty included. */
void digest_hmac_sha1(struct span key, struct span s, unsigned char out[DIGEST_SHA1]);

/* The digest of `a` and then `b`, as password hashes of other systems are made. False: no memory.
 */
enum digest_of { DIGEST_OF_SHA1, DIGEST_OF_SHA256, DIGEST_OF_SHA512 };
bool digest_both(enum digest_of kind, struct span a, struct span b, unsigned char out[DIGEST_MAX]);

#endif
