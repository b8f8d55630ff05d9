#include "mail/header.h"

#include "base/memory.h"
#include "mail/address.h"

#include <assert.h>
#include <string.h>

enum state {
    AT_LINE,      /* at the start of a line, some of which may be in held[] */
    IN_LINE,      /* inside a field */
    BEHIND_CR,    /* behind a CR that ended a line of a field; an LF may follow */
    AT_BLANK,     /* before the CR or LF that is the blank line */
    BEHIND_BLANK, /* behind its CR; an LF may follow */
    IN_BODY,
};

/* What the start of a line is. */
enum kind { KIND_UNKNOWN, KIND_FIELD, KIND_FOLDED, KIND_BLANK, KIND_OTHER };

/* Fields we care about. `drops` is a bit per header_mode. */
static const struct row {
    const char *name;
    enum header_field field;
    unsigned drops;
} table[] = {
    {"Date", HEADER_DATE, 0},
    {"From", HEADER_FROM, 0},
    {"Sender", HEADER_SENDER, 0},
    {"Message-ID", HEADER_MESSAGE_ID, 0},
    {"Received", HEADER_RECEIVED, 0},
    {"Auto-Submitted", HEADER_AUTO_SUBMITTED, 0},
    {"Authentication-Results", HEADER_RESULTS, 0}, /* see judge */
    {"Delivered-To", HEADER_DELIVERED_TO, 0},
    {"Bcc", HEADER_DROPPED, 1U << HEADER_SUBMISSION},
    {"Resent-Bcc", HEADER_DROPPED, 1U << HEADER_SUBMISSION},
    {"Return-Path", HEADER_DROPPED, 1U << HEADER_SUBMISSION | 1U << HEADER_EXCHANGE},
};

void header_init(struct header *h, enum header_mode mode, dot_out *out, void *arg)
{
    *h = (struct header){.mode = mode,
                         .out = out,
                         .arg = arg,
                         .state = AT_LINE,
                         .delivered = TEXT_INIT(HEADER_DELIVERED_MAX),
                         .doubt = TEXT_INIT(HEADER_RESULTS_MAX)};
}

void header_free(struct header *h)
{
    text_free(&h->delivered);
    text_free(&h->doubt);
}

bool header_looping(const struct header *h)
{
    return h->count[HEADER_RECEIVED] > HEADER_RECEIVED_MAX;
}

static bool canonical(struct span address, struct text *out)
{
    struct address a;

    text_clear(out);
    return address_parse(address, true, &a) == PATH_OK && address_canon(&a, true, out);
}

bool header_was_delivered(const struct header *h, struct span address)
{
    struct text wanted = TEXT_INIT(1024), one = TEXT_INIT(1024);
    struct span rest = text_span(&h->delivered), field, name;
    bool known = h->count[HEADER_DELIVERED_TO] && canonical(address, &wanted), found = false;

    while (known && !found && span_cut(&rest, '\n', &field)) {
        if (!span_cut(&field, ':', &name))
            continue;
        field = span_trim(field);
        if (field.len > 2 && field.at[0] == '<' && field.at[field.len - 1] == '>')
            field = (struct span){field.at + 1, field.len - 2};
        found = canonical(field, &one) && span_eq(text_span(&one), text_span(&wanted));
    }
    text_free(&wanted);
    text_free(&one);
    return found;
}

static void give(struct header *h, struct span bytes)
{
    if (bytes.len && !h->refused)
        h->refused = !h->out(h->arg, bytes);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool visible(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f;
}

/* A name is anything visible, also what RFC 5322 does not allow (8-bit): it is told from text by
 * having no blank in it before the colon. *name is its length. */
static enum kind classify(struct span s, size_t *name)
{
    size_t i = 0;

    if (!s.len)
        return KIND_UNKNOWN;
    if (s.at[0] == '\r' || s.at[0] == '\n')
        return KIND_BLANK;
    if (blank(s.at[0]))
        return KIND_FOLDED;
    while (i < s.len && i < HEADER_NAME_MAX && visible(s.at[i]) && s.at[i] != ':')
        i++;
    *name = i;
    while (i < s.len && i < HEADER_NAME_MAX && blank(s.at[i])) /* "Subject :" of old */
        i++;
    if (i == HEADER_NAME_MAX)
        return KIND_OTHER;
    if (i == s.len)
        return KIND_UNKNOWN;
    return s.at[i] == ':' && *name ? KIND_FIELD : KIND_OTHER;
}

static const struct row *find(struct span name)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (span_iis(name, table[i].name))
            return &table[i];
    return NULL;
}

