/* The HTTP server engine over a pipe: what it takes, what it refuses, limits, times, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "http/http_server.h"
#include "io/fiber.h"

enum {
    LOG_MAX = 1 << 20,
    PIPE = 4096,
    MOMENT = 60, /* ms: a time that is to pass */
};

/* One connection: what the client sends, what both sides saw. */
struct scene {
    struct http_server_settings set;
    struct span send;
    size_t piece;        /* octets in one write; 0: all */
    int64_t pause;       /* ms between pieces */
    bool stays;          /* the client says nothing more, but does not end its side */
    bool body_fails;     /* the sink refuses */
    const char *at_head; /* path that is answered at once, without its body */
    struct text got;     /* the answers */
    struct text log;     /* what the calls saw: one word each */
    int result;
    bool said;      /* the client has said all it will ever say */
    unsigned users; /* of the client's end */
    struct stream *ends[2];
};

static struct http_server_answer say(const struct http_server_request *r, unsigned status)
{
    struct http_server_answer a = {.status = status, .type = "text/plain"};

    a.body = span_of(arena_printf(r->arena, "<%.*s %.*s?%.*s>", SPAN_ARG(r->method),
                                  SPAN_ARG(r->path), SPAN_ARG(r->query)));
    return a;
}

static struct http_server_answer on_head(void *arg, const struct http_server_request *r)
{
    struct scene *s = arg;

    text_addf(&s->log, "head:%.*s ", SPAN_ARG(r->path));
    if (!r->has_body)
        return say(r, 200);
    if (s->at_head && span_is(r->path, s->at_head))
        return say(r, 403);
    return (struct http_server_answer){0};
}

static int on_body(void *arg, const struct http_server_request *r, struct span bytes)
{
    struct scene *s = arg;

    (void)r;
    if (s->body_fails)
        return -ENOSPC;
    text_add(&s->log, bytes);
    return 0;
}

static struct http_server_answer on_end(void *arg, const struct http_server_request *r, int failed)
{
    struct scene *s = arg;

    text_addf(&s->log, " end:%d ", failed);
    return say(r, failed == -EMSGSIZE ? 413 : failed ? 503 : 200);
}

static void on_reset(void *arg, const struct http_server_request *r)
{
    (void)r;
    text_adds(&((struct scene *)arg)->log, " reset ");
}

static const struct http_server_calls calls = {
    .head = on_head, .body = on_body, .end = on_end, .reset = on_reset};

/* ---- the end of what the client says: a pipe can only end both ways at once ---- */

struct half {
    struct stream stream;
    struct scene *scene;
};

static ssize_t half_read_now(struct stream *s, char *buf, size_t n)
{
    ssize_t got = stream_read_now(s->below, buf, n);

    return got == -EAGAIN && ((struct half *)s)->scene->said ? 0 : got;
}

static ssize_t half_read(struct stream *s, char *buf, size_t n)
{
    for (;;) {
        ssize_t got = half_read_now(s, buf, n);

        if (got != -EAGAIN)
            return got;
        if (clock_now() >= s->deadline)
            return -ETIMEDOUT;
        fiber_sleep(1);
    }
}

static int half_write(struct stream *s, const char *buf, size_t n)
{
    return stream_write(s->below, (struct span){buf, n});
}

static void half_free(struct stream *s)
{
    free(s);
}

static const struct stream_ops half_ops = {.name = "half",
                                           .read = half_read,
                                           .read_now = half_read_now,
                                           .write = half_write,
                                           .free = half_free};

static void half_push(struct scene *s)
{
    struct half *h = memory_alloc(sizeof *h);

    h->stream.ops = &half_ops;
    h->scene = s;
    stream_push(&s->ends[0], &h->stream);
}

static void serve(void *arg)
{
    struct scene *s = arg;

    s->result = http_server_run(s->ends[0], &s->set, &calls, s);
    stream_close(&s->ends[0]);
}

static void leave(struct scene *s)
{
    if (--s->users == 0)
        stream_close(&s->ends[1]);
}

