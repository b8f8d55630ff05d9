#include "io/reach.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct loop *loop;
    int listening, hops, result;
    int64_t wait;
    struct sockaddr_in address;
    struct reach seen;
    struct stream *stream;
    bool keep;
};

static void open_port(struct scene *s, int backlog)
{
    socklen_t n = sizeof s->address;

    *s = (struct scene){
        .loop = loop_new(), .wait = 20000, .address = {.sin_family = AF_INET}, .keep = true};
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&s->address, n), 0);
    if (backlog >= 0)
        assert_int_equal(listen(s->listening, backlog), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&s->address, &n), 0);
}

static void reaches(void *arg)
{
    struct scene *s = arg;

    s->result = reach_connect(s->loop, (struct sockaddr *)&s->address, s->hops,
                              clock_now() + s->wait, &s->seen, s->keep ? &s->stream : NULL);
}

static void play(struct scene *s)
{
    fiber_start(s->loop, reaches, s);
    loop_run(s->loop);
}

static void end(struct scene *s)
{
    stream_close(&s->stream);
    if (s->listening >= 0)
        close(s->listening);
    loop_run(s->loop);
    loop_free(&s->loop);
}

static void opens_with_few_hops(void **state)
{
    struct scene s;

    (void)state;
    open_port(&s, 10);
    s.hops = 1;
    play(&s);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.seen.sys, 0);
    assert_non_null(s.stream);
    assert_false(s.seen.icmp);
    end(&s);
}

static void keeps_no_stream_unasked(void **state)
{
    struct scene s;
    char byte;
    int fd;

    (void)state;
    open_port(&s, 10);
    s.keep = false;
    play(&s);
    assert_int_equal(s.result, 0);
    fd = accept(s.listening, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    end(&s);
}

static void refusal_has_no_icmp(void **state)
{
    struct scene s;

    (void)state;
    open_port(&s, -1); /* bound, so nobody else takes the port, but not listening */
    play(&s);
    assert_int_equal(s.result, -ECONNREFUSED);
    assert_int_equal(s.seen.sys, ECONNREFUSED);
    assert_false(s.seen.icmp);
    assert_null(s.stream);
    end(&s);
}

/* A queue of one that is full lets further attempts fall, as a firewall would. */
static void silence_ends_at_the_deadline(void **state)
{
    struct scene s;
    int filler[4];
    int64_t began;

    (void)state;
    open_port(&s, 0);
    for (int i = 0; i < 4; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(filler[i], (struct sockaddr *)&s.address, sizeof s.address);
    }
    s.wait = 1300;
    began = clock_now();
    play(&s);
    assert_int_equal(s.result, -ETIMEDOUT);
    assert_int_equal(s.seen.sys, ETIMEDOUT);
    assert_in_range(clock_now() - began, 1200, 20000); /* the kernel's own time is two minutes */
    assert_in_range(s.seen.again, 1, 4);
    for (int i = 0; i < 4; i++)
        close(filler[i]);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_few_hops),
        cmocka_unit_test(keeps_no_stream_unasked),
        cmocka_unit_test(refusal_has_no_icmp),
        cmocka_unit_test(silence_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
