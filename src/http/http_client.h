/* http_client: the asking side of HTTP/1.1 (RFC 9110, 9112) over a stream that somebody else
 * opened: one request after the other over one connection, also CONNECT through a proxy. For mail
 * by POST, where the connection must be ours: its certificate, its address, its deadline. What is
 * fetched from the web goes by fetch.h.
 *
 * Answers are strangers' words: heads and bodies are bounded, every stage has a deadline, redirects
 * are told and never followed. All calls run on a fiber. */
#ifndef PORT26_HTTP_HTTP_CLIENT_H
#define PORT26_HTTP_HTTP_CLIENT_H

#include "base/text.h"
#include "io/stream.h"

struct http_client;

enum { HTTP_CLIENT_HEAD_MAX = 65536, HTTP_CLIENT_FIELD = 256 };

struct http_client_request {
    const char *method;
    struct span target; /* "/path"; "host:port" for CONNECT */
    struct span fields; /* whole lines with CR LF: Host and the like */
    /* The body in pieces: 1 and *piece, 0 at its end, or a negative errno. NULL: no body. */
    int (*next)(void *arg, struct span *piece);
    void *arg;
    uint64_t size;  /* of the body */
    bool asks;      /* "Expect: 100-continue": what is refused anyway is not sent */
    size_t max;     /* octets of the answer's body */
    int64_t until;  /* for all of it, clock_now() ms */
    int64_t answer; /* ms for the answer, once all was sent */
};

struct http_client_answer {
    unsigned status;                   /* 0: none came whole */
    bool body_sent;                    /* all of the request's body went out */
    int content;                       /* negative errno of `next`, which ended it */
    char type[HTTP_CLIENT_FIELD];      /* fields, "" where there was none: Content-Type, */
    char challenge[HTTP_CLIENT_FIELD]; /* WWW-Authenticate (or Proxy-Authenticate), the first */
    char accepts[HTTP_CLIENT_FIELD];   /* Accept-Post */
    char wait[HTTP_CLIENT_FIELD];      /* Retry-After */
    char location[HTTP_CLIENT_FIELD];  /* Location */
    struct text body;                  /* free it by http_client_answer_free */
};

/* Over *stream, which stays the caller's to close after http_client_free. Never NULL. */
struct http_client *http_client_new(struct stream **stream);
/* Asks and waits for the whole answer. 0, or a negative errno: -ECONNRESET (it hung up in the
 * middle), -EPROTO (no HTTP), -EMSGSIZE (the answer is too long), -ETIMEDOUT, -ECANCELED. Fills
 * *out always. */
int http_client_ask(struct http_client *c, const struct http_client_request *r,
                    struct http_client_answer *out);
void http_client_answer_free(struct http_client_answer *a);
/* May another request follow? Looks without waiting. */
bool http_client_usable(struct http_client *c);
/* Is the body out and its answer not here? Then a break leaves open what became of it. */
bool http_client_waits(const struct http_client *c);
/* Frees it, not the stream; nulls the pointer; NULL is fine. */
void http_client_free(struct http_client **c);

#endif
