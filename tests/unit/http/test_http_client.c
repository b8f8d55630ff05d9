#include "http/http_client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/http_proxy.h"
#include "io/fiber.h"
#include "io/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* last */
#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* One request with a body of 4 octets, and what the other side says. */
struct scene {
    const char *label;
    const char *before; /* said before it reads the body */
    const char *after;  /* and behind it */
    bool hangs_up;
    int result;
    unsigned status;
    const char *body;
    bool sent, usable;
};

static const struct scene scenes[] = {
    {"length", "HTTP/1.1 100 Continue\r\n\r\n", OK, false, 0, 200, "hi", true, true},
    {"chunked", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", false, 0,
     201, "abc", true, true},
    {"two pieces of news", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n", OK,
     false, 0, 200, "hi", true, true},
    {"until the end", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nall", true, 0, 200,
     "all", true, false},
    {"last answer", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false, 0, 200, "", true,
     false},
    {"refused before the body", "HTTP/1.1 413 No\r\nContent-Length: 1\r\n\r\nx", "", false, 0, 413,
     "x", false, false},
    {"half a body", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", true, -ECONNRESET, 0, "hi", true, false},
    {"half a head", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200", true, -ECONNRESET, 0, "", true,
     false},
    {"nothing", "HTTP/1.1 100 Continue\r\n\r\n", "", true, -ECONNRESET, 0, "", true, false},
    {"no HTTP", "220 mail.example.com ESMTP\r\n", "", false, -EPROTO, 0, "", false, false},
    {"status of two digits", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", false, -EPROTO, 0, "", true, false},
    {"two lengths", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", false, -EPROTO, 0, "",
     true, false},
    {"too long", "HTTP/1.1 100 Continue\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789", false,
     -EMSGSIZE, 0, "", true, false},
    {"an answer nobody asked for", "HTTP/1.1 100 Continue\r\n\r\n", OK OK, false, 0, 200, "hi",
     true, false},
};

struct stage {
    const struct scene *s;
    struct stream *ours, *theirs;
    int64_t until;
};

static int once(void *arg, struct span *piece)
{
    bool *given = arg;

    *piece = SPAN("body");
    return *given ? 0 : (*given = true);
}

/* Reads up to an empty line, or n octets. */
static void read_some(struct stream *s, const char *until)
{
    char got[4096];
    size_t n = 0;

    while (n < sizeof got - 1) {
        if (stream_read(s, got + n, 1) <= 0)
            return;
        got[++n] = '\0';
        if (n >= strlen(until) && strcmp(got + n - strlen(until), until) == 0)
            return;
    }
}

static void far_side(void *arg)
{
    struct stage *g = arg;

    read_some(g->theirs, "\r\n\r\n");
    stream_write(g->theirs, span_of(g->s->before));
    if (g->s->sent) {
        read_some(g->theirs, "body");
        stream_write(g->theirs, span_of(g->s->after));
    }
    if (g->s->hangs_up)
        stream_close(&g->theirs);
}

static void near_side(void *arg)
{
    struct stage *g = arg;
    struct http_client *c = http_client_new(&g->ours);
    bool given = false;
    struct http_client_request r = {.method = "POST",
                                    .target = SPAN("/submit"),
                                    .fields = SPAN("Host: x\r\n"),
                                    .next = once,
                                    .arg = &given,
                                    .size = 4,
                                    .asks = true,
                                    .max = 32,
                                    .until = clock_now() + 20000,
                                    .answer = 20000};
    struct http_client_answer a;
    int bad = http_client_ask(c, &r, &a);

    if (bad != g->s->result || a.status != g->s->status || a.body_sent != g->s->sent ||
        http_client_usable(c) != g->s->usable)
        fail_msg("%s: %d, status %u, sent %d", g->s->label, bad, a.status, a.body_sent);
    assert_true(span_is(text_span(&a.body), g->s->body) || a.body.len == 0);
    http_client_answer_free(&a);
    http_client_free(&c);
    stream_close(&g->ours);
    stream_close(&g->theirs);
}

static void play(void (*near)(void *arg), struct stage *g)
{
    struct loop *l = loop_new();

    stream_pipe(l, 65536, &g->ours, &g->theirs);
    fiber_start(l, far_side, g);
    fiber_start(l, near, g);
    loop_run(l);
    loop_free(&l);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scenes); i++)
        play(near_side, &(struct stage){.s = &scenes[i]});
}

