#include "io/stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    BULK = 3 * 1000 * 1000,
    VAST = 20 * BULK, /* more than any socket holds */
    GUARD = 20000,    /* ms: longer than any machine makes us wait for our turn */
};

struct scene {
    struct loop *loop;
    struct stream *a, *b;
    struct fiber *fiber;
    int result, listening;
    struct sockaddr_in address;
    size_t sum;
    bool ok;
};

/* The same scenes are played on each kind of bottom. */
static void use_pipe(struct scene *s)
{
    stream_pipe(s->loop, 1000, &s->a, &s->b);
}

static void use_pair(struct scene *s)
{
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    s->a = stream_socket(s->loop, fd[0]);
    s->b = stream_socket(s->loop, fd[1]);
}

static void listen_here(struct scene *s)
{
    socklen_t n = sizeof s->address;

    s->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&s->address, n), 0);
    assert_int_equal(listen(s->listening, 10), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&s->address, &n), 0);
}

static void connects(void *arg)
{
    struct scene *s = arg;

    s->result =
        stream_connect(s->loop, (struct sockaddr *)&s->address, NULL, clock_now() + GUARD, &s->a);
}

static void use_tcp(struct scene *s)
{
    int fd;

    listen_here(s);
    fiber_start(s->loop, connects, s);
    loop_run(s->loop);
    assert_int_equal(s->result, 0);
    fd = accept4(s->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(s->listening);
    s->b = stream_socket(s->loop, fd);
}

static void (*const bottoms[])(struct scene *s) = {use_pipe, use_pair, use_tcp};

static struct scene begin(void (*bottom)(struct scene *s))
{
    struct scene s = {.loop = loop_new()};

    bottom(&s);
    return s;
}

static void end(struct scene *s)
{
    stream_close(&s->a);
    stream_close(&s->b);
    assert_int_equal(fiber_count(s->loop), 0);
    loop_free(&s->loop);
}

static void play(void (*on_a)(void *arg), void (*on_b)(void *arg))
{
    for (size_t i = 0; i < COUNT(bottoms); i++) {
        struct scene s = begin(bottoms[i]);

        s.fiber = fiber_start(s.loop, on_a, &s);
        if (on_b)
            fiber_start(s.loop, on_b, &s);
        loop_run(s.loop);
        assert_true(s.ok);
        end(&s);
    }
}

static void writes_bulk(void *arg)
{
    struct scene *s = arg;
    char *bytes = malloc(BULK);

    for (int i = 0; i < BULK; i++)
        bytes[i] = (char)(i % 251);
    assert_int_equal(stream_write(s->a, (struct span){bytes, BULK}), 0);
    stream_close(&s->a);
    free(bytes);
}

static void reads_bulk(void *arg)
{
    struct scene *s = arg;
    char buf[70001];
    ssize_t n;

    while ((n = stream_read(s->b, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(buf[i], (char)((s->sum + (size_t)i) % 251));
        s->sum += (size_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(s->sum, BULK);
    s->ok = true;
}

static void bulk_arrives_whole(void **state)
{
    (void)state;
    play(writes_bulk, reads_bulk);
}

static void asks(void *arg)
{
    struct scene *s = arg;
    char buf[100];

    for (int i = 0; i < 200; i++) {
        assert_int_equal(stream_write(s->a, SPAN("question")), 0);
        assert_int_equal(stream_read(s->a, buf, sizeof buf), 6);
    }
    assert_int_equal(stream_read_now(s->a, buf, sizeof buf), -EAGAIN);
    stream_close(&s->a);
}

static void answers(void *arg)
{
    struct scene *s = arg;
    char buf[100];
    ssize_t n;

    while ((n = stream_read(s->b, buf, sizeof buf)) > 0) {
        assert_int_equal(n, 8);
        assert_int_equal(stream_write(s->b, SPAN("answer")), 0);
    }
    assert_int_equal(n, 0);
    s->ok = true;
}

static void dialogue(void **state)
{
    (void)state;
    play(asks, answers);
}

static void times_out(void *arg)
{
    struct scene *s = arg;
    char buf[10], *much = calloc(1, VAST);
    int64_t start = clock_now();

    stream_deadline(s->a, start + 30);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), -ETIMEDOUT);
    assert_in_range(clock_now() - start, 30, GUARD);
    stream_deadline(s->a, clock_now() + 30);
    assert_int_equal(stream_write(s->a, (struct span){much, VAST}), -ETIMEDOUT);
    /* Bytes that are there buy no time. */
    assert_int_equal(stream_write(s->b, SPAN("x")), 0);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), -ETIMEDOUT);
    stream_deadline(s->a, clock_now() + GUARD);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), 1);
    free(much);
    s->ok = true;
}

static void deadlines_end_waits(void **state)
{
    (void)state;
    play(times_out, NULL);
}

static void drips(void *arg)
{
    struct scene *s = arg;

    for (int i = 0; i < 1000 && stream_write(s->b, SPAN("x")) == 0; i++)
        fiber_sleep(5);
}

