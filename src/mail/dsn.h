/* dsn: a report about a message's delivery as a message of its own (RFC 3464, RFC 6522, RFC 6533):
 * first in plain words (what happened, who can repair it, what to do), then for programs, then the
 * message it is about, or its header.
 *
 * Nothing a peer said can change the report's shape: its words are made safe, and the boundary
 * occurs nowhere else. */
#ifndef PORT26_MAIL_DSN_H
#define PORT26_MAIL_DSN_H

#include "base/id.h"
#include "base/span.h"
#include "base/text.h"
#include "mail/envelope.h"
#include "mail/outcome.h"

enum {
    DSN_FULL_MAX = 1 << 20,   /* a bigger message goes back with its header only */
    DSN_HEADER_MAX = 1 << 16, /* of the header, when it goes back alone */
};

enum dsn_kind {
    DSN_FAILED,
    DSN_DELAYED, /* it is still being tried */
    DSN_SUCCESS, /* asked for by NOTIFY=SUCCESS */
};

/* Of what people read; programs read the same in all. The rows stand in dsn_texts.c. */
enum dsn_language { DSN_ENGLISH, DSN_GERMAN, DSN_LANGUAGES };

struct dsn_recipient {
    struct span address;
    struct span orcpt; /* "rfc822;..." as xtext, or empty */
    const struct outcome *outcome;
    bool expanded;       /* DSN_SUCCESS only: it stands for several, who have the mail to come */
    unsigned attempts;   /* 0: not told */
    int64_t last_try;    /* wall ms; 0: not told */
    int64_t retry_until; /* wall ms, DSN_DELAYED only; 0: not told */
};

struct dsn_report {
    enum dsn_kind kind;
    enum dsn_language language;
    struct span hostname;   /* ours */
    struct span postmaster; /* whom people may write to; empty: MAILER-DAEMON@hostname */
    struct id id;           /* of the report */
    struct id about;        /* of the message it is about */
    struct span sender;     /* whom the report goes to; never empty (P3: never a report about <>) */
    struct span envid;      /* as xtext, or empty */
    enum dsn_ret ret;       /* the whole message goes back only for RET_FULL and DSN_FAILED */
    int64_t now, arrival;   /* wall ms */
    const struct dsn_recipient *recipients; /* at least one */
    size_t count;
    struct span header; /* of the message, its blank line included or not */
    struct span body;   /* or SPAN_NONE */
};

/* Appends the whole report, CR LF lines, ready to be queued from <> to the sender. *need gets what
 * it needs from the next hop (enum envelope_need bits). False when it does not fit in out. */
bool dsn_compose(const struct dsn_report *r, struct text *out, unsigned *need);

/* One of many reports to the same sender: as it would go out alone. */
struct dsn_part {
    struct span whole; /* header and body, CR LF lines */
    unsigned need;     /* enum envelope_need bits */
};

struct dsn_bundle {
    enum dsn_language language;
    struct span hostname, postmaster, sender; /* as in dsn_report */
    struct id id;                             /* of the bundle */
    int64_t now;
    const struct dsn_part *parts; /* at least one */
    size_t count;
};

/* Appends one mail that holds each of these reports whole: words for people with the subjects of
 * all, then a multipart/digest (RFC 2046 5.1.5). *need and the result are as above. */
bool dsn_bundle(const struct dsn_bundle *b, struct text *out, unsigned *need);

#endif
