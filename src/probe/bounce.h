/* bounce: a message that came back. Reads the report for programs (RFC 3464) and, where there is
 * none, leaves the text for people to said.h and phrase.h. */
#ifndef PORT26_PROBE_BOUNCE_H
#define PORT26_PROBE_BOUNCE_H

#include "base/arena.h"
#include "mail/reply.h"

enum { BOUNCE_RECIPIENTS_MAX = 32 };

struct bounce_recipient {
    struct span address; /* Final-Recipient without its type; escaped, as all here */
    struct span action;  /* "failed", "delayed", ... */
    struct enhanced status;
    struct span diagnostic_type; /* "smtp", "x-postfix", ... */
    struct span diagnostic;      /* its words */
    struct span remote;          /* Remote-MTA without its type */
};

struct bounce {
    bool report; /* it has a report for programs */
    struct span subject;
    struct span reporter; /* Reporting-MTA */
    struct span text;     /* for people, as it came: not escaped */
    struct bounce_recipient at[BOUNCE_RECIPIENTS_MAX];
    size_t count;
};

/* Does the text begin with the header of a message? */
bool bounce_is_message(struct span text);
/* False when it cannot be read as a message. */
bool bounce_read(struct span message, struct bounce *out, struct arena *a);

#endif