static void reads_drips(void *arg)
{
    struct scene *s = arg;
    char buf[10];
    ssize_t n = stream_read(s->a, buf, sizeof buf);

    stream_deadline(s->a, clock_now() + 60);
    for (; n > 0; n = stream_read(s->a, buf, sizeof buf))
        s->sum += (size_t)n;
    assert_int_equal(n, -ETIMEDOUT);
    assert_in_range(s->sum, 1, 40);
    s->ok = true;
    stream_abort(&s->a);
}

static void slow_bytes_buy_no_time(void **state)
{
    (void)state;
    play(reads_drips, drips);
}

static void is_cancelled(void *arg)
{
    struct scene *s = arg;
    char buf[10];

    assert_int_equal(stream_read(s->a, buf, sizeof buf), -ECANCELED);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), -ECANCELED);
    assert_int_equal(stream_write(s->a, SPAN("421 last words\r\n")), 0);
    stream_close(&s->a);
}

static void cancels(void *arg)
{
    struct scene *s = arg;
    char buf[100];

    fiber_cancel(s->fiber);
    assert_int_equal(stream_read(s->b, buf, sizeof buf), 16);
    assert_int_equal(stream_read(s->b, buf, sizeof buf), 0);
    s->ok = true;
}

static void cancel_leaves_last_words(void **state)
{
    (void)state;
    play(is_cancelled, cancels);
}

static void closes_unread(void *arg)
{
    struct scene *s = arg;
    char buf[4];

    assert_int_equal(stream_read(s->a, buf, sizeof buf), 4);
    assert_int_equal(stream_write(s->a, SPAN("221 bye\r\n")), 0);
    stream_close(&s->a);
}

static void says_too_much(void *arg)
{
    struct scene *s = arg;
    char buf[100];

    assert_int_equal(stream_write(s->b, SPAN("QUITNOOPNOOPNOOP")), 0);
    fiber_sleep(30);
    assert_int_equal(stream_read(s->b, buf, sizeof buf), 9);
    assert_int_equal(stream_read(s->b, buf, sizeof buf), 0);
    s->ok = true;
}

/* Unread bytes at close would make TCP reset the connection over the last reply. */
static void unread_bytes_do_not_cost_the_last_reply(void **state)
{
    (void)state;
    play(closes_unread, says_too_much);
}

static void aborts(void *arg)
{
    stream_abort(&((struct scene *)arg)->a);
}

static void meets_reset(void *arg)
{
    struct scene *s = arg;
    char buf[10];

    assert_int_equal(stream_read(s->b, buf, sizeof buf), -ECONNRESET);
    s->ok = true;
}

static void abort_resets(void **state)
{
    struct scene s = begin(use_tcp);

    (void)state;
    fiber_start(s.loop, meets_reset, &s);
    fiber_start(s.loop, aborts, &s);
    loop_run(s.loop);
    assert_true(s.ok);
    end(&s);
}

static void writes_to_nobody(void *arg)
{
    struct scene *s = arg;
    int r = 0;

    stream_close(&s->b);
    for (int i = 0; i < 10 && r == 0; i++) {
        r = stream_write(s->a, SPAN("hello"));
        fiber_sleep(5);
    }
    assert_true(r == -EPIPE || r == -ECONNRESET);
    s->ok = true;
}

static void a_closed_peer_is_an_error(void **state)
{
    (void)state;
    play(writes_to_nobody, NULL);
}

static void nobody_listens(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    listen_here(&s);
    close(s.listening);
    fiber_start(s.loop, connects, &s);
    loop_run(s.loop);
    assert_int_equal(s.result, -ECONNREFUSED);
    assert_null(s.a);
    end(&s);
}

static void connects_from(void *arg)
{
    struct scene *s = arg;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000005)};
    struct sockaddr_in here;
    socklen_t n = sizeof here;

    s->result = stream_connect(s->loop, (struct sockaddr *)&s->address, (struct sockaddr *)&from,
                               clock_now() + GUARD, &s->a);
    assert_int_equal(s->result, 0);
    assert_int_equal(getsockname(stream_fd(s->a), (struct sockaddr *)&here, &n), 0);
    assert_int_equal(ntohl(here.sin_addr.s_addr), 0x7f000005);
}

static void a_local_address_is_used(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    listen_here(&s);
    fiber_start(s.loop, connects_from, &s);
    loop_run(s.loop);
    close(s.listening);
    end(&s);
}

/* Nobody takes connections and the backlog is full: connect has to end by its deadline. */
static void connects_in_vain(void *arg)
{
    struct scene *s = arg;
    struct stream *out[8] = {NULL};
    int r = 0, n = 0;

    while (n < 8 && r == 0) {
        r = stream_connect(s->loop, (struct sockaddr *)&s->address, NULL, clock_now() + 50,
                           &out[n]);
        n++;
    }
    s->result = r;
    while (n-- > 0)
        stream_abort(&out[n]);
}

