#include "mail/trace.h"

#include "base/clock.h"
#include "mail/address.h"

enum {
    LINE_WIDTH = 78,   /* RFC 5322 2.1.1 */
    COMMENT_MAX = 200, /* of a name or cipher that is told in a comment */
};

/* Words of one field, broken into lines before a word that would pass the right edge. */
struct fold {
    struct text *out;
    size_t column;
    bool ok;
};

static void word(struct fold *f, struct span s)
{
    bool breaks = f->column + 1 + s.len > LINE_WIDTH;

    f->ok = text_adds(f->out, breaks ? "\r\n\t" : " ") && text_add(f->out, s) && f->ok;
    f->column = breaks ? 8 + s.len : f->column + 1 + s.len;
}

static void begin(struct fold *f, struct text *out, const char *name)
{
    *f = (struct fold){.out = out, .column = span_of(name).len, .ok = text_adds(out, name)};
}

static bool end(struct fold *f)
{
    return text_adds(f->out, "\r\n") && f->ok;
}

/* ctext of RFC 5322 3.2.2; whatever else there is becomes "?". */
static void comment(struct fold *f, const char *label, struct span s)
{
    struct text t = TEXT_INIT(COMMENT_MAX + 64);

    text_addf(&t, "(%s", label);
    s = span_head(s, COMMENT_MAX);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool fine = c >= ' ' && c <= '~' && c != '(' && c != ')' && c != '\\';

        text_addc(&t, fine ? c : '?');
    }
    text_addc(&t, ')');
    word(f, text_span(&t));
    text_free(&t);
}

static bool host_ok(struct span name)
{
    char host[64];
    int family;

    return address_domain_ok(name, false) || address_literal(name, &family, host, sizeof host);
}

/* From-domain and TCP-info. A HELO that is neither a host's name nor an address is not repeated:
 * the address tells who it was. */
static void from(struct fold *f, const struct origin *o)
{
    struct text info = TEXT_INIT(100);
    char host[64];
    int family;

    word(f, SPAN("from"));
    word(f, host_ok(o->helo) ? o->helo : SPAN("unknown"));
    text_addf(&info, "[%s%.*s]", span_find(o->peer, ':') >= 0 ? "IPv6:" : "", SPAN_ARG(o->peer));
    if (address_literal(text_span(&info), &family, host, sizeof host))
        comment(f, "", text_span(&info));
    text_free(&info);
}

/* Attdl-Protocol = Atom; ours are letters and digits only. */
static bool protocol_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(s.at[i] >= 'A' && s.at[i] <= 'Z') && !(s.at[i] >= 'a' && s.at[i] <= 'z') &&
            !(s.at[i] >= '0' && s.at[i] <= '9'))
            return false;
    return s.len > 0;
}

static void recipient(struct fold *f, struct span mailbox)
{
    struct text path = TEXT_INIT(300);
    struct address a;

    if (address_parse(mailbox, true, &a) != PATH_OK)
        return;
    text_addf(&path, "<%.*s>", SPAN_ARG(a.whole));
    word(f, SPAN("for"));
    word(f, text_span(&path));
    text_free(&path);
}

bool trace_received(const struct trace *t, struct text *out)
{
    char id[ID_TEXT + 1], date[40];
    struct fold f;

    begin(&f, out, "Received:");
    if (t->origin->peer.len)
        from(&f, t->origin);
    word(&f, SPAN("by"));
    word(&f, host_ok(t->hostname) ? t->hostname : SPAN("localhost"));
    if (t->origin->door.len)
        comment(&f, "port26 door ", t->origin->door);
    if (protocol_ok(t->origin->with)) {
        word(&f, SPAN("with"));
        word(&f, t->origin->with);
    }
    if (t->tls.len)
        comment(&f, "", t->tls);
    id_text(&t->id, id);
    word(&f, SPAN("id"));
    word(&f, span_of(id));
    if (t->recipient.len)
        recipient(&f, t->recipient);
    f.ok = text_addc(out, ';') && f.ok;
    f.column++;
    clock_rfc5322(t->wall_ms, date, sizeof date);
    word(&f, span_of(date));
    return end(&f);
}

bool trace_date(int64_t wall_ms, struct text *out)
{
    char date[40];

    clock_rfc5322(wall_ms, date, sizeof date);
    return text_addf(out, "Date: %s\r\n", date);
}

bool trace_message_id(const struct id *id, struct span hostname, struct text *out)
{
    char text[ID_TEXT + 1];
    struct span right = address_domain_ok(hostname, false) ? hostname : SPAN("localhost");

    id_text(id, text);
    return text_addf(out, "Message-ID: <%s@%.*s>\r\n", text, SPAN_ARG(right));
}
