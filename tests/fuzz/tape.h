/* tape: what the fuzz targets of protocol engines have in common: a stream that plays a client from
 * the fuzzer's bytes and keeps what the engine says, a handshake of one octet, and a house where
 * everybody's password is his name. */
#ifndef PORT26_FUZZ_TAPE_H
#define PORT26_FUZZ_TAPE_H

#include "base/text.h"
#include "io/fiber.h"
#include "io/loop.h"
#include "sasl/sasl_server.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct tape {
    struct stream stream;
    const char *at;
    size_t left, piece;
    struct text out;
};

static inline void require(bool ok)
{
    if (!ok)
        abort();
}

static inline ssize_t tape_read(struct stream *s, char *buf, size_t n)
{
    struct tape *t = (struct tape *)s;

    n = n < t->left ? n : t->left;
    n = n < t->piece ? n : t->piece;
    if (n)
        memcpy(buf, t->at, n);
    t->at += n;
    t->left -= n;
    return (ssize_t)n;
}

static inline int tape_write(struct stream *s, const char *buf, size_t n)
{
    text_add(&((struct tape *)s)->out, (struct span){buf, n});
    return 0;
}

static const struct stream_ops tape_ops = {.name = "tape", .read = tape_read, .write = tape_write};

/* Plays the bytes; the first says in which pieces they are read. */
static inline struct tape tape_of(const uint8_t *data, size_t size, size_t out_max)
{
    return (struct tape){.stream = {.ops = &tape_ops},
                         .at = (const char *)data + 1,
                         .left = size ? size - 1 : 0,
                         .piece = size && data[0] ? data[0] : SIZE_MAX,
                         .out = TEXT_INIT(out_max)};
}

/* Runs the engine until its session has ended. */
static inline void tape_play(void (*serve)(void *arg), void *arg)
{
    static struct loop *loop;

    if (!loop)
        loop = loop_new();
    fiber_start(loop, serve, arg);
    loop_run(loop);
}

/* What matters of a handshake here is what is forgotten by it. */
static inline int tape_handshake(struct stream **s)
{
    char first;

    return stream_read(*s, &first, 1) == 1 && first == '!' ? 0 : -EPROTO;
}

static inline int tape_check_password(void *arg, struct span name, struct span password)
{
    (void)arg;
    return span_eq(name, password) ? 0 : 1;
}

static inline int tape_verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    (void)name;
    (void)out;
    return 1;
}

static const struct sasl_server_calls tape_login_calls
    __attribute__((unused)) = {tape_check_password, tape_verifier};

#endif
