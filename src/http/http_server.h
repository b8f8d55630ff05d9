/* http_server: the receiving side of HTTP/1.1 and 1.0 (RFC 9110, 9112) for one connection. One
 * request after the other is read, asked about and answered, in order, pipelined or not.
 *
 * The engine reads and answers; it never decides, resolves a name, or opens a file or socket. It is
 * handed a stream and asks struct http_server_calls. What it keeps by itself: the grammar, stricter
 * than the RFC where servers differ in reading it (so that no proxy before us can see other
 * requests than we do: line ends are CR LF, no folded fields, one Host, one Content-Length, or one
 * "Transfer-Encoding: chunked" and nothing else); limits; whole-stage deadlines (HOSTILE 41, 100);
 * nothing read or written between the last octet of a body and the answer of `end` (P1). */
#ifndef PORT26_HTTP_HTTP_SERVER_H
#define PORT26_HTTP_HTTP_SERVER_H

#include "base/arena.h"
#include "io/stream.h"

/* Milliseconds. */
struct http_server_times {
    int64_t idle;      /* until the first octet of a request */
    int64_t head;      /* from there to the end of its fields */
    int64_t body_idle; /* between two pieces of a body */
    int64_t body;      /* a whole body */
    int64_t answer;    /* the client's time to take an answer */
    int64_t linger;    /* for the rest of a body that nobody wants, so that the answer arrives */
    int64_t session;   /* the whole connection; a request under way is still answered. 0: none */
};

struct http_server_limits {
    size_t head;       /* octets of request line and fields */
    unsigned fields;   /* at most HTTP_SERVER_FIELDS_MAX */
    uint64_t body;     /* octets of one body; 0: no limit of ours */
    unsigned requests; /* in one connection */
};
enum { HTTP_SERVER_FIELDS_MAX = 200 };

/* Read for the life of a connection; the owner keeps it. */
struct http_server_settings {
    bool secure;          /* over TLS: answers carry Strict-Transport-Security */
    const bool *draining; /* may be NULL; once true: the running request is answered, then the
                             connection ends. One that waits idle is woken by fiber_cancel. */
    struct http_server_times times;
    struct http_server_limits limits;
};

struct http_server_field {
    struct span name, value; /* without blanks around it; any octets but control characters */
};

/* All spans live in the arena, until the request is answered. */
struct http_server_request {
    struct arena *arena;
    struct span method; /* "GET": case matters */
    struct span path;   /* as sent, "/a%20b", from "http://host/a" too; never resolved: what is not
                           known by its very name is not there */
    struct span query;  /* behind '?', or empty */
    struct http_server_field *fields;
    size_t count;
    bool has_body, chunked;
    uint64_t length; /* of a body that is not chunked */
    bool expects;    /* "Expect: 100-continue": it asks before it sends */
};

enum { HTTP_SERVER_EXTRAS = 6 };

/* Type and body are constant or live in the request's arena. */
struct http_server_answer {
    unsigned status; /* 200 to 599; 0 from `head`: go on and read the body */
    const char *type;
    struct span body; /* left out of the answer to HEAD by the engine */
    struct http_server_field extra[HTTP_SERVER_EXTRAS];
    size_t extra_count;
    bool close; /* end the connection behind it */
};

/* What the log hears of. */
#define HTTP_SERVER_EVENTS(X)                                                                      \
    X(HTTP_SERVER_BAD, "bad-request") /* words: what is wrong with it */                           \
    X(HTTP_SERVER_LIMIT, "limit")     /* words: which */                                           \
    X(HTTP_SERVER_TIMEOUT, "timeout") /* words: in which stage */                                  \
    X(HTTP_SERVER_LOST, "lost")       /* gone in the middle; words: in which stage */              \
    X(HTTP_SERVER_ANSWERED, "answered")
#define X(id, name) id,
enum http_server_event { HTTP_SERVER_EVENTS(X) };
#undef X
const char *http_server_event_name(enum http_server_event e);

/* The questions; `arg` is what http_server_run got. All run on the connection's fiber and may wait,
 * but reset and event. For each request: head; when that said status 0, body for each piece and
 * then exactly one of end or reset. */
struct http_server_calls {
    /* The fields are read. Any status but 0 is the answer; what there is of a body is then thrown
     * away, or the connection ends. */
    struct http_server_answer (*head)(void *arg, const struct http_server_request *r);
    /* 0, or a negative errno: no more is read, and end is told. */
    int (*body)(void *arg, const struct http_server_request *r, struct span bytes);
    /* `failed`: 0, what `body` returned, or -EMSGSIZE when the body grew past the limit. */
    struct http_server_answer (*end)(void *arg, const struct http_server_request *r, int failed);
    /* The body will never be whole: the client left, was slow, or broke the rules. */
    void (*reset)(void *arg, const struct http_server_request *r);
    /* Words are constant. */
    void (*event)(void *arg, enum http_server_event e, const char *words);
};

/* Times and limits to start with; all else zero. */
struct http_server_settings http_server_defaults(void);

/* Runs the whole dialogue on the calling fiber. 0: ended in good order. Negative errno: as
 * smtp_server_run. Closing the stream is the caller's. */
int http_server_run(struct stream *stream, const struct http_server_settings *settings,
                    const struct http_server_calls *calls, void *arg);

/* The value of a field (any case), or SPAN_NONE when it is not there. */
struct span http_server_field(const struct http_server_request *r, const char *name);

#endif