static void hear(void *arg)
{
    struct scene *s = arg;
    char buf[1000];
    ssize_t n;

    while ((n = stream_read(s->ends[1], buf, sizeof buf)) > 0)
        text_add(&s->got, (struct span){buf, (size_t)n});
    leave(s);
}

static void speak(void *arg)
{
    struct scene *s = arg;
    struct span left = s->send;
    bool open = true;

    s->users = 2;
    fiber_start(fiber_loop(), hear, s);
    while (open && left.len) {
        struct span now = span_head(left, s->piece ? s->piece : left.len);

        open = stream_write(s->ends[1], now) == 0;
        left = span_from(left, now.len);
        if (open && s->pause)
            fiber_sleep(s->pause);
    }
    s->said = !s->stays;
    leave(s);
}

static struct scene scene(struct span send)
{
    struct scene s = {.set = http_server_defaults(),
                      .send = send,
                      .got = TEXT_INIT(LOG_MAX),
                      .log = TEXT_INIT(LOG_MAX)};

    s.set.times = (struct http_server_times){.idle = CLOCK_MINUTE,
                                             .head = CLOCK_MINUTE,
                                             .body_idle = CLOCK_MINUTE,
                                             .body = CLOCK_MINUTE,
                                             .answer = CLOCK_MINUTE,
                                             .linger = CLOCK_MINUTE};
    return s;
}

static void run(struct scene *s)
{
    struct loop *l = loop_new();

    stream_pipe(l, PIPE, &s->ends[0], &s->ends[1]);
    half_push(s);
    fiber_start(l, serve, s);
    fiber_start(l, speak, s);
    loop_run(l);
    loop_free(&l);
}

static void done(struct scene *s)
{
    text_free(&s->got);
    text_free(&s->log);
}

/* The status codes of all answers, with blanks: "200 404". */
static const char *codes(const struct scene *s, char *buf, size_t cap)
{
    struct span rest = text_span(&s->got);
    size_t n = 0;
    ptrdiff_t at;

    buf[0] = '\0';
    while ((at = span_search(rest, SPAN("HTTP/1.1 "))) >= 0 && n + 5 < cap) {
        rest = span_from(rest, (size_t)at + 9);
        n += (size_t)snprintf(buf + n, cap - n, "%s%.3s", n ? " " : "", rest.at);
    }
    return buf;
}

#define GET_HEAD "Host: a\r\n\r\n"

static const struct {
    const char *name;
    struct span send;
    const char *codes, *log; /* log NULL: not looked at */
} good[] = {
    {"a page", SPAN("GET / HTTP/1.1\r\n" GET_HEAD), "200", "head:/ "},
    {"a query", SPAN("GET /a?b=c?d HTTP/1.1\r\n" GET_HEAD), "200", "head:/a "},
    {"the whole URL", SPAN("GET https://a/b?c HTTP/1.1\r\n" GET_HEAD), "200", "head:/b "},
    {"the whole URL without a path", SPAN("GET http://a HTTP/1.1\r\n" GET_HEAD), "200", "head:/ "},
    {"the whole URL with a query alone", SPAN("GET http://A?b/c HTTP/1.1\r\n" GET_HEAD), "200",
     "head:/ "},
    {"a URL in the query", SPAN("GET /a?b=http://c/d HTTP/1.1\r\n" GET_HEAD), "200", "head:/a "},
    {"a path that climbs stays as it is", SPAN("GET /..%2f../x HTTP/1.1\r\n" GET_HEAD), "200",
     "head:/..%2f../x "},
    {"1.0 without Host", SPAN("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"), "200", "head:/ "},
    {"empty lines before", SPAN("\r\n\r\nGET / HTTP/1.1\r\n" GET_HEAD), "200", "head:/ "},
    {"three in one piece",
     SPAN("GET /1 HTTP/1.1\r\n" GET_HEAD "POST /2 HTTP/1.1\r\nHost: a\r\n"
          "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" GET_HEAD),
     "200 200 200", "head:/1 head:/2 abc end:0 head:/3 "},
    {"asked to close",
     SPAN("GET /1 HTTP/1.1\r\nConnection: close\r\n" GET_HEAD "GET /2 HTTP/1.1\r\n" GET_HEAD),
     "200", "head:/1 "},
    {"an empty body", SPAN("POST /p HTTP/1.1\r\nContent-Length: 0\r\n" GET_HEAD), "200",
     "head:/p "},
    {"chunks",
     SPAN("POST /p HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" GET_HEAD
          "3\r\nabc\r\n4;x=y\r\nde\r\n\r\n0\r\nTrailer: t\r\n\r\nGET /2 HTTP/1.1\r\n" GET_HEAD),
     "200 200", "head:/p abcde\r\n end:0 head:/2 "},
    {"no wish for another protocol is heard",
     SPAN("GET /1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" GET_HEAD
          "GET /2 HTTP/1.1\r\n" GET_HEAD),
     "200 200", "head:/1 head:/2 "},
    {"an empty field", SPAN("GET / HTTP/1.1\r\nX:\r\nY: \r\n" GET_HEAD), "200", "head:/ "},
    {"octets beyond ASCII in a value", SPAN("GET / HTTP/1.1\r\nX: \xc3\xb6\r\n" GET_HEAD), "200",
     NULL},
    {"it asks first",
     SPAN("POST /p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" GET_HEAD "ab"), "200",
     "head:/p ab end:0 "},
};

