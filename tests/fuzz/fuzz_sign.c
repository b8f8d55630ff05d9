/* The canonical forms of any message: the same wherever its pieces end, and what comes out is
 * canonical already, so a second time changes nothing. */
#include "base/arena.h"
#include "sign/canon.h"
#include "sign/sign.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *arg, struct span bytes)
{
    assert(text_add(arg, bytes));
}

static void body_of(struct span in, size_t piece, struct text *out)
{
    struct canon_body b;

    canon_body_init(&b, collect, out);
    while (in.len) {
        canon_body_feed(&b, span_head(in, piece));
        in = span_from(in, piece);
    }
    canon_body_end(&b);
}

static void try_body(struct span in)
{
    struct text one = TEXT_INIT(4 << 20), two = TEXT_INIT(4 << 20), again = TEXT_INIT(4 << 20);

    body_of(in, in.len + 1, &one);
    body_of(in, 1 + in.len % 7, &two);
    body_of(text_span(&one), 3, &again);
    assert(span_eq(text_span(&one), text_span(&two)));
    assert(span_eq(text_span(&one), text_span(&again)));
    assert(!one.len || span_ends(text_span(&one), SPAN("\r\n")));
    text_free(&one);
    text_free(&two);
    text_free(&again);
}

static void try_header(struct span in)
{
    struct content c = {.body = in, .fd = -1, .size = in.len};
    struct text header = TEXT_INIT(4 << 20), one = TEXT_INIT(4 << 20);
    struct arena *a = arena_new();
    struct sign_author author;
    struct canon_field f;
    struct span rest;

    assert(sign_header(&c, &header, NULL) == 0);
    assert(header.len <= in.len);
    sign_author(text_span(&header), a, &author);
    assert(!author.domain.len || author.count);
    for (rest = in; canon_next(&rest, &f);) {
        text_clear(&one);
        assert(f.name.len && canon_field(&f, &one));
        assert(span_find(text_span(&one), '\r') < 0 && span_find(text_span(&one), '\n') < 0);
        assert(span_search(text_span(&one), SPAN("  ")) < 0);
    }
    arena_free(&a);
    text_free(&header);
    text_free(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};

    if (size > 1 << 18)
        return 0;
    try_body(in);
    try_header(in);
    return 0;
}
