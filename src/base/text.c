#include "base/text.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *t, size_t max)
{
    *t = TEXT_INIT(max);
}

void text_free(struct text *t)
{
    free(t->at);
    *t = TEXT_INIT(t->max);
}

void text_wipe(struct text *t)
{
    if (t->at)
        memory_wipe(t->at, t->cap);
    text_free(t);
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->full = false;
    if (t->at)
        t->at[0] = '\0';
}

char *text_room(struct text *t, size_t n)
{
    size_t cap = t->cap ? t->cap : 64;

    assert(t->max > 0);
    if (n > t->max || t->len > t->max - n) {
        t->full = true;
        return NULL;
    }
    while (cap < t->len + n + 1)
        cap *= 2;
    if (cap > t->max + 1)
        cap = t->max + 1;
    if (cap > t->cap) {
        t->at = memory_grow(t->at, cap);
        t->cap = cap;
    }
    return t->at + t->len;
}

bool text_add(struct text *t, struct span s)
{
    char *room = text_room(t, s.len);

    if (!room)
        return false;
    if (s.len)
        memcpy(room, s.at, s.len);
    t->len += s.len;
    t->at[t->len] = '\0';
    return true;
}

bool text_adds(struct text *t, const char *cstr)
{
    return text_add(t, span_of(cstr));
}

bool text_addc(struct text *t, char c)
{
    return text_add(t, (struct span){&c, 1});
}

bool text_addv(struct text *t, const char *fmt, va_list ap)
{
    char *room = text_room(t, 0);
    size_t left = t->cap - t->len;
    va_list again;
    int n;

    /* Mostly it fits where there is room already, and need not be formatted twice to learn how long
     * it is. */
    va_copy(again, ap);
    n = vsnprintf(room, left, fmt, ap);
    assert(n >= 0);
    if ((size_t)n >= left) {
        *room = '\0';
        room = text_room(t, (size_t)n);
        if (room)
            vsnprintf(room, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    t->len += room ? (size_t)n : 0;
    return room != NULL;
}

bool text_addu(struct text *t, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    return text_add(t, (struct span){digits + at, sizeof digits - at});
}

bool text_addf(struct text *t, const char *fmt, ...)
{
    va_list ap;
    bool ok;

    va_start(ap, fmt);
    ok = text_addv(t, fmt, ap);
    va_end(ap);
    return ok;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629: no overlong, no surrogate), 0 when there
 * is none. */
static size_t sequence(struct span s)
{
    static const struct {
        unsigned char from, to, second_from, second_to;
        size_t len;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *u = (const unsigned char *)s.at;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (u[0] < rows[i].from || u[0] > rows[i].to)
            continue;
        if (s.len < rows[i].len || u[1] < rows[i].second_from || u[1] > rows[i].second_to)
            return 0;
        for (size_t k = 2; k < rows[i].len; k++)
            if ((u[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].len;
    }
    return 0;
}

/* C1 controls (U+0080 to U+009F) drive terminals as well as C0 does; bidi controls turn a line
 * around. */
static bool harmful(struct span s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s.at;

    if (n == 2)
        return u[0] == 0xc2 && u[1] < 0xa0;
    return n == 3 && u[0] == 0xe2 &&
           ((u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f || (u[2] >= 0xa8 && u[2] <= 0xae))) ||
            (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

/* How many octets at the front are visible ASCII or blanks. */
static size_t plain(struct span s)
{
    size_t n = 0;

    while (n < s.len && s.at[n] >= 0x20 && s.at[n] < 0x7f)
        n++;
    return n;
}

bool text_add_safe(struct text *t, struct span s)
{
    bool ok = true;

    for (size_t run = plain(s); s.len; run = plain(s)) {
        if (run) {
            ok = text_add(t, span_head(s, run)) && ok;
            s = span_from(s, run);
            continue;
        }
        unsigned char c = (unsigned char)s.at[0];
        size_t n = c < 0x80 ? 0 : sequence(s);

        if (n && !harmful(s, n)) {
            ok = text_add(t, span_head(s, n)) && ok;
            s = span_from(s, n);
        } else {
            ok = text_addf(t, "\\x%02x", c) && ok;
            s = span_from(s, 1);
        }
    }
    return ok;
}

void text_drop(struct text *t, size_t n)
{
    assert(n <= t->len);
    if (!n)
        return;
    memmove(t->at, t->at + n, t->len - n);
    t->len -= n;
    t->at[t->len] = '\0';
}

struct span text_span(const struct text *t)
{
    return (struct span){t->at, t->len};
}

const char *text_cstr(const struct text *t)
{
    return t->at ? t->at : "";
}
