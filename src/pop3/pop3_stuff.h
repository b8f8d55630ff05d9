/* pop3_stuff: a stored message as RETR and TOP send it (RFC 1939 3): CR LF at each line's end, dots
 * doubled, a final dot. Not mail/dot.h: that one breaks the line at a CR that stands alone, for the
 * sake of servers behind us; here every octet must arrive as it is stored, and LIST must tell how
 * many come (maildir/vsize.h counts in the same way). */
#ifndef PORT26_POP3_POP3_STUFF_H
#define PORT26_POP3_POP3_STUFF_H

#include "base/text.h"

/* Zeroed: at the beginning of a message. */
struct pop3_stuff {
    bool inside; /* a line; else at the start of one */
    bool cr;     /* the last octet was a CR */
};

enum { POP3_STUFF_GROWTH = 2 }; /* at worst an octet becomes two; the end 5 more */

/* Adds these octets; any split will do. */
void pop3_stuff_add(struct pop3_stuff *s, struct span bytes, struct text *out);
/* Ends the last line if it has no end, and adds the final dot. */
void pop3_stuff_end(struct pop3_stuff *s, struct text *out);

#endif
