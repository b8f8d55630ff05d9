/* pipe: two streams in memory that talk to each other, for tests of what stands on streams. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/fiber.h"
#include "io/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct end {
    struct stream stream; /* first member */
    struct loop *loop;
    struct end *other; /* NULL when that one was closed */
    struct text in;    /* written there, not yet read here */
    struct fiber *reader, *writer;
};

static struct end *end_of(struct stream *s)
{
    return (struct end *)s;
}

static void wake(struct fiber *f)
{
    if (f)
        fiber_wake(f);
}

static int wait_as(struct end *e, struct fiber **who)
{
    int r;

    if (!fiber_self())
        return -EAGAIN;
    assert(!*who);
    *who = fiber_self();
    r = fiber_wait(e->stream.deadline);
    *who = NULL;
    return r;
}

static bool late(const struct end *e)
{
    return clock_now() >= e->stream.deadline;
}

static ssize_t read_now(struct stream *s, char *buf, size_t n)
{
    struct end *e = end_of(s);

    if (late(e))
        return -ETIMEDOUT;
    if (e->in.len == 0)
        return e->other ? -EAGAIN : 0;
    n = n < e->in.len ? n : e->in.len;
    memcpy(buf, e->in.at, n);
    text_drop(&e->in, n);
    if (e->other)
        wake(e->other->writer);
    return (ssize_t)n;
}

static ssize_t read_waiting(struct stream *s, char *buf, size_t n)
{
    struct end *e = end_of(s);
    ssize_t got;
    int r;

    while ((got = read_now(s, buf, n)) == -EAGAIN)
        if ((r = wait_as(e, &e->reader)) != 0)
            return r;
    return got;
}

static int write_all(struct stream *s, const char *buf, size_t n)
{
    struct end *e = end_of(s);
    int r;

    while (n > 0) {
        struct text *to = e->other ? &e->other->in : NULL;
        size_t room = to ? to->max - to->len : 0;
        size_t part = n < room ? n : room;

        if (late(e))
            return -ETIMEDOUT;
        if (!to)
            return -EPIPE;
        if (part > 0) {
            text_add(to, (struct span){buf, part});
            wake(e->other->reader);
        } else if ((r = wait_as(e, &e->writer)) != 0) {
            return r;
        }
        buf += part;
        n -= part;
    }
    return 0;
}

static void free_end(struct stream *s)
{
    struct end *e = end_of(s);

    assert(!e->reader && !e->writer);
    if (e->other) {
        e->other->other = NULL;
        wake(e->other->reader);
        wake(e->other->writer);
    }
    text_free(&e->in);
    free(e);
}

static const struct stream_ops ops = {
    .name = "pipe",
    .read = read_waiting,
    .read_now = read_now,
    .write = write_all,
    .free = free_end,
};

static struct end *end_new(struct loop *l, size_t max)
{
    struct end *e = memory_alloc(sizeof *e);

    e->stream.ops = &ops;
    e->stream.deadline = clock_now() + SOCKET_FIRST_DEADLINE_MS;
    e->loop = l;
    text_init(&e->in, max);
    return e;
}

void stream_pipe(struct loop *l, size_t max, struct stream **a, struct stream **b)
{
    struct end *x = end_new(l, max), *y = end_new(l, max);

    assert(max > 0);
    x->other = y;
    y->other = x;
    *a = &x->stream;
    *b = &y->stream;
}
