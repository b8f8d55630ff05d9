/* What comes before the login: CAPA (RFC 2449), STLS (RFC 2595 4), UTF8 and LANG (RFC 6856). */
#include "pop3/pop3_session.h"

#include <errno.h>

void pop3_hello_capa(struct pop3_session *s, struct span args)
{
    struct text sasl = TEXT_INIT(512);

    (void)args;
    pop3_reply_ok(s, "This server can");
    text_adds(&s->out, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
                       "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n");
    if (pop3_session_may_login(s))
        text_adds(&s->out, "USER\r\n");
    pop3_login_list(s, &sasl);
    if (sasl.len)
        text_addf(&s->out, "SASL %s\r\n", text_cstr(&sasl));
    if (s->settings->tls && !s->seen.tls && s->state == POP3_LOGIN)
        text_adds(&s->out, "STLS\r\n");
    text_adds(&s->out, "IMPLEMENTATION port26\r\n.\r\n");
    text_free(&sasl);
}

/* Names come as UTF-8 and messages go out as they are, with and without it. */
void pop3_hello_utf8(struct pop3_session *s, struct span args)
{
    (void)args;
    pop3_reply_ok(s, "UTF-8 it is");
}

void pop3_hello_lang(struct pop3_session *s, struct span args)
{
    if (!args.len) {
        pop3_reply_ok(s, "Languages:");
        text_adds(&s->out, "en English\r\n.\r\n");
    } else if (span_is(args, "*") || span_iis(args, "en")) {
        pop3_reply_ok(s, "en Answers are in English");
    } else {
        pop3_reply_err(s, POP3_NONE, "Not spoken here: LANG lists what is");
    }
}

bool pop3_hello_handshake(struct pop3_session *s)
{
    struct error e = {0};
    int sys;

    pop3_session_forget(s);
    line_drop(&s->lines);
    pop3_session_enter(s, POP3_TLS);
    stream_deadline(*s->stream, pop3_wait_until(s, s->settings->times.greeting));
    sys = tls_accept_any(s->stream, s->settings->tls, "pop3", &e);
    if (sys < 0) {
        pop3_session_event(s, POP3_EVENT_TLS_FAILED, span_of(e.words));
        pop3_session_end(s, sys); /* in which tongue should we answer? */
        return false;
    }
    tls_info(*s->stream, &s->tls);
    s->seen.tls = &s->tls;
    pop3_session_event(s, POP3_EVENT_TLS, span_of(s->tls.version));
    return true;
}

void pop3_hello_stls(struct pop3_session *s, struct span args)
{
    (void)args;
    if (line_pending(&s->lines)) {
        pop3_session_event(s, POP3_EVENT_INJECTED, SPAN("STLS"));
        pop3_reply_err(s, POP3_NONE, "Nothing may be sent behind STLS: closing");
        pop3_session_end(s, -EPROTO);
    } else if (s->seen.tls) {
        pop3_reply_err(s, POP3_NONE, "TLS is already active");
    } else if (!s->settings->tls) {
        pop3_reply_err(s, POP3_NONE, "STLS is not offered here");
    } else {
        pop3_reply_ok(s, "Go ahead with TLS");
        if (pop3_reply_flush(s) && pop3_hello_handshake(s))
            pop3_session_enter(s, POP3_LOGIN);
    }
}
