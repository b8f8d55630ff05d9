/* canon: the relaxed canonical forms of RFC 6376 3.4.2 and 3.4.4, as DKIM signs them. Lines end at
 * CR LF, and also at a CR or LF that stands alone, because that is what becomes of those when the
 * message leaves (mail/dot.h). */
#ifndef PORT26_SIGN_CANON_H
#define PORT26_SIGN_CANON_H

#include "base/text.h"

/* One header field. */
struct canon_field {
    struct span name;  /* as written, without blanks behind it */
    struct span value; /* all behind the colon, line ends inside; without the last one */
};

/* Takes the next field with its continuation lines off the front of *rest. Lines that are no field
 * (no colon, an empty name) are passed over. False at the blank line, which is taken too, and at
 * the end. */
bool canon_next(struct span *rest, struct canon_field *out);
/* "name:value" in the relaxed form, without CR LF. False when it does not fit. */
bool canon_field(const struct canon_field *f, struct text *out);

/* The body in the relaxed form, in pieces of any size: blanks become one and vanish at the end of a
 * line, empty lines vanish at the end of the body, a last line without its end gets one. Nothing is
 * kept but counters. */
struct canon_body {
    void (*out)(void *arg, struct span bytes);
    void *arg;
    uint64_t empty; /* lines that may be the last ones */
    bool text;      /* the line has some */
    bool blank;     /* and then blanks */
    bool cr;        /* a CR came just now */
};
void canon_body_init(struct canon_body *b, void (*out)(void *arg, struct span bytes), void *arg);
void canon_body_feed(struct canon_body *b, struct span bytes);
void canon_body_end(struct canon_body *b);

#endif
