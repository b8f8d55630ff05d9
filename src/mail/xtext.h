/* xtext: printable text in ESMTP parameters (RFC 3461 section 4): "+", "=" and whatever is not
 * printable ASCII stand as "+" and two upper-case hex digits. It is kept encoded wherever it is
 * stored, so that what it hides (a newline) never stands raw in a record, header or log. */
#ifndef PORT26_MAIL_XTEXT_H
#define PORT26_MAIL_XTEXT_H

#include "base/span.h"
#include "base/text.h"

/* Is it xtext, exactly? The empty span is. */
bool xtext_ok(struct span s);
/* Is it xtext that hides only printable ASCII and blanks? */
bool xtext_printable(struct span s);
/* Appends the bytes it stands for; false when it is no xtext or does not fit. What comes out may
 * hold any byte: show it with text_add_safe. */
bool xtext_decode(struct span s, struct text *out);
/* utf-8-addr-xtext of RFC 6533 section 3: an address beyond ASCII in printable ASCII, each
 * character that has to be as "\x{HEX}"; what is no UTF-8 becomes U+FFFD. False when it does not
 * fit. What it makes is xtext that stands for itself. */
bool xtext_utf8(struct span s, struct text *out);
/* Appends any bytes as xtext; false when they do not fit. */
bool xtext_encode(struct span s, struct text *out);

#endif
