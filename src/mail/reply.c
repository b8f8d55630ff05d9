#include "mail/reply.h"

#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_OUT = 512 }; /* RFC 5321 4.5.3.1.5, with CR LF */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool enhanced_parse(struct span s, struct enhanced *out)
{
    struct span class, subject, detail;
    uint64_t c, u, d;

    if (!span_cut(&s, '.', &class) || !span_cut(&s, '.', &subject) || !span_cut(&s, '.', &detail) ||
        s.at)
        return false;
    if (class.len != 1 || subject.len > 3 || detail.len > 3)
        return false;
    if (!span_u64(class, 5, &c) || !span_u64(subject, 999, &u) || !span_u64(detail, 999, &d))
        return false;
    if (c != 2 && c != 4 && c != 5)
        return false;
    *out = (struct enhanced){(unsigned char)c, (unsigned short)u, (unsigned short)d};
    return true;
}

void enhanced_text(struct enhanced e, char buf[12])
{
    snprintf(buf, 12, "%u.%u.%u", e.class % 10U, e.subject % 1000U, e.detail % 1000U);
}

int reply_class(const struct reply *r)
{
    return r->code / 100;
}

void reply_reader_init(struct reply_reader *r)
{
    *r = (struct reply_reader){.text = TEXT_INIT(REPLY_TEXT_MAX)};
}

void reply_reader_free(struct reply_reader *r)
{
    text_free(&r->text);
    reply_reader_init(r);
}

static bool read_code(struct span line, unsigned short *code)
{
    if (line.len < 3 || !digit(line.at[0]) || !digit(line.at[1]) || !digit(line.at[2]))
        return false;
    if (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-')
        return false;
    *code = (unsigned short)((line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + line.at[2] - '0');
    return *code >= 200 && *code <= 599;
}

/* RFC 2034: the code stands in front of every line of the text. A number that does not fit the
 * reply's class is text. */
static struct span take_enhanced(struct reply_reader *r, struct span text)
{
    struct span rest = text, word = span_word(&rest);
    struct enhanced e;

    if (!text.len || text.at[0] == ' ' || !enhanced_parse(word, &e) || e.class != r->code / 100)
        return text;
    if (r->enhanced.class == 0)
        r->enhanced = e;
    if (e.subject != r->enhanced.subject || e.detail != r->enhanced.detail)
        return text;
    return span_from(rest, rest.len && rest.at[0] == ' ' ? 1 : 0);
}

static enum reply_feed broken(struct reply_reader *r)
{
    r->lines = 0;
    return REPLY_BROKEN;
}

static enum reply_feed done(struct reply_reader *r, struct reply *out)
{
    r->lines = 0; /* the next line begins a new reply */
    *out = (struct reply){.code = r->code, .enhanced = r->enhanced, .text = text_span(&r->text)};
    return REPLY_DONE;
}

enum reply_feed reply_feed(struct reply_reader *r, struct span line, struct reply *out)
{
    unsigned short code;
    bool more = line.len > 3 && line.at[3] == '-';

    if (line.len > REPLY_LINE_MAX || span_find(line, '\0') >= 0 || !read_code(line, &code))
        return broken(r);
    if (r->lines == 0) {
        text_clear(&r->text);
        r->code = code;
        r->enhanced = (struct enhanced){0};
    } else {
        text_addc(&r->text, '\n');
    }
    if (code != r->code || ++r->lines > REPLY_LINES_MAX)
        return broken(r);
    text_add_safe(&r->text, take_enhanced(r, span_from(line, 4)));
    if (r->text.full)
        return broken(r);
    return more ? REPLY_MORE : done(r, out);
}

/* How much of the text goes on this line: up to `room`, broken at a blank when there is one. */
static struct span piece_of(struct span *text, size_t room)
{
    struct span piece = span_head(*text, room);
    ptrdiff_t blank;

    if (piece.len == text->len) {
        *text = SPAN_NONE;
        return piece;
    }
    blank = span_rfind(piece, ' ');
    if (blank > 0)
        piece.len = (size_t)blank;
    else
        while (piece.len > 1 && ((unsigned char)text->at[piece.len] & 0xc0) == 0x80)
            piece.len--; /* not through the middle of a UTF-8 character */
    *text = span_from(*text, piece.len + (blank > 0));
    return piece;
}

static void put_line(const struct reply *r, struct span piece, bool last, struct text *out)
{
    char enhanced[12];

    text_addf(out, "%03u", r->code);
    if (last && !piece.len && !r->enhanced.class) {
        text_adds(out, "\r\n");
        return;
    }
    text_addc(out, last ? ' ' : '-');
    if (r->enhanced.class) {
        enhanced_text(r->enhanced, enhanced);
        text_adds(out, enhanced);
        if (piece.len)
            text_addc(out, ' ');
    }
    text_add(out, piece);
    text_adds(out, "\r\n");
}

void reply_format(const struct reply *r, struct text *out)
{
    size_t room = LINE_MAX_OUT - sizeof "250-\r\n" - (r->enhanced.class ? sizeof "5.999.999 " : 0);
    struct span text = r->text.len ? r->text : SPAN("");
    struct span line;
    struct text safe = TEXT_INIT(REPLY_TEXT_MAX * 4);

    while (span_cut(&text, '\n', &line)) {
        struct span rest;

        text_clear(&safe);
        text_add_safe(&safe, line); /* a word of the peer's may be quoted in ours */
        rest = safe.len ? text_span(&safe) : SPAN("");
        while (rest.at) {
            struct span piece = piece_of(&rest, room);

            put_line(r, piece, !rest.at && !text.at, out);
        }
    }
    text_free(&safe);
}

struct reply reply_make(struct arena *a, unsigned code, const char *enhanced, const char *fmt, ...)
{
    struct reply r = {.code = (unsigned short)code};
    struct text words = TEXT_INIT(REPLY_TEXT_MAX);
    va_list ap;

    assert(code >= 200 && code <= 599);
    if (enhanced) {
        bool ours_is_good = enhanced_parse(span_of(enhanced), &r.enhanced);

        assert(ours_is_good);
        (void)ours_is_good;
    }
    va_start(ap, fmt);
    text_addv(&words, fmt, ap);
    va_end(ap);
    r.text = arena_span(a, text_span(&words));
    text_free(&words);
    return r;
}

struct reply reply_error(struct arena *a, unsigned code, const struct error *e)
{
    struct reply r;

    if (!code)
        code = e->class == ERROR_TEMPORARY ? 451 : 550;
    r = reply_make(a, code, NULL, "%s", e->words);
    if (!enhanced_parse(span_of(e->enhanced), &r.enhanced))
        r.enhanced = (struct enhanced){0};
    r.enhanced.class = (unsigned char)(code / 100); /* RFC 2034 4: the two must agree */
    return r;
}

struct reply reply_copy(struct arena *a, const struct reply *r)
{
    struct reply copy = *r;

    copy.text = arena_span(a, r->text);
    return copy;
}
