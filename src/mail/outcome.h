/* outcome: what became of one recipient in one attempt; made in the courier, kept by the keeper,
 * told to people. */
#ifndef PORT26_MAIL_OUTCOME_H
#define PORT26_MAIL_OUTCOME_H

#include "base/error.h"
#include "base/span.h"
#include "mail/reply.h"

enum outcome_kind {
    OUTCOME_DELIVERED, /* the next hop said 2xx to the final dot, or the inbox is synced */
    OUTCOME_RELAYED, /* the same, but to a host that does not take over DSN duties (RFC 3461 5.2.2)
                      */
    OUTCOME_LATER,   /* try again by the schedule */
    OUTCOME_NEVER,   /* permanent: report it */
};

/* Which stage the failure happened in; names as in the log and in `explain --stage`. */
#define STAGE_LIST(X)                                                                              \
    X(STAGE_NONE, "none")                                                                          \
    X(STAGE_DNS, "dns")                                                                            \
    X(STAGE_CONNECT, "connect")                                                                    \
    X(STAGE_GREETING, "greeting")                                                                  \
    X(STAGE_HELO, "helo")                                                                          \
    X(STAGE_STARTTLS, "starttls")                                                                  \
    X(STAGE_TLS, "tls")                                                                            \
    X(STAGE_AUTH, "auth")                                                                          \
    X(STAGE_MAIL, "mail")                                                                          \
    X(STAGE_RCPT, "rcpt")                                                                          \
    X(STAGE_DATA, "data")                                                                          \
    X(STAGE_DOT, "dot")                                                                            \
    X(STAGE_INBOX, "inbox")
#define X(id, name) id,
enum stage { STAGE_LIST(X) };
#undef X
const char *stage_name(enum stage s);
/* The stage of a name (either case); false when there is none. */
bool stage_parse(struct span name, enum stage *out);

/* How far a failure reaches: decides whether the next recipient, the next path or the whole route
 * is tried. */
enum outcome_scope {
    SCOPE_RECIPIENT,
    SCOPE_MESSAGE, /* every recipient of this message at this host */
    SCOPE_PATH,    /* this door: another one may do */
    SCOPE_ROUTE,   /* nothing else of this route will do either */
};

struct outcome {
    enum outcome_kind kind;
    enum outcome_scope scope;
    enum stage stage;
    enum owner owner;
    struct enhanced status; /* always set, ours when the peer gave none */
    bool waits_for_network; /* a change of place may help: wake it then */
    bool
        maybe_delivered; /* the connection died after the final dot: a duplicate is possible (P4) */
    struct span held; /* with maybe_delivered: "relay door", where the same message, sent again, is
                         known and not taken twice; else empty */
    bool explained;   /* the words are those of: */
    unsigned cause;   /* enum cause (cause.h) */
    struct span details; /* told within them; in English */
    struct span words;   /* ours: what happened, why, what to do next */
    struct span host;    /* name of the far host, or empty */
    struct span address; /* its address and port, "192.0.2.1:25" */
    struct span tls;     /* "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", or empty */
    struct reply reply;  /* the far server's own words, code 0 when there were none */
    struct span account; /* whose inbox the message was put into, or empty; never from a courier */
    uint64_t stored;     /* octets of the file that stands there now: what its quota is charged */
};

/* A copy whose spans live in the arena. */
void outcome_copy(struct arena *a, const struct outcome *from, struct outcome *to);

#endif
