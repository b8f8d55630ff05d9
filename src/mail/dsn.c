#include "mail/dsn.h"

#include "base/clock.h"
#include "mail/address.h"
#include "mail/dsn_texts.h"
#include "mail/dsn_words.h"
#include "mail/quoted.h"
#include "mail/trace.h"
#include "mail/utf8.h"
#include "mail/xtext.h"

#include <assert.h>
#include <stdio.h>

enum {
    FIELD_WIDTH = 78,
    WORD_MAX = 200, /* of one word in a folded field */
    PART_MAX = 32 << 20,
};

static const struct {
    const char *action;
    unsigned char class;
} kinds[] = {
    [DSN_FAILED] = {"failed", 5}, [DSN_DELAYED] = {"delayed", 4}, [DSN_SUCCESS] = {"delivered", 2}};

/* ---- fields for programs: ASCII only, one line each or folded */

static void add_ascii(struct text *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        text_addc(out, s.at[i] >= ' ' && s.at[i] <= '~' ? s.at[i] : '?');
}

/* "Name: words", folded; a word too long for any line is cut in pieces. */
static void add_field(struct text *out, const char *name, struct span s)
{
    struct span word;
    size_t column = span_of(name).len + 1;

    text_addf(out, "%s:", name);
    while ((word = span_word(&s)).len) {
        while (word.len) {
            struct span piece = span_head(word, WORD_MAX);
            bool breaks = column + 1 + piece.len > FIELD_WIDTH;

            text_adds(out, breaks ? "\r\n " : " ");
            add_ascii(out, piece);
            column = (breaks ? 1 : column + 1) + piece.len;
            word = span_from(word, piece.len);
        }
    }
    text_adds(out, "\r\n");
}

static void add_address_field(struct text *out, const char *name, struct span address)
{
    struct text value = TEXT_INIT(4096);

    if (utf8_high(address)) {
        text_adds(&value, "utf-8;");
        xtext_utf8(address, &value);
    } else {
        text_adds(&value, "rfc822;");
        text_add(&value, address);
    }
    add_field(out, name, text_span(&value));
    text_free(&value);
}

/* RFC 3461 6.3: what the sender gave, decoded. */
static void add_original(struct text *out, struct span orcpt)
{
    struct text value = TEXT_INIT(1024);
    struct span type;

    if (orcpt.len && span_cut(&orcpt, ';', &type) && xtext_printable(orcpt)) {
        text_addf(&value, "%.*s;", SPAN_ARG(type));
        xtext_decode(orcpt, &value);
        add_field(out, "Original-Recipient", text_span(&value));
    }
    text_free(&value);
}

static void add_date(struct text *out, const char *name, int64_t wall_ms)
{
    char date[40];

    if (!wall_ms)
        return;
    clock_rfc5322(wall_ms, date, sizeof date);
    text_addf(out, "%s: %s\r\n", name, date);
}

static void add_status(struct text *out, enum dsn_kind kind, struct enhanced status)
{
    char buf[12];

    if (!status.class)
        status.class = kinds[kind].class;
    enhanced_text(status, buf);
    text_addf(out, "Status: %s\r\n", buf);
}

static void add_remote(struct text *out, const struct outcome *o)
{
    struct text value = TEXT_INIT(1024);

    if (address_domain_ok(o->host, false)) {
        text_addf(&value, "dns;%.*s", SPAN_ARG(o->host));
        if (o->address.len)
            text_addf(&value, " (%.*s)", SPAN_ARG(o->address));
        add_field(out, "Remote-MTA", text_span(&value));
    }
    text_free(&value);
}

/* Their words when there are any, ours else. */
static void add_diagnostic(struct text *out, const struct outcome *o)
{
    struct text value = TEXT_INIT(1 << 16);
    char status[12] = "";

    if (o->reply.code) {
        if (o->reply.enhanced.class)
            enhanced_text(o->reply.enhanced, status);
        text_addf(&value, "smtp; %u %s ", o->reply.code, status);
        text_add(&value, o->reply.text);
    } else if (o->words.len) {
        text_adds(&value, "x-port26; ");
        text_add(&value, o->words);
    }
    if (value.len)
        add_field(out, "Diagnostic-Code", text_span(&value));
    text_free(&value);
}

/* RFC 3464 2.3.3 */
static const char *action_of(enum dsn_kind kind, const struct dsn_recipient *to)
{
    if (kind == DSN_SUCCESS && to->expanded)
        return "expanded";
    if (kind == DSN_SUCCESS && to->outcome->kind == OUTCOME_RELAYED)
        return "relayed";
    return kinds[kind].action;
}

