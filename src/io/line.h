/* line: buffered reading of a stream by protocol lines and by counted bytes. Strict: a line ends in
 * CR LF and holds no other CR, LF or NUL (P11). One bounded buffer; the stream below is read as far
 * as it fits, so pipelined commands cost one system call. */
#ifndef PORT26_IO_LINE_H
#define PORT26_IO_LINE_H

#include "io/stream.h"

struct line_reader {
    struct stream *
        *stream; /* the holder's pointer, so that a filter pushed later is used from then on */
    char *buf;
    size_t start, end, cap;
};

enum line_result {
    LINE_OK = 1,
    LINE_EOF = 0,
    LINE_LONG =
        -1, /* longer than max; the rest up to the next LF was thrown away, the session may go on */
    LINE_BARE = -2,   /* bare CR or LF, or a NUL, stood in it; *line holds the bytes up to the LF */
    LINE_FAILED = -3, /* the stream failed: *sys has the negative errno */
};

/* cap bounds both the longest line and the read-ahead; the buffer is allocated on first use. */
void line_init(struct line_reader *r, struct stream **stream, size_t cap);
void line_free(struct line_reader *r);
/* The next line without CR LF; valid until the next call on r. max <= cap counts the CR LF. A line
 * whose end does not come within `max` bytes is LINE_LONG; more than 64 times cap without LF is
 * LINE_FAILED with -EMSGSIZE. */
enum line_result line_read(struct line_reader *r, size_t max, struct span *line, int *sys);
/* Whatever is there (at least 1 byte, at most the buffer): for DATA and BDAT. Returns the count, 0
 * at EOF, negative errno. The bytes are consumed by line_used. */
ssize_t line_peek(struct line_reader *r, struct span *bytes);
void line_used(struct line_reader *r, size_t n);
/* Bytes waiting in the buffer, without a read: is more pipelined? */
size_t line_pending(const struct line_reader *r);
/* Does the next line wait there up to its end, so that line_read will not wait? */
bool line_whole(const struct line_reader *r);
/* Throws away what is buffered: at STARTTLS, on both sides (P10). Returns how many bytes were
 * dropped. */
size_t line_drop(struct line_reader *r);
/* Gives the buffer back while idle, when it is empty: an idle session then costs no buffer. */
void line_release(struct line_reader *r);

#endif
