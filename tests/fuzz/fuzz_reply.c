/* Any lines: no reply beyond the bounds, and one that was read is written and read back alike. */
#include "mail/reply.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct reply *r)
{
    struct text wire = TEXT_INIT(1 << 20);
    struct reply_reader reader;
    struct reply back = {0};
    struct span rest, line;
    enum reply_feed result = REPLY_MORE;
    size_t lines = 0;

    reply_format(r, &wire);
    reply_reader_init(&reader);
    rest = text_span(&wire);
    while (span_cut(&rest, '\n', &line) && line.len) {
        assert(line.len <= 511 && line.at[line.len - 1] == '\r');
        line.len--;
        if (++lines <= REPLY_LINES_MAX && result == REPLY_MORE)
            result = reply_feed(&reader, line, &back);
    }
    if (lines <= REPLY_LINES_MAX && result == REPLY_DONE)
        assert(back.code == r->code);
    reply_reader_free(&reader);
    text_free(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size}, line;
    struct reply_reader reader;
    struct reply out;

    reply_reader_init(&reader);
    while (rest.len && span_cut(&rest, '\n', &line)) {
        if (reply_feed(&reader, line, &out) != REPLY_DONE)
            continue;
        assert(out.code >= 200 && out.code <= 599 && out.text.len <= REPLY_TEXT_MAX);
        assert(out.enhanced.class == 0 || out.enhanced.class == reply_class(&out));
        round_trip(&out);
    }
    reply_reader_free(&reader);
    return 0;
}
