/* digest: what of OpenSSL's digests is needed outside of TLS. */
#ifndef PORT26_TLS_DIGEST_H
#define PORT26_TLS_DIGEST_H

#include "base/span.h"

/* For names only (UUIDs): nothing may hang on it that somebody would want to forge. */
enum { DIGEST_SHA1 = 20 };
void digest_sha1(struct span s, unsigned char out[DIGEST_SHA1]);

#endif
