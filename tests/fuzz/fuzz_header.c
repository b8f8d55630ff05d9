/* Any split gives the same output; the output scanned again drops and mends nothing more. The first
 * byte of the input is the split, the second the mode. */
#include "mail/header.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool collect(void *arg, struct span bytes)
{
    return text_add(arg, bytes);
}

static void scan(struct header *h, enum header_mode mode, struct span bytes, size_t step,
                 struct text *out)
{
    header_init(h, mode, collect, out);
    h->host = SPAN("a.b");
    for (; bytes.len; bytes = span_from(bytes, step))
        header_feed(h, span_head(bytes, step));
    header_finish(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text whole = TEXT_INIT(1 << 20), pieces = TEXT_INIT(1 << 20), again = TEXT_INIT(1 << 20);
    struct span bytes = {(const char *)data, size};
    struct header a, b, c;
    enum header_mode mode;

    if (size < 2)
        return 0;
    mode = data[1] % 2 ? HEADER_EXCHANGE : HEADER_SUBMISSION;
    bytes = span_from(bytes, 2);
    scan(&a, mode, bytes, bytes.len + 1, &whole);
    scan(&b, mode, bytes, data[0] % 32 + 1U, &pieces);
    assert(span_eq(text_span(&whole), text_span(&pieces)));
    assert(a.mended == b.mended && a.ended == b.ended);
    for (int i = 0; i < HEADER_FIELDS; i++)
        assert(a.count[i] == b.count[i]);
    scan(&c, mode, text_span(&whole), whole.len + 1, &again);
    assert(!c.mended);
    assert(mode == HEADER_EXCHANGE || !c.count[HEADER_DROPPED]);
    assert(span_eq(text_span(&whole), text_span(&again)));
    header_free(&a);
    header_free(&b);
    header_free(&c);
    text_free(&whole);
    text_free(&pieces);
    text_free(&again);
    return 0;
}
