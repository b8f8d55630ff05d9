#include "pop3/pop3_session.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static const char *const codes[] = {
#define X(id, name) name,
    POP3_CODES(X)
#undef X
};

void pop3_reply_ok(struct pop3_session *s, const char *fmt, ...)
{
    va_list ap;

    if (s->state == POP3_END)
        return;
    text_adds(&s->out, "+OK ");
    va_start(ap, fmt);
    text_addv(&s->out, fmt, ap);
    va_end(ap);
    text_adds(&s->out, "\r\n");
}

static void refuse(struct pop3_session *s, enum pop3_code code, struct span words)
{
    struct text line = TEXT_INIT(POP3_LINE_ROOM);

    if (s->state == POP3_END)
        return;
    if (code)
        text_addf(&line, "[%s] ", codes[code]);
    text_add(&line, span_head(words, POP3_LINE_ROOM - line.len - sizeof "-ERR "));
    text_addf(&s->out, "-ERR %s\r\n", text_cstr(&line));
    pop3_session_event(s, POP3_EVENT_REFUSED, text_span(&line));
    text_free(&line);
}

/* The client's errors are counted here and nowhere else. */
static void count_error(struct pop3_session *s)
{
    unsigned limit = s->settings->limits.errors;

    s->seen.errors++;
    if (limit && s->seen.errors == limit)
        pop3_reply_bye(s, POP3_EVENT_LIMIT, POP3_NONE,
                       "Too many errors in one session: closing. Look at the earlier answers.");
}

void pop3_reply_err(struct pop3_session *s, enum pop3_code code, const char *fmt, ...)
{
    char words[POP3_LINE_ROOM];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    assert(n >= 0 && (size_t)n < sizeof words);
    refuse(s, code, (struct span){words, (size_t)n});
    count_error(s);
}

void pop3_reply_refuse(struct pop3_session *s, const struct pop3_answer *a, const char *words)
{
    struct text clean = TEXT_INIT(4 * POP3_LINE_ROOM);

    assert(a->refused);
    text_add_safe(&clean, span_head(a->words, POP3_LINE_ROOM));
    refuse(s, a->code, clean.len ? text_span(&clean) : span_of(words));
    text_free(&clean);
    if (s->state != POP3_MAILBOX)
        count_error(s);
}

void pop3_reply_bye(struct pop3_session *s, enum pop3_server_event event, enum pop3_code code,
                    const char *words)
{
    if (s->state == POP3_END)
        return;
    pop3_session_event(s, event, span_of(words));
    text_adds(&s->out, "-ERR ");
    if (code)
        text_addf(&s->out, "[%s] ", codes[code]);
    text_addf(&s->out, "%s\r\n", words);
    pop3_session_end(s, 0);
}

/* A line end that is none for us may be one for whoever wrote these bytes: what follows it in the
 * same breath could have been smuggled in. Typed by hand it comes alone, and gets advice. */
void pop3_reply_bare(struct pop3_session *s)
{
    pop3_session_event(s, POP3_EVENT_BARE, SPAN_NONE);
    pop3_reply_err(s, POP3_NONE,
                   "Bare CR, LF or NUL in a command: lines end in CR LF (try nc -C, "
                   "or openssl s_client -crlf)");
    if (line_pending(&s->lines))
        pop3_session_end(s, -EPROTO);
}

bool pop3_reply_flush(struct pop3_session *s)
{
    int64_t until = clock_now() + s->settings->times.answer;
    int sys;

    if (!s->out.len)
        return s->state != POP3_END;
    assert(!s->out.full);
    if (s->sending_until && s->sending_until < until)
        until = s->sending_until;
    stream_deadline(*s->stream, until);
    sys = stream_write(*s->stream, text_span(&s->out));
    text_clear(&s->out);
    if (sys < 0)
        pop3_wait_lost(s, sys);
    return s->state != POP3_END;
}

bool pop3_reply_room(struct pop3_session *s)
{
    return s->out.len < POP3_FLUSH_AT || pop3_reply_flush(s);
}