/* Any split of the bytes gives the same. */
static void test_good(void **state)
{
    static const size_t pieces[] = {0, 1, 7};
    char buf[200];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        for (size_t k = 0; k < COUNT(pieces); k++) {
            struct scene s = scene(good[i].send);

            s.piece = pieces[k];
            run(&s);
            if (strcmp(codes(&s, buf, sizeof buf), good[i].codes))
                fail_msg("%s: %s\n%s", good[i].name, buf, text_cstr(&s.got));
            /* Cut into pieces, the question "may I send?" is answered before the body comes. */
            if (good[i].log)
                assert_string_equal(text_cstr(&s.log), good[i].log);
            done(&s);
        }
    }
}

static const struct {
    const char *name;
    struct span send;
    const char *codes;
} bad[] = {
    {"two lengths",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"
          "\r\nx"),
     "400"},
    {"a list of lengths", SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
     "400"},
    {"length and chunks",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"chunks and length",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
          "Content-Length: 4\r\n\r\n0\r\n\r\n"),
     "400"},
    {"two codings",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"a coding we do not know",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
          "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
     "501"},
    {"chunked is not last",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
          "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
     "400"},
    {"a coding in 1.0",
     SPAN("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "0\r\n\r\n"),
     "400"},
    {"a blank before the colon", SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\nx"),
     "400"},
    {"a folded field", SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"), "400"},
    {"a folded length", SPAN("POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 1\r\n\r\nx"), "400"},
    {"LF alone", SPAN("GET / HTTP/1.1\nHost: a\n\n"), "400"},
    {"one LF alone", SPAN("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), "400"},
    {"CR alone", SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 3\r\n\r\n"), "400"},
    {"CR CR LF", SPAN("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), "400"},
    {"NUL", SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), "400"},
    {"no Host", SPAN("GET / HTTP/1.1\r\n\r\n"), "400"},
    {"two Hosts", SPAN("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "400"},
    {"a Host with a path", SPAN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400"},
    {"a target of another host", SPAN("GET http://b.example/ HTTP/1.1\r\nHost: a\r\n\r\n"), "400"},
    {"a target of another port", SPAN("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n"), "400"},
    {"a target with a user", SPAN("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n"), "400"},
    {"too many empty lines", SPAN("\r\n\r\n\r\n"), "400"},
    {"HTTP/2", SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505"},
    {"HTTP/1.2", SPAN("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), "505"},
    {"no version", SPAN("GET /\r\n\r\n"), "505"},
    {"SMTP", SPAN("EHLO a.example\r\nMAIL FROM:<a@b>\r\n\r\n"), "400"},
    {"nonsense", SPAN("\x01\x02\x03\r\n\r\n"), "400"},
    {"no chunk size",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "x\r\n"),
     "400"},
    {"a chunk size without end",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
          "\r\nfffffffffffffffff\r\n"),
     "400"},
    {"a chunk longer than it says",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
          "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
     "400"},
    {"a chunk size with LF alone",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
          "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"),
     "400"},
    {"a length below zero", SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
     "400"},
    {"a length beyond all",
     SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
          "Content-Length: 99999999999999999999999\r\n\r\n"),
     "400"},
};

/* What follows a request that is refused is never obeyed. */
static void test_bad(void **state)
{
    static const size_t pieces[] = {0, 1};
    char buf[200];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        for (size_t k = 0; k < COUNT(pieces); k++) {
            struct text all = TEXT_INIT(LOG_MAX);
            struct scene s;

            text_add(&all, bad[i].send);
            text_adds(&all, "GET /smuggled HTTP/1.1\r\n" GET_HEAD);
            s = scene(text_span(&all));
            s.piece = pieces[k];
            run(&s);
            if (strcmp(codes(&s, buf, sizeof buf), bad[i].codes))
                fail_msg("%s: %s\n%s", bad[i].name, buf, text_cstr(&s.got));
            assert_null(strstr(text_cstr(&s.log), "smuggled"));
            assert_non_null(strstr(text_cstr(&s.got), "Connection: close\r\n"));
            assert_int_equal(s.result, -EPROTO);
            done(&s);
            text_free(&all);
        }
    }
}

static void fields(struct text *out, unsigned count, unsigned length)
{
    text_adds(out, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 0; i < count; i++)
        text_addf(out, "X%u: %0*d\r\n", i, (int)length, 7);
    text_adds(out, "\r\n");
}

static void test_limits(void **state)
{
    static const struct {
        unsigned count, length;
        const char *codes;
    } rows[] = {{99, 10, "200"}, {100, 10, "431"}, {1, 15000, "200"}, {1, 17000, "431"}};
    char buf[200];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text all = TEXT_INIT(LOG_MAX);
        struct scene s;

        fields(&all, rows[i].count, rows[i].length);
        s = scene(text_span(&all));
        run(&s);
        assert_string_equal(codes(&s, buf, sizeof buf), rows[i].codes);
        done(&s);
        text_free(&all);
    }
}

static void test_long_line(void **state)
{
    struct text all = TEXT_INIT(LOG_MAX);
    struct scene s;
    char buf[200];

    (void)state;
    text_adds(&all, "GET /");
    for (int i = 0; i < 20000; i++)
        text_addc(&all, 'a');
    s = scene(text_span(&all));
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "414");
    done(&s);
    text_free(&all);
}

static void test_too_big(void **state)
{
    static const struct span rows[] = {
        SPAN("POST / HTTP/1.1\r\nContent-Length: 11\r\n" GET_HEAD "01234567890"),
        SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" GET_HEAD
             "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"),
    };
    char buf[200];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s = scene(rows[i]);

        s.set.limits.body = 10;
        run(&s);
        assert_string_equal(codes(&s, buf, sizeof buf), "413");
        assert_non_null(strstr(text_cstr(&s.got), "Connection: close"));
        done(&s);
    }
}

static void test_sink_fails(void **state)
{
    struct scene s = scene(SPAN("POST / HTTP/1.1\r\nContent-Length: 3\r\n" GET_HEAD "abc"));
    char buf[200];

    (void)state;
    s.body_fails = true;
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "503");
    assert_non_null(strstr(text_cstr(&s.log), "end:-28"));
    done(&s);
}

/* An answer at the head: the body is never taken for a request. */
static void test_refused_at_head(void **state)
{
    struct scene s = scene(SPAN("POST /no HTTP/1.1\r\nContent-Length: 40\r\n" GET_HEAD
                                "GET /smuggled HTTP/1.1\r\n" GET_HEAD));
    char buf[200];

    (void)state;
    s.at_head = "/no";
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "403");
    assert_string_equal(text_cstr(&s.log), "head:/no ");
    done(&s);
}

