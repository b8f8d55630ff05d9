#include "smtp/client_content.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCAN_PIECE = 64 << 10, LINE_OCTETS = 998 };

void client_content_init(struct client_content *r, const struct content *from, size_t piece)
{
    *r = (struct client_content){.from = from, .piece = piece};
}

void client_content_free(struct client_content *r)
{
    free(r->buf);
    r->buf = NULL;
}

static uint64_t body_size(const struct content *from)
{
    return from->fd >= 0 ? from->size : from->body.len;
}

uint64_t client_content_size(const struct content *from)
{
    return from->prefix.len + body_size(from);
}

static int next_of_file(struct client_content *r, uint64_t offset, struct span *piece)
{
    uint64_t left = r->from->size - offset;
    ssize_t n;

    if (!r->buf)
        r->buf = memory_alloc(r->piece);
    do
        n = pread(r->from->fd, r->buf, left < r->piece ? (size_t)left : r->piece, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EIO;
    *piece = (struct span){r->buf, (size_t)n};
    return 1;
}

int client_content_next(struct client_content *r, struct span *piece)
{
    const struct content *from = r->from;
    uint64_t offset = r->at - from->prefix.len;
    int rc = 1;

    if (r->at < from->prefix.len)
        *piece = span_head(span_from(from->prefix, (size_t)r->at), r->piece);
    else if (offset >= body_size(from))
        return 0;
    else if (from->fd < 0)
        *piece = span_head(span_from(from->body, (size_t)offset), r->piece);
    else
        rc = next_of_file(r, offset, piece);
    if (rc > 0)
        r->at += piece->len;
    return rc;
}

struct scan {
    unsigned has;
    size_t column; /* octets of this line so far */
    bool cr;       /* the last one was CR */
    bool body;     /* behind the blank line */
};

static void scan_end(struct scan *s)
{
    if (!s->cr)
        s->has |= CONTENT_BARE;
    else if (s->column == 1)
        s->body = true;
    if (s->column > LINE_OCTETS + 1)
        s->has |= CONTENT_LONG;
    s->column = 0;
    s->cr = false;
}

static void scan_byte(struct scan *s, unsigned char b)
{
    if (b == '\n') {
        scan_end(s);
        return;
    }
    if (s->cr)
        s->has |= CONTENT_BARE;
    s->cr = b == '\r';
    s->column++;
    if (b > 127)
        s->has |= s->body ? CONTENT_8BIT : CONTENT_8BIT | CONTENT_8BIT_HEADER;
    else if (b == 0)
        s->has |= CONTENT_NUL;
}

int client_content_scan(const struct content *from, unsigned *has)
{
    struct client_content r;
    struct scan s = {0};
    struct span piece;
    int rc;

    client_content_init(&r, from, SCAN_PIECE);
    while ((rc = client_content_next(&r, &piece)) > 0)
        for (size_t i = 0; i < piece.len; i++)
            scan_byte(&s, (unsigned char)piece.at[i]);
    client_content_free(&r);
    if (s.cr)
        s.has |= CONTENT_BARE;
    if (s.column > LINE_OCTETS)
        s.has |= CONTENT_LONG;
    *has = s.has;
    return rc;
}
