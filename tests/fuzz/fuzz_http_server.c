/* The HTTP server engine against any client. The first octet tells how the bytes are cut into
 * reads. However it goes: the connection ends, each body that was begun ends once, and as many
 * answers come as there were questions, each with its length. */
#include "base/memory.h"
#include "base/text.h"
#include "http/http_server.h"
#include "io/fiber.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 8 << 20, BODY_MAX = 1000 };

struct tape {
    struct stream stream;
    const char *at;
    size_t left, piece;
    struct text out;
    struct http_server_settings set;
    unsigned open; /* bodies begun and not ended */
    uint64_t size;
};

static void require(bool ok)
{
    if (!ok)
        abort();
}

static ssize_t tape_read(struct stream *s, char *buf, size_t n)
{
    struct tape *t = (struct tape *)s;

    n = n < t->left ? n : t->left;
    n = n < t->piece ? n : t->piece;
    if (n)
        memcpy(buf, t->at, n);
    t->at += n;
    t->left -= n;
    return (ssize_t)n;
}

static int tape_write(struct stream *s, const char *buf, size_t n)
{
    text_add(&((struct tape *)s)->out, (struct span){buf, n});
    return 0;
}

static const struct stream_ops tape_ops = {.name = "tape", .read = tape_read, .write = tape_write};

static struct http_server_answer on_head(void *arg, const struct http_server_request *r)
{
    struct tape *t = arg;

    require(t->open == 0 && r->count <= t->set.limits.fields && r->method.len);
    for (size_t i = 0; i < r->count; i++)
        require(!memchr(r->fields[i].name.at, '\n', r->fields[i].name.len) &&
                (!r->fields[i].value.len ||
                 (!memchr(r->fields[i].value.at, '\n', r->fields[i].value.len) &&
                  !memchr(r->fields[i].value.at, '\r', r->fields[i].value.len))));
    require(!(r->chunked && http_server_field(r, "content-length").at));
    if (!r->has_body)
        return (struct http_server_answer){.status = 200, .type = "text/plain", .body = r->path};
    t->open = 1;
    t->size = 0;
    return (struct http_server_answer){0};
}

static int on_body(void *arg, const struct http_server_request *r, struct span bytes)
{
    struct tape *t = arg;

    t->size += bytes.len;
    require(t->open == 1 && t->size <= BODY_MAX && (r->chunked || t->size <= r->length));
    return 0;
}

static struct http_server_answer on_end(void *arg, const struct http_server_request *r, int failed)
{
    struct tape *t = arg;

    require(t->open == 1 && (failed || r->chunked || t->size == r->length));
    t->open = 0;
    return (struct http_server_answer){.status = failed ? 413 : 200};
}

static void on_reset(void *arg, const struct http_server_request *r)
{
    struct tape *t = arg;

    (void)r;
    require(t->open == 1);
    t->open = 0;
}

static void run(void *arg)
{
    static const struct http_server_calls calls = {
        .head = on_head, .body = on_body, .end = on_end, .reset = on_reset};
    struct tape *t = arg;

    http_server_run(&t->stream, &t->set, &calls, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tape t = {.stream = {.ops = &tape_ops},
                     .at = (const char *)data + 1,
                     .left = size ? size - 1 : 0,
                     .piece = size && data[0] ? data[0] : SIZE_MAX,
                     .out = TEXT_INIT(OUT_MAX),
                     .set = http_server_defaults()};
    struct loop *l = loop_new();

    t.set.limits.body = BODY_MAX;
    fiber_start(l, run, &t);
    loop_run(l);
    loop_free(&l);
    require(t.open == 0 && !t.out.full);
    require(!t.out.len || span_starts(text_span(&t.out), SPAN("HTTP/1.1 ")));
    text_free(&t.out);
    return 0;
}
