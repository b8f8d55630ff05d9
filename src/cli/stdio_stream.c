#include "cli/stdio_stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FIRST_DEADLINE = 5 * 60 * 1000,
    PIECE = 4096, /* PIPE_BUF: goes into a pipe that can be written without a wait */
};

struct stdio_stream {
    struct stream stream; /* first member */
    struct worker *worker;
    int in, out;
};

/* One read or write; runs on the thread. */
struct work {
    int in, out; /* one of them, the other -1 */
    char *to;
    const char *from;
    size_t n;
    int64_t deadline;
    ssize_t result;
};

/* 0, or a negative errno. */
static int wait_for(int fd, short event, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = event};

    while (true) {
        int64_t left = deadline - clock_now();
        int n;

        if (left <= 0)
            return -ETIMEDOUT;
        n = poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

static void read_some(void *arg)
{
    struct work *w = arg;

    do {
        w->result = wait_for(w->in, POLLIN, w->deadline);
        if (w->result < 0)
            return;
        w->result = read(w->in, w->to, w->n);
        if (w->result < 0)
            w->result = -errno;
    } while (w->result == -EINTR || w->result == -EAGAIN);
}

static void write_all(void *arg)
{
    struct work *w = arg;

    while (w->n) {
        ssize_t n;

        w->result = wait_for(w->out, POLLOUT, w->deadline);
        if (w->result < 0)
            return;
        n = write(w->out, w->from, w->n < PIECE ? w->n : PIECE);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            w->result = -errno;
            return;
        }
        w->from += n > 0 ? n : 0;
        w->n -= n > 0 ? (size_t)n : 0;
    }
}

static struct stdio_stream *self_of(struct stream *s)
{
    return (struct stdio_stream *)s;
}

static ssize_t stream_in(struct stream *s, char *buf, size_t n)
{
    struct work w = {.in = self_of(s)->in, .to = buf, .n = n, .deadline = s->deadline};
    int busy = worker_call(self_of(s)->worker, read_some, &w);

    return busy ? busy : w.result;
}

static ssize_t stream_in_now(struct stream *s, char *buf, size_t n)
{
    struct pollfd p = {.fd = self_of(s)->in, .events = POLLIN};
    ssize_t got;

    if (poll(&p, 1, 0) <= 0)
        return -EAGAIN;
    got = read(self_of(s)->in, buf, n);
    return got < 0 ? -errno : got;
}

static int stream_out(struct stream *s, const char *buf, size_t n)
{
    struct work w = {.out = self_of(s)->out, .from = buf, .n = n, .deadline = s->deadline};
    int busy = worker_call(self_of(s)->worker, write_all, &w);

    return busy ? busy : (int)w.result;
}

static void stream_free(struct stream *s)
{
    worker_free(&self_of(s)->worker);
    free(s);
}

static const struct stream_ops ops = {
    .name = "stdio",
    .read = stream_in,
    .read_now = stream_in_now,
    .write = stream_out,
    .free = stream_free,
};

struct stream *stdio_stream_new(struct loop *l, int in, int out)
{
    struct stdio_stream *s = memory_alloc(sizeof *s);

    s->stream = (struct stream){.ops = &ops, .deadline = clock_now() + FIRST_DEADLINE};
    s->worker = worker_new(l, "stdio", 1, 4);
    s->in = in;
    s->out = out;
    return &s->stream;
}
