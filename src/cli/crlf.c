#include "cli/crlf.h"

#include <string.h>

enum place {
    AT_FIRST, /* inside what may be "From " */
    AT_LINE,
    IN_TEXT,
    BEHIND_CR, /* its line was ended already; an LF may follow */
    BEHIND_DOT,
    IN_FROM, /* the line that is dropped */
};

static const char from_line[] = "From ";

void crlf_init(struct crlf *c, unsigned rules, dot_out *out, void *arg)
{
    *c = (struct crlf){.rules = rules, .out = out, .arg = arg};
    c->place = rules & CRLF_MBOX ? AT_FIRST : AT_LINE;
}

static void flush(struct crlf *c)
{
    if (c->len && !c->refused)
        c->refused = !c->out(c->arg, (struct span){c->buf, c->len});
    c->len = 0;
}

static void put(struct crlf *c, struct span s)
{
    while (s.len) {
        size_t n = s.len < sizeof c->buf - c->len ? s.len : sizeof c->buf - c->len;

        memcpy(c->buf + c->len, s.at, n);
        c->len += n;
        s = span_from(s, n);
        if (c->len == sizeof c->buf)
            flush(c);
    }
}

static void end_line(struct crlf *c, char mark)
{
    put(c, SPAN("\r\n"));
    c->place = mark == '\r' ? BEHIND_CR : AT_LINE;
}

/* Each step takes bytes off the front and returns how many; 0 when only the place changed. */

static size_t at_first(struct crlf *c, struct span bytes)
{
    if (bytes.at[0] == from_line[c->held]) {
        if (++c->held == sizeof from_line - 1)
            c->place = IN_FROM;
        return 1;
    }
    c->place = c->held ? IN_TEXT : AT_LINE;
    put(c, (struct span){from_line, c->held});
    return 0;
}

static size_t in_from(struct crlf *c, struct span bytes)
{
    ptrdiff_t end = span_find(bytes, '\n');

    if (end < 0)
        return bytes.len;
    c->place = AT_LINE;
    return (size_t)end + 1;
}

static size_t in_text(struct crlf *c, struct span bytes)
{
    size_t n = 0;

    while (n < bytes.len && bytes.at[n] != '\r' && bytes.at[n] != '\n') {
        c->eight_bit = c->eight_bit || (unsigned char)bytes.at[n] > 127;
        n++;
    }
    put(c, span_head(bytes, n));
    if (n == bytes.len)
        return n;
    end_line(c, bytes.at[n]);
    return n + 1;
}

static size_t at_line(struct crlf *c, struct span bytes)
{
    c->place = (c->rules & CRLF_DOT_ENDS) && bytes.at[0] == '.' ? BEHIND_DOT : IN_TEXT;
    return c->place == BEHIND_DOT;
}

static size_t behind_cr(struct crlf *c, struct span bytes)
{
    c->place = AT_LINE;
    return bytes.at[0] == '\n';
}

static size_t behind_dot(struct crlf *c, struct span bytes)
{
    c->ended = bytes.at[0] == '\n' || bytes.at[0] == '\r';
    if (c->ended)
        return bytes.len;
    put(c, SPAN("."));
    c->place = IN_TEXT;
    return 0;
}

bool crlf_feed(struct crlf *c, struct span bytes)
{
    static size_t (*const steps[])(struct crlf *, struct span) = {
        [AT_FIRST] = at_first,   [AT_LINE] = at_line,       [IN_TEXT] = in_text,
        [BEHIND_CR] = behind_cr, [BEHIND_DOT] = behind_dot, [IN_FROM] = in_from,
    };

    while (bytes.len && !c->ended && !c->refused)
        bytes = span_from(bytes, steps[c->place](c, bytes));
    return !c->ended && !c->refused;
}

bool crlf_finish(struct crlf *c)
{
    if (c->place == AT_FIRST && c->held) {
        put(c, (struct span){from_line, c->held});
        c->place = IN_TEXT;
    }
    if (c->place == IN_TEXT)
        end_line(c, '\n');
    c->ended = c->ended || c->place == BEHIND_DOT;
    flush(c);
    return !c->refused;
}
