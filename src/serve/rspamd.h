/* rspamd: what rspamd's answer to /checkv2 means for us: an action, and what it found out about the
 * sender as the Authentication-Results field of RFC 8601. Pure; the JSON is a stranger's as far as
 * the sender's domains stand in it. */
#ifndef PORT26_SERVE_RSPAMD_H
#define PORT26_SERVE_RSPAMD_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

/* From nothing to the worst; the names are rspamd's. */
#define RSPAMD_ACTION_LIST(X)                                                                      \
    X(RSPAMD_NONE, "no action")                                                                    \
    X(RSPAMD_MARK, "add header")                                                                   \
    X(RSPAMD_SUBJECT, "rewrite subject") /* we mark it instead: what was sent stays as it is */    \
    X(RSPAMD_GREYLIST, "greylist")                                                                 \
    X(RSPAMD_LATER, "soft reject")                                                                 \
    X(RSPAMD_REJECT, "reject")
#define X(id, name) id,
enum rspamd_action { RSPAMD_ACTION_LIST(X) };
#undef X
enum { RSPAMD_ANSWER_MAX = 1 << 20 };

struct rspamd_answer {
    enum rspamd_action action; /* one that we do not know is "no action" */
    struct span words;         /* for the sender's side, one line; or empty */
    struct span fields;        /* whole lines with CR LF, to stand before the message */
};

/* What it was asked about. */
struct rspamd_question {
    struct span host;   /* our name */
    struct span sender; /* the reverse-path; empty: then SPF was asked about `helo` */
    struct span helo;
};
/* Spans live in the arena. 0, or -1 and *e. */
int rspamd_read(struct span json, const struct rspamd_question *q, struct arena *a,
                struct rspamd_answer *out, struct error *e);

#endif
