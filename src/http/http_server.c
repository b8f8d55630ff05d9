#include "http/http_server.h"

#include "base/clock.h"
#include "base/text.h"
#include "http/http_parse.h"
#include "io/fiber.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

enum {
    PIECE = 16384,           /* read in one go: a TLS record */
    ANSWER_HEAD_MAX = 16384, /* of ours, with the extra fields */
    EMPTY_LINES = 2,         /* let in before a request (RFC 9112 2.2) */
    DROP_MAX = 1 << 20,      /* of a body that nobody wants, read so that the answer arrives */
    /* Chunk sizes, extensions and trailers: what a body of one-octet chunks needs, and then some.
     */
    SPENT_FREE = 65536,
    SPENT_PER_OCTET = 8,
};

struct connection {
    struct stream *stream;
    const struct http_server_settings *set;
    const struct http_server_calls *calls;
    void *arg;
    struct arena *arena; /* of the request */
    struct text in;      /* read and not used yet */
    struct http_parse parse;
    struct http_server_request request;
    uint64_t size; /* octets of the body so far */
    unsigned requests;
    int64_t started;
    int result;
};

const char *http_server_event_name(enum http_server_event e)
{
    static const char *const names[] = {
#define X(id, name) name,
        HTTP_SERVER_EVENTS(X)
#undef X
    };

    return names[e];
}

struct http_server_settings http_server_defaults(void)
{
    return (struct http_server_settings){
        .times = {.idle = CLOCK_MINUTE,
                  .head = 30 * CLOCK_SECOND,
                  .body_idle = CLOCK_MINUTE,
                  .body = CLOCK_HOUR,
                  .answer = CLOCK_MINUTE,
                  .linger = 2 * CLOCK_SECOND},
        .limits = {.head = 16384, .fields = 100, .body = UINT64_C(50) << 20, .requests = 100},
    };
}

struct span http_server_field(const struct http_server_request *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (span_iis(r->fields[i].name, name))
            return r->fields[i].value.at ? r->fields[i].value : SPAN("");
    return SPAN_NONE;
}

static void tell(struct connection *c, enum http_server_event e, const char *words)
{
    if (c->calls->event)
        c->calls->event(c->arg, e, words);
}

/* ---- answers ---- */

static const char *reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *words;
    } rows[] = {
        {200, "OK"},
        {302, "Found"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return rows[i].words;
    return "Status";
}

/* IMF-fixdate (RFC 9110 5.6.7). Not by strftime: its names are those of the locale. */
static void add_date(struct text *out)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(clock_wall() / CLOCK_SECOND);
    struct tm t;

    gmtime_r(&now, &t);
    text_addf(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday,
              t.tm_mday, months + 3 * t.tm_mon, 1900 + t.tm_year, t.tm_hour, t.tm_min, t.tm_sec);
}

static void format(const struct connection *c, const struct http_server_answer *a, bool close,
                   struct text *out)
{
    text_addf(out, "HTTP/1.1 %u %s\r\n", a->status, reason(a->status));
    add_date(out);
    if (a->type)
        text_addf(out, "Content-Type: %s\r\n", a->type);
    text_addf(out, "Content-Length: %zu\r\n", a->body.len);
    if (c->set->secure)
        text_adds(out, "Strict-Transport-Security: max-age=31536000\r\n");
    for (size_t i = 0; i < a->extra_count; i++)
        text_addf(out, "%.*s: %.*s\r\n", SPAN_ARG(a->extra[i].name), SPAN_ARG(a->extra[i].value));
    text_addf(out, "Connection: %s\r\n\r\n", close ? "close" : "keep-alive");
}

/* False: it could not be written. */
static bool say(struct connection *c, struct span bytes)
{
    int bad;

    stream_deadline(c->stream, clock_now() + c->set->times.answer);
    bad = stream_write(c->stream, bytes);
    if (bad < 0)
        c->result = bad;
    return bad >= 0;
}

