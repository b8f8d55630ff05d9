#include "sign/canon.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_end(char c)
{
    return c == '\r' || c == '\n';
}

/* ---- header ---- */

/* Takes a line off the front, with its end. */
static struct span line_of(struct span *rest)
{
    size_t n = 0;
    struct span line;

    while (n < rest->len && !is_end(rest->at[n]))
        n++;
    line = span_head(*rest, n);
    if (n < rest->len)
        n += rest->at[n] == '\r' && n + 1 < rest->len && rest->at[n + 1] == '\n' ? 2 : 1;
    *rest = span_from(*rest, n);
    return line;
}

static bool split(struct span whole, struct canon_field *out)
{
    ptrdiff_t colon = span_find(whole, ':');

    if (colon <= 0 || is_blank(whole.at[0]))
        return false;
    out->name = span_head(whole, (size_t)colon);
    while (out->name.len && is_blank(out->name.at[out->name.len - 1]))
        out->name.len--;
    for (size_t i = 0; i < out->name.len; i++) /* RFC 5322 3.6.8; nor folded */
        if (out->name.at[i] < 33 || out->name.at[i] > 126)
            return false;
    out->value = span_from(whole, (size_t)colon + 1);
    return true;
}

bool canon_next(struct span *rest, struct canon_field *out)
{
    while (rest->len) {
        const char *start = rest->at;
        struct span line = line_of(rest), whole = line;

        if (!line.len)
            return false;
        while (rest->len && is_blank(rest->at[0])) {
            line = line_of(rest);
            whole = (struct span){start, (size_t)(line.at + line.len - start)};
        }
        if (split(whole, out))
            return true;
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool canon_field(const struct canon_field *f, struct text *out)
{
    bool blank = false, text = false, fits = true;

    for (size_t i = 0; i < f->name.len; i++)
        fits = fits && text_addc(out, lower(f->name.at[i]));
    fits = fits && text_addc(out, ':');
    for (size_t i = 0; i < f->value.len && fits; i++) {
        char c = f->value.at[i];

        if (is_end(c))
            continue;
        if (is_blank(c)) {
            blank = text;
            continue;
        }
        fits = (!blank || text_addc(out, ' ')) && text_addc(out, c);
        blank = false;
        text = true;
    }
    return fits;
}

/* ---- body ---- */

void canon_body_init(struct canon_body *b, void (*out)(void *arg, struct span bytes), void *arg)
{
    *b = (struct canon_body){.out = out, .arg = arg};
}

/* Text follows: what was held back belongs to the body. */
static void release(struct canon_body *b)
{
    for (; b->empty; b->empty--)
        b->out(b->arg, SPAN("\r\n"));
    if (b->blank)
        b->out(b->arg, SPAN(" "));
    b->blank = false;
    b->text = true;
}

static void end_line(struct canon_body *b)
{
    if (b->text)
        b->out(b->arg, SPAN("\r\n"));
    else
        b->empty++;
    b->text = false;
    b->blank = false;
}

/* One byte that is a blank or a part of a line's end. */
static void special(struct canon_body *b, char c)
{
    bool whole = b->cr && c == '\n'; /* that line has ended */

    b->cr = c == '\r';
    if (is_blank(c))
        b->blank = true;
    else if (!whole)
        end_line(b);
}

void canon_body_feed(struct canon_body *b, struct span bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        size_t from = i;

        while (i < bytes.len && !is_blank(bytes.at[i]) && !is_end(bytes.at[i]))
            i++;
        if (i == from) {
            special(b, bytes.at[i++]);
            continue;
        }
        b->cr = false;
        release(b);
        b->out(b->arg, (struct span){bytes.at + from, i - from});
    }
}

void canon_body_end(struct canon_body *b)
{
    if (b->text)
        b->out(b->arg, SPAN("\r\n"));
    b->text = false;
}
