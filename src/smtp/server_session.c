#include "smtp/server_session.h"

#include "base/log.h"

#include <assert.h>

static const char *const states[] = {
#define X(id, name) name,
    SERVER_STATES(X)
#undef X
};

const char *server_session_state(const struct server_session *s)
{
    return states[s->state];
}

void server_session_enter(struct server_session *s, enum server_state to)
{
    assert(s->state != SERVER_END);
    if (s->state == to)
        return;
    log_event(LOG_DEBUG, "smtp.state", LOG_STR("from", states[s->state]),
              LOG_STR("to", states[to]));
    s->state = to;
}

void server_session_end(struct server_session *s, int result)
{
    if (s->state == SERVER_END)
        return;
    server_session_forget(s, true);
    s->result = result;
    server_session_enter(s, SERVER_END);
}

void server_session_event(struct server_session *s, enum smtp_server_event e, struct span words)
{
    if (s->calls->event)
        s->calls->event(s->arg, &s->seen, e, words);
}

bool server_session_in_transaction(const struct server_session *s)
{
    return s->seen.transaction != NULL;
}

void server_session_forget(struct server_session *s, bool tell)
{
    if (!s->seen.transaction)
        return;
    if (tell && s->calls->reset)
        s->calls->reset(s->arg, &s->seen);
    s->seen.transaction = NULL;
    s->transaction = (struct smtp_server_transaction){0};
    s->recipients_cap = 0;
    s->recipients_refused = 0;
    s->body_failed = 0;
    s->body_too_big = false;
    arena_clear(s->arena);
    server_session_enter(s, SERVER_READY);
}

bool server_session_needs_login(const struct server_session *s)
{
    return s->settings->login_required && !s->settings->trusted && !s->seen.login.len;
}

bool server_session_draining(const struct server_session *s)
{
    return s->settings->draining && *s->settings->draining;
}