/* RFC 3464 2.3 */
static void add_recipient(struct text *out, const struct dsn_report *r,
                          const struct dsn_recipient *to)
{
    const struct outcome *o = to->outcome;

    text_adds(out, "\r\n");
    add_original(out, to->orcpt);
    add_address_field(out, "Final-Recipient", to->address);
    text_addf(out, "Action: %s\r\n", action_of(r->kind, to));
    add_status(out, r->kind, o->status);
    add_remote(out, o);
    add_diagnostic(out, o);
    add_date(out, "Last-Attempt-Date", to->last_try);
    if (r->kind == DSN_DELAYED)
        add_date(out, "Will-Retry-Until", to->retry_until);
}

/* RFC 3464 2.2 */
static void add_message_fields(struct text *out, const struct dsn_report *r)
{
    struct text envid = TEXT_INIT(1024);

    text_adds(out, "Reporting-MTA: dns;");
    add_ascii(out, r->hostname);
    text_adds(out, "\r\n");
    if (r->envid.len && xtext_printable(r->envid) && xtext_decode(r->envid, &envid))
        add_field(out, "Original-Envelope-Id", text_span(&envid));
    add_date(out, "Arrival-Date", r->arrival);
    text_free(&envid);
}

/* ---- the parts */

/* Text as it is when every mail system takes it so, else in quoted-printable. */
static void add_text_part(struct text *out, const char *type, struct span s)
{
    bool plain = quoted_plain(s) && !utf8_high(s);

    text_addf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", type,
              plain ? "7bit" : "quoted-printable");
    if (plain)
        quoted_whole(s, out);
    else
        quoted_printable(s, out);
}

/* Without its blank line, and cut between two lines when it is endless. */
static struct span header_alone(struct span header)
{
    struct span cut;
    ptrdiff_t end;

    header = span_trim(header);
    if (header.len <= DSN_HEADER_MAX)
        return header;
    cut = span_head(header, DSN_HEADER_MAX);
    end = span_rfind(cut, '\n');
    return end > 0 ? span_head(cut, (size_t)end) : cut;
}

/* message/rfc822 may not be encoded, so the whole message goes back only as it can stand there. */
static bool goes_back_whole(const struct dsn_report *r)
{
    return r->kind == DSN_FAILED && r->ret == RET_FULL && r->body.at &&
           r->header.len + r->body.len <= DSN_FULL_MAX && quoted_plain(r->header) &&
           quoted_plain(r->body);
}

static void add_original_part(struct text *out, const struct dsn_report *r, unsigned *need)
{
    bool header_high = utf8_high(r->header), high = header_high || utf8_high(r->body);

    if (!goes_back_whole(r)) {
        add_text_part(out, "text/rfc822-headers; charset=utf-8", header_alone(r->header));
        return;
    }
    if (high)
        *need |= NEED_8BIT;
    text_addf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
              header_high ? "message/global" : "message/rfc822", high ? "8bit" : "7bit");
    quoted_whole(span_trim(r->header), out);
    text_adds(out, "\r\n");
    quoted_whole(r->body, out);
}

/* ---- the whole */

enum { PARTS = 3 };

/* The id is new and random, so the first try holds unless somebody guessed it. */
static void choose_boundary(const struct text *parts, const struct id *id, char *buf, size_t cap)
{
    struct text b = TEXT_INIT(cap - 1);
    char name[ID_TEXT + 1];
    bool free = false;

    id_text(id, name);
    for (unsigned n = 0; !free; n++) {
        text_clear(&b);
        text_addf(&b, "=_%s_%u", name, n);
        free = true;
        for (size_t i = 0; i < PARTS; i++)
            free = free && span_search(text_span(&parts[i]), text_span(&b)) < 0;
    }
    span_cstr(text_span(&b), buf, cap);
    text_free(&b);
}

/* Who writes, to whom, when; up to the MIME fields. */
struct letterhead {
    struct span hostname, postmaster, sender, subject;
    const struct id *id;
    int64_t now;
    const char *automatic; /* RFC 3834 section 5 */
    const char *from;      /* the name of who writes */
};

static void add_letterhead(struct text *out, const struct letterhead *h)
{
    struct address a;

    text_addf(out, "From: \"%s\" <", h->from);
    if (address_parse(h->postmaster, false, &a) == PATH_OK)
        text_add(out, h->postmaster);
    else
        text_addf(out, "MAILER-DAEMON@%.*s", SPAN_ARG(h->hostname));
    text_adds(out, ">\r\n");
    if (address_parse(h->sender, true, &a) == PATH_OK)
        text_addf(out, "To: <%.*s>\r\n", SPAN_ARG(a.whole));
    else
        text_adds(out, "To: undisclosed-recipients:;\r\n");
    add_field(out, "Subject", h->subject);
    trace_date(h->now, out);
    trace_message_id(h->id, h->hostname, out);
    text_addf(out, "Auto-Submitted: %s\r\nMIME-Version: 1.0\r\n", h->automatic);
}

