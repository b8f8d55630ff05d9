/* fuzz_line: whatever the bytes and however they are cut, the line reader says what a plain reading
 * of the whole says. Input: 1 byte for the buffer's size, 1 for the longest line, 1 that seeds the
 * cuts, then the bytes. */
#include "base/memory.h"
#include "io/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
    struct stream stream; /* first member */
    struct span bytes;
    uint32_t random;
};

static ssize_t source_read(struct stream *s, char *buf, size_t n)
{
    struct source *from = (struct source *)s;
    size_t most;

    if (from->bytes.len == 0)
        return 0;
    from->random = from->random * 1664525 + 1013904223;
    most = (from->random >> 24) % 16 + 1;
    n = n < most ? n : most;
    n = n < from->bytes.len ? n : from->bytes.len;
    memcpy(buf, from->bytes.at, n);
    from->bytes = span_from(from->bytes, n);
    return (ssize_t)n;
}

static const struct stream_ops source_ops = {.name = "source", .read = source_read};

/* What line.h promises, read off the whole input. */
static enum line_result expect(struct span *rest, size_t max, size_t cap, struct span *line)
{
    ptrdiff_t lf = span_find(*rest, '\n');
    size_t n = lf < 0 ? rest->len : (size_t)lf;
    bool strict;

    *line = span_head(*rest, n);
    if (n >= 64 * cap)
        return LINE_FAILED;
    if (lf < 0)
        return LINE_EOF;
    *rest = span_from(*rest, n + 1);
    if (n + 1 > max)
        return LINE_LONG;
    strict = n > 0 && line->at[n - 1] == '\r' && span_find(*line, '\r') == (ptrdiff_t)n - 1 &&
             span_find(*line, '\0') < 0;
    *line = span_head(*line, strict ? n - 1 : n);
    return strict ? LINE_OK : LINE_BARE;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct source from = {.stream.ops = &source_ops};
    struct stream *stream = &from.stream;
    struct line_reader r;
    struct span rest, line, want_line;
    enum line_result got, want;
    size_t cap, max;
    int sys;

    if (n < 3)
        return 0;
    cap = data[0] % 64 + 2U;
    max = data[1] % (cap - 1) + 2;
    rest = from.bytes = (struct span){(const char *)data + 3, n - 3};
    from.random = data[2];
    line_init(&r, &stream, cap);
    do {
        got = line_read(&r, max, &line, &sys);
        want = expect(&rest, max, cap, &want_line);
        must(got == want);
        must((got != LINE_OK && got != LINE_BARE) || span_eq(line, want_line));
        must(got != LINE_FAILED || sys == -EMSGSIZE);
        must(line_pending(&r) <= cap);
    } while (got != LINE_EOF && got != LINE_FAILED);
    line_free(&r);
    return 0;
}
