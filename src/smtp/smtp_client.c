#include "smtp/smtp_client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "smtp/client_steps.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define X(id, name) name,
static const char *const whys[] = {SMTP_CLIENT_WHYS(X)};
#undef X

const char *smtp_client_why_name(enum smtp_client_why w)
{
    return (size_t)w < COUNT(whys) ? whys[w] : "unknown";
}

/* RFC 5321 4.5.3.2; what it does not name is ours. */
struct smtp_client_settings smtp_client_defaults(void)
{
    return (struct smtp_client_settings){
        .times = {.greeting = 5 * CLOCK_MINUTE,
                  .hello = 5 * CLOCK_MINUTE,
                  .tls = CLOCK_MINUTE,
                  .auth = 2 * CLOCK_MINUTE,
                  .mail = 5 * CLOCK_MINUTE,
                  .rcpt = 5 * CLOCK_MINUTE,
                  .data = 2 * CLOCK_MINUTE,
                  .block = 3 * CLOCK_MINUTE,
                  .dot = 10 * CLOCK_MINUTE,
                  .quit = 5 * CLOCK_SECOND},
    };
}

struct smtp_client *smtp_client_new(struct stream **stream, const struct smtp_client_settings *s)
{
    struct smtp_client *c = memory_alloc(sizeof *c);

    assert(s->helo && (s->tls == CLIENT_TLS_NONE || s->context));
    c->stream = stream;
    c->s = *s;
    c->arena = arena_new();
    line_init(&c->lines, stream, REPLY_LINE_MAX);
    reply_reader_init(&c->replies);
    text_init(&c->out, CLIENT_OUT_MAX);
    return c;
}

void smtp_client_free(struct smtp_client **c)
{
    if (!*c)
        return;
    text_free(&(*c)->out);
    reply_reader_free(&(*c)->replies);
    line_free(&(*c)->lines);
    arena_free(&(*c)->arena);
    free(*c);
    *c = NULL;
}

static void note_tls(struct smtp_client *c)
{
    struct tls_info *i = &c->far.info;

    c->far.tls = tls_info(*c->stream, i);
    if (c->far.tls)
        c->far.tls_words = span_of(arena_printf(c->arena, "%s %s %s", i->version, i->cipher,
                                                tls_verdict_name(i->verdict)));
}

/* The negative errno of a handshake that failed for want of a connection rather than of trust. */
static bool connection_trouble(int rc)
{
    return rc != -EPROTO && rc != -EKEYREJECTED;
}

static int handshake(struct smtp_client *c)
{
    struct smtp_client_failure f = {.stage = STAGE_TLS, .why = CLIENT_TLS};
    struct tls_expect x = {.name = c->s.name ? c->s.name : "",
                           .verify = c->s.verify ? TLS_VERIFY_FULL : TLS_VERIFY_NONE,
                           .alpn = c->s.alpn,
                           .protocol = c->s.protocols,
                           .verdict = &f.verdict};
    int rc;

    if (line_drop(&c->lines) > 0)
        c->far.injected = true;
    client_talk_stage(c, c->s.times.tls);
    rc = tls_connect(c->stream, c->s.context, &x, &f.error);
    if (rc < 0) {
        f.sys = connection_trouble(rc) ? -rc : 0;
        c->failure = f;
        c->over = true;
        return -1;
    }
    note_tls(c);
    return 0;
}

int smtp_client_secure(struct smtp_client *c)
{
    return c->s.tls == CLIENT_TLS_IMPLICIT && !c->far.tls ? handshake(c) : 0;
}

int smtp_client_greet(struct smtp_client *c)
{
    struct reply r;

    if (smtp_client_secure(c) < 0)
        return -1;
    client_talk_stage(c, c->s.times.greeting);
    if (client_talk_hear(c, STAGE_GREETING, &r) < 0)
        return -1;
    c->far.greeting = arena_span(c->arena, r.text);
    if (reply_class(&r) >= 4)
        return client_talk_refused(c, STAGE_GREETING, &r);
    if (r.code != 220)
        return client_talk_broken(c, STAGE_GREETING, "a reply that is no greeting");
    r.text = c->far.greeting;
    c->far.name = span_word(&r.text);
    return 0;
}

int smtp_client_hello(struct smtp_client *c)
{
    return client_hello_run(c);
}

