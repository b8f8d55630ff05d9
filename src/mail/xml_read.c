#include "mail/xml_read.h"

#include "base/text.h"

#include <expat.h>
#include <limits.h>

struct reading {
    XML_Parser parser;
    const struct xml_read_calls *calls;
    void *arg;
    unsigned depth;
    struct text text; /* since the last tag */
};

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct reading *r = arg;

    text_clear(&r->text);
    if (++r->depth > XML_READ_DEPTH)
        XML_StopParser(r->parser, XML_FALSE);
    else
        r->calls->start(r->arg, r->depth, name, attributes);
}

static void on_end(void *arg, const char *name)
{
    struct reading *r = arg;

    r->calls->end(r->arg, r->depth, name,
                  r->text.full ? SPAN_NONE : span_trim(text_span(&r->text)));
    r->depth--;
    text_clear(&r->text);
}

static void on_text(void *arg, const char *at, int n)
{
    if (n > 0)
        text_add(&((struct reading *)arg)->text, (struct span){at, (size_t)n});
}

/* Only a document type can bring entities along; what is read here has none. */
static void on_doctype(void *arg, const char *name, const char *system, const char *public,
                       int inside)
{
    (void)name, (void)system, (void)public, (void)inside;
    XML_StopParser(((struct reading *)arg)->parser, XML_FALSE);
}

bool xml_read(struct span xml, size_t most, const struct xml_read_calls *calls, void *arg)
{
    struct reading r = {.calls = calls, .arg = arg, .text = TEXT_INIT(XML_READ_TEXT)};
    bool whole;

    if (!xml.len || xml.len > most || xml.len > INT_MAX)
        return false;
    r.parser = calls->namespaces ? XML_ParserCreateNS(NULL, ' ') : XML_ParserCreate(NULL);
    if (!r.parser)
        return false;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    whole = XML_Parse(r.parser, xml.at, (int)xml.len, 1) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    text_free(&r.text);
    return whole;
}
