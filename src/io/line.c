#include "io/line.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_READ = 512, /* read on the stack while there is no buffer: most commands fit */
    LONGEST = 64,     /* times cap: more without a line end is no mistake any more */
};

void line_init(struct line_reader *r, struct stream **stream, size_t cap)
{
    assert(cap >= 2);
    *r = (struct line_reader){.stream = stream, .cap = cap};
}

void line_free(struct line_reader *r)
{
    free(r->buf);
    line_init(r, r->stream, r->cap);
}

/* The buffer is got when there is something to put in it, so that a session waiting for its peer
 * has none. */
static ssize_t first_fill(struct line_reader *r)
{
    char first[FIRST_READ];
    size_t n = r->cap < sizeof first ? r->cap : sizeof first;
    ssize_t got = stream_read(*r->stream, first, n);

    if (got <= 0)
        return got;
    r->buf = memory_grow(NULL, r->cap);
    memcpy(r->buf, first, (size_t)got);
    r->start = 0;
    r->end = (size_t)got;
    return got;
}

/* Adds what one read gives, moving what is there to the front when that makes room. */
static ssize_t fill(struct line_reader *r)
{
    ssize_t got;

    if (!r->buf)
        return first_fill(r);
    if (r->start == r->end || r->end == r->cap) {
        memmove(r->buf, r->buf + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    assert(r->end < r->cap);
    got = stream_read(*r->stream, r->buf + r->end, r->cap - r->end);
    if (got > 0)
        r->end += (size_t)got;
    return got;
}

static enum line_result failed(ssize_t got, int *sys)
{
    if (got == 0)
        return LINE_EOF;
    *sys = (int)got;
    return LINE_FAILED;
}

/* Throws away up to the next LF; `gone` bytes of this line are gone already. */
static enum line_result skip(struct line_reader *r, size_t gone, int *sys)
{
    while (true) {
        size_t left = LONGEST * r->cap - gone;
        size_t have = line_pending(r) < left ? line_pending(r) : left;
        const char *lf = have ? memchr(r->buf + r->start, '\n', have) : NULL;
        ssize_t got;

        if (lf) {
            line_used(r, (size_t)(lf + 1 - (r->buf + r->start)));
            return LINE_LONG;
        }
        line_used(r, have);
        gone += have;
        if (have == left)
            return failed(-EMSGSIZE, sys);
        if ((got = fill(r)) <= 0)
            return failed(got, sys);
    }
}

static enum line_result judge(const char *at, size_t n, struct span *line)
{
    bool strict = n > 0 && at[n - 1] == '\r' && !memchr(at, '\r', n - 1) && !memchr(at, '\0', n);

    *line = (struct span){at, strict ? n - 1 : n};
    return strict ? LINE_OK : LINE_BARE;
}

/* What comes out depends on the bytes up to the first LF alone, never on how they were cut into
 * packets. */
enum line_result line_read(struct line_reader *r, size_t max, struct span *line, int *sys)
{
    size_t seen = 0; /* bytes known to hold no LF */

    assert(max >= 2 && max <= r->cap);
    *line = SPAN_NONE;
    *sys = 0;
    while (true) {
        size_t have = line_pending(r) < max ? line_pending(r) : max;
        const char *at = have ? r->buf + r->start : NULL;
        const char *lf = have > seen ? memchr(at + seen, '\n', have - seen) : NULL;
        ssize_t got;

        if (lf) {
            line_used(r, (size_t)(lf + 1 - at));
            return judge(at, (size_t)(lf - at), line);
        }
        if (have == max)
            return skip(r, 0, sys);
        seen = have;
        if ((got = fill(r)) <= 0)
            return failed(got, sys);
    }
}

ssize_t line_peek(struct line_reader *r, struct span *bytes)
{
    *bytes = SPAN_NONE;
    if (line_pending(r) == 0) {
        ssize_t got = fill(r);

        if (got <= 0)
            return got;
    }
    *bytes = (struct span){r->buf + r->start, line_pending(r)};
    return (ssize_t)bytes->len;
}

void line_used(struct line_reader *r, size_t n)
{
    assert(n <= line_pending(r));
    r->start += n;
}

size_t line_pending(const struct line_reader *r)
{
    return r->end - r->start;
}

bool line_whole(const struct line_reader *r)
{
    size_t n = line_pending(r);

    return n && memchr(r->buf + r->start, '\n', n);
}

size_t line_drop(struct line_reader *r)
{
    size_t n = line_pending(r);

    r->start = r->end = 0;
    return n;
}

void line_release(struct line_reader *r)
{
    if (line_pending(r) > 0)
        return;
    free(r->buf);
    r->buf = NULL;
    r->start = r->end = 0;
}
