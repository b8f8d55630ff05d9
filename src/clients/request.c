#include "clients/request.h"

#include "base/text.h"

#include <expat.h>
#include <string.h>

enum { DEPTH_FIELD = 3 /* Autodiscover, Request */, DEPTH_MAX = 32, FIELD_MAX = 400 };

static const char schema[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

struct reading {
    XML_Parser parser;
    struct request *out;
    unsigned depth;
    bool root, inside; /* within Autodiscover, within its Request */
    bool asked;        /* an address was there */
    bool named, ours;  /* kinds of answers were named; ours among them */
    struct text field;
};

/* Behind the namespace, which is put before the name with a blank. */
static const char *local_name(const char *name)
{
    const char *blank = strrchr(name, ' ');

    return blank ? blank + 1 : name;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct reading *r = arg;

    (void)attributes;
    text_clear(&r->field);
    if (r->depth == 0)
        r->root = strcmp(local_name(name), "Autodiscover") == 0;
    if (r->depth == 1)
        r->inside = r->root && strcmp(local_name(name), "Request") == 0;
    if (++r->depth > DEPTH_MAX)
        XML_StopParser(r->parser, XML_FALSE);
}

static void take_field(struct reading *r, const char *name, struct span value)
{
    if (strcasecmp(name, "EMailAddress") == 0)
        r->asked = value.len && span_cstr(value, r->out->address, sizeof r->out->address);
    if (strcmp(name, "AcceptableResponseSchema") == 0) {
        r->named = true;
        r->ours = r->ours || span_is(value, schema);
    }
}

static void on_end(void *arg, const char *name)
{
    struct reading *r = arg;

    if (r->depth == DEPTH_FIELD && r->inside && !r->field.full)
        take_field(r, local_name(name), span_trim(text_span(&r->field)));
    r->depth--;
    text_clear(&r->field);
}

static void on_text(void *arg, const char *at, int n)
{
    if (n > 0)
        text_add(&((struct reading *)arg)->field, (struct span){at, (size_t)n});
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public,
                       int inside)
{
    (void)name;
    (void)system;
    (void)public;
    (void)inside;
    XML_StopParser(((struct reading *)arg)->parser, XML_FALSE);
}

bool request_parse(struct span xml, struct request *out)
{
    struct reading r = {.out = out, .field = TEXT_INIT(FIELD_MAX)};
    bool whole = false;

    *out = (struct request){0};
    if (!xml.len || xml.len > REQUEST_MAX)
        return false;
    r.parser = XML_ParserCreateNS(NULL, ' ');
    if (!r.parser)
        return false;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    whole = XML_Parse(r.parser, xml.at, (int)xml.len, 1) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    text_free(&r.field);
    out->other = r.named && !r.ours;
    return whole && r.asked;
}
