#include "smtp/server_session.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_ROOM = 512 - 2 }; /* RFC 5321 4.5.3.1.5 */

static void tell_refused(struct server_session *s, const struct reply *r)
{
    struct text words = TEXT_INIT(1024);
    char enhanced[12];

    if (!s->calls->event)
        return;
    enhanced_text(r->enhanced, enhanced);
    text_addf(&words, "%u %s ", r->code, enhanced);
    text_add_safe(&words, span_head(r->text, 160));
    server_session_event(s, SMTP_EVENT_REFUSED, text_span(&words));
    text_free(&words);
}

/* 452 4.5.3 is how a long list of recipients is cut into several messages (RFC 5321 4.5.3.1.10): no
 * fault of the client's. */
static bool is_error(const struct reply *r)
{
    if (r->code == 452 && r->enhanced.subject == 5 && r->enhanced.detail == 3)
        return false;
    return r->code >= 400;
}

/* No room, here or within a limit: the client did nothing wrong, and of a long list to which a
 * sending limit leaves room for some, these are to go out. What it asks counts as commands. */
static bool is_mistake(const struct reply *r)
{
    return r->code != 452;
}

/* Errors are counted here and nowhere else, so that no refusal is free. */
static void count(struct server_session *s, const struct reply *r)
{
    if (r->code == 421) {
        server_session_end(s, 0);
        return;
    }
    if (!is_error(r))
        return;
    s->seen.errors++;
    s->errors += is_mistake(r);
    tell_refused(s, r);
    if (s->settings->limits.errors && s->errors >= s->settings->limits.errors)
        server_reply_bye(s, SMTP_EVENT_LIMIT, "4.7.0",
                         "Too many errors in one session: closing. Look at the earlier answers.");
}

void server_reply_give(struct server_session *s, const struct reply *r)
{
    struct reply full = *r;

    if (s->state == SERVER_END)
        return;
    assert(r->code >= 200 && r->code <= 599);
    if (!full.enhanced.class && r->code / 100 != 3) /* RFC 2034 3: none in 3xx */
        full.enhanced.class = (unsigned char)(r->code / 100);
    reply_format(&full, &s->out);
    count(s, &full);
}

void server_reply_say(struct server_session *s, unsigned code, const char *enhanced,
                      const char *fmt, ...)
{
    struct reply r = {.code = (unsigned short)code};
    char words[LINE_ROOM];
    va_list ap;
    int n;

    if (s->state == SERVER_END)
        return;
    va_start(ap, fmt);
    n = vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    assert(n >= 0 && (size_t)n < sizeof words);
    r.text = (struct span){words, (size_t)n};
    if (enhanced && !enhanced_parse(span_of(enhanced), &r.enhanced))
        abort(); /* ours are constants */
    /* Ours are clean: no look at each byte; most fit one line. */
    if ((size_t)n + sizeof "250 5.999.999 " > LINE_ROOM || span_find(r.text, '\n') >= 0)
        reply_format(&r, &s->out);
    else
        text_addf(&s->out, "%u %s%s%s\r\n", code, enhanced ? enhanced : "", enhanced ? " " : "",
                  words);
    count(s, &r);
}

void server_reply_or(struct server_session *s, const struct reply *r, unsigned code,
                     const char *enhanced, const char *words)
{
    if (r->code)
        server_reply_give(s, r);
    else
        server_reply_say(s, code, enhanced, "%s", words);
}

void server_reply_bye(struct server_session *s, enum smtp_server_event event, const char *enhanced,
                      const char *words)
{
    if (s->state == SERVER_END)
        return;
    server_session_event(s, event, span_of(words));
    server_reply_say(s, 421, enhanced, "%s", words);
}

/* A line end that is none for us may be one for whoever wrote these bytes: what follows it in the
 * same breath could have been smuggled in. Typed by hand it comes alone, and gets advice. */
void server_reply_bare(struct server_session *s, const char *words)
{
    server_session_event(s, SMTP_EVENT_BARE, SPAN_NONE);
    server_reply_say(s, 500, "5.5.2", "%s", words);
    if (line_pending(&s->lines))
        server_session_end(s, -EPROTO);
}

bool server_reply_flush(struct server_session *s)
{
    int sys;

    if (!s->out.len)
        return s->state != SERVER_END;
    assert(!s->out.full);
    stream_deadline(*s->stream, clock_now() + s->settings->times.answer);
    sys = stream_write(*s->stream, text_span(&s->out));
    text_clear(&s->out);
    if (sys < 0)
        server_wait_lost(s, sys);
    return s->state != SERVER_END;
}