int smtp_client_starttls(struct smtp_client *c)
{
    struct reply r;

    if (!(c->far.has & HAS_STARTTLS)) {
        c->far.tls_words = SPAN("not offered");
        return client_talk_missing(
            c, STAGE_STARTTLS, CLIENT_NO_STARTTLS,
            "The server does not offer STARTTLS here, and we may not go on without. If it did "
            "before, something on the way removes the offer; else check port and tls.");
    }
    client_talk_stage(c, c->s.times.hello);
    client_talk_say(c, "STARTTLS");
    if (client_talk_ask(c, STAGE_STARTTLS, &r) < 0)
        return -1;
    if (reply_class(&r) >= 4) {
        c->far.tls_words = SPAN("refused");
        return client_talk_refused(c, STAGE_STARTTLS, &r);
    }
    if (r.code != 220)
        return client_talk_broken(c, STAGE_STARTTLS, "a reply that STARTTLS does not have");
    return handshake(c);
}

int smtp_client_login(struct smtp_client *c)
{
    int rc = client_login_run(c);

    c->s.user = c->s.password = SPAN_NONE; /* the caller may wipe them from now on */
    return rc;
}

void smtp_client_until(struct smtp_client *c, int64_t at)
{
    c->until = at;
}

/* 0: go on. Opportunistic TLS takes "not offered" and "refused" for an answer, a failed handshake
 * not: after it nothing can be said on this connection. */
static int encrypt(struct smtp_client *c)
{
    bool may_stay_clear = c->s.tls == CLIENT_TLS_OPPORTUNISTIC;

    if (c->s.tls == CLIENT_TLS_NONE || c->s.tls == CLIENT_TLS_IMPLICIT)
        return 0;
    if (smtp_client_starttls(c) == 0)
        return smtp_client_hello(c);
    if (!may_stay_clear || c->over)
        return -1;
    c->failure = (struct smtp_client_failure){0};
    return 0;
}

int smtp_client_approach(struct smtp_client *c)
{
    return smtp_client_greet(c) < 0 || smtp_client_hello(c) < 0 || encrypt(c) < 0 ? -1 : 0;
}

int smtp_client_command(struct smtp_client *c, enum stage stage, const char *line,
                        struct reply *out)
{
    client_talk_stage(c, c->s.times.mail);
    client_talk_say(c, "%s", line);
    c->dirty = true;
    if (client_talk_ask(c, stage, out) < 0)
        return -1;
    *out = reply_copy(c->arena, out);
    return 0;
}

void smtp_client_cut(struct smtp_client *c)
{
    if (!c->ending && *c->stream)
        shutdown(stream_fd(*c->stream), SHUT_RDWR);
}

const struct smtp_client_far *smtp_client_far(const struct smtp_client *c)
{
    return &c->far;
}

const struct smtp_client_failure *smtp_client_failure(const struct smtp_client *c)
{
    return &c->failure;
}

int smtp_client_send(struct smtp_client *c, const struct envelope *e, const struct content *content,
                     struct arena *a, struct smtp_client_result *out)
{
    return client_send_run(c, e, content, a, out);
}

bool smtp_client_usable(struct smtp_client *c)
{
    char byte;

    if (!c->over &&
        (line_pending(&c->lines) > 0 || stream_read_now(*c->stream, &byte, 1) != -EAGAIN))
        c->over = true;
    return !c->over;
}

unsigned smtp_client_messages(const struct smtp_client *c)
{
    return c->messages;
}

int smtp_client_reset(struct smtp_client *c)
{
    struct reply r;

    client_talk_stage(c, c->s.times.quit);
    client_talk_say(c, "RSET");
    if (client_talk_ask(c, STAGE_MAIL, &r) < 0)
        return -1;
    if (reply_class(&r) != 2) {
        c->over = true;
        return client_talk_refused(c, STAGE_MAIL, &r);
    }
    c->dirty = false;
    return 0;
}

void smtp_client_quit(struct smtp_client *c)
{
    struct smtp_client_failure kept = c->failure;
    struct reply r;

    if (!c->over) {
        client_talk_stage(c, c->s.times.quit);
        client_talk_say(c, "QUIT");
        client_talk_ask(c, STAGE_NONE, &r);
        c->over = true;
    }
    c->failure = kept;
}
