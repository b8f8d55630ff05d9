/* challenge: the proofs with which an authority that issues certificates convinces itself that a
 * name leads here (ACME, RFC 8555 section 8.3). A program such as certbot writes each as a file,
 * the listener gives it to who asks; it cannot open files, so it asks the keeper. */
#ifndef PORT26_SERVE_CHALLENGE_H
#define PORT26_SERVE_CHALLENGE_H

#include "base/text.h"

#define CHALLENGE_PATH "/.well-known/acme-challenge/"

enum { CHALLENGE_TOKEN = 256, CHALLENGE_MAX = 4096 };

/* Is it one as RFC 8555 has them: base64url, so no dot and no slash? At most CHALLENGE_TOKEN. */
bool challenge_token_ok(struct span token);
/* Reads the file of that name below WEBROOT/.well-known/acme-challenge. Nothing else can be read:
 * no link, nothing but a plain file of at most CHALLENGE_MAX octets. False: there is none. */
bool challenge_read(const char *webroot, struct span token, struct text *out);

#endif
