#include "http/http_query.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One octet off the front of *s, or -1. */
static int next(struct span *s)
{
    int high, low;

    if (s->at[0] != '%') {
        int plain = (unsigned char)s->at[0];

        *s = span_from(*s, 1);
        return plain;
    }
    high = s->len > 2 ? digit(s->at[1]) : -1;
    low = high < 0 ? -1 : digit(s->at[2]);
    *s = span_from(*s, 3);
    return low < 0 ? -1 : high * 16 + low;
}

bool http_query_decode(struct span s, struct text *out)
{
    while (s.len) {
        int c = next(&s);

        if (c < ' ' || c == 0x7f)
            return false;
        text_addc(out, (char)c);
    }
    return !out->full;
}

/* RFC 3986 2.3 */
static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void http_query_encode(struct span value, struct text *out)
{
    for (size_t i = 0; i < value.len; i++)
        if (unreserved(value.at[i]))
            text_addc(out, value.at[i]);
        else
            text_addf(out, "%%%02X", (unsigned)(unsigned char)value.at[i]);
}

int http_query_value(struct span query, const char *name, struct text *out)
{
    struct span field, key;

    if (!query.len)
        return 0;
    while (span_cut(&query, '&', &field))
        if (span_cut(&field, '=', &key) && field.at && span_iis(key, name))
            return http_query_decode(field, out) ? 1 : -1;
    return 0;
}
