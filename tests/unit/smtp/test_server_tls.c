/* The server engine with real TLS: STARTTLS, implicit TLS, a login inside it, and a client that
 * says good-bye to TLS in the middle of a chunk (HOSTILE 23, 29, 30). */
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/fiber.h"
#include "io/line.h"
#include "io/loop.h"
#include "sasl/sasl_server.h"
#include "smtp/smtp_server.h"
#include "tls/certificate.h"
#include "tls/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PIPE = 1 << 16, LONG = 20000, HEARD = 4096 };

struct scene {
    struct tls_context *ours, *theirs;
    struct smtp_server_settings settings;
    struct stream *server, *client;
    struct line_reader lines;
    struct text heard;
    unsigned kept, reset;
    bool seen_tls;
    int result;
    void (*script)(struct scene *s);
};

static struct reply on_mail(void *arg, const struct smtp_server_session *s)
{
    struct scene *scene = arg;

    scene->seen_tls = s->tls && strcmp(s->tls->version, "TLSv1.3") == 0;
    assert_true(span_is(s->login, "ann"));
    return (struct reply){0};
}

static struct reply on_rcpt(void *arg, const struct smtp_server_session *s,
                            const struct recipient *r)
{
    (void)arg;
    (void)r;
    return reply_make(s->answers, 250, "2.1.5", "ok");
}

static struct reply on_end(void *arg, const struct smtp_server_session *s, int failed)
{
    ((struct scene *)arg)->kept++;
    assert_int_equal(failed, 0);
    return reply_make(s->answers, 250, "2.0.0", "kept");
}

static void on_reset(void *arg, const struct smtp_server_session *s)
{
    (void)s;
    ((struct scene *)arg)->reset++;
}

static int check_password(void *arg, struct span name, struct span password)
{
    (void)arg;
    return span_is(name, "ann") && span_is(password, "secret") ? 0 : 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    (void)name;
    (void)out;
    return 1;
}

static const struct sasl_server_calls login_calls = {check_password, verifier};
static const struct smtp_server_calls calls = {.login_calls = &login_calls,
                                               .mail = on_mail,
                                               .rcpt = on_rcpt,
                                               .body_end = on_end,
                                               .reset = on_reset};

static void say(struct scene *s, const char *what)
{
    stream_deadline(s->client, clock_now() + LONG);
    assert_int_equal(stream_write(s->client, span_of(what)), 0);
}

static void hear(struct scene *s, const char *start)
{
    struct span line = SPAN_NONE;
    int sys;

    text_clear(&s->heard);
    stream_deadline(s->client, clock_now() + LONG);
    do {
        assert_int_equal(line_read(&s->lines, 2048, &line, &sys), LINE_OK);
        text_add(&s->heard, line);
        text_addc(&s->heard, '\n');
    } while (line.len > 3 && line.at[3] == '-');
    if (!span_starts(line, span_of(start)))
        fail_msg("%s expected: %s", start, text_cstr(&s->heard));
}

static void handshake(struct scene *s)
{
    struct tls_expect x = {.name = "mx.test", .verify = TLS_VERIFY_FULL, .alpn = true};
    struct error e = {0};

    assert_int_equal(line_drop(&s->lines), 0);
    stream_deadline(s->client, clock_now() + LONG);
    if (tls_connect(&s->client, s->theirs, &x, &e) != 0)
        fail_msg("%s", e.words);
}

/* From a fresh TLS session to an accepted recipient. */
static void submit(struct scene *s)
{
    say(s, "MAIL FROM:<a@b.test>\r\n");
    hear(s, "503 5.5.1 Say EHLO");
    say(s, "EHLO c.test\r\n");
    hear(s, "250 ");
    assert_null(strstr(text_cstr(&s->heard), "STARTTLS"));
    assert_non_null(strstr(text_cstr(&s->heard), "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"));
    say(s, "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n");
    hear(s, "235 ");
    say(s, "MAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\n");
    hear(s, "250 ");
    hear(s, "250 ");
}

