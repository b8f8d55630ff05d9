#include "mail/params.h"

#include "base/memory.h"
#include "mail/utf8.h"
#include "mail/xtext.h"

#include <string.h>

enum {
    ENVID_MAX = 100, /* RFC 3461 4.4 */
    ORCPT_MAX = 500, /* RFC 3461 4.2 */
    AUTH_MAX = 500,  /* RFC 4954 5 */
};

/* What one parser works on. */
struct param {
    struct span keyword, value;
    bool has_value;
    const struct params_offer *offer;
    struct params_mail *mail;
    struct params_rcpt *rcpt;
    struct error *e;
};

static enum params_result syntax(const struct param *p, const char *wanted)
{
    error_mail(p->e, ERROR_PERMANENT, "5.5.4", OWNER_YOU,
               "%.*s wants %s; repair or leave out the parameter", SPAN_ARG(p->keyword), wanted);
    return PARAMS_SYNTAX;
}

static enum params_result parse_size(struct param *p)
{
    uint64_t limit = p->offer->size_max;

    if (!span_u64(p->value, UINT64_MAX, &p->mail->size))
        return syntax(p, "the message's size, a plain number below 2^64");
    p->mail->has_size = true;
    if (!limit || p->mail->size <= limit)
        return PARAMS_OK;
    error_mail(p->e, ERROR_PERMANENT, "5.3.4", OWNER_YOU,
               "The message is too big: %llu octets, and %llu are the most this server takes; make "
               "it smaller or send a link to the files",
               (unsigned long long)p->mail->size, (unsigned long long)limit);
    return PARAMS_TOO_BIG;
}

static enum params_result parse_body(struct param *p)
{
    if (span_iis(p->value, "7BIT"))
        p->mail->body = BODY_7BIT;
    else if (span_iis(p->value, "8BITMIME"))
        p->mail->body = BODY_8BITMIME;
    else
        return syntax(p, "7BIT or 8BITMIME");
    return PARAMS_OK;
}

static enum params_result parse_smtputf8(struct param *p)
{
    p->mail->smtputf8 = true;
    return PARAMS_OK;
}

static enum params_result parse_ret(struct param *p)
{
    if (span_iis(p->value, "FULL"))
        p->mail->ret = RET_FULL;
    else if (span_iis(p->value, "HDRS"))
        p->mail->ret = RET_HDRS;
    else
        return syntax(p, "FULL or HDRS");
    return PARAMS_OK;
}

static enum params_result parse_envid(struct param *p)
{
    if (p->value.len > ENVID_MAX || !xtext_printable(p->value))
        return syntax(p, "printable text in xtext, at most 100 characters");
    p->mail->envid = p->value;
    return PARAMS_OK;
}

static enum params_result parse_auth(struct param *p)
{
    if (p->value.len > AUTH_MAX || (!span_is(p->value, "<>") && !xtext_printable(p->value)))
        return syntax(p, "<> or a mailbox in xtext, at most 500 characters");
    p->mail->auth = p->value;
    return PARAMS_OK;
}

static unsigned notify_bit(struct span word)
{
    static const struct {
        const char *word;
        unsigned bit;
    } rows[] = {{"NEVER", NOTIFY_NEVER},
                {"SUCCESS", NOTIFY_SUCCESS},
                {"FAILURE", NOTIFY_FAILURE},
                {"DELAY", NOTIFY_DELAY}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (span_iis(word, rows[i].word))
            return rows[i].bit;
    return 0;
}

static enum params_result parse_notify(struct param *p)
{
    struct span rest = p->value, word;
    unsigned bits = 0;

    while (span_cut(&rest, ',', &word)) {
        unsigned bit = notify_bit(word);

        if (!bit)
            return syntax(p, "NEVER, or a list of SUCCESS, FAILURE, DELAY");
        bits |= bit;
    }
    if ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER)
        return syntax(p, "NEVER to stand alone");
    p->rcpt->notify = bits;
    return PARAMS_OK;
}

static bool atom(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~' || strchr("()<>[]:;@\\,.\"", s.at[i]))
            return false;
    return s.len > 0;
}

/* utf-8-addr-unitext of RFC 6533 section 3: raw, for who was offered SMTPUTF8. It is kept and
 * passed on in the form of ASCII, which may not be too long either. */
static bool raw_utf8(const struct param *p, struct span type, struct span address)
{
    struct text ascii = TEXT_INIT(ORCPT_MAX);
    bool good = p->offer->extensions & PARAMS_SMTPUTF8 && span_iis(type, "utf-8") &&
                utf8_high(address) && utf8_ok(address) && xtext_utf8(address, &ascii) &&
                type.len + 1 + ascii.len <= ORCPT_MAX;

    for (size_t i = 0; i < address.len; i++)
        good = good && (unsigned char)address.at[i] > ' ' && address.at[i] != 0x7f;
    text_free(&ascii);
    return good;
}

struct span params_orcpt(const struct params_rcpt *p, struct arena *a)
{
    struct span rest = p->orcpt, type;
    struct text t = TEXT_INIT(ORCPT_MAX);

    if (!utf8_high(rest) || !span_cut(&rest, ';', &type))
        return rest;
    text_adds(&t, "utf-8;");
    xtext_utf8(rest, &t);
    rest = arena_span(a, text_span(&t));
    text_free(&t);
    return rest;
}

static enum params_result parse_orcpt(struct param *p)
{
    struct span address = p->value, type;