/* Chunks of one octet are let in; extensions without end are not. */
static void test_hardly_anything(void **state)
{
    struct text all = TEXT_INIT(LOG_MAX);
    struct scene s;
    char buf[200];

    (void)state;
    text_adds(&all, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" GET_HEAD);
    for (int i = 0; i < 30000; i++)
        text_adds(&all, "1\r\na\r\n");
    text_adds(&all, "0\r\n\r\n");
    s = scene(text_span(&all));
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "200");
    done(&s);

    text_clear(&all);
    text_adds(&all, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" GET_HEAD "1;a=");
    for (int i = 0; i < 200000; i++)
        text_addc(&all, 'b');
    s = scene(text_span(&all));
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "400");
    done(&s);
    text_free(&all);
}

/* HOSTILE 100: each octet comes in time, the whole does not. */
static void test_slow(void **state)
{
    static const struct {
        struct span send;
        const char *codes, *log;
        struct http_server_times times; /* 0: more than any machine needs */
    } rows[] = {
        {SPAN("GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaa\r\n\r\n"), "408", "", {.head = MOMENT}},
        {SPAN("POST / HTTP/1.1\r\nContent-Length: 100\r\n" GET_HEAD),
         "408",
         "head:/  reset ",
         {.body_idle = MOMENT}},
        {SPAN(""), "", "", {.idle = MOMENT}},
    };
    char buf[200];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s = scene(rows[i].send);
        const struct http_server_times *now = &rows[i].times;

        s.stays = true;
        s.set.times.head = now->head ? now->head : s.set.times.head;
        s.set.times.body_idle = now->body_idle ? now->body_idle : s.set.times.body_idle;
        s.set.times.idle = now->idle ? now->idle : s.set.times.idle;
        s.set.times.linger = MOMENT;
        if (i == 0) {
            s.piece = 1;
            s.pause = 10;
        }
        run(&s);
        assert_string_equal(codes(&s, buf, sizeof buf), rows[i].codes);
        assert_string_equal(text_cstr(&s.log), rows[i].log);
        assert_int_equal(s.result, -ETIMEDOUT);
        done(&s);
    }
}

