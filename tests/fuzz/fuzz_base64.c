/* What decodes encodes to the same text; everything encodes and decodes to itself. */
#include "sasl/base64.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = {(const char *)data, size};
    struct text a = TEXT_INIT(1 << 20), b = TEXT_INIT(1 << 20);
    if (base64_decode(s, &a) && (!base64_encode(text_span(&a), &b) || !span_eq(text_span(&b), s)))
        abort();
    text_clear(&a);
    text_clear(&b);
    if (!base64_encode(s, &a) || !base64_decode(text_span(&a), &b) || !span_eq(text_span(&b), s))
        abort();
    text_free(&a);
    text_free(&b);
    return 0;
}
