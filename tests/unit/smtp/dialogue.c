#include "dialogue.h"

#include "base/clock.h"
#include "io/fiber.h"
#include "io/line.h"
#include "io/loop.h"
#include "mail/reply.h"
#include "sasl/sasl_server.h"
#include "tls/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PIPE = 1 << 20, LONG = 20000, MOMENT = 60, REPLY = 65536 };

/* ---- a TLS that keeps its bytes readable ---- */

int tls_accept(struct stream **s, struct tls_context *c, struct error *e)
{
    static const char hello[] = "HELLO TLS\n";
    char got[sizeof hello] = "";

    assert_non_null(c);
    for (size_t i = 0; i < strlen(hello); i++) {
        ssize_t n = stream_read(*s, got + i, 1);

        if (n < 0)
            return (int)n;
        if (n == 0 || got[i] != hello[i]) {
            error_set(e, ERROR_PERMANENT, "not TLS");
            return n == 0 ? -ECONNRESET : -EPROTO;
        }
    }
    return 0;
}

bool tls_info(const struct stream *top, struct tls_info *out)
{
    (void)top;
    *out = (struct tls_info){.version = "TLSv1.3", .cipher = "", .sni = ""};
    return true;
}

bool tls_exporter(const struct stream *top, unsigned char out[TLS_EXPORTER])
{
    (void)top;
    memset(out, 7, TLS_EXPORTER);
    return true;
}

/* ---- the house ---- */

static struct reply answer(struct house *h, const struct smtp_server_session *s, const char *call)
{
    if (h->refuse && strcmp(h->refuse, call) == 0)
        return reply_make(s->answers, h->code, NULL, "the house refuses");
    return (struct reply){0};
}

static struct reply on_connected(void *arg, const struct smtp_server_session *s)
{
    return answer(arg, s, "connected");
}

static struct reply on_helo(void *arg, const struct smtp_server_session *s)
{
    struct house *h = arg;

    text_addf(&h->asked, "helo(%.*s) ", SPAN_ARG(s->helo));
    return answer(h, s, "helo");
}

static struct reply on_login(void *arg, const struct smtp_server_session *s, bool ok,
                             struct span name)
{
    struct house *h = arg;

    text_addf(&h->asked, "login(%.*s,%s) ", SPAN_ARG(name), ok ? "ok" : "no");
    return answer(h, s, "login");
}

static struct reply on_mail(void *arg, const struct smtp_server_session *s)
{
    struct house *h = arg;
    struct smtp_server_transaction *t = s->transaction;
    struct reply r = answer(h, s, "mail");

    text_addf(&h->asked, "mail(%.*s", SPAN_ARG(t->envelope.sender));
    if (s->login.len)
        text_addf(&h->asked, " by %.*s", SPAN_ARG(s->login));
    if (t->declared_size)
        text_addf(&h->asked, " size %llu", (unsigned long long)t->declared_size);
    if (t->body == BODY_8BITMIME)
        text_adds(&h->asked, " 8bit");
    if (t->utf8)
        text_adds(&h->asked, " utf8");
    if (t->envelope.envid.len)
        text_addf(&h->asked, " envid %.*s", SPAN_ARG(t->envelope.envid));
    if (t->envelope.ret)
        text_adds(&h->asked, t->envelope.ret == RET_HDRS ? " hdrs" : " full");
    text_adds(&h->asked, ") ");
    if (span_starts(t->envelope.sender, SPAN("bad@")))
        r = reply_make(s->answers, 553, "5.7.1", "not your address");
    if (r.code < 400)
        h->begun++;
    return r;
}

static struct reply on_rcpt(void *arg, const struct smtp_server_session *s,
                            const struct recipient *to)
{
    static const struct {
        struct span start;
        unsigned code;
        const char *enhanced;
    } rows[] = {
        {SPAN("no@"), 550, "5.1.1"}, {SPAN("full@"), 452, "4.2.2"}, {SPAN("slam@"), 421, "4.3.2"}};
    struct house *h = arg;

    text_addf(&h->asked, "rcpt(%.*s", SPAN_ARG(to->address));
    if (to->notify)
        text_addf(&h->asked, " notify %u", to->notify);
    if (to->orcpt.len)
        text_addf(&h->asked, " orcpt %.*s", SPAN_ARG(to->orcpt));
    text_adds(&h->asked, ") ");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_starts(to->address, rows[i].start))
            return reply_make(s->answers, rows[i].code, rows[i].enhanced, "refused");
    return reply_make(s->answers, 250, "2.1.5", "ok");
}

