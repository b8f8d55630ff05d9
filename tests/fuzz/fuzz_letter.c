/* Letters from a neighbour that has been taken over: any kind, any side, any bytes. What reads must write back to the same
 * bytes. */
#include "post/letter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum letter_side sides[] = {SIDE_KEEPER, SIDE_LISTENER, SIDE_COURIER, SIDE_COMMAND};
    struct arena *a;
    struct text out = TEXT_INIT(LETTER_MAX);
    struct span body;
    enum letter_kind kind;
    void *letter;

    if (size < 2)
        return 0;
    a = arena_new();
    kind = (enum letter_kind)(data[0] % (LETTER_KINDS + 1));
    body = arena_span(a, (struct span){(const char *)data + 2, size - 2});
    letter = letter_read(kind, sides[data[1] % 4], body, a);
    /* A body in a file has its descriptor beside it: without one the two writings differ. */
    if (letter && kind != LETTER_ACCEPT && kind != LETTER_SCAN && kind != LETTER_JOB &&
        (!letter_write(kind, letter, &out) || !span_eq(text_span(&out), body)))
        abort();
    text_free(&out);
    arena_free(&a);
    return 0;
}
