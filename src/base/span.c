#include "base/span.h"

#include "base/memory.h"

#include <string.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

struct span span_of(const char *cstr)
{
    return cstr ? (struct span){cstr, strlen(cstr)} : SPAN_NONE;
}

bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_ieq(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool span_is(struct span a, const char *cstr)
{
    return span_eq(a, span_of(cstr));
}

bool span_iis(struct span a, const char *cstr)
{
    return span_ieq(a, span_of(cstr));
}

int span_cmp(struct span a, struct span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.at, b.at, n) : 0;

    if (c)
        return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool span_starts(struct span a, struct span prefix)
{
    return a.len >= prefix.len && span_eq(span_head(a, prefix.len), prefix);
}

bool span_istarts(struct span a, struct span prefix)
{
    return a.len >= prefix.len && span_ieq(span_head(a, prefix.len), prefix);
}

bool span_ends(struct span a, struct span suffix)
{
    return a.len >= suffix.len && span_eq(span_from(a, a.len - suffix.len), suffix);
}

ptrdiff_t span_find(struct span a, char byte)
{
    const char *p = a.len ? memchr(a.at, byte, a.len) : NULL;

    return p ? p - a.at : -1;
}

ptrdiff_t span_rfind(struct span a, char byte)
{
    const char *p = a.len ? memrchr(a.at, byte, a.len) : NULL;

    return p ? p - a.at : -1;
}

ptrdiff_t span_search(struct span a, struct span needle)
{
    const char *p;

    if (!needle.len)
        return 0;
    p = a.len ? memmem(a.at, a.len, needle.at, needle.len) : NULL;
    return p ? p - a.at : -1;
}

struct span span_from(struct span a, size_t from)
{
    if (from >= a.len)
        return a.at ? (struct span){a.at + a.len, 0} : SPAN_NONE;
    return (struct span){a.at + from, a.len - from};
}

struct span span_head(struct span a, size_t n)
{
    return (struct span){a.at, n < a.len ? n : a.len};
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span a)
{
    while (a.len && blank(a.at[0])) {
        a.at++;
        a.len--;
    }
    while (a.len && blank(a.at[a.len - 1]))
        a.len--;
    return a;
}

struct span span_word(struct span *rest)
{
    struct span word;
    size_t n = 0;

    while (rest->len && blank(rest->at[0])) {
        rest->at++;
        rest->len--;
    }
    while (n < rest->len && !blank(rest->at[n]))
        n++;
    word = span_head(*rest, n);
    *rest = span_from(*rest, n);
    return word;
}

bool span_cut(struct span *rest, char sep, struct span *piece)
{
    ptrdiff_t i;

    if (!rest->at)
        return false;
    i = span_find(*rest, sep);
    if (i < 0) {
        *piece = *rest;
        *rest = SPAN_NONE;
    } else {
        *piece = span_head(*rest, (size_t)i);
        *rest = (struct span){rest->at + i + 1, rest->len - (size_t)i - 1};
    }
    return true;
}

bool span_u64(struct span a, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (!a.len || a.len > 20)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)a.at[i] - '0';

        if (a.at[i] < '0' || a.at[i] > '9' || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

bool span_cstr(struct span a, char *buf, size_t cap)
{
    bool fits = a.len < cap && span_find(a, '\0') < 0;

    if (fits && a.len)
        memcpy(buf, a.at, a.len);
    if (cap)
        buf[fits ? a.len : 0] = '\0';
    return fits;
}

char *span_dup(struct span a)
{
    char *copy = memory_alloc(a.len + 1);

    if (a.len)
        memcpy(copy, a.at, a.len);
    copy[a.len] = '\0';
    return copy;
}
