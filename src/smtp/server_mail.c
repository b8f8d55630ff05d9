/* MAIL (RFC 5321 4.1.1.2):
 *     "MAIL FROM:" Reverse-path [SP Mail-parameters]
 * Blanks after the colon are an old sin of mail programs and harmless: let in. */
#include "smtp/server_session.h"

unsigned server_mail_extensions(const struct server_session *s)
{
    unsigned all = PARAMS_SIZE | PARAMS_8BITMIME | PARAMS_SMTPUTF8 | PARAMS_DSN;

    return s->settings->login_offered ? all | PARAMS_AUTH : all;
}

bool server_mail_word(struct span *args, struct span word)
{
    if (!span_istarts(*args, word))
        return false;
    *args = span_from(*args, word.len);
    while (args->len && args->at[0] == ' ')
        *args = span_from(*args, 1);
    return true;
}

bool server_mail_path_ok(struct server_session *s, enum path_result got, const char *syntax)
{
    if (got == PATH_SYNTAX)
        server_reply_say(s, 501, syntax, "Bad address: it should look like <name@example.org>");
    else if (got == PATH_TOO_LONG)
        server_reply_say(s, 501, syntax,
                         "Address too long: at most 64 octets before the @ and 255 after it");
    else if (got == PATH_NEEDS_UTF8)
        server_reply_say(s, 553, "5.6.7", "An address beyond ASCII needs SMTPUTF8 behind MAIL");
    return got == PATH_OK;
}

void server_mail_bad_params(struct server_session *s, enum params_result got, const struct error *e)
{
    struct reply r = reply_error(s->seen.answers, params_code(got), e);

    server_reply_give(s, &r);
}

/* SMTPUTF8 stands behind the path but tells how to read it: look for the word first. It cannot
 * occur in a path by accident and do harm: the parameters are then parsed for real. */
static bool says_utf8(struct span args)
{
    struct span word;

    while ((word = span_word(&args)).len)
        if (span_iis(word, "SMTPUTF8"))
            return true;
    return false;
}

static bool parse(struct server_session *s, struct span args, struct address *from,
                  struct params_mail *params)
{
    struct params_offer offer = {server_mail_extensions(s), s->settings->limits.size};
    struct error e = {0};
    enum params_result got;

    if (!server_mail_word(&args, SPAN("FROM:"))) {
        server_reply_say(s, 501, "5.5.4", "Syntax: MAIL FROM:<address>");
        return false;
    }
    if (!server_mail_path_ok(s, address_path(&args, PATH_REVERSE, says_utf8(args), from), "5.1.7"))
        return false;
    got = params_mail(args, &offer, params, &e);
    if (got != PARAMS_OK)
        server_mail_bad_params(s, got, &e);
    return got == PARAMS_OK;
}

/* Everything that would refuse each sender alike. */
static bool may_send(struct server_session *s)
{
    const struct smtp_server_limits *l = &s->settings->limits;

    if (server_session_needs_login(s)) {
        server_reply_say(s, 530, "5.7.0",
                         "Login needed: switch on 'my outgoing server requires authentication' in "
                         "your mail program, same name and password as for receiving");
        return false;
    }
    if (l->messages && s->seen.messages >= l->messages) {
        server_reply_say(s, 452, "4.5.3", "%u messages were sent in this session: connect again",
                         l->messages);
        return false;
    }
    return true;
}

static void fill(struct server_session *s, const struct address *from,
                 const struct params_mail *params)
{
    struct smtp_server_transaction *t = &s->transaction;
    unsigned need = 0;

    if (!s->arena)
        s->arena = arena_new();
    if (params->body == BODY_8BITMIME)
        need |= NEED_8BIT;
    if (params->smtputf8)
        need |= NEED_UTF8;
    *t = (struct smtp_server_transaction){.arena = s->arena,
                                          .declared_size = params->size,
                                          .body = params->body,
                                          .utf8 = params->smtputf8,
                                          .submitter = arena_span(s->arena, params->auth)};
    t->envelope = (struct envelope){.id = id_new(),
                                    .sender = arena_span(s->arena, from->whole),
                                    .envid = arena_span(s->arena, params->envid),
                                    .ret = params->ret,
                                    .need = need};
}

void server_mail_from(struct server_session *s, struct span args)
{
    struct address from = {0};
    struct params_mail params = {0};
    struct reply r = {0};

    if (!may_send(s) || !parse(s, args, &from, &params))
        return;
    fill(s, &from, &params);
    s->seen.transaction = &s->transaction;
    if (s->calls->mail)
        r = s->calls->mail(s->arg, &s->seen);
    if (r.code >= 400)
        server_session_forget(s, false); /* it never began */
    else
        server_session_enter(s, SERVER_MAIL);
    server_reply_or(s, &r, 250, "2.1.0", "Sender ok");
}
