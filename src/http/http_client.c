#include "http/http_client.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 16 * 1024,
    CONTINUE_TIME = 3 * 1000, /* for "100 Continue"; who does not know it gets the body then */
    BLOCK_TIME = 180 * 1000,  /* for each piece of the body, as in SMTP */
    LAST_WORD = 3 * 1000,     /* for the answer of one who stopped reading the body */
};

struct http_client {
    struct stream **stream;
    llhttp_t parser;
    llhttp_settings_t settings;
    struct http_client_answer *out;
    struct text in; /* read, not parsed yet */
    size_t head;    /* octets of this answer's head so far */
    bool heading;   /* its head is not over */
    bool over, waits, complete, informed, big, connects;
    char name[64]; /* of the field under way */
    size_t name_len;
    char *value; /* where its value goes, or NULL */
    size_t value_len;
};

/* ---- llhttp's calls ---- */

static struct http_client *of(llhttp_t *l)
{
    return l->data;
}

static int on_begin(llhttp_t *l)
{
    struct http_client *c = of(l);

    c->head = 0;
    c->heading = true;
    c->name_len = 0;
    return 0;
}

static int on_name(llhttp_t *l, const char *at, size_t n)
{
    struct http_client *c = of(l);

    c->value = NULL;
    for (size_t i = 0; i < n; i++, c->name_len++)
        if (c->name_len < sizeof c->name)
            c->name[c->name_len] = at[i];
    return 0;
}

static char *place_of(struct http_client *c)
{
    struct http_client_answer *a = c->out;
    const struct {
        const char *name;
        char *place;
    } rows[] = {
        {"content-type", a->type},
        {"www-authenticate", a->challenge},
        {"proxy-authenticate", a->challenge},
        {"accept-post", a->accepts},
        {"retry-after", a->wait},
        {"location", a->location},
    };
    struct span name = {c->name, c->name_len < sizeof c->name ? c->name_len : 0};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (span_iis(name, rows[i].name) && !rows[i].place[0])
            return rows[i].place;
    return NULL;
}

/* Control characters have no business here and would reach people's eyes. */
static int on_value(llhttp_t *l, const char *at, size_t n)
{
    struct http_client *c = of(l);

    if (!c->value) {
        c->value = place_of(c);
        c->value_len = 0;
    }
    for (size_t i = 0; c->value && i < n && c->value_len < HTTP_CLIENT_FIELD - 1; i++)
        c->value[c->value_len++] = at[i] >= ' ' && at[i] < 127 ? at[i] : '?';
    return 0;
}

static int on_value_end(llhttp_t *l)
{
    struct http_client *c = of(l);

    c->name_len = 0;
    c->value = NULL;
    return 0;
}

/* What llhttp takes: 1: no body follows; 2: nor another answer. */
static int on_head(llhttp_t *l)
{
    struct http_client *c = of(l);

    c->heading = false;
    l->upgrade = 0;
    return c->connects && l->status_code / 100 == 2 ? 1 : 0;
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_client *c = of(l);

    if (text_add(&c->out->body, (struct span){at, n}))
        return 0;
    c->big = true;
    return HPE_USER;
}

static int on_complete(llhttp_t *l)
{
    struct http_client *c = of(l);

    if (l->status_code < 100) /* RFC 9110 15: three digits */
        return HPE_USER;
    if (l->status_code / 100 == 1 && l->status_code != 101) {
        c->informed = true;
        return HPE_PAUSED;
    }
    c->out->status = l->status_code;
    /* Many a proxy says HTTP/1.0 to CONNECT, and the tunnel stands all the same. */
    c->over |= !llhttp_should_keep_alive(l) && !(c->connects && l->status_code / 100 == 2);
    c->complete = true;
    return HPE_PAUSED;
}

struct http_client *http_client_new(struct stream **stream)
{
    struct http_client *c = memory_alloc(sizeof *c);

    c->stream = stream;
    text_init(&c->in, 2 * PIECE);
    llhttp_settings_init(&c->settings);
    c->settings.on_message_begin = on_begin;
    c->settings.on_header_field = on_name;
    c->settings.on_header_value = on_value;
    c->settings.on_header_value_complete = on_value_end;
    c->settings.on_headers_complete = on_head;
    c->settings.on_body = on_body;
    c->settings.on_message_complete = on_complete;
    llhttp_init(&c->parser, HTTP_RESPONSE, &c->settings);
    c->parser.data = c;
    return c;
}

void http_client_free(struct http_client **c)
{
    if (!*c)
        return;
    text_free(&(*c)->in);
    free(*c);
    *c = NULL;
}

void http_client_answer_free(struct http_client_answer *a)
{
    text_free(&a->body);
}

/* ---- reading ---- */

