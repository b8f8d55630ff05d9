/* trace: the header fields this server adds: Received (RFC 5321 section 4.4, RFC 3848), and Date
 * and Message-ID where a submission has none (RFC 6409 section 8). Nothing a peer says can break
 * out of its place in them (HOSTILE 45, 46, 98, 99). */
#ifndef PORT26_MAIL_TRACE_H
#define PORT26_MAIL_TRACE_H

#include "base/id.h"
#include "base/span.h"
#include "base/text.h"
#include "mail/envelope.h"

struct trace {
    const struct origin *origin; /* its account is not shown: a login is nobody's business */
    struct id id;
    struct span hostname; /* ours */
    int64_t wall_ms;
    struct span tls;       /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or empty */
    struct span recipient; /* the only one, or empty: more are nobody's business either */
};

/* Each appends whole lines with CR LF; false when they do not fit. */
bool trace_received(const struct trace *t, struct text *out);
bool trace_date(int64_t wall_ms, struct text *out);
bool trace_message_id(const struct id *id, struct span hostname, struct text *out);

#endif
