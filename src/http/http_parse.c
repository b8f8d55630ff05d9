#include "http/http_parse.h"

#include <string.h>

/* ---- the end of a head ---- */

/* The line that ends at `lf` begins at `from`. */
static int judge_line(struct span bytes, size_t from, size_t lf)
{
    const char *line = bytes.at + from;
    size_t len = lf - from;

    if (!len || line[len - 1] != '\r' || memchr(line, '\r', len - 1) || memchr(line, '\0', len))
        return HTTP_PARSE_BARE;
    if (len > 1 && from && (line[0] == ' ' || line[0] == '\t'))
        return HTTP_PARSE_FOLDED;
    return 0;
}

ptrdiff_t http_parse_end(struct span bytes, size_t seen)
{
    size_t from = seen;

    while (from && bytes.at[from - 1] != '\n')
        from--;
    while (from < bytes.len) {
        const char *lf = memchr(bytes.at + from, '\n', bytes.len - from);
        size_t at = lf ? (size_t)(lf - bytes.at) : 0;
        int bad = lf ? judge_line(bytes, from, at) : 0;

        if (!lf || bad)
            return bad;
        if (at == from + 1)
            return (ptrdiff_t)at + 1;
        from = at + 1;
    }
    return HTTP_PARSE_MORE;
}

/* ---- llhttp's calls ---- */

static struct http_parse *of(llhttp_t *l)
{
    return l->data;
}

/* Pieces of one text stand side by side, because the head is fed in one stroke. */
static int extend(struct span *s, const char *at, size_t n)
{
    if (!s->at)
        *s = (struct span){at, n};
    else if (s->at + s->len == at)
        s->len += n;
    else
        return -1;
    return 0;
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
    return extend(&of(l)->target, at, n);
}

static int on_name(llhttp_t *l, const char *at, size_t n)
{
    struct http_parse *p = of(l);
    struct http_server_request *r = p->request;

    return r->count < p->fields_max ? extend(&r->fields[r->count].name, at, n) : -1;
}

static int on_value(llhttp_t *l, const char *at, size_t n)
{
    struct http_server_request *r = of(l)->request;

    return extend(&r->fields[r->count].value, at, n);
}

static int on_value_end(llhttp_t *l)
{
    struct http_server_request *r = of(l)->request;

    r->fields[r->count].value = span_trim(r->fields[r->count].value);
    r->count++;
    return 0;
}

static int on_head(llhttp_t *l)
{
    struct http_parse *p = of(l);

    p->keep = llhttp_should_keep_alive(l);
    p->request->length = l->flags & F_CONTENT_LENGTH ? l->content_length : 0;
    /* Trailers: nobody asked for any. */
    p->settings.on_header_field = p->settings.on_header_value = NULL;
    p->settings.on_header_value_complete = NULL;
    l->upgrade = 0; /* wishes for other protocols are not heard */
    return 0;
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_parse *p = of(l);

    if (!p->failed)
        p->failed = p->body(p->arg, (struct span){at, n});
    return p->failed ? HPE_USER : 0;
}

/* What follows is another request: it waits for its turn. */
static int on_complete(llhttp_t *l)
{
    of(l)->complete = true;
    return HPE_PAUSED;
}

static void init(struct http_parse *p, struct http_server_request *r, unsigned fields_max)
{
    *p = (struct http_parse){.request = r, .fields_max = fields_max};
    llhttp_settings_init(&p->settings);
    p->settings.on_url = on_url;
    p->settings.on_header_field = on_name;
    p->settings.on_header_value = on_value;
    p->settings.on_header_value_complete = on_value_end;
    p->settings.on_headers_complete = on_head;
    p->settings.on_body = on_body;
    p->settings.on_message_complete = on_complete;
    llhttp_init(&p->parser, HTTP_REQUEST, &p->settings);
    p->parser.data = p;
}

/* ---- what must not be doubtful ---- */

static unsigned how_many(const struct http_server_request *r, const char *name, struct span *value)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (!span_iis(r->fields[i].name, name))
            continue;
        *value = r->fields[i].value;
        n++;
    }
    return n;
}

static bool digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > 0;
}

