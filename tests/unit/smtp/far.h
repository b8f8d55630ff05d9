/* far: the other side of a dialogue, played from a script on a fiber of its own. Rows:
 *   "S:text"  says a line          "R:text"  says bytes as they are
 *   "C:text"  hears a line that begins so    "C*"  hears lines up to a lone dot, as content
 *   "CN:12"   hears 12 octets as content     "TLS"  takes the handshake
 *   "TLS!"    sees the handshake fail
 *   "W:50"    waits milliseconds             "X"  hangs up at once
 *   "E"       hears the end of the stream
 * What does not fit is kept in `fault`, for fibers must not leave by cmocka's long jump. */
#ifndef PORT26_TEST_FAR_H
#define PORT26_TEST_FAR_H

#include "base/clock.h"
#include "base/text.h"
#include "io/fiber.h"
#include "io/line.h"
#include "io/stream.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct far_side {
    struct stream *stream;
    const char *const *script;
    struct tls_context *tls;
    struct text heard, content; /* command lines joined by '\n'; content as received */
    char fault[300];
    bool ended;
};

static bool far_fault(struct far_side *f, const char *row, struct span got)
{
    if (!f->fault[0])
        snprintf(f->fault, sizeof f->fault, "row \"%.100s\": got \"%.*s\"", row, (int)got.len,
                 got.at ? got.at : "");
    return false;
}

static bool far_hear(struct far_side *f, struct line_reader *r, const char *row)
{
    struct span line = SPAN_NONE;
    int sys = 0;

    if (line_read(r, 4096, &line, &sys) != LINE_OK)
        return far_fault(f, row, SPAN("(nothing)"));
    text_add(&f->heard, line);
    text_addc(&f->heard, '\n');
    return span_starts(line, span_of(row + 2)) || far_fault(f, row, line);
}

static bool far_content(struct far_side *f, struct line_reader *r, const char *row)
{
    struct span line = SPAN_NONE;
    int sys = 0;

    for (;;) {
        if (line_read(r, 4096, &line, &sys) != LINE_OK)
            return far_fault(f, row, SPAN("(no end of content)"));
        if (span_is(line, "."))
            return true;
        text_add(&f->content, line);
        text_adds(&f->content, "\r\n");
    }
}

static bool far_octets(struct far_side *f, struct line_reader *r, const char *row)
{
    size_t left = (size_t)atol(row + 3);

    while (left) {
        struct span bytes;
        ssize_t n = line_peek(r, &bytes);

        if (n <= 0)
            return far_fault(f, row, SPAN("(no octets)"));
        bytes = span_head(bytes, left);
        text_add(&f->content, bytes);
        line_used(r, bytes.len);
        left -= bytes.len;
    }
    return true;
}

static bool far_end(struct far_side *f, struct line_reader *r, const char *row)
{
    struct span line = SPAN_NONE;
    int sys = 0;
    enum line_result got = line_read(r, 4096, &line, &sys);

    return got == LINE_EOF || got == LINE_FAILED || far_fault(f, row, line);
}

static bool far_say(struct far_side *f, const char *text, bool line)
{
    struct text out = TEXT_INIT(1 << 20);
    bool ok;

    text_adds(&out, text);
    if (line)
        text_adds(&out, "\r\n");
    ok = stream_write(f->stream, text_span(&out)) >= 0;
    text_free(&out);
    return ok || far_fault(f, text, SPAN("(cannot write)"));
}

static bool far_row(struct far_side *f, struct line_reader *r, const char *row)
{
    struct error e = {0};

    if (!strncmp(row, "S:", 2) || !strncmp(row, "R:", 2))
        return far_say(f, row + 2, row[0] == 'S');
    if (!strncmp(row, "C:", 2))
        return far_hear(f, r, row);
    if (!strcmp(row, "C*"))
        return far_content(f, r, row);
    if (!strncmp(row, "CN:", 3))
        return far_octets(f, r, row);
    if (!strncmp(row, "W:", 2))
        return fiber_sleep(atol(row + 2)) == 0;
    if (!strcmp(row, "E"))
        return far_end(f, r, row);
    if (!strcmp(row, "TLS!"))
        return tls_accept(&f->stream, f->tls, &e) < 0 || far_fault(f, row, SPAN("a handshake"));
    if (!strcmp(row, "TLS")) {
        line_drop(r);
        return tls_accept(&f->stream, f->tls, &e) == 0 || far_fault(f, row, span_of(e.words));
    }
    return false; /* "X" */
}

static void far_run(void *arg)
{
    struct far_side *f = arg;
    struct line_reader r;

    text_init(&f->heard, 1 << 20);
    text_init(&f->content, 1 << 24);
    line_init(&r, &f->stream, 8192);
    stream_deadline(f->stream, clock_now() + 20000);
    for (size_t i = 0; f->script[i] && far_row(f, &r, f->script[i]); i++)
        ;
    line_free(&r);
    stream_close(&f->stream);
    f->ended = true;
}

static void far_free(struct far_side *f)
{
    text_free(&f->heard);
    text_free(&f->content);
}

#endif
