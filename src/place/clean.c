#include "place/clean.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

void clean_copy(char *out, size_t size, struct span s)
{
    struct text safe = TEXT_INIT(4 * (size + 4));
    size_t n;

    assert(size > 0);
    text_add_safe(&safe, span_head(s, size + 4)); /* a character cut here is cut off below */
    n = safe.len < size ? safe.len : size - 1;
    while (n < safe.len && n > 0 && ((unsigned char)safe.at[n] & 0xc0) == 0x80)
        n--;
    if (n)
        memcpy(out, safe.at, n);
    out[n] = '\0';
    text_free(&safe);
}
