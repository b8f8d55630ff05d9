#include "io/line.h"

#include "base/memory.h"
#include "base/text.h"
#include "io/fiber.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAP = 16, MAX = 8 };

/* A stream that gives its bytes in pieces: a bit set in `cuts` ends a piece after that byte. */
struct source {
    struct stream stream;
    struct span bytes;
    uint64_t cuts;
    size_t at;
    int end; /* what comes after the bytes */
    unsigned reads;
};

static ssize_t source_read(struct stream *s, char *buf, size_t n)
{
    struct source *from = (struct source *)s;
    size_t got = 0;

    from->reads++;
    if (from->at == from->bytes.len)
        return from->end;
    do
        buf[got++] = from->bytes.at[from->at++];
    while (got < n && from->at < from->bytes.len && !(from->cuts >> ((from->at - 1) % 64) & 1));
    return (ssize_t)got;
}

static const struct stream_ops source_ops = {.name = "source", .read = source_read};

static struct source source_of(struct span bytes, uint64_t cuts, int end)
{
    return (struct source){{&source_ops, NULL, 0}, bytes, cuts, 0, end, 0};
}

/* Everything a reader says about some input, as text: "ok:NOOP bare:a\nb long eof". */
static void tell(struct span bytes, uint64_t cuts, int end, struct text *told)
{
    static const char *const names[] = {"failed", "bare:", "long", "eof", "ok:"};
    struct source from = source_of(bytes, cuts, end);
    struct stream *stream = &from.stream;
    struct line_reader r;
    enum line_result result;
    struct span line;
    int sys;

    line_init(&r, &stream, CAP);
    do {
        result = line_read(&r, MAX, &line, &sys);
        text_adds(told, names[result - LINE_FAILED]);
        text_add(told, line);
        if (result == LINE_FAILED)
            text_addf(told, "%d", sys);
        else
            text_addc(told, ' ');
    } while (result != LINE_EOF && result != LINE_FAILED);
    assert_int_equal(sys == 0, result == LINE_EOF);
    line_free(&r);
}

struct row {
    struct span in;
    struct span told;
};

static const struct row rows[] = {
    {SPAN(""), SPAN("eof ")},
    {SPAN("NOOP\r\n"), SPAN("ok:NOOP eof ")},
    {SPAN("\r\n"), SPAN("ok: eof ")},
    {SPAN("\r\n\r\n"), SPAN("ok: ok: eof ")},
    {SPAN("A\r\nB\r\nC\r\n"), SPAN("ok:A ok:B ok:C eof ")},
    {SPAN("A\r\nhalf"), SPAN("ok:A eof ")},
    {SPAN("A\r"), SPAN("eof ")},
    /* HOSTILE 13: a bare LF never makes two commands */
    {SPAN("A\nB\r\n"), SPAN("bare:A ok:B eof ")},
    {SPAN("\nB\r\n"), SPAN("bare: ok:B eof ")},
    {SPAN("\n\n"), SPAN("bare: bare: eof ")},
    /* HOSTILE 14: bare CR */
    {SPAN("A\rB\r\nC\r\n"), SPAN("bare:A\rB\r ok:C eof ")},
    {SPAN("A\r\r\nC\r\n"), SPAN("bare:A\r\r ok:C eof ")},
    {SPAN("\rA\n"), SPAN("bare:\rA eof ")},
    {SPAN("\r\r\n"), SPAN("bare:\r\r eof ")},
    /* HOSTILE 15: NUL */
    {SPAN("A\0B\r\nC\r\n"), SPAN("bare:A\0B\r ok:C eof ")},
    {SPAN("A\0\n"), SPAN("bare:A\0 eof ")},
    {SPAN("A\r\0\n"), SPAN("bare:A\r\0 eof ")},
    /* HOSTILE 47: max counts the CR LF */
    {SPAN("123456\r\nB\r\n"), SPAN("ok:123456 ok:B eof ")},
    {SPAN("1234567\r\nB\r\n"), SPAN("long ok:B eof ")},
    {SPAN("12345678\r\nB\r\n"), SPAN("long ok:B eof ")},
    {SPAN("1234567\nB\r\n"), SPAN("bare:1234567 ok:B eof ")},
    {SPAN("123456789012345678\r\nB\r\n"), SPAN("long ok:B eof ")},
    {SPAN("12345678\rx\0y\r\nB\r\n"), SPAN("long ok:B eof ")},
    {SPAN("1234567890123"), SPAN("eof ")},
};

