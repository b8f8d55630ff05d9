/* session_pages: the pages with which mail programs set themselves up, the one for people, and the
 * MTA-STS policy, for the domains that are ours. What is asked for a domain that is not ours is as
 * if it were not there, and whether a mailbox exists is told to nobody. For src/serve/session*.c
 * only.
 *
 *     GET  /mail/config-v1.1.xml?emailaddress=you@example.com       Thunderbird and others
 *     GET  /.well-known/autoconfig/mail/config-v1.1.xml             (without address: of the Host)
 *     POST /autodiscover/autodiscover.xml (any case)                Outlook
 *     GET  /autodiscover/autodiscover.xml                           where to POST, over plain HTTP
 *     GET  /autodiscover/autodiscover.json?Email=you@example.com&Protocol=AutodiscoverV1
 *     GET  /ANYTHING.mobileconfig?email=you@example.com             iOS, macOS
 *     GET  /settings?email=you@example.com                          people; / asks for an address
 *     GET  /.well-known/acme-challenge/TOKEN                        authorities (serve/challenge.h)
 *     GET  /.well-known/mta-sts.txt  for Host mta-sts.example.com, HTTPS only (RFC 8461)
 */
#ifndef PORT26_SERVE_SESSION_PAGES_H
#define PORT26_SERVE_SESSION_PAGES_H

#include "http/http_server.h"
#include "serve/session_parts.h"

struct session_pages {
    struct session *session;
    bool secure;      /* over TLS */
    bool posting;     /* a body is being read */
    struct text body; /* of the request */
};

/* True when it is one of them: *out is the answer, or has status 0: read the body. */
bool session_pages_head(struct session_pages *p, const struct http_server_request *r,
                        struct http_server_answer *out);
/* Does the page of that path take a POST? */
bool session_pages_takes(struct span path);
/* As those of http_server_calls, while `posting`. */
int session_pages_body(struct session_pages *p, struct span bytes);
struct http_server_answer session_pages_end(struct session_pages *p,
                                            const struct http_server_request *r, int failed);
/* Throws away what came of a body. */
void session_pages_reset(struct session_pages *p);

#endif
