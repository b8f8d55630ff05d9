#include "clients/xml.h"

#include "base/memory.h"
#include "mail/utf8.h"

/* Octets of the character at the front that may stand in XML, or 0. */
static size_t good(struct span s)
{
    unsigned char c = (unsigned char)s.at[0];
    uint32_t code;
    size_t n;

    if (c < 0x80)
        return c == '\t' || c == '\n' || (c >= ' ' && c != 0x7f);
    n = utf8_decode(s, &code);
    return n && code >= 0xa0 && (code & 0xfffe) != 0xfffe ? n : 0;
}

static const char *escape(char c)
{
    static const struct {
        char c;
        const char *as;
    } rows[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].c == c)
            return rows[i].as;
    return NULL;
}

void xml_text(struct text *out, struct span s)
{
    while (s.len) {
        const char *as = escape(s.at[0]);
        size_t n = as ? 1 : good(s);

        if (as)
            text_adds(out, as);
        else
            text_add(out, n ? span_head(s, n) : SPAN("?"));
        s = span_from(s, n ? n : 1);
    }
}

static void indent(struct text *out, unsigned depth)
{
    while (depth--)
        text_adds(out, "  ");
}

void xml_element(struct text *out, unsigned depth, const char *name, struct span value)
{
    indent(out, depth);
    text_addf(out, "<%s>", name);
    xml_text(out, value);
    text_addf(out, "</%s>\n", name);
}

void xml_open(struct text *out, unsigned depth, const char *name)
{
    indent(out, depth);
    text_addf(out, "<%s>\n", name);
}

void xml_close(struct text *out, unsigned depth, const char *name)
{
    indent(out, depth);
    text_addf(out, "</%s>\n", name);
}
