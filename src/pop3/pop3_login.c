/* USER and PASS (RFC 1939 7), AUTH (RFC 5034). Passwords are wiped as soon as they were used, never
 * logged (P8). */
#include "pop3/pop3_session.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)TLS_EXPORTER == (int)SASL_BINDING, "RFC 9266: 32 octets");

void pop3_login_wipe(struct span line)
{
    if (line.len)
        memory_wipe((char *)(uintptr_t)line.at, line.len);
}

/* Wipe it: the binding is a secret of this connection. */
static struct sasl_server_config config_of(const struct pop3_session *s)
{
    struct sasl_server_config c = {.calls = s->calls->login_calls,
                                   .arg = s->arg,
                                   .fake_secret = s->settings->fake_secret,
                                   .mechanisms = s->settings->mechanisms};

    c.binding.there =
        s->settings->channel_binding && s->seen.tls && tls_exporter(*s->stream, c.binding.exporter);
    return c;
}

void pop3_login_list(const struct pop3_session *s, struct text *out)
{
    struct sasl_server_config c;

    if (!pop3_session_may_login(s))
        return;
    c = config_of(s);
    sasl_server_list(&c, out);
    memory_wipe(&c, sizeof c);
}

/* Not [AUTH]: a mail program would throw the right password away. */
static bool may_login(struct pop3_session *s)
{
    if (pop3_session_may_login(s))
        return true;
    if (s->settings->tls)
        pop3_reply_err(s, POP3_NONE,
                       "Encryption needed before a login: switch on SSL/TLS or STARTTLS for the "
                       "incoming server (POP3) in your mail program");
    else
        pop3_reply_err(s, POP3_NONE,
                       "Nobody can log in here, because this port has no encryption: ask your "
                       "provider for the port with SSL/TLS, most often 995");
    return false;
}

/* ---- the end of every login ---- */

static void open_mailbox(struct pop3_session *s)
{
    struct pop3_answer a = s->calls->open(s->arg, &s->seen, &s->mailbox);

    if (a.refused) {
        pop3_session_forget(s);
        pop3_reply_refuse(s, &a,
                          "Your mailbox can not be opened now; your password is right. "
                          "Try again in a minute");
        return;
    }
    assert(s->mailbox.count <= POP3_COUNT_MAX);
    s->seen.count = s->mailbox.count;
    s->marked = memory_alloc(s->mailbox.count / 8 + 1);
    pop3_session_enter(s, POP3_MAILBOX);
    pop3_reply_ok(s, "Logged in: %u message%s, %llu octets", (unsigned)s->mailbox.count,
                  s->mailbox.count == 1 ? "" : "s", (unsigned long long)s->mailbox.octets);
}

static void accepted(struct pop3_session *s, struct span name, const char *mechanism)
{
    struct pop3_answer a = {0};

    if (!span_cstr(name, s->login, sizeof s->login) || !s->login[0]) {
        pop3_reply_err(s, POP3_AUTH, "This name cannot be used here");
        return;
    }
    (void)span_cstr(span_of(mechanism), s->mechanism, sizeof s->mechanism);
    s->seen.login = span_of(s->login);
    s->seen.mechanism = span_of(s->mechanism);
    if (s->calls->login)
        a = s->calls->login(s->arg, &s->seen, true, s->seen.login);
    pop3_session_event(s, a.refused ? POP3_EVENT_LOGIN_FAILED : POP3_EVENT_LOGIN,
                       s->seen.mechanism);
    if (!a.refused) {
        open_mailbox(s);
        return;
    }
    pop3_session_forget(s);
    pop3_reply_refuse(s, &a, "The login can not be checked now; try again in a minute");
}

static void refused(struct pop3_session *s, struct span name, const char *mechanism)
{
    static const char wrong[] =
        "Name or password is wrong: the name is most often your whole mail address";
    unsigned limit = s->settings->limits.logins;
    struct pop3_answer a = {0};

    s->logins_failed++;
    pop3_session_event(s, POP3_EVENT_LOGIN_FAILED, span_of(mechanism));
    s->seen.mechanism = span_of(mechanism);
    if (s->calls->login)
        a = s->calls->login(s->arg, &s->seen, false, name);
    pop3_session_forget(s);
    if (a.refused)
        pop3_reply_refuse(s, &a, wrong);
    else
        pop3_reply_err(s, POP3_AUTH, wrong);
    if (limit && s->logins_failed >= limit)
        pop3_reply_bye(s, POP3_EVENT_LIMIT, POP3_AUTH, "Too many failed logins: closing");
}

static void conclude(struct pop3_session *s, enum sasl_step end, struct span name,
                     const char *mechanism)
{
    if (end == SASL_OK)
        accepted(s, name, mechanism);
    else if (end == SASL_REFUSED)
        refused(s, name, mechanism);
    else if (end == SASL_ANOTHER)
        pop3_reply_err(s, POP3_NONE,
                       "This account was moved here: log in once with \"normal password\" (PLAIN), "
                       "then this method works too");
    else if (end == SASL_TEMPORARY)
        pop3_reply_err(s, POP3_SYS_TEMP,
                       "Logins cannot be checked right now; your password may be right. Try again "
                       "in a minute");
    else
        pop3_reply_err(s, POP3_NONE, "Login given up or not understood");
}