/* How the body is framed (RFC 9112 6.3): one way, said once. */
static const char *judge_framing(struct http_parse *p, unsigned *status)
{
    struct http_server_request *r = p->request;
    struct span length = SPAN_NONE, coding = SPAN_NONE;
    unsigned lengths = how_many(r, "content-length", &length);
    unsigned codings = how_many(r, "transfer-encoding", &coding);

    if (lengths > 1 || (lengths && (codings || !digits(length))))
        return "more than one length of the body";
    if (codings > 1 || (codings && p->parser.http_minor == 0))
        return "more than one transfer coding, or one in HTTP/1.0";
    if (codings && !span_iis(coding, "chunked")) {
        *status = 501;
        return "a transfer coding that is not chunked";
    }
    r->chunked = codings > 0;
    r->has_body = r->chunked || r->length > 0;
    return NULL;
}

static const char *judge_host(struct http_parse *p)
{
    struct span host = SPAN_NONE;
    unsigned hosts = how_many(p->request, "host", &host);

    if (hosts > 1 || (!hosts && p->parser.http_minor > 0))
        return "not exactly one Host";
    for (size_t i = 0; i < host.len; i++)
        if (strchr(" \t,/@?#\\", host.at[i]))
            return "a Host that is none";
    return NULL;
}

/* "/path?query", or with "http://host" before it (RFC 9112 3.2.2): then that is the host, and what
 * Host says must be the same, because not all servers and proxies would ask the same of the two. */
static const char *split_target(struct http_parse *p)
{
    struct http_server_request *r = p->request;
    struct span rest = p->target, host = SPAN_NONE, before;
    ptrdiff_t at = span_search(rest, SPAN("://"));
    const char *bad = NULL;

    if (rest.len && rest.at[0] != '/' && at > 0) {
        rest = span_from(rest, (size_t)at + 3);
        for (at = 0; (size_t)at < rest.len && !strchr("/?#", rest.at[at]);)
            at++;
        before = span_head(rest, (size_t)at);
        rest = span_from(rest, (size_t)at);
        if (how_many(r, "host", &host) && !span_ieq(host, before))
            bad = "a target of another host than Host";
    }
    at = span_find(rest, '?');
    r->path = at < 0 ? rest : span_head(rest, (size_t)at);
    r->query = at < 0 ? SPAN_NONE : span_from(rest, (size_t)at + 1);
    if (!r->path.len)
        r->path = SPAN("/");
    return bad;
}

static const char *words_of(const struct http_parse *p, llhttp_errno_t error, unsigned *status)
{
    if (p->request->count == p->fields_max) {
        *status = 431;
        return "too many fields";
    }
    if (p->parser.http_major == 0 && !p->request->method.len)
        return "no request line";
    if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE) {
        *status = 505;
        return "a version that is not spoken here";
    }
    return error == HPE_INVALID_METHOD           ? "no method"
           : error == HPE_INVALID_URL            ? "no target"
           : error == HPE_INVALID_CONTENT_LENGTH ? "no content length"
                                                 : "no HTTP";
}

const char *http_parse_head(struct http_parse *p, struct span head, unsigned fields_max,
                            struct http_server_request *r, unsigned *status)
{
    struct span expect = SPAN_NONE;
    ptrdiff_t blank = span_find(head, ' ');
    const char *bad;
    llhttp_errno_t error;

    init(p, r, fields_max);
    *status = 400;
    r->fields = arena_alloc(r->arena, fields_max * sizeof *r->fields);
    error = llhttp_execute(&p->parser, head.at, head.len);
    r->method = span_head(head, (size_t)(blank < 0 ? 0 : blank));
    if (error != HPE_OK && !(error == HPE_PAUSED && p->complete))
        return words_of(p, error, status);
    if (p->parser.http_major != 1 || p->parser.http_minor > 1)
        return words_of(p, HPE_INVALID_VERSION, status);
    bad = judge_framing(p, status);
    if (!bad)
        bad = judge_host(p);
    if (!bad)
        bad = split_target(p);
    r->expects = p->parser.http_minor > 0 && how_many(r, "expect", &expect) &&
                 span_iis(expect, "100-continue");
    if (p->parser.http_minor == 0)
        p->keep = false; /* who still speaks it can connect again */
    return bad;
}

const char *http_parse_body(struct http_parse *p, struct span bytes, size_t *used)
{
    llhttp_errno_t error = llhttp_execute(&p->parser, bytes.at, bytes.len);

    *used = bytes.len;
    if (p->complete && error == HPE_PAUSED)
        *used = (size_t)(llhttp_get_error_pos(&p->parser) - bytes.at);
    else if (error != HPE_OK && !p->failed)
        return error == HPE_INVALID_CHUNK_SIZE ? "no chunk size" : "no chunks";
    return NULL;
}
