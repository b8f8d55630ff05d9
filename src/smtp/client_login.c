#include "sasl/sasl_client.h"
#include "smtp/client_steps.h"

#include <string.h>

enum {
    ROUNDS_MAX = 8,  /* SCRAM needs three */
    AUTH_LINE = 510, /* RFC 4954 3 leaves the AUTH command itself at the ordinary length */
};

/* A line with a secret in it: wiped, and written once so that no copy stays behind. */
static void secret_init(struct text *t)
{
    text_init(t, SASL_LINE_MAX + 64);
    text_room(t, SASL_LINE_MAX);
}

static void say_auth(struct smtp_client *c, struct sasl_client *sasl)
{
    const char *mechanism = sasl_client_mechanism(sasl);
    struct text line, initial;

    secret_init(&line);
    secret_init(&initial);
    text_addf(&line, "AUTH %s", mechanism);
    if (sasl_client_initial(sasl, &initial) && line.len + 1 + initial.len <= AUTH_LINE) {
        text_addc(&line, ' ');
        text_add(&line, text_span(&initial));
        client_talk_secret(c, arena_printf(c->arena, "AUTH %s [hidden]", mechanism),
                           text_span(&line));
    } else {
        client_talk_say(c, "AUTH %s", mechanism);
    }
    text_wipe(&initial);
    text_wipe(&line);
}

static int unproven(struct smtp_client *c, const struct error *e)
{
    client_talk_missing(c, STAGE_AUTH, CLIENT_UNPROVEN, e->words);
    c->over = true;
    return -1;
}

/* Cancels the exchange (RFC 4954 4). */
static int give_up(struct smtp_client *c, const struct error *e)
{
    struct reply r;

    client_talk_say(c, "*");
    client_talk_ask(c, STAGE_AUTH, &r);
    return unproven(c, e);
}

static int answer(struct smtp_client *c, struct sasl_client *sasl, struct reply *r)
{
    struct text line;
    struct error e;
    int rc;

    secret_init(&line);
    rc = sasl_client_step(sasl, r->text, &line, &e);
    if (rc == 0) {
        client_talk_secret(c, "[hidden]", text_span(&line));
        rc = client_talk_ask(c, STAGE_AUTH, r);
    } else {
        rc = give_up(c, &e);
    }
    text_wipe(&line);
    return rc;
}

static int exchange(struct smtp_client *c, struct sasl_client *sasl)
{
    struct reply r;
    struct error e;

    client_talk_stage(c, c->s.times.auth);
    say_auth(c, sasl);
    if (client_talk_ask(c, STAGE_AUTH, &r) < 0)
        return -1;
    for (int i = 0; r.code == 334; i++) {
        if (i == ROUNDS_MAX)
            return client_talk_broken(c, STAGE_AUTH, "one challenge after another");
        if (answer(c, sasl, &r) < 0)
            return -1;
    }
    if (reply_class(&r) >= 4)
        return client_talk_refused(c, STAGE_AUTH, &r);
    if (r.code != 235)
        return client_talk_broken(c, STAGE_AUTH, "a reply that AUTH does not have");
    if (sasl_client_finish(sasl, &e) < 0)
        return unproven(c, &e);
    c->far.mechanism = span_of(arena_printf(c->arena, "%s", sasl_client_mechanism(sasl)));
    return 0;
}

static bool link_safe(const struct smtp_client *c)
{
    return c->s.link_trusted || (c->far.tls && c->far.info.verdict == TLS_VERIFIED);
}

/* Before TLS 1.3 servers take -PLUS for another binding, tls-unique (RFC 9266 4): one that does
 * would refuse the right password. There we log in as a client that has no -PLUS. */
static bool bound(const struct smtp_client *c, unsigned char exporter[SASL_BINDING])
{
    return c->far.tls && strcmp(c->far.info.version, "TLSv1.3") == 0 &&
           tls_exporter(*c->stream, exporter);
}

int client_login_run(struct smtp_client *c)
{
    struct sasl_login login = {.name = c->s.user,
                               .password = c->s.password,
                               .mechanisms = c->s.mechanisms,
                               .token = c->s.token,
                               .host = span_of(c->s.name),
                               .port = c->s.port,
                               .secure = true};
    struct sasl_client *sasl;
    struct error e;
    int rc;

    if (!link_safe(c))
        return client_talk_missing(
            c, STAGE_AUTH, CLIENT_UNSAFE_LOGIN,
            "The login stays here, because the connection is not encrypted or the server's "
            "certificate is not verified. Set tls to \"starttls\" or \"implicit\" and verify to "
            "yes.");
    if (!(c->far.has & HAS_AUTH))
        return client_talk_missing(
            c, STAGE_AUTH, CLIENT_NO_AUTH,
            "The server offers no login here. Submission servers do so on port 587 or 465: check "
            "host, port and tls of this relay.");
    login.binding.there = bound(c, login.binding.exporter);
    sasl = sasl_client_start(&login, c->far.auth, &e);
    if (!sasl)
        return client_talk_missing(c, STAGE_AUTH, CLIENT_NO_MECHANISM, e.words);
    rc = exchange(c, sasl);
    sasl_client_free(&sasl);
    return rc;
}
