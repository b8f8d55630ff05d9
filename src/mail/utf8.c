#include "mail/utf8.h"

#include "base/memory.h"

#include <string.h>

/* One row per length: the mask that marks the first byte, and the least code point that needs it.
 */
static const struct {
    unsigned char mask, mark;
    size_t len;
    uint32_t least;
} forms[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

static size_t tail(struct span s, size_t form, uint32_t *code)
{
    uint32_t v = (unsigned char)s.at[0] & (unsigned char)~forms[form].mask;

    if (s.len < forms[form].len)
        return 0;
    for (size_t i = 1; i < forms[form].len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if ((c & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (c & 0x3f);
    }
    if (v < forms[form].least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *code = v;
    return forms[form].len;
}

size_t utf8_decode(struct span s, uint32_t *code)
{
    if (!s.len)
        return 0;
    for (size_t i = 0; i < COUNT(forms); i++)
        if (((unsigned char)s.at[0] & forms[i].mask) == forms[i].mark)
            return tail(s, i, code);
    return 0;
}

bool utf8_ok(struct span s)
{
    while (s.len) {
        uint32_t code;
        size_t n = utf8_decode(s, &code);

        if (!n)
            return false;
        s = span_from(s, n);
    }
    return true;
}

bool utf8_high(struct span s)
{
    uint64_t word;
    size_t i = 0;

    /* Eight bytes at a stroke: message bodies pass here. */
    for (; i + sizeof word <= s.len; i += sizeof word) {
        memcpy(&word, s.at + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            return true;
    }
    for (; i < s.len; i++)
        if ((unsigned char)s.at[i] > 127)
            return true;
    return false;
}