static struct reply on_begin(void *arg, const struct smtp_server_session *s)
{
    struct house *h = arg;

    text_addf(&h->asked, "begin%s ", s->transaction->chunked ? "(chunks)" : "");
    text_clear(&h->content);
    return answer(h, s, "begin");
}

static int on_body(void *arg, const struct smtp_server_session *s, struct span bytes)
{
    struct house *h = arg;

    (void)s;
    text_add(&h->content, bytes);
    return span_search(text_span(&h->content), SPAN("sink fails")) >= 0 ? -ENOSPC : 0;
}

static struct reply on_end(void *arg, const struct smtp_server_session *s, int failed)
{
    struct house *h = arg;
    struct reply r = answer(h, s, "end");

    h->ended++;
    while (h->slow_commit)
        (void)fiber_sleep(1);
    text_addf(&h->asked, "end(%zu:%.*s%s)", s->transaction->envelope.count,
              SPAN_ARG(text_span(&h->content)),
              s->transaction->envelope.need & NEED_8BIT ? " 8bit" : "");
    text_addc(&h->asked, ' ');
    h->committed = true;
    if (failed || r.code)
        return r;
    return reply_make(s->answers, 250, "2.0.0", "kept");
}

static void on_reset(void *arg, const struct smtp_server_session *s)
{
    struct house *h = arg;

    assert_non_null(s->transaction);
    h->ended++;
    text_adds(&h->asked, "reset ");
}

static void on_event(void *arg, const struct smtp_server_session *s, enum smtp_server_event e,
                     struct span words)
{
    struct house *h = arg;

    (void)s;
    (void)words;
    text_addf(&h->events, "%s ", smtp_server_event_name(e));
}

static int check_password(void *arg, struct span name, struct span password)
{
    struct house *h = arg;

    text_addf(&h->asked, "check(%.*s) ", SPAN_ARG(name));
    if (span_is(name, "down"))
        return -1;
    return span_is(name, "ann") && span_is(password, "secret") ? 0 : 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    (void)name;
    (void)out;
    return 1;
}

static const struct sasl_server_calls login_calls = {.check_password = check_password,
                                                     .verifier = verifier};

const struct smtp_server_calls dialogue_calls = {.connected = on_connected,
                                                 .helo = on_helo,
                                                 .login_calls = &login_calls,
                                                 .login = on_login,
                                                 .mail = on_mail,
                                                 .rcpt = on_rcpt,
                                                 .body_begin = on_begin,
                                                 .body = on_body,
                                                 .body_end = on_end,
                                                 .reset = on_reset,
                                                 .event = on_event};

static void house_init(struct house *h)
{
    *h = (struct house){
        .asked = TEXT_INIT(REPLY * 4), .content = TEXT_INIT(1 << 20), .events = TEXT_INIT(REPLY)};
}

void dialogue_house_free(struct house *h)
{
    text_free(&h->asked);
    text_free(&h->content);
    text_free(&h->events);
}

struct smtp_server_settings dialogue_settings(void)
{
    struct smtp_server_settings s = smtp_server_defaults();

    s.hostname = "mx.test";
    s.fake_secret = SPAN("0123456789abcdef");
    s.times.command = s.times.login = s.times.body = s.times.body_idle = s.times.greeting = 60000;
    s.limits.size = 10000;
    return s;
}

/* ---- the play ---- */

struct play {
    const struct scene *scene;
    struct smtp_server_settings settings;
    struct house house;
    struct stream *server, *client;
    struct fiber *engine;
    bool draining, served;
    int result;
    struct line_reader lines;
    struct text reply; /* the lines of the reply heard last */
};

static void serve(void *arg)
{
    struct play *p = arg;

    p->result = smtp_server_run(&p->server, &p->settings, &dialogue_calls, &p->house);
    p->served = true;
    stream_close(&p->server);
}

static struct span bytes_of(const struct play *p, size_t step)
{
    return (struct span){p->scene->steps[step].at, p->scene->steps[step].len};
}

static void fail_at(struct play *p, size_t step, const char *what)
{
    fail_msg("scene \"%s\", step %zu \"%.*s\": %s; heard \"%s\", asked \"%s\"", p->scene->name,
             step, SPAN_ARG(bytes_of(p, step)), what, text_cstr(&p->reply),
             text_cstr(&p->house.asked));
}

