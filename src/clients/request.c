#include "clients/request.h"

#include "mail/xml_read.h"

#include <string.h>

enum { DEPTH_ROOT = 1, DEPTH_REQUEST, DEPTH_FIELD };

static const char schema[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
/* What phones ask for that speak ActiveSync (MS-ASCMD). */
static const char mobile[] =
    "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006";

struct reading {
    struct request *out;
    bool root, inside; /* within Autodiscover, within its Request */
    bool asked;        /* an address was there */
    bool mobile;       /* its namespace is theirs */
    bool named, ours;  /* kinds of answers were named; ours among them */
};

/* Behind the namespace, which is put before the name with a blank. */
static const char *local_name(const char *name)
{
    const char *blank = strrchr(name, ' ');

    return blank ? blank + 1 : name;
}

static void on_start(void *arg, unsigned depth, const char *name, const char **attributes)
{
    struct reading *r = arg;

    (void)attributes;
    if (depth == DEPTH_ROOT) {
        r->root = strcmp(local_name(name), "Autodiscover") == 0;
        r->mobile = span_istarts(span_of(name), span_of(mobile));
    }
    if (depth == DEPTH_REQUEST)
        r->inside = r->root && strcmp(local_name(name), "Request") == 0;
}

static void on_end(void *arg, unsigned depth, const char *name, struct span text)
{
    struct reading *r = arg;

    name = local_name(name);
    if (depth != DEPTH_FIELD || !r->inside)
        return;
    if (strcasecmp(name, "EMailAddress") == 0)
        r->asked = text.len && span_cstr(text, r->out->address, sizeof r->out->address);
    if (strcmp(name, "AcceptableResponseSchema") == 0) {
        r->named = true;
        r->ours = r->ours || span_is(text, schema);
    }
}

bool request_parse(struct span xml, struct request *out)
{
    static const struct xml_read_calls calls = {on_start, on_end, .namespaces = true};
    struct reading r = {.out = out};
    bool whole;

    *out = (struct request){0};
    whole = xml_read(xml, REQUEST_MAX, &calls, &r);
    out->other = r.named ? !r.ours : r.mobile;
    return whole && r.asked;
}
