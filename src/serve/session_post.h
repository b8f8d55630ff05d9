/* session_post: one submission by POST (docs/https.md): reads login and envelope from the fields of
 * a request, asks the keeper what SMTP would ask it, collects the body, and answers in JSON. For
 * src/serve/session*.c only. */
#ifndef PORT26_SERVE_SESSION_POST_H
#define PORT26_SERVE_SESSION_POST_H

#include "http/http_server.h"
#include "serve/session_parts.h"

struct session_recipient {
    struct span address;
    struct reply reply;
};

struct session_post {
    struct session *session;
    const struct tls_info *tls;
    unsigned logins_failed; /* in this connection */
    /* of the request */
    struct arena *arena;
    struct envelope envelope;
    struct session_recipient *recipients; /* all that were named */
    size_t recipient_count;
    struct span key;
    uint64_t digest; /* of sender, recipients and body as they came */
    uint64_t size;   /* octets of the body as stored */
    bool cr, open;   /* the last octet was a CR; was no LF */
    bool bare;       /* a CR stood alone */
};

/* GET and HEAD: tells that mail is taken here, and whether the login that came along is good. */
struct http_server_answer session_post_look(struct session_post *p,
                                            const struct http_server_request *r);
/* Login, envelope, policy. Status 0: send the body. */
struct http_server_answer session_post_begin(struct session_post *p,
                                             const struct http_server_request *r);
/* As body of http_server_calls. */
int session_post_body(struct session_post *p, struct span bytes);
struct http_server_answer session_post_end(struct session_post *p, int failed);

#endif