/* ---- USER and PASS ---- */

void pop3_login_user(struct pop3_session *s, struct span args)
{
    s->user[0] = '\0';
    if (!may_login(s))
        return;
    if (!span_cstr(args, s->user, sizeof s->user) || !args.len)
        pop3_reply_err(s, POP3_NONE, "Syntax: USER name, at most %d octets", SASL_NAME_MAX);
    else /* whether there is such a one is not told */
        pop3_reply_ok(s, "Now the password");
}

/* A password may begin and end with blanks: it is all behind the first one. */
void pop3_login_pass(struct pop3_session *s, struct span args)
{
    struct text prepared = TEXT_INIT(SASL_NAME_MAX);
    struct sasl_server_config c;
    enum sasl_step end;

    if (may_login(s) && !s->user[0]) {
        pop3_reply_err(s, POP3_NONE, "USER comes first, then PASS");
    } else if (s->user[0]) {
        c = config_of(s);
        end = sasl_server_password(&c, span_of(s->user), args, &prepared);
        memory_wipe(&c, sizeof c);
        s->user[0] = '\0';
        conclude(s, end, text_span(&prepared), "USER");
    }
    pop3_login_wipe(args);
    text_free(&prepared);
}

void pop3_login_apop(struct pop3_session *s, struct span args)
{
    (void)args;
    pop3_reply_err(s, POP3_NONE,
                   "APOP is not offered: it would need your password in the clear here. Switch it "
                   "off in your mail program and take an ordinary password, over SSL/TLS");
}

/* ---- AUTH ---- */

/* Challenge and response until the mechanism is done. False: the session has ended, or the line was
 * refused and answered. */
static bool exchange(struct pop3_session *s, struct sasl_server *sasl, struct span line,
                     enum sasl_step *end)
{
    int64_t until = pop3_wait_until(s, s->settings->times.login);
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    enum line_result got = LINE_OK;

    while (got == LINE_OK) {
        *end = sasl_server_step(sasl, line, &challenge);
        pop3_login_wipe(line);
        if (*end != SASL_MORE)
            break;
        text_addf(&s->out, "+ %s\r\n", text_cstr(&challenge));
        got = pop3_wait_line(s, until, POP3_LINE_LOGIN, &line);
    }
    text_free(&challenge);
    if (got == LINE_LONG)
        pop3_reply_err(s, POP3_NONE, "Authentication exchange line is too long");
    else if (got == LINE_BARE)
        pop3_reply_bare(s);
    return got == LINE_OK;
}

/* AUTH alone is older than CAPA and asks which mechanisms there are; Outlook still does. */
static void tell_mechanisms(struct pop3_session *s)
{
    struct text all = TEXT_INIT(512);
    struct span rest, word;

    pop3_login_list(s, &all);
    pop3_reply_ok(s, "Mechanisms:");
    rest = text_span(&all);
    while ((word = span_word(&rest)).len)
        text_addf(&s->out, "%.*s\r\n", SPAN_ARG(word));
    text_adds(&s->out, ".\r\n");
    text_free(&all);
}

static void no_mechanism(struct pop3_session *s, struct span mechanism)
{
    if (span_iis(mechanism, "NTLM") || span_iis(mechanism, "MSN"))
        pop3_reply_err(s, POP3_NONE,
                       "SPA (Secure Password Authentication, NTLM) is not offered: switch it off "
                       "in your mail program and switch on SSL/TLS, which protects any password");
    else
        pop3_reply_err(s, POP3_NONE,
                       "Unknown login mechanism: CAPA lists those there are. Choose \"normal "
                       "password\" in your mail program, with SSL/TLS");
}

static void run_exchange(struct pop3_session *s, struct span mechanism, struct span initial)
{
    struct sasl_server_config c = config_of(s);
    struct sasl_server *sasl = sasl_server_start(mechanism, &c);
    enum sasl_step end = SASL_BROKEN;

    memory_wipe(&c, sizeof c);
    if (!sasl) {
        no_mechanism(s, mechanism);
        return;
    }
    s->user[0] = '\0';
    pop3_session_enter(s, POP3_IN_AUTH);
    if (exchange(s, sasl, initial.len ? initial : SPAN_NONE, &end)) {
        pop3_session_enter(s, POP3_LOGIN);
        conclude(s, end, sasl_server_name(sasl), sasl_server_mechanism(sasl));
    } else if (s->state != POP3_END) {
        pop3_session_enter(s, POP3_LOGIN);
    }
    sasl_server_free(&sasl);
}

void pop3_login_auth(struct pop3_session *s, struct span args)
{
    struct span rest = args, mechanism = span_word(&rest), initial = span_trim(rest);

    if (!may_login(s))
        pop3_login_wipe(args);
    else if (!mechanism.len)
        tell_mechanisms(s);
    else if (span_find(initial, ' ') >= 0)
        pop3_reply_err(s, POP3_NONE, "Syntax: AUTH mechanism [initial response]");
    else
        run_exchange(s, mechanism, initial);
    pop3_login_wipe(args);
}