/* Takes from `in` what the parser wants. */
static int parse(struct http_client *c)
{
    struct span bytes = text_span(&c->in);
    size_t used = bytes.len;
    llhttp_errno_t e = llhttp_execute(&c->parser, bytes.at, bytes.len);

    if (e == HPE_PAUSED) {
        used = (size_t)(llhttp_get_error_pos(&c->parser) - bytes.at);
        llhttp_resume(&c->parser);
        e = HPE_OK;
    }
    if (c->heading)
        c->head += used;
    text_drop(&c->in, used);
    if (c->big || c->head > HTTP_CLIENT_HEAD_MAX)
        return -EMSGSIZE;
    return e == HPE_OK ? 0 : -EPROTO;
}

/* The end of the connection may be the end of the answer. */
static int parse_end(struct http_client *c)
{
    llhttp_errno_t e = llhttp_finish(&c->parser);

    c->over = true;
    return c->complete && (e == HPE_OK || e == HPE_PAUSED) ? 0 : -ECONNRESET;
}

/* Until the answer is whole, or "100 Continue" came where that is enough. */
static int hear(struct http_client *c, int64_t deadline, bool or_informed)
{
    int bad = 0;

    stream_deadline(*c->stream, deadline);
    while (!bad && !c->complete && !(or_informed && c->informed)) {
        char *room;
        ssize_t n;

        if (c->in.len) {
            bad = parse(c);
            continue;
        }
        room = text_room(&c->in, PIECE);
        n = stream_read(*c->stream, room, PIECE);
        if (n > 0)
            c->in.len += (size_t)n;
        else
            bad = n == 0 ? parse_end(c) : (int)n;
        if (n == 0 && !bad)
            break;
    }
    return bad;
}

/* ---- asking ---- */

static int64_t sooner(int64_t until, int64_t ms)
{
    int64_t at = clock_now() + ms;

    return at < until ? at : until;
}

static int say(struct http_client *c, const struct http_client_request *r, struct span bytes)
{
    stream_deadline(*c->stream, sooner(r->until, BLOCK_TIME));
    return stream_write(*c->stream, bytes);
}

static int say_head(struct http_client *c, const struct http_client_request *r)
{
    struct text head = TEXT_INIT(HTTP_CLIENT_HEAD_MAX);
    int bad = -EMSGSIZE;
    bool ok = text_room(&head, r->fields.len + 512); /* at once: secrets move nowhere */

    ok = ok && text_addf(&head, "%s %.*s HTTP/1.1\r\n", r->method, SPAN_ARG(r->target)) &&
         text_add(&head, r->fields);
    if (ok && r->next)
        ok = text_addf(&head, "Content-Length: %llu\r\n%s", (unsigned long long)r->size,
                       r->asks ? "Expect: 100-continue\r\n" : "");
    if (ok && text_adds(&head, "\r\n"))
        bad = say(c, r, text_span(&head));
    text_wipe(&head);
    return bad;
}

/* Who does not want it has answered, or stopped reading; then the answer tells more than the break.
 */
static int say_body(struct http_client *c, const struct http_client_request *r)
{
    struct span piece;
    int more = 0, bad = 0;

    if (r->asks)
        bad = hear(c, sooner(r->until, CONTINUE_TIME), true);
    if (bad == -ETIMEDOUT && clock_now() < r->until)
        bad = 0;
    while (!bad && !c->complete && (more = r->next(r->arg, &piece)) > 0)
        bad = say(c, r, piece);
    c->out->content = more < 0 ? more : 0;
    c->over |= bad || more < 0 || c->complete;
    if (bad == -EPIPE || bad == -ECONNRESET)
        return hear(c, sooner(r->until, LAST_WORD), false) == 0 ? 0 : -ECONNRESET;
    c->out->body_sent = !bad && !more && !c->complete;
    return bad ? bad : more;
}

static int ask(struct http_client *c, const struct http_client_request *r)
{
    int bad = say_head(c, r);

    if (!bad && r->next)
        bad = say_body(c, r);
    if (bad || c->complete)
        return bad;
    c->waits = c->out->body_sent;
    bad = hear(c, sooner(r->until, r->answer), false);
    c->waits = false;
    return bad;
}

int http_client_ask(struct http_client *c, const struct http_client_request *r,
                    struct http_client_answer *out)
{
    int bad;

    *out = (struct http_client_answer){0};
    text_init(&out->body, r->max);
    c->out = out;
    c->complete = c->informed = c->big = false;
    c->connects = strcmp(r->method, "CONNECT") == 0;
    bad = c->over ? -ECONNRESET : ask(c, r);
    c->over |= bad < 0 || c->in.len > 0; /* nobody asked for more */
    if (bad)
        out->status = 0;
    c->out = NULL;
    return bad;
}

bool http_client_usable(struct http_client *c)
{
    char byte;

    if (!c->over && stream_read_now(*c->stream, &byte, 1) != -EAGAIN)
        c->over = true;
    return !c->over;
}

bool http_client_waits(const struct http_client *c)
{
    return c->waits;
}