static void begin_field(struct header *h, struct span name)
{
    const struct row *row = find(name);

    h->any = true;
    h->dropping = row && (row->drops & 1U << h->mode);
    h->keeping_delivered = false;
    if (!row)
        return;
    h->count[row->field]++;
    h->judging = row->field == HEADER_RESULTS && h->host.len;
    h->keeping_delivered = row->field == HEADER_DELIVERED_TO && text_addc(&h->delivered, '\n');
}

static void begin_body(struct header *h)
{
    h->ended = true;
    h->dropping = h->keeping_delivered = false;
    h->state = IN_BODY;
}

/* The header ends here without a blank line: put it in. */
static void mend(struct header *h)
{
    h->mended = true;
    give(h, SPAN("\r\n"));
    begin_body(h);
}

/* The doubt is over, or the field is without having told a name. */
static void settle(struct header *h)
{
    if (h->judging && !h->dropping)
        give(h, text_span(&h->doubt));
    h->judging = false;
    text_clear(&h->doubt);
}

/* Acts on a line that is understood. A folded line that continues nothing is text. */
static void begin_line(struct header *h, enum kind kind, struct span name)
{
    if (kind != KIND_FOLDED)
        settle(h);
    if (kind == KIND_BLANK) {
        h->state = AT_BLANK;
    } else if (kind == KIND_OTHER || (kind == KIND_FOLDED && !h->any)) {
        mend(h);
    } else {
        h->state = IN_LINE;
        if (kind == KIND_FIELD)
            begin_field(h, name);
    }
}

/* Takes blanks, line ends and comments (CFWS, RFC 5322 3.2.2) off the front. False: there is
 * nothing behind them yet. */
static bool skip_cfws(struct span *s)
{
    unsigned depth = 0;

    for (; s->len; *s = span_from(*s, 1)) {
        char c = s->at[0];

        if (c == '(')
            depth++;
        else if (!depth && !blank(c) && c != '\r' && c != '\n')
            return true;
        else if (depth && c == ')')
            depth--;
        else if (depth && c == '\\' && s->len > 1)
            *s = span_from(*s, 1);
    }
    return false;
}

/* The name of the server whose results these are (authserv-id, RFC 8601 2.2: a token or a quoted
 * string, RFC 2045 5.1), once its end is here. */
static bool results_name(struct span field, struct span *name)
{
    size_t n = 0;

    span_cut(&field, ':', name);
    if (!skip_cfws(&field))
        return false;
    if (field.at[0] == '"') {
        field = span_from(field, 1);
        while (n < field.len && field.at[n] != '"')
            n++;
    } else {
        while (n < field.len && !strchr(" \t\r\n;(),/:<=>?@[]\"", field.at[n]))
            n++;
    }
    *name = span_head(field, n);
    return n < field.len;
}

/* The name of a server as others may read it: without its last dot, and in either form of an
 * international domain. */
static bool same_server(struct span name, struct span host)
{
    struct text canonical = TEXT_INIT(HEADER_RESULTS_MAX);
    bool same = span_ieq(name, host);

    if (!same && address_domain_canon(name, &canonical))
        same = span_ieq(text_span(&canonical), host);
    text_free(&canonical);
    return same;
}

/* A name that does not come, or that is written in disguise, is no honest one. */
static void judge(struct header *h, struct span piece)
{
    struct span fits = span_head(piece, HEADER_RESULTS_MAX - h->doubt.len), name;

    text_add(&h->doubt, fits);
    if (results_name(text_span(&h->doubt), &name))
        h->dropping = same_server(name, h->host) || span_find(name, '\\') >= 0;
    else if (h->doubt.len == HEADER_RESULTS_MAX)
        h->dropping = true;
    else
        return;
    settle(h);
    if (!h->dropping)
        give(h, span_from(piece, fits.len));
}

