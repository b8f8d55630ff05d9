/* One command line: which one it is, whether it may come now, who does it. */
#include "smtp/server_session.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/foreign.h"

#include <errno.h>

#define IN(state) (1U << (state))

enum {
    ANYTIME =
        IN(SERVER_FRESH) | IN(SERVER_READY) | IN(SERVER_MAIL) | IN(SERVER_RCPT) | IN(SERVER_CHUNKS),
    GREETED = ANYTIME & ~IN(SERVER_FRESH),
    MESSAGE = IN(SERVER_MAIL) | IN(SERVER_RCPT),
};

enum command_flags {
    NO_ARGUMENT = 1,
    NEEDS_TLS = 2,   /* in the clear 530 where the door wants TLS before the login it requires */
    ENDS_GROUP = 4,  /* what is pipelined behind it was sent blindly (RFC 2920 3.1): when it is
                        refused, the rest could be anything, a message's body above all */
    LONG_LINE = 8,   /* parameters: limits.line_mail */
    LOGIN_LINE = 16, /* limits.line_login */
};

static const struct command {
    struct span name;
    unsigned states; /* in others: 503 with `order` */
    unsigned flags;
    void (*run)(struct server_session *s, struct span args);
    const char *order; /* what is wrong when it comes in another state */
} commands[] = {
    {SPAN("EHLO"), ANYTIME, 0, server_hello_ehlo, ""},
    {SPAN("HELO"), ANYTIME, 0, server_hello_helo, ""},
    {SPAN("STARTTLS"), IN(SERVER_READY), NO_ARGUMENT | ENDS_GROUP, server_starttls_begin,
     "STARTTLS comes right after EHLO, not within a message"},
    {SPAN("AUTH"), IN(SERVER_READY), LOGIN_LINE, server_auth_login,
     "Say EHLO first, and log in before MAIL"},
    {SPAN("MAIL"), IN(SERVER_READY), NEEDS_TLS | LONG_LINE, server_mail_from,
     "One message at a time: end this one or send RSET"},
    {SPAN("RCPT"), MESSAGE, LONG_LINE, server_rcpt_to, "MAIL FROM comes first, then RCPT TO"},
    {SPAN("DATA"), MESSAGE, NO_ARGUMENT | ENDS_GROUP, server_data_take,
     "DATA comes after MAIL FROM and RCPT TO, and never after BDAT"},
    {SPAN("BDAT"), ANYTIME, 0, server_bdat_take, ""},
    {SPAN("RSET"), ANYTIME, NO_ARGUMENT, server_plain_rset, ""},
    {SPAN("NOOP"), ANYTIME, 0, server_plain_noop, ""},
    {SPAN("QUIT"), ANYTIME, NO_ARGUMENT, server_plain_quit, ""},
    {SPAN("HELP"), ANYTIME, 0, server_plain_help, ""},
    {SPAN("VRFY"), GREETED, NEEDS_TLS, server_plain_vrfy, "Say EHLO first"},
    {SPAN("EXPN"), GREETED, NEEDS_TLS, server_plain_expn, "Say EHLO first"},
};

static const struct command *find(struct span verb)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (verb.len == commands[i].name.len && span_ieq(verb, commands[i].name))
            return &commands[i];
    return NULL;
}

static void end_foreign(struct server_session *s, const char *which)
{
    server_session_event(s, SMTP_EVENT_FOREIGN, span_of(which));
    server_reply_say(s, 500, "5.5.1", "This port speaks SMTP: closing. For %s use another port.",
                     which);
    server_session_end(s, -EPROTO);
}

static void unknown(struct server_session *s, struct span line, struct span verb)
{
    unsigned limit = s->settings->limits.unknown;

    if (foreign_line(line, verb)) {
        end_foreign(s, "web or shell");
        return;
    }
    s->unknown++;
    server_reply_say(s, 500, "5.5.1", "Unknown command: HELP lists those there are");
    if (limit && s->unknown >= limit)
        server_reply_bye(s, SMTP_EVENT_LIMIT, "4.7.0", "Too many unknown commands: closing");
}

