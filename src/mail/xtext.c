#include "mail/xtext.h"

#include "mail/utf8.h"

/* xchar: "!" to "~" but "+" and "=". */
static bool xchar(char c)
{
    return c >= '!' && c <= '~' && c != '+' && c != '=';
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes one character off the front: 0 to 255, or -1 when no xtext stands there. */
static int take(struct span *s)
{
    int value;

    if (xchar(s->at[0])) {
        value = (unsigned char)s->at[0];
        *s = span_from(*s, 1);
        return value;
    }
    if (s->at[0] != '+' || s->len < 3 || hex(s->at[1]) < 0 || hex(s->at[2]) < 0)
        return -1;
    value = hex(s->at[1]) * 16 + hex(s->at[2]);
    *s = span_from(*s, 3);
    return value;
}

bool xtext_ok(struct span s)
{
    while (s.len)
        if (take(&s) < 0)
            return false;
    return true;
}

bool xtext_printable(struct span s)
{
    while (s.len) {
        int c = take(&s);

        if (c < ' ' || c > '~')
            return false;
    }
    return true;
}

bool xtext_decode(struct span s, struct text *out)
{
    while (s.len) {
        int c = take(&s);

        if (c < 0 || !text_addc(out, (char)c))
            return false;
    }
    return true;
}

bool xtext_utf8(struct span s, struct text *out)
{
    bool ok = true;

    while (s.len && ok) {
        uint32_t code = 0;
        size_t n = utf8_decode(s, &code);

        if (code > ' ' && code <= '~' && code != '\\' && code != '+' && code != '=')
            ok = text_addc(out, (char)code);
        else
            ok = text_addf(out, "\\x{%02X}", n ? code : 0xfffd);
        s = span_from(s, n ? n : 1);
    }
    return ok;
}

bool xtext_encode(struct span s, struct text *out)
{
    bool ok = true;

    for (size_t i = 0; i < s.len && ok; i++)
        ok = xchar(s.at[i]) ? text_addc(out, s.at[i])
                            : text_addf(out, "+%02X", (unsigned char)s.at[i]);
    return ok;
}
