/* envelope: who sends to whom, and how it may travel (RFC 5321, 3461, 6152, 6531). Plain data:
 * spans point into the arena of whoever made it. */
#ifndef PORT26_MAIL_ENVELOPE_H
#define PORT26_MAIL_ENVELOPE_H

#include "base/arena.h"
#include "base/id.h"
#include "base/span.h"

enum dsn_ret { RET_UNSET, RET_FULL, RET_HDRS };

/* RFC 3461 4.1; bits. 0: not given, which means failure (and delay) reports. */
enum dsn_notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

/* What the content needs from the next hop; bits. */
enum envelope_need {
    NEED_8BIT = 1, /* has bytes above 127 in the body (found by looking, or BODY=8BITMIME) */
    NEED_UTF8 = 2, /* MAIL had SMTPUTF8 (RFC 6531) */
};

struct recipient {
    struct span address; /* as given, without <> */
    struct span orcpt;   /* "rfc822;..." as xtext, or empty */
    unsigned notify;     /* enum dsn_notify bits */
    bool forwarded;      /* an alias here leads to it, on another host; never in a letter */
    struct span asked;   /* the alias or catch-all that led to it, which refusals name; empty: none.
                            While a message is accepted: neither in a letter nor in the store */
};

struct envelope {
    struct id id;
    struct span sender; /* reverse-path without <>; empty: <> */
    struct span envid;  /* as xtext, or empty */
    enum dsn_ret ret;
    unsigned need; /* enum envelope_need bits */
    struct recipient *recipients;
    size_t count;
};

/* Who handed it over and how: for the trace, the log and `queue show`. */
struct origin {
    struct span account; /* login it was accepted for; empty: none */
    struct span
        peer; /* address of the client, "192.0.2.1"; empty: the local machine's CLI or ourselves */
    struct span helo;
    struct span door; /* the door's name */
    struct span with; /* "ESMTPSA" and the like (RFC 3848), "local" */
};

/* A copy whose spans live in the arena. */
void envelope_copy(struct arena *a, const struct envelope *from, struct envelope *to);

#endif
