/* utf8: reading UTF-8 exactly (RFC 3629): no overlong form, no surrogate, nothing past U+10FFFF. */
#ifndef PORT26_MAIL_UTF8_H
#define PORT26_MAIL_UTF8_H

#include "base/span.h"

/* Reads the first code point; returns how many bytes it takes, 0 when there is none or it is not
 * well formed. */
size_t utf8_decode(struct span s, uint32_t *code);
/* Is the whole span well formed? Pure ASCII is. */
bool utf8_ok(struct span s);
/* Any byte above 127? */
bool utf8_high(struct span s);

#endif