/* Bytes of a field's line, without what ends it. */
static void pass(struct header *h, struct span piece)
{
    if (h->judging)
        judge(h, piece);
    else if (!h->dropping)
        give(h, piece);
}

/* Bytes of a field's line, without what ends it. */
static void pass_text(struct header *h, struct span piece)
{
    pass(h, piece);
    if (h->keeping_delivered)
        h->keeping_delivered = text_add(&h->delivered, piece);
}

/* Each step below takes bytes off the front and returns how many; 0 when only the state changed. */

/* The rest of a line whose start is held: byte by byte until it is understood. The byte that
 * decides stays where it is. */
static size_t at_held_line(struct header *h, struct span bytes)
{
    struct span held;
    size_t used = 0, name = 0;
    enum kind kind = KIND_UNKNOWN;

    for (; used < bytes.len; used++) {
        assert(h->held_len < sizeof h->held);
        h->held[h->held_len] = bytes.at[used];
        kind = classify((struct span){h->held, h->held_len + 1}, &name);
        if (kind != KIND_UNKNOWN)
            break;
        h->held_len++;
    }
    if (kind == KIND_UNKNOWN)
        return used;
    held = (struct span){h->held, h->held_len};
    begin_line(h, kind, span_head(held, name));
    if (h->state == IN_LINE)
        pass_text(h, held);
    else
        give(h, held);
    h->held_len = 0;
    return used;
}

static size_t at_line(struct header *h, struct span bytes)
{
    size_t name = 0;
    enum kind kind;

    if (h->held_len)
        return at_held_line(h, bytes);
    kind = classify(bytes, &name);
    if (kind != KIND_UNKNOWN) {
        begin_line(h, kind, span_head(bytes, name));
        return 0;
    }
    assert(bytes.len < sizeof h->held);
    memcpy(h->held, bytes.at, bytes.len);
    h->held_len = bytes.len;
    return bytes.len;
}

static size_t in_line(struct header *h, struct span bytes)
{
    size_t n = 0;

    while (n < bytes.len && bytes.at[n] != '\r' && bytes.at[n] != '\n')
        n++;
    pass_text(h, span_head(bytes, n));
    if (n == bytes.len)
        return n;
    pass(h, span_head(span_from(bytes, n), 1));
    h->state = bytes.at[n] == '\r' ? BEHIND_CR : AT_LINE;
    return n + 1;
}

/* The CR was given out already. One that stands alone gets its LF here: else, with the next field
 * dropped, it could join the LF of a blank line, and the header would swallow the body. */
static size_t behind_cr(struct header *h, struct span bytes)
{
    h->state = AT_LINE;
    pass(h, SPAN("\n"));
    return bytes.at[0] == '\n';
}

static size_t at_blank(struct header *h, struct span bytes)
{
    give(h, span_head(bytes, 1));
    if (bytes.at[0] == '\r')
        h->state = BEHIND_BLANK;
    else
        begin_body(h);
    return 1;
}

static size_t behind_blank(struct header *h, struct span bytes)
{
    give(h, SPAN("\n"));
    begin_body(h);
    return bytes.at[0] == '\n';
}

void header_feed(struct header *h, struct span bytes)
{
    static size_t (*const steps[])(struct header *, struct span) = {
        [AT_LINE] = at_line,   [IN_LINE] = in_line,           [BEHIND_CR] = behind_cr,
        [AT_BLANK] = at_blank, [BEHIND_BLANK] = behind_blank,
    };

    while (bytes.len && h->state != IN_BODY) {
        size_t used = steps[h->state](h, bytes);

        h->size += used;
        bytes = span_from(bytes, used);
    }
    give(h, bytes);
}

void header_finish(struct header *h)
{
    if (h->state == BEHIND_CR)
        behind_cr(h, SPAN("\n"));
    if (h->state == BEHIND_BLANK)
        behind_blank(h, SPAN("\n"));
    settle(h);
    if (!h->held_len)
        return;
    mend(h); /* a name that never came to its colon is text */
    give(h, (struct span){h->held, h->held_len});
    h->held_len = 0;
}
