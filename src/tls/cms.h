/* cms: a signature around text (RFC 5652, DER) by a server's certificate and its chain, for readers
 * who trust the same authorities as TLS does. */
#ifndef PORT26_TLS_CMS_H
#define PORT26_TLS_CMS_H

#include "base/text.h"
#include "tls/tls.h"

enum { CMS_ROOM = 65536 }; /* octets that signature and certificates take at most */

/* Adds `bytes` with the signature around them, made with the default certificate of a server's
 * context. 0, or -1 and *e. */
int cms_sign(const struct tls_context *c, struct span bytes, struct text *out, struct error *e);

#endif
