/* The decoder against a plain reading of the whole text, in any split; the encoder's output has one
 * end only, its last five octets, and no bare CR or LF. The first byte of the input is the split.
 */
#include "base/text.h"
#include "mail/dot.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool collect(void *arg, struct span bytes)
{
    return text_add(arg, bytes);
}

/* Content octets up to the end; returns where the wire's rest begins, or wire.len + 1. */
static size_t plain(struct span wire, struct text *content, bool *bare)
{
    bool start = true;

    *bare = false;
    for (size_t i = 0; i < wire.len; i++) {
        bool cr = wire.at[i] == '\r', lf = wire.at[i] == '\n';
        bool ended = lf && i > 0 && wire.at[i - 1] == '\r';

        if (start && span_starts(span_from(wire, i), SPAN(".\r\n")))
            return i + 3;
        if ((lf && !ended) || (cr && i + 1 < wire.len && wire.at[i + 1] != '\n'))
            *bare = true;
        if (!(start && wire.at[i] == '.'))
            text_addc(content, wire.at[i]);
        start = ended;
    }
    return wire.len + 1;
}

static void check_decoder(struct span wire, size_t step)
{
    struct text want = TEXT_INIT(1 << 20), got = TEXT_INIT(1 << 20);
    struct span rest = wire;
    struct dot_decoder d;
    bool bare, ended = false;
    size_t end = plain(wire, &want, &bare), used = 0;

    dot_decoder_init(&d, collect, &got);
    while (rest.len && !ended) {
        struct span piece = span_head(rest, step);
        size_t had = piece.len;

        ended = dot_decode(&d, &piece);
        used += had - piece.len;
        rest = span_from(rest, had - piece.len);
    }
    assert(ended == (end <= wire.len));
    if (ended) {
        assert(used == end && d.bare == bare);
        assert(span_eq(text_span(&got), text_span(&want)));
    }
    text_free(&want);
    text_free(&got);
}

static void check_encoder(struct span content, size_t step)
{
    struct text wire = TEXT_INIT(4 << 20), back = TEXT_INIT(1 << 20);
    struct dot_encoder e;
    struct dot_decoder d;
    struct span rest;

    dot_encoder_init(&e, collect, &wire);
    for (; content.len; content = span_from(content, step))
        assert(dot_encode(&e, span_head(content, step)));
    assert(dot_encode_end(&e));
    for (size_t i = 0; i < wire.len; i++) {
        assert(wire.at[i] != '\r' || wire.at[i + 1] == '\n');
        assert(wire.at[i] != '\n' || (i && wire.at[i - 1] == '\r'));
    }
    dot_decoder_init(&d, collect, &back);
    rest = text_span(&wire);
    assert(dot_decode(&d, &rest) && !rest.len && !d.bare);
    text_free(&wire);
    text_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = {(const char *)data, size};

    if (!size)
        return 0;
    bytes = span_from(bytes, 1);
    check_decoder(bytes, data[0] % 16 + 1U);
    check_encoder(bytes, data[0] % 16 + 1U);
    return 0;
}
