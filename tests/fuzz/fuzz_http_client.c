/* Everything a web server may answer: the input is its bytes, cut into pieces at each 0xff (the
 * first byte: what is asked). Whatever they are, the client ends, keeps to its bounds, and tells of
 * no answer that did not come whole. */
#include "http/http_client.h"
#include "http/portal.h"
#include "http/retry_after.h"
#include "play.h"

#include <string.h>

enum { BODY = 512, QUESTIONS = 3, TIME = 50 };

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
    return play_against(near_side, data, size);
}
