/* Channels: letters and descriptors arrive in order, questions get their answers, rule breakers are
 * cut off. */
#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "post/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 500 };

struct scene {
    struct loop *loop;
    struct channel *keeper, *listener;
    unsigned got;
    unsigned fds;
    bool closed;
    bool ok;
};

static void answer(void *arg, struct parcel *p)
{
    struct scene *s = arg;
    struct letter_login_answer reply = {LOGIN_GOOD, SPAN_NONE, 0};

    if (p->kind == LETTER_LOGIN) {
        reply.account = ((struct letter_login *)p->letter)->name;
        channel_send(s->keeper, LETTER_LOGIN_ANSWER, p->tag, &reply, -1);
    } else if (p->kind == LETTER_ACCEPT) {
        const struct letter_accept *l = p->letter;
        char byte = 0;

        assert_int_equal(l->message.header_size, s->got); /* in order */
        if (p->fd >= 0) {
            assert_int_equal(pread(p->fd, &byte, 1, 0), 1);
            assert_int_equal((unsigned char)byte,
                             s->got & 255); /* the right file with the right letter */
            s->fds++;
        }
        if (++s->got == MANY)
            loop_stop(s->loop);
    }
    parcel_free(&p);
}

static void closed(void *arg, const char *why)
{
    struct scene *s = arg;

    (void)why;
    s->closed = true;
    loop_stop(s->loop);
}

static void ignore(void *arg, struct parcel *p)
{
    (void)arg;
    parcel_free(&p);
}

static const struct channel_calls keeper_calls = {answer, closed},
                                  listener_calls = {ignore, closed};

static void open_scene(struct scene *s)
{
    int pair[2];

    *s = (struct scene){.loop = loop_new()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s->keeper = channel_new(s->loop, pair[0], SIDE_LISTENER, &keeper_calls, s);
    s->listener = channel_new(s->loop, pair[1], SIDE_KEEPER, &listener_calls, s);
}

static void close_scene(struct scene *s)
{
    channel_free(&s->listener);
    channel_free(&s->keeper);
    loop_run(s->loop);
    loop_free(&s->loop);
}

static void send_many(void *arg)
{
    struct scene *s = arg;
    char *body = memory_alloc(20000);

    for (unsigned i = 0; i < MANY; i++) {
        struct letter_accept l = {
            .message = {.content = {.body = {body, i * 37 % 20000}, .fd = -1}, .header_size = i}};
        FILE *f = i % 7 ? NULL : tmpfile();

        l.message.content.size = l.message.content.body.len;
        if (f) {
            fputc((int)(i & 255), f);
            fflush(f);
            l.message.content.fd = fileno(f);
        }
        while (!channel_send(s->listener, LETTER_ACCEPT, 0, &l, f ? fileno(f) : -1))
            fiber_sleep(1);
        if (f)
            fclose(f);
    }
    free(body);
}

static void letters_and_files_stay_in_order(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    fiber_start(s.loop, send_many, &s);
    loop_run(s.loop);
    assert_int_equal(s.got, MANY);
    assert_int_equal(s.fds, (MANY + 6) / 7);
    close_scene(&s);
}

static void ask_one(void *arg)
{
    struct scene *s = arg;
    struct letter_login l = {SPAN("me"), SPAN("secret"), SPAN("192.0.2.1")};
    struct parcel *p = channel_ask(s->listener, LETTER_LOGIN, &l, -1, clock_now() + 20000);

    s->ok = p && p->kind == LETTER_LOGIN_ANSWER &&
            span_is(((struct letter_login_answer *)p->letter)->account, "me");
    parcel_free(&p);
    loop_stop(s->loop);
}

static void a_question_gets_its_answer(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    fiber_start(s.loop, ask_one, &s);
    loop_run(s.loop);
    assert_true(s.ok);
    close_scene(&s);
}

static void ask_the_dead(void *arg)
{
    struct scene *s = arg;
    struct letter_login l = {SPAN("me"), SPAN("secret"), SPAN("192.0.2.1")};

    channel_free(&s->keeper);
    s->ok = channel_ask(s->listener, LETTER_LOGIN, &l, -1, clock_now() + 20000) == NULL;
    loop_stop(s->loop);
}

static void no_answer_from_the_dead(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    fiber_start(s.loop, ask_the_dead, &s);
    loop_run(s.loop);
    loop_run(s.loop);
    assert_true(s.ok);
    close_scene(&s);
}

static void garbage_ends_the_channel(void **state)
{
    static const char garbage[64] = "this is no letter and shall never be one";
    struct scene s = {.loop = loop_new()};
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.keeper = channel_new(s.loop, pair[0], SIDE_LISTENER, &keeper_calls, &s);
    assert_int_equal(write(pair[1], garbage, sizeof garbage), (ssize_t)sizeof garbage);
    loop_run(s.loop);
    assert_true(s.closed);
    close(pair[1]);
    close_scene(&s);
}

/* ---- the keeper asks as well */

static void answer_scan(void *arg, struct parcel *p)
{
    struct scene *s = arg;
    struct letter_scanned l = {.verdict = SCAN_LATER, .words = SPAN("not now")};

    assert_int_equal(p->kind, LETTER_SCAN);
    s->got++;
    channel_send(s->listener, LETTER_SCANNED, p->tag, &l, -1);
    parcel_free(&p);
}

static void ask_courier(void *arg)
{
    struct scene *s = arg;
    struct letter_accept l = {.message = {.content = {.fd = -1}}};
    struct parcel *p = channel_ask(s->keeper, LETTER_SCAN, &l, -1, clock_now() + 20000);

    s->ok = p && p->kind == LETTER_SCANNED &&
            span_is(((struct letter_scanned *)p->letter)->words, "not now");
    parcel_free(&p);
    loop_stop(s->loop);
}

static void the_keeper_asks(void **state)
{
    static const struct channel_calls courier_calls = {answer_scan, closed};
    struct scene s = {.loop = loop_new()};
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.keeper = channel_new(s.loop, pair[0], SIDE_COURIER, &keeper_calls, &s);
    s.listener = channel_new(s.loop, pair[1], SIDE_KEEPER, &courier_calls, &s);
    fiber_start(s.loop, ask_courier, &s);
    loop_run(s.loop);
    assert_true(s.ok);
    assert_int_equal(s.got, 1);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_and_files_stay_in_order),
        cmocka_unit_test(a_question_gets_its_answer),
        cmocka_unit_test(the_keeper_asks),
        cmocka_unit_test(no_answer_from_the_dead),
        cmocka_unit_test(garbage_ends_the_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