    if (p->value.len > ORCPT_MAX || !span_cut(&address, ';', &type) || !atom(type) ||
        !address.len || !(xtext_printable(address) || raw_utf8(p, type, address)))
        return syntax(p, "an address type, ';' and an address in xtext, at most 500 characters");
    p->rcpt->orcpt = p->value;
    return PARAMS_OK;
}

enum command { ON_MAIL = 1, ON_RCPT = 2 };

/* Everything we know. A new extension is a row here, a bit in params.h and its parser. No parameter
 * may be given twice (RFC 5321 4.1.1.11). */
static const struct row {
    const char *keyword;
    enum command where;
    enum params_extension extension;
    bool valued; /* keyword=value; else the keyword alone */
    enum params_result (*parse)(struct param *p);
} table[] = {
    {"SIZE", ON_MAIL, PARAMS_SIZE, true, parse_size},
    {"BODY", ON_MAIL, PARAMS_8BITMIME, true, parse_body},
    {"SMTPUTF8", ON_MAIL, PARAMS_SMTPUTF8, false, parse_smtputf8},
    {"RET", ON_MAIL, PARAMS_DSN, true, parse_ret},
    {"ENVID", ON_MAIL, PARAMS_DSN, true, parse_envid},
    {"AUTH", ON_MAIL, PARAMS_AUTH, true, parse_auth},
    {"NOTIFY", ON_RCPT, PARAMS_DSN, true, parse_notify},
    {"ORCPT", ON_RCPT, PARAMS_DSN, true, parse_orcpt},
};

static const struct row *find_row(struct span keyword, enum command where, unsigned extensions)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (span_iis(keyword, table[i].keyword))
            return table[i].where == where && (extensions & table[i].extension) ? &table[i] : NULL;
    return NULL;
}

static enum params_result bad(struct error *e, const char *words)
{
    error_mail(e, ERROR_PERMANENT, "5.5.4", OWNER_YOU, "%s", words);
    return PARAMS_SYNTAX;
}

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool keyword_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alnum && (c != '-' || i == 0))
            return false;
    }
    return s.len > 0;
}

/* Takes keyword [ "=" value ] apart. RFC 5321 allows neither "=" nor an empty text as a value. */
static bool split(struct span word, struct param *p)
{
    p->value = word;
    span_cut(&p->value, '=', &p->keyword);
    p->has_value = p->value.at != NULL;
    return keyword_ok(p->keyword) &&
           (!p->has_value || (p->value.len && span_find(p->value, '=') < 0));
}

static enum params_result one(struct span word, enum command where, unsigned *seen, struct param *p)
{
    const struct row *row;
    unsigned bit;

    if (!split(word, p))
        return bad(p->e, "A parameter must be a keyword, or keyword=value");
    row = find_row(p->keyword, where, p->offer->extensions);
    if (!row) {
        error_mail(p->e, ERROR_PERMANENT, "5.5.4", OWNER_YOU,
                   "Parameter %.*s is not known here; leave it out",
                   SPAN_ARG(span_head(p->keyword, 40)));
        return PARAMS_UNKNOWN;
    }
    bit = 1U << (row - table);
    if (*seen & bit)
        return syntax(p, "to be given once only");
    *seen |= bit;
    if (p->has_value != row->valued)
        return syntax(p, row->valued ? "a value" : "no value");
    return row->parse(p);
}

/* Control characters, and a rest that is glued to the path or the command. */
static bool malformed(struct span rest)
{
    if (rest.len && rest.at[0] != ' ')
        return true;
    for (size_t i = 0; i < rest.len; i++)
        if ((unsigned char)rest.at[i] < ' ' || rest.at[i] == 0x7f)
            return true;
    return false;
}

static enum params_result all(struct span rest, enum command where, struct param *p)
{
    enum params_result result = PARAMS_OK;
    unsigned seen = 0;
    struct span word;

    if (malformed(rest))
        return bad(p->e, "After the address come a blank and parameters, or nothing");
    while (result == PARAMS_OK && (word = span_word(&rest)).len)
        result = one(word, where, &seen, p);
    return result;
}

enum params_result params_mail(struct span rest, const struct params_offer *offer,
                               struct params_mail *out, struct error *e)
{
    struct param p = {.offer = offer, .mail = out, .e = e};

    *out = (struct params_mail){0};
    return all(rest, ON_MAIL, &p);
}

enum params_result params_rcpt(struct span rest, const struct params_offer *offer,
                               struct params_rcpt *out, struct error *e)
{
    struct param p = {.offer = offer, .rcpt = out, .e = e};

    *out = (struct params_rcpt){0};
    return all(rest, ON_RCPT, &p);
}

enum params_result params_bdat(struct span rest, struct params_bdat *out, struct error *e)
{
    struct span size, last, surplus;

    *out = (struct params_bdat){0};
    if (malformed(rest))
        return bad(e, "BDAT wants a blank and the chunk's size");
    size = span_word(&rest);
    last = span_word(&rest);
    surplus = span_word(&rest);
    if (!span_u64(size, INT64_MAX, &out->size))
        return bad(e, "BDAT wants the chunk's size, a plain number of octets");
    out->last = span_iis(last, "LAST");
    if ((last.len && !out->last) || surplus.len)
        return bad(e, "Behind the chunk's size may stand LAST only");
    return PARAMS_OK;
}

unsigned params_code(enum params_result result)
{
    static const unsigned codes[] = {
        [PARAMS_OK] = 250, [PARAMS_SYNTAX] = 501, [PARAMS_UNKNOWN] = 555, [PARAMS_TOO_BIG] = 552};

    return codes[result];
}
