#include "probe/bounce.h"

#include "base/memory.h"
#include "base/text.h"
#include "mail/mime.h"

enum { FIELD_MAX = 8192, HEADER_LOOK = 64 * 1024, HEADER_LINES = 300 };

static bool is_field_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || (unsigned char)s.at[i] > 126)
            return false;
    return s.len > 0;
}

static bool is_mail_field(struct span name)
{
    static const char *const fields[] = {
        "received",
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "sender",
        "content-type",
        "mime-version",
        "return-path",
        "delivered-to",
        "reply-to",
        "x-failed-recipients",
        "auto-submitted",
        "envelope-to",
        "arc-seal",
        "dkim-signature",
    };

    for (size_t i = 0; i < COUNT(fields); i++)
        if (span_iis(name, fields[i]))
            return true;
    return false;
}

bool bounce_is_message(struct span text)
{
    struct span rest = span_head(text, HEADER_LOOK), line;
    unsigned known = 0, lines = 0;

    while (span_cut(&rest, '\n', &line) && ++lines < HEADER_LINES) {
        ptrdiff_t colon = span_find(line, ':');

        if (lines == 1 && span_starts(line, SPAN("From ")))
            continue;
        if (!span_trim(line).len)
            return known >= 2;
        if (lines > 1 && (line.at[0] == ' ' || line.at[0] == '\t'))
            continue;
        if (colon <= 0 || !is_field_name(span_head(line, (size_t)colon)))
            return false;
        known += is_mail_field(span_head(line, (size_t)colon));
    }
    return known >= 3;
}

static struct span safe(struct span s, struct arena *a)
{
    struct text t = TEXT_INIT(4 * FIELD_MAX);
    struct span out;

    text_add_safe(&t, span_head(span_trim(s), FIELD_MAX));
    out = arena_span(a, text_span(&t));
    text_free(&t);
    return out;
}

/* "smtp; 550 no" -> type and the rest; without a type all is rest. */
static struct span typed(struct span value, struct span *type)
{
    ptrdiff_t semicolon = span_find(value, ';');

    *type = SPAN_NONE;
    if (semicolon <= 0 || semicolon > 20 || !is_field_name(span_head(value, (size_t)semicolon)))
        return value;
    *type = span_head(value, (size_t)semicolon);
    return span_trim(span_from(value, (size_t)semicolon + 1));
}

static void take_field(struct bounce *b, struct bounce_recipient *r, struct span name,
                       struct span value)
{
    struct span type, word, rest = value;

    if (span_iis(name, "Reporting-MTA"))
        b->reporter = typed(value, &type);
    else if (span_iis(name, "Final-Recipient"))
        r->address = typed(value, &type);
    else if (span_iis(name, "Original-Recipient") && !r->address.len)
        r->address = typed(value, &type);
    else if (span_iis(name, "Action"))
        r->action = value;
    else if (span_iis(name, "Diagnostic-Code"))
        r->diagnostic = typed(value, &r->diagnostic_type);
    else if (span_iis(name, "Remote-MTA"))
        r->remote = typed(value, &type);
    else if (span_iis(name, "Status") && (word = span_word(&rest)).len)
        enhanced_parse(word, &r->status);
}

/* One block of fields, up to a blank line; folded lines are joined. */
static void take_block(struct bounce *b, struct bounce_recipient *r, struct span *rest,
                       struct arena *a)
{
    struct text field = TEXT_INIT(FIELD_MAX);
    struct span line;
    bool more;

    do {
        more = span_cut(rest, '\n', &line);
        if (more && line.len && (line.at[0] == ' ' || line.at[0] == '\t') && span_trim(line).len) {
            text_addc(&field, ' ');
            text_add(&field, span_trim(line));
            continue;
        }
        if (field.len) {
            struct span whole = text_span(&field);
            ptrdiff_t colon = span_find(whole, ':');

            if (colon > 0)
                take_field(b, r, arena_span(a, span_head(whole, (size_t)colon)),
                           safe(span_from(whole, (size_t)colon + 1), a));
        }
        text_clear(&field);
        text_add(&field, span_head(span_trim(line), FIELD_MAX));
    } while (more && span_trim(line).len);
    text_free(&field);
}

static void take_status(struct bounce *b, struct span status, struct arena *a)
{
    struct span rest = status;

    while (rest.at && b->count < BOUNCE_RECIPIENTS_MAX) {
        struct bounce_recipient r = {0};

        take_block(b, &r, &rest, a);
        if (r.address.len || r.action.len || r.status.class)
            b->at[b->count++] = r;
    }
    b->report = b->count > 0;
}

bool bounce_read(struct span message, struct bounce *out, struct arena *a)
{
    struct mime m;

    *out = (struct bounce){0};
    if (!mime_read(message, &m, a))
        return false;
    out->subject = safe(m.subject, a);
    out->text = m.text;
    take_status(out, m.status, a);
    if (!out->count && m.failed.len)
        out->at[out->count++].address = safe(m.failed, a);
    return true;
}