static void each_row_in_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t splits = UINT64_C(1) << (rows[i].in.len < 12 ? rows[i].in.len : 12);

        for (uint64_t cuts = 0; cuts < splits; cuts++) {
            struct text told = TEXT_INIT(1000);

            tell(rows[i].in, rows[i].in.len > 12 ? cuts * 0x9e3779b97f4a7c15 : cuts, 0, &told);
            assert_int_equal(told.len, rows[i].told.len);
            assert_memory_equal(told.at, rows[i].told.at, told.len);
            text_free(&told);
        }
    }
}

/* Bytes drawn from the few that matter: any split tells the same as no split. */
static void any_bytes_in_any_split(void **state)
{
    static const char letters[] = "\r\n\r\n\0abc";
    uint64_t x = 88172645463325252;
    char bytes[64];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct text whole = TEXT_INIT(4000), split = TEXT_INIT(4000);
        struct span in = {bytes, 0};

        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        in.len = x % sizeof bytes;
        for (size_t j = 0; j < in.len; j++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            bytes[j] = letters[x % (sizeof letters - 1)];
        }
        tell(in, 0, -EIO, &whole);
        tell(in, x, -EIO, &split);
        assert_string_equal(text_cstr(&whole), text_cstr(&split));
        assert_int_equal(whole.len, split.len);
        assert_memory_equal(whole.at, split.at, whole.len);
        text_free(&whole);
        text_free(&split);
    }
}

/* 64 times cap without an LF is the end; one byte earlier it is a long line. */
static void endless_lines_end(void **state)
{
    char bytes[64 * CAP + 2];
    static const uint64_t cuts[] = {0, UINT64_MAX, 0x0102040810204080, 1};

    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        struct text told = TEXT_INIT(1000);

        memset(bytes, 'x', sizeof bytes);
        bytes[64 * CAP - 1] = '\n';
        tell((struct span){bytes, 64 * CAP}, cuts[i], 0, &told);
        assert_string_equal(text_cstr(&told), "long eof ");
        text_clear(&told);
        bytes[64 * CAP - 1] = 'x';
        bytes[64 * CAP] = '\n';
        tell((struct span){bytes, 64 * CAP + 1}, cuts[i], 0, &told);
        assert_string_equal(text_cstr(&told), "failed-90");
        text_free(&told);
    }
}

static void errors_come_through(void **state)
{
    struct text told = TEXT_INIT(1000);

    (void)state;
    tell(SPAN("A\r\nhalf"), 0, -ETIMEDOUT, &told);
    assert_string_equal(text_cstr(&told), "ok:A failed-110");
    text_free(&told);
}

static void pipelined_commands_cost_one_read(void **state)
{
    struct source from = source_of(SPAN("A\r\nB\r\nC\r\nD\r\n"), 0, 0);
    struct stream *stream = &from.stream;
    struct line_reader r;
    struct span line;
    int sys;

    (void)state;
    line_init(&r, &stream, CAP);
    for (size_t left = 9;; left -= 3) {
        assert_int_equal(line_read(&r, MAX, &line, &sys), LINE_OK);
        assert_int_equal(line_pending(&r), left);
        if (left == 0)
            break;
    }
    assert_int_equal(from.reads, 1);
    line_free(&r);
}

static void counted_bytes_and_lines_mix(void **state)
{
    struct source from = source_of(SPAN("BDAT 20\r\n0123456789\r\n\n\r890\0\0QUIT\r\n"), 0x210, 0);
    struct stream *stream = &from.stream;
    struct line_reader r;
    struct text body = TEXT_INIT(100);
    struct span bytes;
    size_t left = 19;
    int sys;

    (void)state;
    line_init(&r, &stream, CAP);
    assert_int_equal(line_read(&r, CAP, &bytes, &sys), LINE_OK);
    assert_true(span_is(bytes, "BDAT 20"));
    while (left > 0) {
        ssize_t n = line_peek(&r, &bytes);

        assert_true(n > 0 && n <= CAP);
        assert_int_equal(n, bytes.len);
        bytes = span_head(bytes, left);
        text_add(&body, bytes);
        line_used(&r, bytes.len);
        left -= bytes.len;
    }
    assert_memory_equal(body.at, "0123456789\r\n\n\r890\0\0", 19);
    assert_int_equal(line_read(&r, CAP, &bytes, &sys), LINE_OK);
    assert_true(span_is(bytes, "QUIT"));
    assert_int_equal(line_peek(&r, &bytes), 0);
    text_free(&body);
    line_free(&r);
}

