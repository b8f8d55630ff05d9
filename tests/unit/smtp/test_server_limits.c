/* What a peer cannot make the engine do: read lines without end, answer without bound, hold memory
 * (P9; HOSTILE 47, 48, 49, 101), and how few reads and writes a pipelined group costs. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "dialogue.h"
#include "io/fiber.h"
#include "io/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A stream that counts the calls, and keeps what was written; a client that never reads is one
 * whose window shuts after `window` bytes. */
struct tape {
    struct stream stream;
    struct span in; /* what the client sends; `head` and then `repeat` of it when set */
    size_t at, piece, repeat;
    unsigned reads, writes;
    size_t most; /* bytes of the largest write */
    size_t window;
    struct text out;
};

static ssize_t tape_read(struct stream *s, char *buf, size_t n)
{
    struct tape *t = (struct tape *)s;

    t->reads++;
    if (t->at == t->in.len && t->repeat) {
        t->repeat--;
        t->at = 0;
    }
    if (n > t->in.len - t->at)
        n = t->in.len - t->at;
    if (t->piece && n > t->piece)
        n = t->piece;
    if (n)
        memcpy(buf, t->in.at + t->at, n);
    t->at += n;
    return (ssize_t)n;
}

static int tape_write(struct stream *s, const char *buf, size_t n)
{
    struct tape *t = (struct tape *)s;

    t->writes++;
    if (n > t->most)
        t->most = n;
    if (t->window && t->out.len + n > t->window)
        return -ETIMEDOUT;
    text_add(&t->out, (struct span){buf, n});
    return 0;
}

static const struct stream_ops tape_ops = {.name = "tape", .read = tape_read, .write = tape_write};

struct run {
    struct tape tape;
    struct smtp_server_settings settings;
    struct house house;
    struct stream *top;
    int result;
};

static void body(void *arg)
{
    struct run *r = arg;

    r->result = smtp_server_run(&r->top, &r->settings, &dialogue_calls, &r->house);
}

static void run_init(struct run *r, struct span in)
{
    *r = (struct run){.tape = {.stream = {.ops = &tape_ops}, .in = in, .out = TEXT_INIT(8U << 20)},
                      .settings = dialogue_settings(),
                      .house = {.asked = TEXT_INIT(1 << 20),
                                .content = TEXT_INIT(1 << 20),
                                .events = TEXT_INIT(1 << 20)}};
    r->settings.limits.commands = r->settings.limits.errors = r->settings.limits.unknown = 0;
}

static void run_now(struct run *r)
{
    struct loop *loop = loop_new();

    r->top = &r->tape.stream;
    fiber_start(loop, body, r);
    loop_run(loop);
    loop_free(&loop);
    assert_int_equal(r->house.begun, r->house.ended);
}

static void run_free(struct run *r)
{
    dialogue_house_free(&r->house);
    text_free(&r->tape.out);
}

