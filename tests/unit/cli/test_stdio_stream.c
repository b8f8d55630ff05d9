#include "cli/stdio_stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
    struct loop *loop;
    struct stream *stream;
    int to_it, from_it; /* the other ends */
    int in, out;
    void (*play)(struct scene *s);
};

static void run(void *arg)
{
    struct scene *s = arg;

    s->stream = stdio_stream_new(s->loop, s->in, s->out);
    s->play(s);
    stream_close(&s->stream);
    loop_stop(s->loop);
}

static void scene(void (*play)(struct scene *s))
{
    struct scene s = {.loop = loop_new(), .play = play};
    int in[2], out[2];

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    s.in = in[0];
    s.to_it = in[1];
    s.from_it = out[0];
    s.out = out[1];
    fiber_start(s.loop, run, &s);
    loop_run(s.loop);
    loop_free(&s.loop);
    close(s.in);
    close(s.out);
    close(s.from_it);
    close(s.to_it);
}

static void both_ways(struct scene *s)
{
    char buf[100];

    assert_int_equal(stream_read_now(s->stream, buf, sizeof buf), -EAGAIN);
    assert_int_equal(write(s->to_it, "hello", 5), 5);
    assert_int_equal(stream_read(s->stream, buf, sizeof buf), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(write(s->to_it, "again", 5), 5);
    assert_int_equal(stream_read_now(s->stream, buf, 2), 2);
    assert_int_equal(stream_read(s->stream, buf, sizeof buf), 3);
    assert_int_equal(stream_write(s->stream, SPAN("answer")), 0);
    assert_int_equal(read(s->from_it, buf, sizeof buf), 6);
    assert_int_equal(stream_fd(s->stream), -1);
    close(s->to_it);
    s->to_it = -1;
    assert_int_equal(stream_read(s->stream, buf, sizeof buf), 0);
}

static void deadlines(struct scene *s)
{
    char buf[10], *much = memory_alloc(1 << 20);

    stream_deadline(s->stream, clock_now() + 50);
    assert_int_equal(stream_read(s->stream, buf, sizeof buf), -ETIMEDOUT);
    stream_deadline(s->stream, clock_now() + 50);
    assert_int_equal(stream_write(s->stream, (struct span){much, 1 << 20}), -ETIMEDOUT);
    free(much);
}

static void reader_gone(struct scene *s)
{
    close(s->from_it);
    s->from_it = -1;
    assert_int_equal(stream_write(s->stream, SPAN("answer")), -EPIPE);
}

static void from_file(struct scene *s)
{
    char buf[10];

    s->in = dup2(open("/dev/null", O_RDONLY), s->in);
    assert_int_equal(stream_read(s->stream, buf, sizeof buf), 0);
}

static void test_both_ways(void **state)
{
    (void)state;
    scene(both_ways);
}

static void test_deadlines(void **state)
{
    (void)state;
    scene(deadlines);
}

static void test_reader_gone(void **state)
{
    (void)state;
    scene(reader_gone);
}

static void test_from_file(void **state)
{
    (void)state;
    scene(from_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways), cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_reader_gone), cmocka_unit_test(test_from_file)};

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