static void connect_ends_by_its_deadline(void **state)
{
    struct scene s = {.loop = loop_new()};

    (void)state;
    listen_here(&s);
    assert_int_equal(listen(s.listening, 0), 0);
    fiber_start(s.loop, connects_in_vain, &s);
    loop_run(s.loop);
    assert_int_equal(s.result, -ETIMEDOUT);
    close(s.listening);
    end(&s);
}

/* ---- filters ---- */

struct shout {
    struct stream stream;
    struct scene *scene;
};

static ssize_t shout_read(struct stream *s, char *buf, size_t n)
{
    return stream_read(s->below, buf, n);
}

static ssize_t shout_read_now(struct stream *s, char *buf, size_t n)
{
    return stream_read_now(s->below, buf, n);
}

static int shout_write(struct stream *s, const char *buf, size_t n)
{
    char up[16];

    assert_true(n <= sizeof up);
    for (size_t i = 0; i < n; i++)
        up[i] = (char)(buf[i] & ~0x20);
    return stream_write(s->below, (struct span){up, n});
}

static void shout_shutdown(struct stream *s)
{
    stream_write(s->below, SPAN("BYE"));
}

static void shout_free(struct stream *s)
{
    ((struct shout *)s)->scene->sum++;
    free(s);
}

static const struct stream_ops shout_ops = {"shout",     shout_read,     shout_read_now,
                                            shout_write, shout_shutdown, shout_free};

static void push_shout(struct scene *s, struct stream **on)
{
    struct shout *f = memory_alloc(sizeof *f);

    f->stream.ops = &shout_ops;
    f->scene = s;
    stream_push(on, &f->stream);
    assert_ptr_equal(*on, f);
}

static void filters_stack(void **state)
{
    char buf[100];

    (void)state;
    for (size_t i = 0; i < COUNT(bottoms); i++) {
        struct scene s = begin(bottoms[i]);
        int fd = stream_fd(s.a);

        push_shout(&s, &s.a);
        push_shout(&s, &s.a);
        assert_int_equal(stream_fd(s.a), fd);
        assert_int_equal(fd < 0, bottoms[i] == use_pipe);
        stream_deadline(s.a, 77);
        assert_int_equal(s.a->below->below->deadline, 77);
        stream_deadline(s.a, clock_now() + GUARD);
        assert_int_equal(stream_write(s.a, SPAN("hello")), 0);
        stream_close(&s.a);
        assert_null(s.a);
        assert_int_equal(s.sum, 2);
        assert_int_equal(stream_read(s.b, buf, sizeof buf), 11);
        assert_memory_equal(buf, "HELLOBYEBYE", 11);
        assert_int_equal(stream_read(s.b, buf, sizeof buf), 0);
        push_shout(&s, &s.b);
        stream_abort(&s.b);
        assert_int_equal(s.sum, 3);
        end(&s);
    }
}

/* a has said all it wants to say and goes on to listen; b sees that at once and still speaks. */
static void finishes(void *arg)
{
    struct scene *s = arg;
    char buf[10];

    assert_int_equal(stream_write(s->a, SPAN("no")), 0);
    stream_finish(s->a);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), 3);
    assert_int_equal(stream_read(s->a, buf, sizeof buf), 0);
    s->ok = true;
}

static void speaks_on(void *arg)
{
    struct scene *s = arg;
    char buf[10];

    assert_int_equal(stream_read(s->b, buf, sizeof buf), 2);
    assert_int_equal(stream_read(s->b, buf, sizeof buf), 0);
    assert_int_equal(stream_write(s->b, SPAN("but")), 0);
    stream_close(&s->b);
}

static void a_finished_stream_still_reads(void **state)
{
    (void)state;
    for (size_t i = 1; i < COUNT(bottoms); i++) { /* a pipe has no half */
        struct scene s = begin(bottoms[i]);

        fiber_start(s.loop, finishes, &s);
        fiber_start(s.loop, speaks_on, &s);
        loop_run(s.loop);
        assert_true(s.ok);
        end(&s);
    }
}

static void null_is_fine(void **state)
{
    struct stream *none = NULL;

    (void)state;
    stream_close(&none);
    stream_abort(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_arrives_whole),
        cmocka_unit_test(dialogue),
        cmocka_unit_test(deadlines_end_waits),
        cmocka_unit_test(slow_bytes_buy_no_time),
        cmocka_unit_test(cancel_leaves_last_words),
        cmocka_unit_test(unread_bytes_do_not_cost_the_last_reply),
        cmocka_unit_test(abort_resets),
        cmocka_unit_test(a_closed_peer_is_an_error),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_local_address_is_used),
        cmocka_unit_test(connect_ends_by_its_deadline),
        cmocka_unit_test(filters_stack),
        cmocka_unit_test(a_finished_stream_still_reads),
        cmocka_unit_test(null_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
