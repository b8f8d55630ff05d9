#include "mail/quoted.h"

enum { LINE_LIMIT = 998, QUOTED_WIDTH = 76 };

bool quoted_line(struct span *rest, struct span *line)
{
    size_t n = 0, end = 0;

    if (!rest->len)
        return false;
    while (n < rest->len && rest->at[n] != '\r' && rest->at[n] != '\n')
        n++;
    if (n < rest->len)
        end = n + 1 < rest->len && rest->at[n] == '\r' && rest->at[n + 1] == '\n' ? 2 : 1;
    *line = span_head(*rest, n);
    *rest = span_from(*rest, n + end);
    return true;
}

bool quoted_plain(struct span s)
{
    struct span line;

    if (span_find(s, '\0') >= 0)
        return false;
    while (quoted_line(&s, &line))
        if (line.len > LINE_LIMIT)
            return false;
    return true;
}

bool quoted_whole(struct span s, struct text *out)
{
    struct span line;
    bool ok = true;

    while (ok && quoted_line(&s, &line))
        ok = text_add(out, line) && text_adds(out, "\r\n");
    return ok;
}

/* Blanks at the end of a line must be hidden, and so must a dot that is alone. */
static bool literal(struct span line, size_t i)
{
    unsigned char c = (unsigned char)line.at[i];

    if (c == ' ' || c == '\t')
        return i + 1 < line.len;
    return c > ' ' && c < 0x7f && c != '=' && !(c == '.' && line.len == 1);
}

static bool quote_line(struct span line, struct text *out)
{
    size_t column = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < line.len; i++) {
        bool plain = literal(line, i);
        size_t width = plain ? 1 : 3;

        if (column + width > QUOTED_WIDTH - 1) { /* room for the "=" of a soft end */
            ok = text_adds(out, "=\r\n");
            column = 0;
        }
        ok = ok && (plain ? text_addc(out, line.at[i])
                          : text_addf(out, "=%02X", (unsigned char)line.at[i]));
        column += width;
    }
    return ok && text_adds(out, "\r\n");
}

bool quoted_printable(struct span s, struct text *out)
{
    struct span line;
    bool ok = true;

    while (ok && quoted_line(&s, &line))
        ok = quote_line(line, out);
    return ok;
}
