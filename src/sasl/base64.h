/* base64: RFC 4648 section 4, strict: whole groups of four, padding only at the end, unused bits
 * zero, no white space, nothing else. */
#ifndef PORT26_SASL_BASE64_H
#define PORT26_SASL_BASE64_H

#include "base/text.h"

/* Adds the text for these bytes; false when it does not fit. */
bool base64_encode(struct span bytes, struct text *out);
/* Adds the bytes; false (nothing added) when `s` is not base64 or does not fit. The empty span is
 * fine. The bytes may hold NUL. */
bool base64_decode(struct span s, struct text *out);

#endif
