#include "io/stream.h"

#include "base/clock.h"
#include "io/fiber.h"
#include "io/socket.h"

#include <assert.h>
#include <stddef.h>
#include <sys/socket.h>

enum { GOOD_BYE_MS = 1000, FAREWELL_MS = 2000 };

ssize_t stream_read(struct stream *s, char *buf, size_t n)
{
    assert(n > 0);
    return s->ops->read(s, buf, n);
}

ssize_t stream_read_now(struct stream *s, char *buf, size_t n)
{
    assert(n > 0);
    return s->ops->read_now(s, buf, n);
}

int stream_write(struct stream *s, struct span bytes)
{
    return bytes.len ? s->ops->write(s, bytes.at, bytes.len) : 0;
}

void stream_deadline(struct stream *s, int64_t at)
{
    for (; s; s = s->below)
        s->deadline = at;
}

static void free_stack(struct stream *s)
{
    while (s) {
        struct stream *below = s->below;

        s->ops->free(s);
        s = below;
    }
}

void stream_close(struct stream **s)
{
    struct stream *top = *s;

    if (!top)
        return;
    *s = NULL;
    stream_deadline(top, clock_now() + GOOD_BYE_MS);
    for (struct stream *at = top; at; at = at->below)
        if (at->ops->shutdown)
            at->ops->shutdown(at);
    free_stack(top);
}

void stream_farewell(struct stream *s, struct span words)
{
    if (!words.len)
        return;
    stream_deadline(s, clock_now() + FAREWELL_MS);
    (void)stream_write(s, words);
}

void stream_finish(struct stream *s)
{
    int fd = stream_fd(s);

    for (struct stream *at = s; at->below; at = at->below) /* the bottom's own reads away */
        if (at->ops->shutdown)
            at->ops->shutdown(at);
    if (fd >= 0)
        shutdown(fd, SHUT_WR);
}

void stream_abort(struct stream **s)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct stream *top = *s;
    int fd;

    if (!top)
        return;
    *s = NULL;
    fd = stream_fd(top);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    free_stack(top);
}

void stream_push(struct stream **s, struct stream *top)
{
    assert(!top->below || top->below == *s);
    top->below = *s;
    top->deadline = (*s)->deadline;
    *s = top;
}

int stream_fd(const struct stream *s)
{
    while (s->below)
        s = s->below;
    return socket_fd(s);
}