static void test_answers(void **state)
{
    struct scene s = scene(SPAN("HEAD /1 HTTP/1.1\r\n" GET_HEAD "GET /2 HTTP/1.1\r\n" GET_HEAD));
    const char *got;

    (void)state;
    s.set.secure = true;
    s.set.limits.requests = 2;
    run(&s);
    got = text_cstr(&s.got);
    assert_null(strstr(got, "<HEAD"));
    assert_non_null(strstr(got, "Content-Length: 10\r\n"));
    assert_non_null(strstr(got, "<GET /2?>"));
    assert_non_null(strstr(got, "Date: "));
    assert_non_null(strstr(got, " GMT\r\n"));
    assert_non_null(strstr(got, "Strict-Transport-Security: max-age="));
    assert_non_null(strstr(got, "Connection: keep-alive\r\n"));
    assert_non_null(strstr(got, "Connection: close\r\n")); /* the last one allowed */
    assert_int_equal(s.result, 0);
    done(&s);
}

static void test_continue(void **state)
{
    struct scene s =
        scene(SPAN("POST /p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" GET_HEAD));
    char buf[200];

    (void)state;
    s.stays = true;
    s.set.times.body_idle = s.set.times.linger = MOMENT;
    run(&s); /* the client waits for the word and then says nothing */
    assert_int_equal(strncmp(text_cstr(&s.got), "HTTP/1.1 100 Continue\r\n\r\n", 25), 0);
    assert_string_equal(codes(&s, buf, sizeof buf), "100 408");
    done(&s);
}

static void test_draining(void **state)
{
    static const bool draining = true;
    struct scene s = scene(SPAN("GET /1 HTTP/1.1\r\n" GET_HEAD "GET /2 HTTP/1.1\r\n" GET_HEAD));
    char buf[200];

    (void)state;
    s.set.draining = &draining;
    run(&s);
    assert_string_equal(codes(&s, buf, sizeof buf), "200");
    done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_sink_fails),
        cmocka_unit_test(test_refused_at_head),
        cmocka_unit_test(test_hardly_anything),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
