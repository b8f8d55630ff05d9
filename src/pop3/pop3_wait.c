#include "pop3/pop3_session.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>

int64_t pop3_wait_until(const struct pop3_session *s, int64_t ms)
{
    const struct pop3_server_times *t = &s->settings->times;
    int64_t until = clock_now() + ms;

    if (t->before_login && !s->seen.login.len)
        until = clock_sooner(until, s->started + t->before_login);
    if (t->session)
        until = clock_sooner(until, s->started + t->session);
    return until;
}

static enum pop3_server_event event_of(int sys)
{
    if (sys == -ETIMEDOUT)
        return POP3_EVENT_TIMEOUT;
    return sys == -ECANCELED ? POP3_EVENT_SHUTDOWN : POP3_EVENT_LOST;
}

void pop3_wait_lost(struct pop3_session *s, int sys)
{
    if (s->state == POP3_END)
        return;
    pop3_session_event(s, event_of(sys), span_of(pop3_session_state(s)));
    text_clear(&s->out);
    pop3_session_end(s, sys ? sys : -ECONNRESET);
}

/* What the peer hears last, by the errno that ended the wait. RFC 1939 3 would end a session that
 * was idle too long without a word; a word does no harm to who does not listen. */
static struct span last_word(int sys)
{
    if (sys == -ETIMEDOUT)
        return SPAN(
            "-ERR Waited too long for you: closing, nothing was deleted; connect again\r\n");
    if (sys == -ECANCELED)
        return SPAN("-ERR [SYS/TEMP] This server closes or needs the room: connect again; nothing "
                    "was deleted\r\n");
    return sys == -EMSGSIZE ? SPAN("-ERR A line without end: closing\r\n") : SPAN_NONE;
}

static void failed(struct pop3_session *s, int sys)
{
    if (fiber_cancelled())
        sys = -ECANCELED;
    pop3_wait_lost(s, sys);
    stream_farewell(*s->stream, last_word(sys));
}

/* A session that waits costs its stack and its struct; buffers come back with the next line. */
static void let_go(struct pop3_session *s)
{
    line_release(&s->lines);
    text_free(&s->out);
    if (!s->answers_used)
        return;
    arena_free(&s->answers);
    s->answers = arena_new();
    s->seen.answers = s->answers;
    s->answers_used = false;
}

/* Answers go out when the client's next bytes are not here yet, or when many have gathered. */
static bool before_read(struct pop3_session *s, bool here)
{
    if (here)
        return pop3_reply_room(s);
    if (!pop3_reply_flush(s))
        return false;
    let_go(s);
    return true;
}

enum line_result pop3_wait_line(struct pop3_session *s, int64_t until, size_t max,
                                struct span *line)
{
    enum line_result got;
    int sys = 0;

    if (!before_read(s, line_whole(&s->lines)))
        return LINE_FAILED;
    stream_deadline(*s->stream, until);
    got = line_read(&s->lines, max, line, &sys);
    if (got == LINE_EOF || got == LINE_FAILED) {
        failed(s, got == LINE_EOF ? 0 : sys);
        return LINE_FAILED;
    }
    return got;
}

bool pop3_wait_bytes(struct pop3_session *s, int64_t until, struct span *bytes)
{
    ssize_t n;

    if (!before_read(s, line_pending(&s->lines) > 0))
        return false;
    stream_deadline(*s->stream, until);
    n = line_peek(&s->lines, bytes);
    if (n <= 0)
        failed(s, (int)n);
    return n > 0;
}
