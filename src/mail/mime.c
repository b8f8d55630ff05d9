#include "mail/mime.h"

#include "base/text.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <gmime/gmime.h>
#pragma GCC diagnostic pop

struct walk {
    struct text plain, html, status;
    unsigned parts;
};

static void decode(GMimePart *part, struct text *out)
{
    GMimeStream *mem = g_mime_stream_mem_new();
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));

    if (content && g_mime_data_wrapper_write_to_stream(content, mem) >= 0)
        text_add(out, span_head((struct span){(const char *)bytes->data, bytes->len},
                                out->max - out->len));
    g_object_unref(mem);
}

static void decode_text(GMimePart *part, struct text *out)
{
    char *s = GMIME_IS_TEXT_PART(part) ? g_mime_text_part_get_text(GMIME_TEXT_PART(part)) : NULL;

    if (s)
        text_add(out, span_head(span_of(s), out->max - out->len));
    g_free(s);
    text_addc(out, '\n');
}

static void visit(GMimeObject *o, struct walk *w)
{
    GMimeContentType *type = g_mime_object_get_content_type(o);

    if (++w->parts > MIME_PARTS_MAX)
        return;
    if (GMIME_IS_MULTIPART(o)) {
        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
            visit(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), w);
    } else if (GMIME_IS_PART(o)) {
        if (g_mime_content_type_is_type(type, "message", "delivery-status") ||
            g_mime_content_type_is_type(type, "message", "global-delivery-status"))
            decode(GMIME_PART(o), w->status.len ? &w->plain : &w->status);
        else if (g_mime_content_type_is_type(type, "text", "html"))
            decode_text(GMIME_PART(o), &w->html);
        else if (g_mime_content_type_is_type(type, "text", "*") &&
                 !g_mime_content_type_is_type(type, "text", "rfc822-headers"))
            decode_text(GMIME_PART(o), &w->plain);
    }
}

/* Marks become blanks, the ends of blocks become line ends; the few characters that are written as
 * &name; in error texts are put back. */
static void strip_html(struct span html, struct text *out)
{
    static const struct {
        const char *name, *is;
    } named[] = {{"&lt;", "<"},    {"&gt;", ">"},  {"&amp;", "&"},
                 {"&quot;", "\""}, {"&#39;", "'"}, {"&nbsp;", " "}};
    bool in_mark = false;

    for (size_t i = 0; i < html.len; i++) {
        struct span rest = span_from(html, i);
        size_t k = 0;

        if (html.at[i] == '<') {
            in_mark = true;
            text_addc(out, span_istarts(rest, SPAN("<br")) || span_istarts(rest, SPAN("</p")) ||
                                   span_istarts(rest, SPAN("</d")) ||
                                   span_istarts(rest, SPAN("</t"))
                               ? '\n'
                               : ' ');
        }
        while (!in_mark && k < 6 && !span_istarts(rest, span_of(named[k].name)))
            k++;
        if (!in_mark && k < 6) {
            text_adds(out, named[k].is);
            i += span_of(named[k].name).len - 1;
        } else if (!in_mark) {
            text_addc(out, html.at[i]);
        }
        if (html.at[i] == '>')
            in_mark = false;
    }
}

static struct span keep(struct arena *a, const char *s)
{
    return arena_span(a, span_of(s));
}

static void read_message(GMimeMessage *m, struct mime *out, struct arena *a)
{
    struct walk w = {.plain = TEXT_INIT(MIME_TEXT_MAX),
                     .html = TEXT_INIT(MIME_TEXT_MAX),
                     .status = TEXT_INIT(MIME_TEXT_MAX)};
    char *from = internet_address_list_to_string(g_mime_message_get_from(m), NULL, FALSE);

    out->from = keep(a, from);
    g_free(from);
    out->subject = keep(a, g_mime_message_get_subject(m));
    out->failed = keep(a, g_mime_object_get_header(GMIME_OBJECT(m), "X-Failed-Recipients"));
    if (g_mime_message_get_mime_part(m))
        visit(g_mime_message_get_mime_part(m), &w);
    if (!span_trim(text_span(&w.plain)).len)
        strip_html(text_span(&w.html), &w.plain);
    out->text = arena_span(a, text_span(&w.plain));
    out->status = arena_span(a, text_span(&w.status));
    text_free(&w.plain);
    text_free(&w.html);
    text_free(&w.status);
}

bool mime_read(struct span message, struct mime *out, struct arena *a)
{
    GMimeStream *in;
    GMimeParser *parser;
    GMimeMessage *m;

    *out = (struct mime){0};
    g_mime_init();
    in = g_mime_stream_mem_new_with_buffer(message.at ? message.at : "", message.len);
    parser = g_mime_parser_new_with_stream(in);
    g_mime_parser_set_format(parser, span_starts(message, SPAN("From ")) ? GMIME_FORMAT_MBOX
                                                                         : GMIME_FORMAT_MESSAGE);
    m = g_mime_parser_construct_message(parser, NULL);
    if (m)
        read_message(m, out, a);
    if (m)
        g_object_unref(m);
    g_object_unref(parser);
    g_object_unref(in);
    return m != NULL;
}
