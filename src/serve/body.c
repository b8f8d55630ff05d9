#include "serve/body.h"

#include <errno.h>
#include <unistd.h>

/* Gathered before a write: a header of short lines comes in pieces of a few octets. */
enum { PIECE = 32 << 10 };

static bool take(void *arg, struct span bytes);

void body_open(struct body *b, enum header_mode mode, body_lend_fn *lend, void *lend_arg,
               uint64_t in_memory_max, struct arena *arena)
{
    *b = (struct body){.lend = lend,
                       .lend_arg = lend_arg,
                       .in_memory_max = in_memory_max,
                       .fd = -1,
                       .arena = arena,
                       .open = true};
    text_init(&b->memory, in_memory_max ? in_memory_max : 1);
    header_init(&b->header, mode, take, b);
}

static int write_all(int fd, struct span bytes, uint64_t at)
{
    while (bytes.len) {
        ssize_t n = pwrite(fd, bytes.at, bytes.len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += (uint64_t)n;
        bytes = span_from(bytes, (size_t)n);
    }
    return 0;
}

/* Where the header ends is looked for in what is in memory: a longer header counts as that long. */
static void measure_header(struct body *b)
{
    ptrdiff_t end = span_search(text_span(&b->memory), SPAN("\r\n\r\n"));

    b->header_size = (uint32_t)(end < 0 ? b->memory.len : (size_t)end + 4);
}

/* What is held goes to the file's end. */
static int flush(struct body *b)
{
    struct span held = text_span(&b->memory);
    int bad = write_all(b->fd, held, b->size - held.len);

    text_clear(&b->memory);
    return bad;
}

static int spill(struct body *b)
{
    int got = b->lend(b->lend_arg, b->arena, &b->refusal), bad = got < 0 ? got : 0;

    b->fd = got < 0 ? -1 : got;
    measure_header(b);
    if (!bad)
        bad = flush(b);
    text_free(&b->memory);
    text_init(&b->memory, PIECE);
    return bad;
}

static bool take(void *arg, struct span bytes)
{
    struct body *b = arg;

    if (!b->failed && b->fd < 0 && b->memory.len + bytes.len > b->in_memory_max)
        b->failed = spill(b);
    if (!b->failed && b->fd >= 0 && b->memory.len + bytes.len > PIECE)
        b->failed = flush(b);
    if (!b->failed && b->fd >= 0 && bytes.len > PIECE)
        b->failed = write_all(b->fd, bytes, b->size);
    else if (!b->failed)
        text_add(&b->memory, bytes);
    b->size += bytes.len;
    return !b->failed;
}

int body_add(struct body *b, struct span bytes)
{
    if (!b->failed)
        header_feed(&b->header, bytes);
    return b->failed;
}

int body_finish(struct body *b, struct content *out)
{
    if (!b->failed)
        header_finish(&b->header);
    if (!b->failed && b->fd >= 0)
        b->failed = flush(b);
    if (b->failed)
        return b->failed;
    if (b->fd < 0)
        measure_header(b);
    *out = (struct content){
        .body = b->fd < 0 ? text_span(&b->memory) : SPAN_NONE, .fd = b->fd, .size = b->size};
    return 0;
}

void body_close(struct body *b)
{
    if (!b->open)
        return;
    header_free(&b->header);
    text_free(&b->memory);
    if (b->fd >= 0)
        close(b->fd);
    b->open = false;
}
