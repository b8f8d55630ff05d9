#include "http/portal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct row {
    const char *answer;
    enum portal_answer is;
    const char *words;
};

static const struct row rows[] = {
    {"HTTP/1.1 204 No Content\r\n\r\n", PORTAL_SAYS_FREE, "HTTP/1.1 204 No Content"},
    {"HTTP/1.1 302 Found\r\nServer: x\r\nLocation: http://login.test/?x\r\n\r\n", PORTAL_SAYS_LOGIN,
     "http://login.test/?x"},
    {"HTTP/1.0 200 OK\r\n\r\n<html>log in", PORTAL_SAYS_LOGIN, "HTTP/1.0 200 OK"},
    {"HTTP/1.1 511 Log in\r\n\r\nhi", PORTAL_SAYS_LOGIN, "HTTP/1.1 511 Log in"},
    {"HTTP/1.1 404 No\r\n\r\n", PORTAL_SAYS_NOTHING, "HTTP/1.1 404 No"},
    {"HTTP/1.1 302 Found\r\n", PORTAL_SAYS_LOGIN, "HTTP/1.1 302 Found"},
    {"220 smtp here\r\n", PORTAL_SAYS_NOTHING, ""},
    {"HTTP/1.1 2\r\n\r\n", PORTAL_SAYS_NOTHING, ""},
    {"", PORTAL_SAYS_NOTHING, ""},
    {"HTTP/1.1 200 OK", PORTAL_SAYS_NOTHING, ""},
};

static struct {
    struct loop *loop;
    struct stream *near, *far;
    const char *bytes;
    size_t filler; /* octets behind them */
    char heard[512], words[PORTAL_WORDS];
    enum portal_answer is;
} t;

static void far_side(void *arg)
{
    char line[1000];
    ssize_t n;

    (void)arg;
    n = stream_read(t.far, t.heard, sizeof t.heard - 1);
    t.heard[n > 0 ? n : 0] = '\0';
    stream_write(t.far, span_of(t.bytes));
    memset(line, 'x', sizeof line);
    for (size_t i = 0; i < t.filler / sizeof line; i++)
        if (stream_write(t.far, (struct span){line, sizeof line}) < 0)
            break;
    stream_close(&t.far);
}

static void near_side(void *arg)
{
    (void)arg;
    t.is = portal_ask(&t.near, SPAN("check.test"), clock_now() + 20000, t.words);
    stream_abort(&t.near);
}

static void play(const char *bytes, size_t filler)
{
    t.loop = loop_new();
    t.bytes = bytes;
    t.filler = filler;
    stream_pipe(t.loop, 4096, &t.near, &t.far);
    fiber_start(t.loop, far_side, NULL);
    fiber_start(t.loop, near_side, NULL);
    loop_run(t.loop);
    loop_free(&t.loop);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        play(rows[i].answer, 0);
        assert_int_equal(t.is, rows[i].is);
        assert_string_equal(t.words, rows[i].words);
        assert_non_null(strstr(t.heard, "GET /generate_204 HTTP/1.1\r\nHost: check.test\r\n"));
    }
}

static void test_colours(void **state)
{
    (void)state;
    play("HTTP/1.1 302 Found\r\nLocation: http://a\x1b[1m\r\n\r\n", 0);
    assert_int_equal(t.is, PORTAL_SAYS_LOGIN);
    assert_null(strchr(t.words, '\x1b'));
    assert_int_equal(strncmp(t.words, "http://a", 8), 0);
}

/* A page without an end is a page. */
static void test_endless(void **state)
{
    (void)state;
    play("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", 1 << 20);
    assert_int_equal(t.is, PORTAL_SAYS_LOGIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_colours),
                                       cmocka_unit_test(test_endless)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