static void hear(struct play *p, size_t step)
{
    struct span line = SPAN_NONE;
    int sys;

    text_clear(&p->reply);
    stream_deadline(p->client, clock_now() + LONG);
    do {
        if (line_read(&p->lines, 2048, &line, &sys) != LINE_OK)
            fail_at(p, step, "no reply");
        text_add(&p->reply, line);
        text_addc(&p->reply, '\n');
        if (line.len > 510)
            fail_at(p, step, "reply line over 512 octets");
    } while (line.len > 3 && line.at[3] == '-');
    if (!span_starts(line, bytes_of(p, step)))
        fail_at(p, step, "another reply was expected");
}

static void hear_end(struct play *p, size_t step)
{
    struct span bytes;

    stream_deadline(p->client, clock_now() + LONG);
    if (line_peek(&p->lines, &bytes) > 0) {
        text_clear(&p->reply);
        text_add(&p->reply, bytes);
        fail_at(p, step, "the session should have ended");
    }
}

static void hear_nothing(struct play *p, size_t step)
{
    struct span bytes;

    stream_deadline(p->client, clock_now() + MOMENT);
    if (line_peek(&p->lines, &bytes) != -ETIMEDOUT)
        fail_at(p, step, "silence was expected");
    p->house.slow_commit = false;
}

static void look(struct play *p, size_t step)
{
    bool there = span_search(text_span(&p->reply), bytes_of(p, step)) >= 0;

    if (there != (p->scene->steps[step].kind == STEP_HAS))
        fail_at(p, step, "wrong words");
}

static void asked(struct play *p, size_t step)
{
    struct span got = span_trim(text_span(&p->house.asked));

    if (!span_eq(got, bytes_of(p, step)))
        fail_at(p, step, "other questions were expected");
    text_clear(&p->house.asked);
}

static void say(struct play *p, size_t step)
{
    stream_deadline(p->client, clock_now() + LONG);
    if (p->client)
        (void)stream_write(p->client, bytes_of(p, step));
}

static void leave(struct play *p, size_t step)
{
    (void)step;
    if (p->client)
        stream_close(&p->client);
    p->house.slow_commit = false;
    while (!p->served)
        (void)fiber_sleep(1);
}

static void evict(struct play *p, size_t step)
{
    (void)step;
    (void)fiber_sleep(5);
    fiber_cancel(p->engine);
}

static void later(struct play *p, size_t step)
{
    (void)p;
    (void)step;
    (void)fiber_sleep(5); /* what was said is read; now the server waits */
    clock_shift(LATER_MS);
}

static void drain(struct play *p, size_t step)
{
    (void)step;
    p->draining = true;
}

static void (*const actions[])(struct play *p, size_t step) = {
    [STEP_SAY] = say,       [STEP_HEAR] = hear,          [STEP_HAS] = look,    [STEP_LACKS] = look,
    [STEP_GONE] = hear_end, [STEP_QUIET] = hear_nothing, [STEP_LEAVE] = leave, [STEP_EVICT] = evict,
    [STEP_DRAIN] = drain,   [STEP_ASKED] = asked,        [STEP_LATER] = later,
};

static void converse(void *arg)
{
    struct play *p = arg;

    for (size_t i = 0; p->scene->steps[i].kind != STEP_END; i++)
        actions[p->scene->steps[i].kind](p, i);
    leave(p, 0);
}

static void play(const struct scene *scene)
{
    struct play p = {.scene = scene, .settings = dialogue_settings(), .reply = TEXT_INIT(REPLY)};
    struct loop *loop = loop_new();

    house_init(&p.house);
    p.settings.draining = &p.draining;
    if (scene->door)
        scene->door(&p.settings);
    if (scene->inside)
        scene->inside(&p.house);
    stream_pipe(loop, PIPE, &p.server, &p.client);
    line_init(&p.lines, &p.client, 4096);
    p.engine = fiber_start(loop, serve, &p);
    fiber_start(loop, converse, &p);
    loop_run(loop);
    if (p.result != scene->result)
        fail_msg("scene \"%s\": result %d (%s), not %d; events: %s", scene->name, p.result,
                 strerror(-p.result), scene->result, text_cstr(&p.house.events));
    if (p.house.begun != p.house.ended)
        fail_msg("scene \"%s\": %u transactions begun, %u ended", scene->name, p.house.begun,
                 p.house.ended);
    line_free(&p.lines);
    text_free(&p.reply);
    dialogue_house_free(&p.house);
    loop_free(&loop);
}

void dialogue_play(const struct scene *scenes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play(&scenes[i]);
}
