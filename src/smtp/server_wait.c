#include "smtp/server_session.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>

int64_t server_wait_until(const struct server_session *s, int64_t ms)
{
    const struct smtp_server_times *t = &s->settings->times;
    int64_t until = clock_now() + ms;

    if (t->before_login && server_session_needs_login(s))
        until = clock_sooner(until, s->started + t->before_login);
    if (t->session && !server_session_in_transaction(s))
        until = clock_sooner(until, s->started + t->session);
    if (s->state == SERVER_CHUNKS)
        until = clock_sooner(until, s->body_until);
    return until;
}

/* What the peer hears last, by the errno that ended the wait. */
static void last_word(struct server_session *s, int sys)
{
    if (sys == -ETIMEDOUT)
        server_reply_say(s, 421, "4.4.2",
                         "Waited too long for you: closing; connect again to go on");
    else if (sys == -ECANCELED)
        server_reply_say(s, 421, "4.3.2", "This server closes or needs the room: connect again");
    else if (sys == -EMSGSIZE)
        server_reply_say(s, 500, "5.5.6", "A line without end: closing");
}

static enum smtp_server_event event_of(int sys)
{
    if (sys == -ETIMEDOUT)
        return SMTP_EVENT_TIMEOUT;
    return sys == -ECANCELED ? SMTP_EVENT_SHUTDOWN : SMTP_EVENT_LOST;
}

void server_wait_lost(struct server_session *s, int sys)
{
    if (s->state == SERVER_END)
        return;
    server_session_event(s, event_of(sys), span_of(server_session_state(s)));
    text_clear(&s->out);
    server_session_end(s, sys ? sys : -ECONNRESET);
}

void server_wait_failed(struct server_session *s, int sys)
{
    if (s->state == SERVER_END)
        return;
    if (fiber_cancelled())
        sys = -ECANCELED;
    server_session_event(s, event_of(sys), span_of(server_session_state(s)));
    server_session_forget(s, true);
    last_word(s, sys);
    server_session_end(s, sys ? sys : -ECONNRESET);
    s->result = sys ? sys : -ECONNRESET; /* said 421, but not in good order */
    stream_farewell(*s->stream, text_span(&s->out));
    text_clear(&s->out);
}

/* A session that waits costs its stack and this struct; buffers come back with the next line. */
static void let_go(struct server_session *s)
{
    line_release(&s->lines);
    text_free(&s->out);
    if (s->answers_used) {
        arena_free(&s->answers);
        s->answers = arena_new();
        s->seen.answers = s->answers;
        s->answers_used = false;
    }
    if (!server_session_in_transaction(s))
        arena_free(&s->arena);
}

/* Answers go out when the client's next bytes are not here yet, or when many have gathered. */
static bool before_read(struct server_session *s, bool here)
{
    if (!here || s->out.len >= SERVER_FLUSH_AT) {
        if (!server_reply_flush(s))
            return false;
    }
    if (!here && s->state != SERVER_BODY && s->state != SERVER_CHUNKS)
        let_go(s);
    return s->state != SERVER_END;
}

enum line_result server_wait_line(struct server_session *s, int64_t until, size_t max,
                                  struct span *line)
{
    enum line_result got;
    int sys = 0;

    if (!before_read(s, line_whole(&s->lines)))
        return LINE_FAILED;
    stream_deadline(*s->stream, until);
    got = line_read(&s->lines, max, line, &sys);
    if (got == LINE_EOF || got == LINE_FAILED) {
        server_wait_failed(s, got == LINE_EOF ? 0 : sys);
        return LINE_FAILED;
    }
    return got;
}

bool server_wait_bytes(struct server_session *s, int64_t until, struct span *bytes)
{
    ssize_t n;

    if (!before_read(s, line_pending(&s->lines) > 0))
        return false;
    stream_deadline(*s->stream, until);
    n = line_peek(&s->lines, bytes);
    if (n <= 0) {
        server_wait_failed(s, (int)n);
        return false;
    }
    return true;
}
