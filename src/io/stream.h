/* stream: bytes both ways, as a stack of filters with one face. At the bottom a socket; above it
 * TLS (tls/), a transcript, a pipe for tests. Calls block the fiber, not the process.
 *
 * Every read and write ends by the stream's deadline, which covers a whole stage and not one
 * packet: slow bytes do not buy time (HOSTILE 100). Errors are negative errno: -ETIMEDOUT,
 * -ECANCELED, -ECONNRESET, -EPIPE, -EPROTO (TLS)... */
#ifndef PORT26_IO_STREAM_H
#define PORT26_IO_STREAM_H

#include "base/span.h"
#include "io/loop.h"

#include <sys/types.h>

struct stream;

/* What a filter provides. Each gets itself; `below` is the next filter down (NULL at the bottom).
 */
struct stream_ops {
    const char *name;
    /* At most n bytes, at least 1; 0 at end of stream; negative errno. Waits until the deadline. */
    ssize_t (*read)(struct stream *s, char *buf, size_t n);
    /* As read, but -EAGAIN instead of waiting. */
    ssize_t (*read_now)(struct stream *s, char *buf, size_t n);
    /* All n bytes or a negative errno. */
    int (*write)(struct stream *s, const char *buf, size_t n);
    /* Says good-bye (TLS close_notify) without waiting long; may be NULL. */
    void (*shutdown)(struct stream *s);
    /* Frees what the filter owns except `below`. */
    void (*free)(struct stream *s);
};

/* A filter embeds this as its first member. */
struct stream {
    const struct stream_ops *ops;
    struct stream *below;
    int64_t deadline; /* clock_now() milliseconds; only the top's counts, see stream_deadline */
};

/* ---- use ---- */
ssize_t stream_read(struct stream *s, char *buf, size_t n);
ssize_t stream_read_now(struct stream *s, char *buf, size_t n);
int stream_write(struct stream *s, struct span bytes);
/* Sets the deadline of the whole stack, as clock_now() milliseconds. */
void stream_deadline(struct stream *s, int64_t at);
/* Last words to a peer that may be gone: they are given two seconds, and nobody is told when they
 * do not arrive. */
void stream_farewell(struct stream *s, struct span words);
/* Shuts down and frees the whole stack; nulls the pointer; NULL is fine. Never waits longer than a
 * second. */
void stream_close(struct stream **s);
/* Nothing more will be written (close_notify, FIN), but reading goes on: the peer sees the end of
 * our last words at once, and what it still sends can be read away before the stream is closed. */
void stream_finish(struct stream *s);
/* Frees the whole stack and resets the connection at once (no close_notify): for peers that break
 * the rules. */
void stream_abort(struct stream **s);
/* Puts `top` over *s: *s becomes top. */
void stream_push(struct stream **s, struct stream *top);
/* The bottom's descriptor, or -1 for a pipe. */
int stream_fd(const struct stream *s);

/* ---- bottoms ---- */
/* Takes over a connected socket (a byte stream; no descriptors may be passed over it). Until
 * stream_deadline is called, its deadline and that of a pipe is five minutes off. At most one fiber
 * may wait to read and one to write; outside of fibers -EAGAIN comes instead of a wait. */
struct stream *stream_socket(struct loop *l, int fd);
/* Two ends of a pipe in memory, for tests: what one writes the other reads. Each end holds at most
 * `max` bytes, then the writer waits. Closing one end gives the other EOF. */
void stream_pipe(struct loop *l, size_t max, struct stream **a, struct stream **b);

struct sockaddr;
/* Connects a TCP socket from inside a fiber. `from` may be NULL. On success *out is a stream; else
 * negative errno as the kernel said it (-ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT...). */
int stream_connect(struct loop *l, const struct sockaddr *to, const struct sockaddr *from,
                   int64_t deadline, struct stream **out);

#endif
