/* STARTTLS (RFC 3207) and the handshake of implicit TLS. P10: nothing read before it is used after
 * it, and nothing learned before it is believed after it. */
#include "smtp/server_session.h"

#include <errno.h>

static void forget_all(struct server_session *s)
{
    server_session_forget(s, true);
    s->seen.helo = s->seen.login = s->seen.mechanism = SPAN_NONE;
    s->seen.esmtp = false;
    s->helo[0] = s->login[0] = s->mechanism[0] = '\0';
}

bool server_starttls_handshake(struct server_session *s)
{
    struct error e = {0};
    int sys;

    forget_all(s);
    line_drop(&s->lines);
    server_session_enter(s, SERVER_TLS);
    stream_deadline(*s->stream, server_wait_until(s, s->settings->times.greeting));
    sys = tls_accept(s->stream, s->settings->tls, &e);
    if (sys < 0) {
        server_session_event(s, SMTP_EVENT_TLS_FAILED, span_of(e.words));
        server_session_end(s, sys); /* in which tongue should we answer? */
        return false;
    }
    tls_info(*s->stream, &s->tls);
    s->seen.tls = &s->tls;
    server_session_event(s, SMTP_EVENT_TLS, span_of(s->tls.version));
    return true;
}

void server_starttls_begin(struct server_session *s, struct span args)
{
    (void)args;
    if (!s->settings->tls) {
        server_reply_say(s, 502, "5.5.1", "STARTTLS is not offered here");
        return;
    }
    if (s->seen.tls) {
        server_reply_say(s, 503, "5.5.1", "TLS is already active");
        return;
    }
    if (line_pending(&s->lines)) { /* the table closes the session for this refusal */
        server_reply_say(s, 503, "5.5.1", "Nothing may be sent behind STARTTLS: closing");
        return;
    }
    server_reply_say(s, 220, "2.0.0", "Go ahead with TLS");
    if (server_reply_flush(s) && server_starttls_handshake(s))
        server_session_enter(s, SERVER_FRESH);
}