static bool give(struct connection *c, const struct http_server_answer *a, bool close)
{
    bool head_only = span_is(c->request.method, "HEAD"), ok;
    struct text out = TEXT_INIT(ANSWER_HEAD_MAX + a->body.len);

    assert(a->status >= 200 && a->status < 600 && a->extra_count <= HTTP_SERVER_EXTRAS);
    format(c, a, close, &out);
    if (!head_only)
        text_add(&out, a->body);
    ok = say(c, text_span(&out));
    text_free(&out);
    if (ok)
        tell(c, HTTP_SERVER_ANSWERED, reason(a->status));
    return ok && !close;
}

/* ---- reading ---- */

/* When a wait of `ms` that begins now must end. */
static int64_t until(const struct connection *c, int64_t ms)
{
    int64_t at = clock_now() + ms, last = c->started + c->set->times.session;

    return c->set->times.session && last < at ? last : at;
}

/* Reads some more. Above 0, 0 at the end of the stream, or a negative errno. */
static ssize_t fill(struct connection *c, int64_t deadline)
{
    char *room = text_room(&c->in, PIECE);
    ssize_t n;

    if (!room)
        return -EMSGSIZE;
    stream_deadline(c->stream, deadline);
    n = stream_read(c->stream, room, PIECE);
    if (n > 0)
        c->in.len += (size_t)n;
    return n;
}

/* So that the answer is not lost in a reset because we closed before all was read. Always false:
 * the connection has ended. */
static bool drop_rest(struct connection *c)
{
    int64_t end = clock_now() + c->set->times.linger;
    size_t dropped = 0;

    stream_deadline(c->stream, end);
    stream_finish(c->stream);
    text_clear(&c->in);
    while (dropped < DROP_MAX) {
        ssize_t n = fill(c, end);

        if (n <= 0)
            break;
        dropped += (size_t)n;
        text_clear(&c->in);
    }
    return false;
}

/* The connection ends with this answer of our own. */
static bool refuse(struct connection *c, unsigned status, enum http_server_event e,
                   const char *words)
{
    struct http_server_answer a = {.status = status, .type = "text/plain; charset=utf-8"};

    a.body = span_of(arena_printf(c->arena, "%u %s: %s\n", status, reason(status), words));
    tell(c, e, words);
    c->result = -EPROTO;
    give(c, &a, true);
    return drop_rest(c);
}

/* Reading ended with `n` in the middle of something. */
static bool lost(struct connection *c, ssize_t n, const char *stage)
{
    if (n == -ETIMEDOUT) {
        refuse(c, 408, HTTP_SERVER_TIMEOUT, stage);
        c->result = -ETIMEDOUT;
        return false;
    }
    if (n != -ECANCELED)
        tell(c, HTTP_SERVER_LOST, stage);
    c->result = n ? (int)n : -ECONNRESET;
    return false;
}

/* ---- the head ---- */

/* Waits for the first octet of a request. */
static bool await(struct connection *c)
{
    ssize_t n;

    if (c->in.len)
        return true;
    text_wipe(&c->in); /* an idle connection costs no buffer, and keeps no password */
    n = fill(c, until(c, c->set->times.idle));
    if (n < 0)
        c->result = n == -ETIMEDOUT && c->requests ? 0 : (int)n;
    return n > 0;
}

static void skip_empty_lines(struct connection *c)
{
    for (int i = 0; i < EMPTY_LINES && span_starts(text_span(&c->in), SPAN("\r\n")); i++)
        text_drop(&c->in, 2);
}

static bool too_long(struct connection *c)
{
    bool first_line = span_find(text_span(&c->in), '\n') < 0;

    return refuse(c, first_line ? 414 : 431, HTTP_SERVER_LIMIT,
                  first_line ? "the request line is too long" : "the fields are too long");
}

/* Gathers a whole head; its length, or 0: the connection has ended. */
static size_t gather(struct connection *c)
{
    int64_t end = until(c, c->set->times.head);
    size_t seen = 0;

    for (;;) {
        ptrdiff_t got;
        ssize_t n;

        if (!seen)
            skip_empty_lines(c);
        got = http_parse_end(text_span(&c->in), seen);
        seen = c->in.len;
        if (got > 0 && (size_t)got <= c->set->limits.head)
            return (size_t)got;
        if (got < 0)
            return (size_t)refuse(c, 400, HTTP_SERVER_BAD,
                                  got == HTTP_PARSE_BARE ? "a line that does not end in CR LF"
                                                         : "a folded field");
        if (seen >= c->set->limits.head)
            return (size_t)too_long(c);
        n = fill(c, end);
        if (n <= 0)
            return (size_t)lost(c, n, "head");
    }
}

