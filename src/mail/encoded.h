/* encoded: words beyond ASCII in header fields (RFC 2047), for the fields we write ourselves. */
#ifndef PORT26_MAIL_ENCODED_H
#define PORT26_MAIL_ENCODED_H

#include "base/span.h"
#include "base/text.h"

/* Each appends one whole field with CR LF; false when it does not fit. Control characters become
 * blanks, bytes that are no UTF-8 become "?". Long lines are folded where there are blanks. */
bool encoded_field(const char *name, struct span words, struct text *out);
/* "From: Name <address>"; without a name the address alone. */
bool encoded_mailbox(const char *name, struct span person, struct span address, struct text *out);

#endif