static void ask_proxy(void *arg)
{
    struct stage *g = arg;
    unsigned status;
    int bad =
        http_proxy_connect(&g->ours, SPAN("x.test:443"), SPAN_NONE, clock_now() + 20000, &status);

    if (bad != g->s->result || status != g->s->status)
        fail_msg("%s: %d, status %u", g->s->label, bad, status);
    stream_close(&g->ours);
    stream_close(&g->theirs);
}

static void test_proxies(void **state)
{
    static const struct scene rows[] = {
        {.label = "connected", .before = "HTTP/1.1 200 Connected\r\n\r\n", .status = 200},
        {.label = "connected, with a length that means nothing",
         .before = "HTTP/1.0 200 Connected\r\nContent-Length: 5\r\n\r\n",
         .status = 200},
        {.label = "speaks first",
         .before = "HTTP/1.1 200 Connected\r\n\r\nx",
         .result = -EPROTO,
         .status = 200},
        {.label = "wants a login",
         .before = "HTTP/1.1 407 Login\r\nContent-Length: 2\r\n\r\nno",
         .result = -ECONNREFUSED,
         .status = 407},
        {.label = "silent", .before = "", .hangs_up = true, .result = -ECONNRESET},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        play(ask_proxy, &(struct stage){.s = &rows[i]});
}

static void test_which_proxy(void **state)
{
    static const struct {
        const char *setting, *environment, *spared, *host;
        unsigned port;
        const char *login;
        int result;
    } rows[] = {
        {"", NULL, NULL, "", 0, NULL, 0},
        {"", "http://p.test:3128", NULL, "p.test", 3128, NULL, 0},
        {"", "p.test:3128", NULL, "p.test", 3128, NULL, 0},
        {"", "http://we:s3cret%21@p.test:3128/", NULL, "p.test", 3128,
         "Proxy-Authorization: Basic d2U6czNjcmV0IQ==\r\n", 0},
        {"", "http://p.test:3128", "other.test, mail.test", "", 0, NULL, 0},
        {"none", "http://p.test:3128", NULL, "", 0, NULL, 0},
        {"http://[2001:db8::9]:8080", "http://p.test:3128", NULL, "2001:db8::9", 8080, NULL, 0},
        {"http://q.test", NULL, NULL, "q.test", 80, NULL, 0},
        {"", "socks5h://p.test:1080", NULL, "", 0, NULL, -1},
        {"https://q.test", NULL, NULL, "", 0, NULL, -1},
        {"http://", NULL, NULL, "", 0, NULL, -1},
    };
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",   "no_proxy",    "NO_PROXY"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_proxy p;
        struct error e = {0};
        int rc;

        for (size_t k = 0; k < COUNT(names); k++)
            unsetenv(names[k]);
        if (rows[i].environment)
            setenv("https_proxy", rows[i].environment, 1);
        if (rows[i].spared)
            setenv("no_proxy", rows[i].spared, 1);
        rc = http_proxy_find(rows[i].setting, SPAN("mail.test"), 443, &p, &e);
        if (rc != rows[i].result || strcmp(p.host, rows[i].host) != 0 || p.port != rows[i].port)
            fail_msg("row %zu: %d %s %u %s", i, rc, p.host, p.port, e.words);
        assert_true(!rows[i].login == !p.login);
        if (p.login)
            assert_string_equal(p.login, rows[i].login);
        http_proxy_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_which_proxy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
