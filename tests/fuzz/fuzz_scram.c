/* A verifier that can be read is within bounds and written the same way, but for leading zeros of
 * its count. */
#include "sasl/scram.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scram_verifier v, again;
    char text[SCRAM_TEXT];
    if (!scram_parse((struct span){(const char *)data, size}, &v))
        return 0;
    if (v.iterations < SCRAM_ITERATIONS_MIN || v.iterations > SCRAM_ITERATIONS_MAX ||
        v.salt_len < 8 || v.salt_len > SCRAM_SALT_MAX)
        abort();
    scram_format(&v, text);
    if (!scram_parse(span_of(text), &again) || memcmp(&v, &again, sizeof v) != 0)
        abort();
    return 0;
}
