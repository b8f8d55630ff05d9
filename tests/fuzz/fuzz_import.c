/* Lists of accounts from elsewhere: the first octet chooses the form. */
#include "account/hash.h"
#include "account/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import *im;
    struct arena *a;
    struct span rest, line;

    if (!size)
        return 0;
    im = import_new((enum import_format)(data[0] % 3), data[0] & 0x80 ? "example.com" : NULL);
    a = arena_new();
    rest = (struct span){(const char *)data + 1, size - 1};
    while (span_cut(&rest, '\n', &line)) {
        struct import_row row;

        arena_clear(a);
        if (import_line(im, line, a, &row, NULL) == 1 &&
            (!row.name.len || (row.verifier.len && !hash_is(row.verifier) &&
                               !span_starts(row.verifier, SPAN("SCRAM-SHA-256$")))))
            abort();
    }
    arena_free(&a);
    import_free(&im);
    return 0;
}
