/* DATA (RFC 5321 4.1.1.4). Only CR LF "." CR LF ends it; what other servers might take for an end
 * makes us refuse the whole after its true end (P11, HOSTILE 1 to 10). */
#include "smtp/server_session.h"

#include "mail/dot.h"

#include <errno.h>

static bool keep(void *arg, struct span bytes)
{
    struct server_session *s = arg;

    server_body_add(s, bytes);
    return !server_body_lost(s);
}

/* False: the session has ended before the message did. */
static bool read_to_end(struct server_session *s, struct dot_decoder *d)
{
    bool ended = false;

    while (!ended) {
        struct span bytes, rest;

        if (!server_wait_bytes(s, server_body_until(s), &bytes))
            return false;
        rest = bytes;
        ended = dot_decode(d, &rest);
        line_used(&s->lines, bytes.len - rest.len);
    }
    return true;
}

static void conclude(struct server_session *s, const struct dot_decoder *d)
{
    if (d->eight_bit)
        s->transaction.envelope.need |= NEED_8BIT;
    if (!d->bare) {
        server_body_end(s);
        return;
    }
    server_session_event(s, SMTP_EVENT_BARE, SPAN("message"));
    server_session_forget(s, true);
    server_reply_say(s, 550, "5.6.11",
                     "The message holds a bare CR or LF; its lines must end in CR LF. Update the "
                     "program that made it");
    if (line_pending(&s->lines)) /* who of us is right about where it ended? */
        server_session_end(s, -EPROTO);
}

void server_data_take(struct server_session *s, struct span args)
{
    struct dot_decoder d;

    (void)args;
    if (s->state == SERVER_MAIL) {
        if (s->recipients_refused)
            server_reply_say(s, 554, "5.5.1", "No valid recipients");
        else
            server_reply_say(s, 503, "5.5.1", "RCPT TO comes first");
        return;
    }
    if (!server_body_begin(s))
        return;
    server_session_enter(s, SERVER_BODY);
    s->invited = true;
    server_reply_say(s, 354, NULL, "Send the message; end it with a line that is just a dot");
    dot_decoder_init(&d, keep, s);
    if (read_to_end(s, &d))
        conclude(s, &d);
}
