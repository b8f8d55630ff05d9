/* http_parse: one request by llhttp, which is named here only. Of what llhttp lets through this
 * refuses what servers do not all read the same way. No waiting and no stream: bytes in, request
 * out. For this folder only. */
#ifndef PORT26_HTTP_HTTP_PARSE_H
#define PORT26_HTTP_HTTP_PARSE_H

#include "http/http_server.h"

#include <llhttp.h>

struct http_parse {
    llhttp_t parser;
    llhttp_settings_t settings;
    struct http_server_request *request;
    unsigned fields_max;
    struct span target;
    bool keep;     /* the client would like to go on */
    bool complete; /* the last octet of the request was read */
    /* Takes a piece of the body; 0 or a negative errno, which stands in `failed`. */
    int (*body)(void *arg, struct span bytes);
    void *arg;
    int failed;
};

enum { HTTP_PARSE_FOLDED = -2, HTTP_PARSE_BARE = -1, HTTP_PARSE_MORE = 0 };

/* Where a head (request line, fields, empty line) ends in these bytes: its length, or
 * HTTP_PARSE_MORE, or what is wrong with it: a CR or LF alone or NUL; a folded field. `seen`: how
 * many octets an earlier call looked at. */
ptrdiff_t http_parse_end(struct span bytes, size_t seen);
/* Reads a whole head, which must live in r->arena, into *r (arena set by the caller, else zero).
 * NULL, or what is wrong with it, and *status what to answer: 400, 431, 501, 505. */
const char *http_parse_head(struct http_parse *p, struct span head, unsigned fields_max,
                            struct http_server_request *r, unsigned *status);
/* Feeds bytes of the body; *used tells how many belong to it. NULL, or what is wrong. Stops when
 * `body` failed. */
const char *http_parse_body(struct http_parse *p, struct span bytes, size_t *used);

#endif
