/* One command line: which one it is, whether it may come now, who does it. */
#include "pop3/pop3_session.h"

#include "base/memory.h"
#include "mail/foreign.h"

#include <errno.h>

#define IN(state) (1U << (state))

enum { ANYTIME = IN(POP3_LOGIN) | IN(POP3_MAILBOX), PER_MESSAGE = 20 };

enum argument { NONE, SOME, ANY, VERBATIM };

static const struct command {
    struct span name;
    unsigned states;
    enum argument argument; /* VERBATIM: blanks belong to it */
    size_t line;            /* octets with CR LF, where it may be longer than others */
    void (*run)(struct pop3_session *s, struct span args);
} commands[] = {
    {SPAN("CAPA"), ANYTIME, NONE, 0, pop3_hello_capa},
    {SPAN("STLS"), IN(POP3_LOGIN), NONE, 0, pop3_hello_stls},
    /* RFC 6856 2 means it for before the login; it changes nothing here, before or after. */
    {SPAN("UTF8"), ANYTIME, NONE, 0, pop3_hello_utf8},
    {SPAN("LANG"), ANYTIME, ANY, 0, pop3_hello_lang},
    {SPAN("USER"), IN(POP3_LOGIN), SOME, SASL_NAME_MAX + 7, pop3_login_user},
    {SPAN("PASS"), IN(POP3_LOGIN), VERBATIM, SCRAM_PASSWORD_MAX + 7, pop3_login_pass},
    {SPAN("APOP"), IN(POP3_LOGIN), ANY, SASL_NAME_MAX + 64, pop3_login_apop},
    {SPAN("AUTH"), IN(POP3_LOGIN), ANY, POP3_LINE_LOGIN, pop3_login_auth},
    {SPAN("STAT"), IN(POP3_MAILBOX), NONE, 0, pop3_mailbox_stat},
    {SPAN("LIST"), IN(POP3_MAILBOX), ANY, 0, pop3_mailbox_list},
    {SPAN("UIDL"), IN(POP3_MAILBOX), ANY, 0, pop3_mailbox_uidl},
    {SPAN("RETR"), IN(POP3_MAILBOX), SOME, 0, pop3_read_retr},
    {SPAN("TOP"), IN(POP3_MAILBOX), SOME, 0, pop3_read_top},
    {SPAN("DELE"), IN(POP3_MAILBOX), SOME, 0, pop3_mailbox_dele},
    {SPAN("RSET"), IN(POP3_MAILBOX), NONE, 0, pop3_mailbox_rset},
    {SPAN("NOOP"), IN(POP3_MAILBOX), NONE, 0, pop3_mailbox_noop},
    {SPAN("QUIT"), ANYTIME, NONE, 0, pop3_mailbox_quit},
};

static const struct command *find(struct span verb)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (span_ieq(verb, commands[i].name))
            return &commands[i];
    return NULL;
}

static void end_foreign(struct pop3_session *s, const char *which)
{
    pop3_session_event(s, POP3_EVENT_FOREIGN, span_of(which));
    pop3_reply_err(s, POP3_NONE, "This port speaks POP3: closing. For %s use another port.", which);
    pop3_session_end(s, -EPROTO);
}

static void unknown(struct pop3_session *s, struct span line, struct span verb)
{
    unsigned limit = s->settings->limits.unknown;

    if (foreign_line(line, verb)) {
        end_foreign(s, "web or shell");
        return;
    }
    if (span_ieq(verb, SPAN("EHLO")) || span_ieq(verb, SPAN("HELO")))
        pop3_reply_err(s, POP3_NONE,
                       "This is POP3, for incoming mail. Your mail program takes this port for "
                       "outgoing mail (SMTP): give it 587 or 465 there");
    else
        pop3_reply_err(s, POP3_NONE, "Unknown command: CAPA tells what this server can");
    s->unknown++;
    if (limit && s->unknown >= limit)
        pop3_reply_bye(s, POP3_EVENT_LIMIT, POP3_NONE, "Too many unknown commands: closing");
}

static bool may_come(struct pop3_session *s, const struct command *c, struct span args)
{
    if (!(c->states & IN(s->state)))
        pop3_reply_err(s, POP3_NONE, "%s",
                       s->state == POP3_LOGIN ? "Log in first" : "You are logged in already");
    else if (c->argument == NONE && args.len)
        pop3_reply_err(s, POP3_NONE, "%s takes no argument", c->name.at);
    else if (c->argument == SOME && !args.len)
        pop3_reply_err(s, POP3_NONE, "%s needs an argument", c->name.at);
    else
        return true;
    return false;
}

static void obey(struct pop3_session *s, struct span line)
{
    ptrdiff_t blank = span_find(line, ' ');
    struct span verb = blank < 0 ? line : span_head(line, (size_t)blank);
    struct span args = blank < 0 ? SPAN_NONE : span_from(line, (size_t)blank + 1);
    const struct command *c = find(verb);
    size_t max = c && c->line > s->settings->limits.line ? c->line : s->settings->limits.line;

    if (c && c->argument != VERBATIM)
        args = span_trim(args);
    if (line.len + 2 > max)
        pop3_reply_err(s, POP3_NONE, "Line too long: at most %zu octets here", max);
    else if (!c)
        unknown(s, line, verb);
    else if (may_come(s, c, args))
        c->run(s, args);
    if (c && c->line) /* names and passwords */
        pop3_login_wipe(line);
}

static bool within_limits(struct pop3_session *s)
{
    unsigned limit = s->settings->limits.commands;

    s->seen.commands++;
    if (!limit || s->seen.commands <= limit + PER_MESSAGE * s->seen.count)
        return true;
    pop3_reply_bye(s, POP3_EVENT_LIMIT, POP3_NONE, "Too many commands: closing");
    return false;
}

/* Who connects and says nothing does not keep a place as long as who has logged in. */
static int64_t patience(const struct pop3_session *s)
{
    const struct pop3_server_times *t = &s->settings->times;

    if (s->state == POP3_MAILBOX)
        return t->idle;
    return s->seen.commands || t->command < t->greeting ? t->command : t->greeting;
}

void pop3_command_next(struct pop3_session *s)
{
    int64_t until = pop3_wait_until(s, patience(s));
    enum line_result got;
    struct span line;

    if (pop3_session_draining(s)) {
        pop3_reply_bye(s, POP3_EVENT_SHUTDOWN, POP3_SYS_TEMP,
                       "This server is closing for now, nothing was deleted: connect again in a "
                       "moment");
        return;
    }
    if (!pop3_wait_bytes(s, until, &line))
        return;
    if (s->state == POP3_LOGIN && foreign_tls(line)) {
        end_foreign(s, "TLS from the first octet");
        return;
    }
    got = pop3_wait_line(s, until, POP3_READ_AHEAD, &line);
    if (got == LINE_FAILED || !within_limits(s))
        return;
    if (got == LINE_LONG)
        pop3_reply_err(s, POP3_NONE, "Line too long");
    else if (got == LINE_BARE)
        pop3_reply_bare(s);
    else
        obey(s, line);
    if (arena_used(s->answers)) {
        arena_clear(s->answers);
        s->answers_used = true;
    }
}