static void add_header(struct text *out, const struct dsn_report *r, const char *boundary)
{
    const struct dsn_texts *t = dsn_texts(r->language);
    struct text subject = TEXT_INIT(300);

    dsn_words_subject(r, &subject);
    add_letterhead(out, &(struct letterhead){.hostname = r->hostname,
                                             .postmaster = r->postmaster,
                                             .sender = r->sender,
                                             .subject = text_span(&subject),
                                             .id = &r->id,
                                             .now = r->now,
                                             .automatic = "auto-replied",
                                             .from = t->from});
    text_addf(out,
              "Content-Type: multipart/report; report-type=delivery-status;\r\n"
              "\tboundary=\"%s\"\r\n\r\n%s\r\n",
              boundary, t->mime);
    text_free(&subject);
}

static void make_parts(const struct dsn_report *r, struct text *parts, unsigned *need)
{
    struct text words = TEXT_INIT(PART_MAX);

    dsn_words_write(r, goes_back_whole(r), &words);
    add_text_part(&parts[0], "text/plain; charset=utf-8", text_span(&words));
    text_free(&words);
    text_adds(&parts[1], "Content-Type: message/delivery-status\r\n\r\n");
    add_message_fields(&parts[1], r);
    for (size_t i = 0; i < r->count; i++)
        add_recipient(&parts[1], r, &r->recipients[i]);
    add_original_part(&parts[2], r, need);
}

bool dsn_compose(const struct dsn_report *r, struct text *out, unsigned *need)
{
    struct text parts[PARTS] = {TEXT_INIT(PART_MAX), TEXT_INIT(PART_MAX), TEXT_INIT(PART_MAX)};
    char boundary[64];
    bool ok = true;

    assert(r->sender.len && r->count);
    *need = utf8_high(r->sender) ? NEED_UTF8 | NEED_8BIT : 0;
    make_parts(r, parts, need);
    choose_boundary(parts, &r->id, boundary, sizeof boundary);
    add_header(out, r, boundary);
    for (size_t i = 0; i < PARTS; i++) {
        ok = ok && !parts[i].full;
        text_addf(out, "\r\n--%s\r\n", boundary);
        text_add(out, text_span(&parts[i]));
        text_free(&parts[i]);
    }
    text_addf(out, "\r\n--%s--\r\n", boundary);
    return ok && !out->full;
}

/* ---- many reports in one mail */

static const char *encoding(unsigned need)
{
    return need ? "Content-Transfer-Encoding: 8bit\r\n" : "";
}

/* In a digest a part is message/rfc822 when it says nothing else. */
static void add_digest(struct text *out, const struct dsn_bundle *b, const char *boundary)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct dsn_part *p = &b->parts[i];

        text_addf(out, "\r\n--%s\r\n%s%s\r\n", boundary,
                  p->need & NEED_UTF8 ? "Content-Type: message/global\r\n" : "", encoding(p->need));
        text_add(out, p->whole);
    }
    text_addf(out, "\r\n--%s--\r\n", boundary);
}

static void add_bundle_header(struct text *out, const struct dsn_bundle *b, const char *boundary,
                              unsigned need)
{
    const struct dsn_texts *t = dsn_texts(b->language);
    struct text subject = TEXT_INIT(300);

    text_addf(&subject, "%zu %s", b->count, t->many);
    add_letterhead(out, &(struct letterhead){.hostname = b->hostname,
                                             .postmaster = b->postmaster,
                                             .sender = b->sender,
                                             .subject = text_span(&subject),
                                             .id = &b->id,
                                             .now = b->now,
                                             .automatic = "auto-generated",
                                             .from = t->from});
    text_addf(out, "Content-Type: multipart/mixed; boundary=\"=_%s_0\"\r\n%s\r\n%s\r\n", boundary,
              encoding(need), t->mime_bundle);
    text_free(&subject);
}

bool dsn_bundle(const struct dsn_bundle *b, struct text *out, unsigned *need)
{
    struct text words = TEXT_INIT(PART_MAX);
    char id[ID_TEXT + 1], inner[sizeof id + 8];
    bool ours = true; /* the id is new: nobody could write it before */

    assert(b->sender.len && b->count);
    id_text(&b->id, id);
    *need = utf8_high(b->sender) ? NEED_UTF8 | NEED_8BIT : 0;
    for (size_t i = 0; i < b->count; i++) {
        *need |= b->parts[i].need;
        ours = ours && span_search(b->parts[i].whole, span_of(id)) < 0;
    }
    snprintf(inner, sizeof inner, "=_%s_1", id);
    add_bundle_header(out, b, id, *need);
    text_addf(out, "\r\n--=_%s_0\r\n", id);
    dsn_words_bundle(b, &words);
    add_text_part(out, "text/plain; charset=utf-8", text_span(&words));
    text_addf(out, "\r\n--=_%s_0\r\nContent-Type: multipart/digest; boundary=\"%s\"\r\n%s\r\n", id,
              inner, encoding(*need));
    add_digest(out, b, inner);
    text_addf(out, "\r\n--=_%s_0--\r\n", id);
    ours = ours && !words.full;
    text_free(&words);
    return ours && !out->full;
}