static size_t line_max(const struct server_session *s, const struct command *c)
{
    const struct smtp_server_limits *l = &s->settings->limits;

    if (c && c->flags & LOGIN_LINE)
        return l->line_login;
    return c && c->flags & LONG_LINE ? l->line_mail : l->line;
}

static bool may_come(struct server_session *s, const struct command *c, struct span args)
{
    const struct smtp_server_settings *set = s->settings;

    if (!(c->states & IN(s->state))) {
        server_reply_say(s, 503, "5.5.1", "%s",
                         s->state == SERVER_FRESH ? "Say EHLO first" : c->order);
        return false;
    }
    if (c->flags & NO_ARGUMENT && args.len) {
        server_reply_say(s, 501, "5.5.4", "%s takes no argument", c->name.at);
        return false;
    }
    if (c->flags & NEEDS_TLS && set->tls_before_login && !s->seen.tls &&
        server_session_needs_login(s)) {
        server_reply_say(s, 530, "5.7.0", "%s",
                         set->tls ? "Must issue a STARTTLS command first: switch on STARTTLS "
                                    "(encryption) for the outgoing server in your mail program"
                                  : "Authentication required, and this port is for known senders "
                                    "only: use another port, with encryption");
        return false;
    }
    return true;
}

static void run(struct server_session *s, const struct command *c, struct span args)
{
    unsigned errors = s->seen.errors;

    s->invited = false;
    if (may_come(s, c, args))
        c->run(s, args);
    if (!(c->flags & ENDS_GROUP) || s->seen.errors == errors || s->state == SERVER_END)
        return;
    if (s->invited) /* refused, but its end is known: commands follow (RFC 2920 3.1) */
        return;
    if (line_pending(&s->lines)) {
        server_session_event(s, SMTP_EVENT_INJECTED, c->name);
        server_session_end(s, -EPROTO);
    }
}

static void obey(struct server_session *s, struct span line)
{
    struct span args, verb;
    const struct command *c;
    ptrdiff_t blank = span_find(line, ' ');

    verb = blank < 0 ? line : span_head(line, (size_t)blank);
    args = blank < 0 ? SPAN_NONE : span_trim(span_from(line, (size_t)blank));
    c = find(verb);
    if (line.len + 2 > line_max(s, c))
        server_reply_say(s, 500, "5.5.6", "Line too long: at most %zu octets here", line_max(s, c));
    else if (!c)
        unknown(s, line, verb);
    else
        run(s, c, args);
}

static bool within_limits(struct server_session *s)
{
    unsigned limit = s->settings->limits.commands;

    s->seen.commands++;
    s->commands++;
    if (!limit || s->commands <= limit)
        return true;
    server_reply_bye(s, SMTP_EVENT_LIMIT, "4.7.0", "Too many commands without a message: closing");
    return false;
}

/* Who connects and says nothing does not keep a place as long as who is at work. */
static int64_t patience(const struct server_session *s)
{
    const struct smtp_server_times *t = &s->settings->times;

    return s->seen.commands || t->command < t->greeting ? t->command : t->greeting;
}

void server_command_next(struct server_session *s)
{
    int64_t until = server_wait_until(s, patience(s));
    enum line_result got;
    struct span line;

    if (!server_session_in_transaction(s) && server_session_draining(s)) {
        server_reply_bye(s, SMTP_EVENT_SHUTDOWN, "4.3.2",
                         "This server is closing for now: connect again in a moment");
        return;
    }
    if (!server_wait_bytes(s, until, &line))
        return;
    if (foreign_tls(line)) {
        end_foreign(s, "TLS from the first octet");
        return;
    }
    got = server_wait_line(s, until, SERVER_READ_AHEAD, &line);
    if (got == LINE_FAILED || !within_limits(s))
        return;
    if (got == LINE_LONG)
        server_reply_say(s, 500, "5.5.6", "Line too long");
    else if (got == LINE_BARE)
        server_reply_bare(s, "Bare CR, LF or NUL in a command: lines end in CR LF (try nc -C, or "
                             "openssl s_client -crlf)");
    else
        obey(s, line);
    if (arena_used(s->answers)) {
        arena_clear(s->answers);
        s->answers_used = true;
    }
}
