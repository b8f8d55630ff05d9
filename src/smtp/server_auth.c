/* AUTH (RFC 4954). The bytes of the exchange are secrets: wiped as soon as they were used, never
 * logged (P8). */
#include "smtp/server_session.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>

static_assert((int)TLS_EXPORTER == (int)SASL_BINDING, "RFC 9266: 32 octets");

/* Wipe it: the binding is a secret of this connection. Where none is offered, a client that says so
 * ("y", RFC 5802 6) is right. */
static struct sasl_server_config config_of(const struct server_session *s)
{
    struct sasl_server_config c = {.calls = s->calls->login_calls,
                                   .arg = s->arg,
                                   .fake_secret = s->settings->fake_secret,
                                   .mechanisms = s->settings->mechanisms};

    c.binding.there =
        s->settings->channel_binding && s->seen.tls && tls_exporter(*s->stream, c.binding.exporter);
    return c;
}

static bool offered(const struct server_session *s)
{
    return s->settings->login_offered && s->calls->login_calls &&
           (s->seen.tls || !s->settings->tls_before_login);
}

void server_auth_list(const struct server_session *s, struct text *out)
{
    struct text all = TEXT_INIT(512);
    struct sasl_server_config c;

    if (!offered(s))
        return;
    c = config_of(s);
    sasl_server_list(&c, &all);
    memory_wipe(&c, sizeof c);
    if (all.len)
        text_addf(out, " %s", text_cstr(&all));
    text_free(&all);
}

static void wipe(struct span line)
{
    if (line.len)
        memory_wipe((char *)line.at, line.len); /* our own line buffer */
}

/* Challenge and response until the mechanism is done. False: the session has ended, or the line
 * was refused and answered. */
static bool exchange(struct server_session *s, struct sasl_server *sasl, struct span line,
                     enum sasl_step *end)
{
    size_t max = s->settings->limits.line_login;
    int64_t until = server_wait_until(s, s->settings->times.login);
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    enum line_result got = LINE_OK;

    while (got == LINE_OK) {
        *end = sasl_server_step(sasl, line, &challenge);
        wipe(line);
        if (*end != SASL_MORE)
            break;
        text_adds(&s->out, "334 ");
        text_add(&s->out, text_span(&challenge));
        text_adds(&s->out, "\r\n");
        got = server_wait_line(s, until, max, &line);
    }
    text_free(&challenge);
    if (got == LINE_LONG)
        server_reply_say(s, 500, "5.5.6", "Authentication exchange line is too long");
    else if (got == LINE_BARE)
        server_reply_bare(s, "Bare CR, LF or NUL within the login");
    return got == LINE_OK;
}

static void accepted(struct server_session *s, const struct sasl_server *sasl)
{
    struct reply r = {0};

    if (!span_cstr(sasl_server_name(sasl), s->login, sizeof s->login) || !s->login[0]) {
        server_reply_say(s, 535, "5.7.8", "This name cannot be used here");
        return;
    }
    (void)span_cstr(span_of(sasl_server_mechanism(sasl)), s->mechanism, sizeof s->mechanism);
    s->seen.login = span_of(s->login);
    s->seen.mechanism = span_of(s->mechanism);
    if (s->calls->login)
        r = s->calls->login(s->arg, &s->seen, true, s->seen.login);
    if (r.code >= 400) {
        s->seen.login = s->seen.mechanism = SPAN_NONE;
        server_session_event(s, SMTP_EVENT_LOGIN_FAILED, span_of(s->mechanism));
    } else {
        server_session_event(s, SMTP_EVENT_LOGIN, s->seen.mechanism);
    }
    server_reply_or(s, &r, 235, "2.7.0", "Logged in");
}

static void refused(struct server_session *s, const struct sasl_server *sasl)
{
    unsigned limit = s->settings->limits.logins;
    struct reply r = {0};

    s->logins_failed++;
    server_session_event(s, SMTP_EVENT_LOGIN_FAILED, span_of(sasl_server_mechanism(sasl)));
    /* The house slows guessing down, and must know by which mechanism it was. */
    s->seen.mechanism = span_of(sasl_server_mechanism(sasl));
    if (s->calls->login)
        r = s->calls->login(s->arg, &s->seen, false, sasl_server_name(sasl));
    s->seen.mechanism = SPAN_NONE;
    server_reply_or(s, &r, 535, "5.7.8",
                    "Name or password is wrong: use the ones you receive your mail with");
    if (limit && s->logins_failed >= limit)
        server_reply_bye(s, SMTP_EVENT_LIMIT, "4.7.0", "Too many failed logins: closing");
}

static void conclude(struct server_session *s, const struct sasl_server *sasl, enum sasl_step end)
{
    if (end == SASL_OK)
        accepted(s, sasl);
    else if (end == SASL_REFUSED)
        refused(s, sasl);
    else if (end == SASL_ANOTHER) /* RFC 4954 section 6 */
        server_reply_say(
            s, 432, "4.7.12",
            "This account was moved here: log in once with \"normal password\" (PLAIN), "
            "then this method works too");
    else if (end == SASL_TEMPORARY)
        server_reply_say(s, 454, "4.7.0",
                         "Logins cannot be checked right now; your password may be right. "
                         "Try again in a minute");
    else
        server_reply_say(s, 501, "5.5.2", "Login given up or not understood");
}

static bool may_login(struct server_session *s)
{
    if (!s->settings->login_offered || !s->calls->login_calls) {
        server_reply_say(s, 502, "5.5.1", "AUTH is not offered here; no login is needed");
        return false;
    }
    if (s->seen.login.len) {
        server_reply_say(s, 503, "5.5.1", "Already logged in");
        return false;
    }
    if (offered(s))
        return true;
    server_reply_say(s, 538, "5.7.11",
                     "Encryption needed before a login: switch on STARTTLS or SSL/TLS for the "
                     "outgoing server in your mail program");
    return false;
}

static struct sasl_server *start(struct server_session *s, struct span mechanism)
{
    struct sasl_server_config c = config_of(s);
    struct sasl_server *sasl = sasl_server_start(mechanism, &c);

    memory_wipe(&c, sizeof c);
    if (!sasl)
        server_reply_say(s, 504, "5.5.4", "Unknown login mechanism: EHLO lists those there are");
    return sasl;
}

void server_auth_login(struct server_session *s, struct span args)
{
    struct span rest = args, mechanism = span_word(&rest), initial = span_trim(rest);
    enum sasl_step end = SASL_BROKEN;
    struct sasl_server *sasl;

    if (!may_login(s)) {
        wipe(args);
        return;
    }
    if (!mechanism.len || span_find(initial, ' ') >= 0) {
        wipe(args);
        server_reply_say(s, 501, "5.5.4", "Syntax: AUTH mechanism [initial response]");
        return;
    }
    sasl = start(s, mechanism);
    if (!sasl) {
        wipe(args);
        return;
    }
    server_session_enter(s, SERVER_LOGIN);
    if (exchange(s, sasl, initial.len ? initial : SPAN_NONE, &end))
        conclude(s, sasl, end);
    sasl_server_free(&sasl);
    if (s->state != SERVER_END)
        server_session_enter(s, SERVER_READY);
}
