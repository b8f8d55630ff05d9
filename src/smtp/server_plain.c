/* The commands that move no mail: RSET, NOOP, QUIT, HELP, VRFY, EXPN. */
#include "smtp/server_session.h"

void server_plain_rset(struct server_session *s, struct span args)
{
    (void)args;
    server_session_forget(s, true);
    server_reply_say(s, 250, "2.0.0", "Forgotten");
}

void server_plain_noop(struct server_session *s, struct span args)
{
    (void)args;
    server_reply_say(s, 250, "2.0.0", "Still here");
}

void server_plain_quit(struct server_session *s, struct span args)
{
    (void)args;
    server_reply_say(s, 221, "2.0.0", "Good-bye");
    server_session_event(s, SMTP_EVENT_QUIT, SPAN_NONE);
    server_session_end(s, 0);
}

void server_plain_help(struct server_session *s, struct span args)
{
    const char *help = s->settings->help;

    (void)args;
    server_reply_say(s, 214, "2.0.0",
                     "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP HELP VRFY QUIT%s%s",
                     help ? "\n" : "", help ? help : "");
}

/* HOSTILE 79: the answer for true and false names is the same. */
void server_plain_vrfy(struct server_session *s, struct span args)
{
    struct reply r = {0};

    if (!args.len) {
        server_reply_say(s, 501, "5.5.4", "Syntax: VRFY address");
        return;
    }
    if (s->calls->vrfy)
        r = s->calls->vrfy(s->arg, &s->seen, args);
    server_reply_or(s, &r, 252, "2.1.5", "Not told here: send the mail and see");
}

void server_plain_expn(struct server_session *s, struct span args)
{
    (void)args;
    server_reply_say(s, 502, "5.7.1", "Lists are not shown here");
}