static void drop_forgets_what_came_before_tls(void **state)
{
    struct source from = source_of(SPAN("STARTTLS\r\nNOOP\r\n"), 0, 0);
    struct source tls = source_of(SPAN("EHLO x\r\n"), 0, 0);
    struct stream *stream = &from.stream;
    struct line_reader r;
    struct span line;
    int sys;

    (void)state;
    line_init(&r, &stream, 100);
    assert_int_equal(line_read(&r, 100, &line, &sys), LINE_OK);
    assert_int_equal(line_drop(&r), 6);
    assert_int_equal(line_drop(&r), 0);
    stream = &tls.stream;
    assert_int_equal(line_read(&r, 100, &line, &sys), LINE_OK);
    assert_true(span_is(line, "EHLO x"));
    line_free(&r);
}

static void idle_readers_have_no_buffer(void **state)
{
    char bytes[3000];
    struct source from = source_of((struct span){bytes, sizeof bytes}, 0, -ETIMEDOUT);
    struct stream *stream = &from.stream;
    struct line_reader r;
    struct span line;
    int sys;

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes + sizeof bytes - 2, "\r\n", 2);
    line_init(&r, &stream, 4096);
    assert_null(r.buf);
    assert_int_equal(line_read(&r, 4096, &line, &sys), LINE_OK);
    assert_int_equal(line.len, sizeof bytes - 2);
    assert_memory_equal(line.at, bytes, line.len);
    line_release(&r);
    assert_null(r.buf);
    assert_int_equal(line_read(&r, 4096, &line, &sys), LINE_FAILED);
    assert_int_equal(sys, -ETIMEDOUT);
    assert_null(r.buf);
    from = source_of(SPAN("A\r\nB"), 0, 0);
    assert_int_equal(line_read(&r, 4096, &line, &sys), LINE_OK);
    line_release(&r); /* not empty: stays */
    assert_int_equal(line_pending(&r), 1);
    line_free(&r);
}

/* ---- over a real stream ---- */

struct scene {
    struct loop *loop;
    struct stream *near, *far;
    int lines;
};

static void sends_bytewise(void *arg)
{
    struct scene *s = arg;
    static const char bytes[] = "EHLO a\r\nMAIL\nRCPT\r\nQUIT\r\n";

    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        assert_int_equal(stream_write(s->far, (struct span){bytes + i, 1}), 0);
        fiber_sleep(0);
    }
    stream_close(&s->far);
}

static void reads_lines(void *arg)
{
    struct scene *s = arg;
    struct line_reader r;
    struct span line;
    int sys;

    line_init(&r, &s->near, 512);
    assert_int_equal(line_read(&r, 512, &line, &sys), LINE_OK);
    assert_true(span_is(line, "EHLO a"));
    assert_int_equal(line_read(&r, 512, &line, &sys), LINE_BARE);
    assert_true(span_is(line, "MAIL"));
    assert_int_equal(line_read(&r, 512, &line, &sys), LINE_OK);
    assert_true(span_is(line, "RCPT"));
    assert_int_equal(line_read(&r, 512, &line, &sys), LINE_OK);
    assert_int_equal(line_read(&r, 512, &line, &sys), LINE_EOF);
    s->lines = 4;
    line_free(&r);
    stream_close(&s->near);
}

static void byte_by_byte_over_a_pipe(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    stream_pipe(s.loop, 4, &s.near, &s.far);
    fiber_start(s.loop, reads_lines, &s);
    fiber_start(s.loop, sends_bytewise, &s);
    loop_run(s.loop);
    assert_int_equal(s.lines, 4);
    loop_free(&s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_in_every_split),
        cmocka_unit_test(any_bytes_in_any_split),
        cmocka_unit_test(endless_lines_end),
        cmocka_unit_test(errors_come_through),
        cmocka_unit_test(pipelined_commands_cost_one_read),
        cmocka_unit_test(counted_bytes_and_lines_mix),
        cmocka_unit_test(drop_forgets_what_came_before_tls),
        cmocka_unit_test(idle_readers_have_no_buffer),
        cmocka_unit_test(byte_by_byte_over_a_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
