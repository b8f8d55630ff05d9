#include "pop3/pop3_server.h"

#include "base/clock.h"
#include "pop3/pop3_session.h"

#include <assert.h>
#include <stdlib.h>

const char *pop3_server_event_name(enum pop3_server_event e)
{
    static const char *const names[] = {
#define X(id, name) name,
        POP3_SERVER_EVENTS(X)
#undef X
    };

    return names[e];
}

struct pop3_server_settings pop3_server_defaults(void)
{
    return (struct pop3_server_settings){
        .times = {.greeting = CLOCK_MINUTE,
                  .command = 5 * CLOCK_MINUTE,
                  .idle = 10 * CLOCK_MINUTE,
                  .login = 3 * CLOCK_MINUTE,
                  .before_login = 10 * CLOCK_MINUTE,
                  .answer = 5 * CLOCK_MINUTE,
                  .message = CLOCK_HOUR},
        .limits = {.commands = 5000, .unknown = 20, .errors = 100, .logins = 5, .line = 255},
    };
}

/* No "<...>" in it: a client would take that for an offer of APOP. */
static void greet(struct pop3_session *s)
{
    if (s->settings->tls_first && !pop3_hello_handshake(s))
        return;
    pop3_session_enter(s, POP3_LOGIN);
    pop3_reply_ok(s, "%s POP3", s->settings->hostname);
}

int pop3_server_run(struct stream **stream, const struct pop3_server_settings *settings,
                    const struct pop3_server_calls *calls, void *arg)
{
    struct pop3_session s = {.stream = stream,
                             .settings = settings,
                             .calls = calls,
                             .arg = arg,
                             .out = TEXT_INIT(POP3_OUT_MAX),
                             .answers = arena_new(),
                             .started = clock_now()};

    assert(settings->hostname && (!settings->tls_first || settings->tls));
    assert(settings->limits.line <= POP3_READ_AHEAD);
    s.seen.settings = settings;
    s.seen.answers = s.answers;
    line_init(&s.lines, stream, POP3_READ_AHEAD);
    greet(&s);
    while (s.state != POP3_END)
        pop3_command_next(&s);
    pop3_reply_flush(&s);
    line_free(&s.lines);
    text_free(&s.out);
    arena_free(&s.answers);
    free(s.marked);
    return s.result;
}
