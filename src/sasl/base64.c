#include "sasl/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_encode(struct span bytes, struct text *out)
{
    const unsigned char *b = (const unsigned char *)bytes.at;
    size_t n = (bytes.len + 2) / 3 * 4;
    char *to = text_room(out, n);
    if (!to)
        return false;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned three = (unsigned)b[i] << 16;
        if (left > 1)
            three |= (unsigned)b[i + 1] << 8;
        if (left > 2)
            three |= b[i + 2];
        *to++ = alphabet[three >> 18];
        *to++ = alphabet[three >> 12 & 63];
        *to++ = left > 1 ? alphabet[three >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[three & 63] : '=';
    }
    out->len += n;
    out->at[out->len] = '\0';
    return true;
}

/* 0..63, or -1. Computed, not looked up: the bytes are passwords. */
static int value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* How many '=' stand at the end: 0 to 2. */
static size_t padding(struct span s)
{
    size_t n = 0;
    while (n < 2 && n < s.len && s.at[s.len - 1 - n] == '=')
        n++;
    return n;
}

/* Decodes the characters before the padding. */
static bool decode(struct span s, char *to)
{
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < s.len; i++) {
        int v = value(s.at[i]);
        if (v < 0)
            return false;
        bits = (bits << 6 | (unsigned)v) & 0xfff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (char)(bits >> have & 0xff);
        }
    }
    return (bits & ((1u << have) - 1)) == 0; /* one text only for the same bytes */
}

bool base64_decode(struct span s, struct text *out)
{
    if (s.len % 4)
        return false;
    size_t pad = padding(s), n = s.len / 4 * 3 - pad;
    char *to = text_room(out, n);
    if (!to)
        return false;
    bool ok = decode(span_head(s, s.len - pad), to);
    if (ok)
        out->len += n;
    out->at[out->len] = '\0';
    return ok;
}