static void upgrade(struct scene *s)
{
    hear(s, "220 ");
    say(s, "EHLO clear.test\r\n");
    hear(s, "250 ");
    assert_null(strstr(text_cstr(&s->heard), "AUTH"));
    say(s, "STARTTLS\r\n");
    hear(s, "220 2.0.0");
}

static void whole_message(struct scene *s)
{
    upgrade(s);
    handshake(s);
    submit(s);
    say(s, "DATA\r\n");
    hear(s, "354 ");
    say(s, "Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n");
    hear(s, "250 2.0.0 kept");
    hear(s, "221 ");
}

static void implicit(struct scene *s)
{
    handshake(s);
    hear(s, "220 ");
    submit(s);
    say(s, "BDAT 4 LAST\r\nhi\r\nQUIT\r\n");
    hear(s, "250 2.0.0 kept");
    hear(s, "221 ");
}

static void leave_in_chunk(struct scene *s)
{
    upgrade(s);
    handshake(s);
    submit(s);
    say(s, "BDAT 400 LAST\r\nhi\r\n");
}

static void clear_text(struct scene *s)
{
    struct span bytes;

    upgrade(s);
    say(s, "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n");
    stream_deadline(s->client, clock_now() + LONG);
    while (line_peek(&s->lines, &bytes) > 0) { /* an alert at most, never a reply */
        assert_true(bytes.at[0] == 0x15);
        line_used(&s->lines, bytes.len);
    }
}

static void serve(void *arg)
{
    struct scene *s = arg;

    s->result = smtp_server_run(&s->server, &s->settings, &calls, s);
    stream_close(&s->server);
}

static void converse(void *arg)
{
    struct scene *s = arg;

    s->script(s);
    stream_close(&s->client);
}

static void contexts(struct scene *s)
{
    static const char *const names[] = {"mx.test", NULL};
    struct certificate_wish wish = {.names = names};
    struct text cert = TEXT_INIT(CERTIFICATE_PEM), key = TEXT_INIT(CERTIFICATE_PEM);
    struct error e = {0};

    assert_int_equal(certificate_make(&wish, &cert, &key, &e), 0);
    s->ours = tls_server_pem(text_span(&cert), text_span(&key), &e);
    s->theirs = tls_client_pem(text_span(&cert), &e);
    assert_true(s->ours && s->theirs);
    text_free(&cert);
    text_free(&key);
}

static void play(struct scene *s)
{
    struct loop *loop = loop_new();

    contexts(s);
    s->settings.hostname = "mx.test";
    s->settings.fake_secret = SPAN("0123456789abcdef");
    s->settings.tls = s->ours;
    s->settings.channel_binding = true;
    s->settings.login_offered = s->settings.login_required = s->settings.tls_before_login = true;
    s->heard = TEXT_INIT(HEARD);
    stream_pipe(loop, PIPE, &s->server, &s->client);
    line_init(&s->lines, &s->client, 4096);
    fiber_start(loop, serve, s);
    fiber_start(loop, converse, s);
    loop_run(loop);
    line_free(&s->lines);
    text_free(&s->heard);
    tls_context_free(&s->ours);
    tls_context_free(&s->theirs);
    loop_free(&loop);
}

static void test_starttls(void **state)
{
    struct scene s = {.settings = smtp_server_defaults(), .script = whole_message};

    (void)state;
    play(&s);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.kept, 1);
    assert_true(s.seen_tls);
}

static void test_implicit(void **state)
{
    struct scene s = {.settings = smtp_server_defaults(), .script = implicit};

    (void)state;
    s.settings.tls_first = true;
    play(&s);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.kept, 1);
}

static void test_close_in_chunk(void **state)
{
    struct scene s = {.settings = smtp_server_defaults(), .script = leave_in_chunk};

    (void)state;
    play(&s);
    assert_int_equal(s.result, -ECONNRESET);
    assert_int_equal(s.kept, 0);
    assert_int_equal(s.reset, 1);
}

static void test_clear_text(void **state)
{
    struct scene s = {.settings = smtp_server_defaults(), .script = clear_text};

    (void)state;
    play(&s);
    assert_int_equal(s.result, -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_implicit),
        cmocka_unit_test(test_close_in_chunk),
        cmocka_unit_test(test_clear_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
