/* Everything a web server may answer: the input is its bytes, cut into pieces at each 0xff (the
 * first byte: what is asked). Whatever they are, the client ends, keeps to its bounds, and tells of
 * no answer that did not come whole. */
#include "base/clock.h"
#include "http/http_client.h"
#include "http/portal.h"
#include "http/retry_after.h"
#include "io/fiber.h"

#include <stdlib.h>
#include <string.h>

enum { BODY = 512, QUESTIONS = 3, TIME = 50 };

struct play {
    struct stream *near, *far;
    struct span server;
    unsigned char settings;
};

/* Reads along, so that neither side waits for room. */
static void swallow(void *arg)
{
    struct play *p = arg;
    char buf[4096];
    struct span piece;

    while (span_cut(&p->server, (char)0xff, &piece)) {
        if (piece.len && stream_write(p->far, piece) < 0)
            break;
        while (stream_read_now(p->far, buf, sizeof buf) > 0)
            ;
        fiber_sleep(0);
    }
    stream_close(&p->far);
}

static int once(void *arg, struct span *piece)
{
    bool *given = arg;

    *piece = SPAN("body");
    return *given ? 0 : (*given = true);
}

static void check_field(const char *s)
{
    for (size_t i = 0; s[i]; i++)
        if (i >= HTTP_CLIENT_FIELD || s[i] < ' ' || s[i] > '~')
            abort();
}

static void ask(struct http_client *c, unsigned char settings)
{
    bool given = false;
    struct http_client_request r = {.method = settings & 4   ? "CONNECT"
                                              : settings & 1 ? "POST"
                                                             : "GET",
                                    .target = SPAN("/x"),
                                    .fields = SPAN("Host: x\r\n"),
                                    .max = BODY,
                                    .until = clock_now() + TIME,
                                    .answer = TIME};
    struct http_client_answer a;
    int rc;

    if (settings & 1) {
        r.next = once;
        r.arg = &given;
        r.size = 4;
        r.asks = settings & 2;
    }
    rc = http_client_ask(c, &r, &a);
    if ((rc == 0) != (a.status >= 100 && a.status <= 999) || a.body.len > BODY)
        abort();
    check_field(a.type);
    check_field(a.challenge);
    check_field(a.accepts);
    check_field(a.wait);
    check_field(a.location);
    if (retry_after(span_of(a.wait), clock_wall()) > RETRY_AFTER_MAX)
        abort();
    http_client_answer_free(&a);
}

static void near_side(void *arg)
{
    struct play *p = arg;

    if (p->settings & 8) {
        char words[PORTAL_WORDS];

        portal_ask(&p->near, SPAN("x.example"), clock_now() + TIME, words);
        if (memchr(words, '\0', sizeof words) == NULL)
            abort();
    } else {
        struct http_client *c = http_client_new(&p->near);

        for (int i = 0; i < QUESTIONS && (!i || http_client_usable(c)); i++)
            ask(c, p->settings);
        http_client_free(&c);
    }
    stream_close(&p->near);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = {0};
    struct loop *l;

    if (size < 1 || size > 1 << 16)
        return 0;
    l = loop_new();
    p.settings = data[0];
    p.server = (struct span){(const char *)data + 1, size - 1};
    stream_pipe(l, 1 << 17, &p.near, &p.far);
    fiber_start(l, swallow, &p);
    fiber_start(l, near_side, &p);
    loop_run(l);
    loop_free(&l);
    return 0;
}