static int on_body(void *arg, struct span bytes)
{
    struct connection *c = arg;

    if (c->set->limits.body && bytes.len > c->set->limits.body - c->size)
        return -EMSGSIZE;
    c->size += bytes.len;
    return c->calls->body ? c->calls->body(c->arg, &c->request, bytes) : 0;
}

/* False: the connection has ended. */
static bool read_head(struct connection *c)
{
    size_t n = gather(c);
    struct span head;
    const char *bad;
    unsigned status;

    if (!n)
        return false;
    head = arena_span(c->arena, span_head(text_span(&c->in), n));
    text_drop(&c->in, n);
    c->request.arena = c->arena;
    bad = http_parse_head(&c->parse, head, c->set->limits.fields, &c->request, &status);
    if (bad)
        return refuse(c, status, status == 431 ? HTTP_SERVER_LIMIT : HTTP_SERVER_BAD, bad);
    c->parse.body = on_body;
    c->parse.arg = c;
    c->size = 0;
    c->requests++;
    return true;
}

/* ---- the body ---- */

/* The body will not come to its end. */
static bool break_off(struct connection *c)
{
    if (c->calls->reset)
        c->calls->reset(c->arg, &c->request);
    return false;
}

/* Reads the body through the parser. True: `end` may be asked (whole, or failed). */
static bool read_body(struct connection *c)
{
    int64_t last = until(c, c->set->times.body);
    uint64_t taken = 0;

    while (!c->parse.complete && !c->parse.failed) {
        int64_t idle = clock_now() + c->set->times.body_idle;
        ssize_t n = c->in.len ? 1 : fill(c, idle < last ? idle : last);
        const char *bad = NULL;
        size_t used = 0;

        if (n <= 0)
            return break_off(c) || lost(c, n, "body");
        bad = http_parse_body(&c->parse, text_span(&c->in), &used);
        taken += used;
        text_drop(&c->in, used);
        if (bad || taken > SPENT_FREE + SPENT_PER_OCTET * c->size)
            return break_off(c) ||
                   refuse(c, 400, HTTP_SERVER_BAD, bad ? bad : "chunks of hardly anything");
    }
    return true;
}

static bool invite(struct connection *c)
{
    if (!c->request.expects || c->in.len)
        return true;
    return say(c, SPAN("HTTP/1.1 100 Continue\r\n\r\n")) || break_off(c);
}

/* ---- a request ---- */

static bool goes_on(const struct connection *c)
{
    return c->parse.keep && c->requests < c->set->limits.requests &&
           !(c->set->draining && *c->set->draining);
}

static bool answer(struct connection *c, const struct http_server_answer *a)
{
    bool close = a->close || !c->parse.complete || !goes_on(c);
    bool more = give(c, a, close);

    if (!c->parse.complete && c->result == 0)
        drop_rest(c);
    return more;
}

/* One request; true: the connection goes on. */
static bool serve(struct connection *c)
{
    struct http_server_answer a;

    c->request = (struct http_server_request){0};
    if (!await(c) || !read_head(c))
        return false;
    a = c->calls->head(c->arg, &c->request);
    if (!a.status) {
        if (!invite(c) || !read_body(c))
            return false;
        a = c->calls->end(c->arg, &c->request, c->parse.failed);
    }
    return answer(c, &a);
}

int http_server_run(struct stream *stream, const struct http_server_settings *settings,
                    const struct http_server_calls *calls, void *arg)
{
    struct connection c = {.stream = stream,
                           .set = settings,
                           .calls = calls,
                           .arg = arg,
                           .arena = arena_new(),
                           .in = TEXT_INIT(settings->limits.head + 2 * PIECE),
                           .started = clock_now()};

    assert(settings->limits.fields <= HTTP_SERVER_FIELDS_MAX && settings->limits.requests);
    while (serve(&c))
        arena_clear(c.arena);
    text_wipe(&c.in);
    arena_free(&c.arena);
    return c.result;
}