static unsigned count_of(const struct text *out, const char *what)
{
    unsigned n = 0;

    for (const char *at = text_cstr(out); (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

/* A command line of `len` octets with CR LF, then NOOP and QUIT. */
static void line_of(struct text *in, const char *start, size_t len)
{
    text_adds(in, start);
    while (in->len < len - 2)
        text_addc(in, 'x');
    text_adds(in, "\r\nNOOP\r\nQUIT\r\n");
}

static void test_line_length(void **state)
{
    static const struct {
        const char *start;
        size_t len;
        const char *reply;
    } rows[] = {{"NOOP ", 512, "250 2.0.0 Still here\r\n250 "},
                {"NOOP ", 513, "500 5.5.6 "},
                {"NOOP ", 2048, "500 5.5.6 "},
                {"EHLO ", 11000, "500 5.5.6 "},
                {"MAIL ", 2048, "503 5.5.1 "},
                {"MAIL ", 2049, "500 5.5.6 "},
                {"AUTH PLAIN ", 12288, "503 5.5.1 "},
                {"NOOP ", 16384, "500 5.5.6 "},
                {"NOOP ", 16385, "500 5.5.6 "},
                {"NOOP ", 100 * 1024, "500 5.5.6 "}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text in = TEXT_INIT(200000);
        struct run r;
        const char *second;

        line_of(&in, rows[i].start, rows[i].len);
        run_init(&r, text_span(&in));
        run_now(&r);
        second = strchr(text_cstr(&r.tape.out), '\n') + 1;
        if (strncmp(second, rows[i].reply, strlen(rows[i].reply)) != 0)
            fail_msg("%s... of %zu: %s", rows[i].start, rows[i].len, second);
        assert_int_equal(count_of(&r.tape.out, "250 2.0.0 Still here"), i == 0 ? 2 : 1);
        assert_int_equal(count_of(&r.tape.out, "221 2.0.0"), 1);
        run_free(&r);
        text_free(&in);
    }
}

static void test_endless_line(void **state)
{
    struct run r;
    char kilobyte[1024];

    (void)state;
    memset(kilobyte, 'x', sizeof kilobyte);
    run_init(&r, (struct span){kilobyte, sizeof kilobyte});
    r.tape.repeat = 64 * 1024;
    run_now(&r);
    assert_int_equal(r.result, -EMSGSIZE);
    assert_true(r.tape.repeat > 60 * 1024); /* it did not take the 64 MiB */
    assert_int_equal(count_of(&r.tape.out, "500 5.5.6 A line without end"), 1);
    run_free(&r);
}

static void test_20000_noops(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, SPAN("NOOP\r\n"));
    r.tape.repeat = 20000 - 1;
    r.tape.piece = 0;
    run_now(&r);
    assert_int_equal(count_of(&r.tape.out, "250 2.0.0 Still here\r\n"), 20000);
    assert_true(r.tape.most < 5000);
    run_free(&r);
}

/* HOSTILE 101: who never reads is dropped at the deadline of the answers. */
static void test_never_reads(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, SPAN("EHLO x.test\r\nHELP\r\n"));
    r.tape.repeat = 20000;
    r.tape.window = 65536;
    run_now(&r);
    assert_int_equal(r.result, -ETIMEDOUT);
    assert_true(r.tape.out.len <= 65536 && r.tape.repeat > 19000);
    assert_non_null(strstr(text_cstr(&r.house.events), "timeout"));
    run_free(&r);
}

static void test_unknown_commands(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, SPAN("FOO\r\n"));
    r.tape.repeat = 500;
    r.settings.limits.unknown = 20;
    run_now(&r);
    assert_int_equal(count_of(&r.tape.out, "500 5.5.1"), 20);
    assert_int_equal(count_of(&r.tape.out, "421 4.7.0 Too many unknown"), 1);
    assert_int_equal(r.result, 0);
    run_free(&r);
}

/* RFC 2920: a group costs one read and one write. */
static void test_group_in_one_write(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, SPAN("EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\n"
                      "RCPT TO:<y@b.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n"));
    run_now(&r);
    assert_int_equal(r.tape.reads, 1);
    assert_int_equal(r.tape.writes, 2); /* the greeting, and all the rest */
    assert_int_equal(count_of(&r.tape.out, "250 2.0.0 kept"), 1);
    run_free(&r);
}

/* However the bytes are cut, the answers are the same. */
static void test_cuts(void **state)
{
    static const struct span in =
        SPAN("EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\nBDAT 4\r\nhi\r\n"
             "BDAT 0 LAST\r\nNOOP\r\nRSET\r\nQUIT\r\n");
    struct run whole;

    (void)state;
    run_init(&whole, in);
    run_now(&whole);
    for (size_t piece = 1; piece < 40; piece++) {
        struct run r;

        run_init(&r, in);
        r.tape.piece = piece;
        run_now(&r);
        assert_string_equal(text_cstr(&r.tape.out), text_cstr(&whole.tape.out));
        assert_string_equal(text_cstr(&r.house.asked), text_cstr(&whole.house.asked));
        run_free(&r);
    }
    run_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_20000_noops),
        cmocka_unit_test(test_never_reads),
        cmocka_unit_test(test_unknown_commands),
        cmocka_unit_test(test_group_in_one_write),
        cmocka_unit_test(test_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
