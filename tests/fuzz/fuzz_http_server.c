/* The HTTP server engine against any client. The first octet tells how the bytes are cut into
 * reads. However it goes: the connection ends, each body that was begun ends once, and as many
 * answers come as there were questions, each with its length. */
#include "base/memory.h"
#include "http/http_server.h"
#include "tape.h"

enum { OUT_MAX = 8 << 20, BODY_MAX = 1000 };

struct session {
    struct tape tape;
    struct http_server_settings set;
    unsigned open; /* bodies begun and not ended */
    uint64_t size;
};

static struct http_server_answer on_head(void *arg, const struct http_server_request *r)
{
    struct session *f = arg;

    require(f->open == 0 && r->count <= f->set.limits.fields && r->method.len);
    for (size_t i = 0; i < r->count; i++)
        require(!memchr(r->fields[i].name.at, '\n', r->fields[i].name.len) &&
                (!r->fields[i].value.len ||
                 (!memchr(r->fields[i].value.at, '\n', r->fields[i].value.len) &&
                  !memchr(r->fields[i].value.at, '\r', r->fields[i].value.len))));
    require(!(r->chunked && http_server_field(r, "content-length").at));
    if (!r->has_body)
        return (struct http_server_answer){.status = 200, .type = "text/plain", .body = r->path};
    f->open = 1;
    f->size = 0;
    return (struct http_server_answer){0};
}

static int on_body(void *arg, const struct http_server_request *r, struct span bytes)
{
    struct session *f = arg;

    f->size += bytes.len;
    require(f->open == 1 && f->size <= BODY_MAX && (r->chunked || f->size <= r->length));
    return 0;
}

static struct http_server_answer on_end(void *arg, const struct http_server_request *r, int failed)
{
    struct session *f = arg;

    require(f->open == 1 && (failed || r->chunked || f->size == r->length));
    f->open = 0;
    return (struct http_server_answer){.status = failed ? 413 : 200};
}

static void on_reset(void *arg, const struct http_server_request *r)
{
    struct session *f = arg;

    (void)r;
    require(f->open == 1);
    f->open = 0;
}

static void run(void *arg)
{
    static const struct http_server_calls calls = {
        .head = on_head, .body = on_body, .end = on_end, .reset = on_reset};
    struct session *f = arg;

    http_server_run(&f->tape.stream, &f->set, &calls, f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session f = {.tape = tape_of(data, size, OUT_MAX), .set = http_server_defaults()};

    f.set.limits.body = BODY_MAX;
    tape_play(run, &f);
    require(f.open == 0 && !f.tape.out.full);
    require(!f.tape.out.len || span_starts(text_span(&f.tape.out), SPAN("HTTP/1.1 ")));
    text_free(&f.tape.out);
    return 0;
}
