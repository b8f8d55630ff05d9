#include "pop3/pop3_session.h"

#include "base/log.h"

#include <assert.h>

static const char *const states[] = {
#define X(id, name) name,
    POP3_STATES(X)
#undef X
};

const char *pop3_session_state(const struct pop3_session *s)
{
    return states[s->state];
}

void pop3_session_enter(struct pop3_session *s, enum pop3_state to)
{
    assert(s->state != POP3_END);
    if (s->state == to)
        return;
    log_event(LOG_DEBUG, "pop3.state", LOG_STR("from", states[s->state]),
              LOG_STR("to", states[to]));
    s->state = to;
}

void pop3_session_end(struct pop3_session *s, int result)
{
    if (s->state == POP3_END)
        return;
    s->result = result;
    pop3_session_enter(s, POP3_END);
}

void pop3_session_event(struct pop3_session *s, enum pop3_server_event e, struct span words)
{
    if (s->calls->event)
        s->calls->event(s->arg, &s->seen, e, words);
}

bool pop3_session_draining(const struct pop3_session *s)
{
    return s->settings->draining && *s->settings->draining;
}

bool pop3_session_may_login(const struct pop3_session *s)
{
    return s->seen.tls || !s->settings->tls_before_login;
}

void pop3_session_forget(struct pop3_session *s)
{
    s->user[0] = s->login[0] = s->mechanism[0] = '\0';
    s->seen.login = s->seen.mechanism = SPAN_NONE;
}
