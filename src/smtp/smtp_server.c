#include "smtp/smtp_server.h"

#include "base/clock.h"
#include "smtp/server_session.h"

#include <assert.h>

const char *smtp_server_event_name(enum smtp_server_event e)
{
    static const char *const names[] = {
#define X(id, name) name,
        SMTP_SERVER_EVENTS(X)
#undef X
    };

    return names[e];
}

struct smtp_server_settings smtp_server_defaults(void)
{
    return (struct smtp_server_settings){
        .times = {.greeting = CLOCK_MINUTE,
                  .command = 5 * CLOCK_MINUTE, /* RFC 5321 4.5.3.2.7 */
                  .login = 3 * CLOCK_MINUTE,   /* RFC 4954 4: at least 3 */
                  .before_login = 10 * CLOCK_MINUTE,
                  .body_idle = 5 * CLOCK_MINUTE,
                  .body = CLOCK_HOUR,
                  .answer = 5 * CLOCK_MINUTE},
        .limits = {.size = UINT64_C(50) << 20,
                   .recipients = 1000,
                   .commands = 5000,
                   .unknown = 20,
                   .errors = 100,
                   .logins = 5,
                   .line = 512,
                   .line_mail = 2048, /* two paths, ENVID, ORCPT and AUTH= at their largest */
                   .line_login = SASL_LINE_MAX + 64},
    };
}

static void greet(struct server_session *s)
{
    const struct smtp_server_settings *set = s->settings;
    const char *words = set->greeting && *set->greeting ? set->greeting : "ESMTP";

    server_session_enter(s, SERVER_FRESH);
    server_reply_say(s, 220, NULL, "%s %s", set->hostname, words);
}

/* RFC 5321 3.1: who is refused by 554 still gets polite answers until QUIT; we close instead, since
 * nothing it could say would matter. */
static void refuse(struct server_session *s, const struct reply *r)
{
    server_reply_give(s, r);
    server_session_end(s, 0);
}

static void open_session(struct server_session *s)
{
    struct reply r = {0};

    if (s->settings->tls_first && !server_starttls_handshake(s))
        return;
    if (s->settings->tls_done && tls_info(*s->stream, &s->tls))
        s->seen.tls = &s->tls;
    if (s->calls->connected)
        r = s->calls->connected(s->arg, &s->seen);
    if (r.code >= 400)
        refuse(s, &r);
    else
        greet(s);
}

static void close_session(struct server_session *s)
{
    server_reply_flush(s);
    line_free(&s->lines);
    text_free(&s->out);
    arena_free(&s->answers);
    arena_free(&s->arena);
}

int smtp_server_run(struct stream **stream, const struct smtp_server_settings *settings,
                    const struct smtp_server_calls *calls, void *arg)
{
    struct server_session s = {.stream = stream,
                               .settings = settings,
                               .calls = calls,
                               .arg = arg,
                               .out = TEXT_INIT(SERVER_OUT_MAX),
                               .answers = arena_new(),
                               .started = clock_now()};

    assert(settings->hostname && settings->limits.recipients >= 100);
    assert(settings->limits.line_login <= SERVER_READ_AHEAD);
    assert(!settings->tls_first || (settings->tls && !settings->tls_done));
    s.seen.settings = settings;
    s.seen.answers = s.answers;
    line_init(&s.lines, stream, SERVER_READ_AHEAD);
    open_session(&s);
    while (s.state != SERVER_END)
        server_command_next(&s);
    close_session(&s);
    return s.result;
}
