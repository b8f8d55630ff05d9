/* One row per mechanism, strongest first. A further one is a row and a step function. */
#include "sasl/sasl_client.h"
#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/exchange.h"
#include "sasl/ntlm.h"

#include <assert.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

/* A server that makes us count longer only wants to hold us up: a million rounds are a second. */
enum { ITERATIONS_MAX = 600 * 1000 };
/* Access tokens with many claims have some thousand octets; the line holds 9216. */
enum { TOKEN_MAX = 8192 };

struct mechanism {
    const char *name;
    bool bound;   /* needs a channel binding */
    bool bare;    /* shows the password to the server, or what it is soon guessed from */
    bool token;   /* takes an access token, no password */
    bool initial; /* speaks first */
    /* Adds the answer, not encoded, to c->out. 0, or -1 and *e. */
    int (*step)(struct sasl_client *c, struct span challenge, struct error *e);
};

struct sasl_client {
    const struct mechanism *mechanism;
    struct sasl_login login;
    struct text out; /* may hold the password */
    int steps;
    bool complete; /* nothing more is expected from the server but 235 */
    struct exchange scram;
    struct ntlm *ntlm;
};

static int unexpected(const struct sasl_client *c, struct error *e)
{
    return error_mail(e, ERROR_PERMANENT, "5.7.0", OWNER_PROVIDER,
                      "The server did not keep to the rules of the login method %s; "
                      "try another one or tell the server's operator.",
                      c->mechanism->name);
}

/* ---- PLAIN, RFC 4616 ---- */

static int plain_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    (void)challenge; /* some servers put words here; nothing depends on them */
    if (c->steps > 1)
        return unexpected(c, e);
    text_addc(&c->out, '\0');
    text_add(&c->out, c->login.name);
    text_addc(&c->out, '\0');
    text_add(&c->out, c->login.password);
    c->complete = true;
    return 0;
}

/* ---- LOGIN: the order is what counts; the prompts differ between servers ---- */

static int login_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    (void)challenge;
    if (c->steps > 2)
        return unexpected(c, e);
    text_add(&c->out, c->steps == 1 ? c->login.name : c->login.password);
    c->complete = c->steps == 2;
    return 0;
}

/* ---- SCRAM-SHA-256 and -PLUS ---- */

static void set_cstr(Gsasl_session *session, Gsasl_property p, struct span value)
{
    char *cstr = span_dup(value);
    gsasl_property_set(session, p, cstr);
    memory_wipe(cstr, value.len);
    free(cstr);
}

/* gsasl asks for the binding while the session starts, before it could be set. It gets it for -PLUS
 * only: with one at hand for plain SCRAM, gsasl 2.2 fails instead of sending the flag "y" ("I would
 * have bound, but you offered no -PLUS"). So whoever holds a valid certificate can strike -PLUS
 * from the offer unseen; who minds allows only SCRAM-SHA-256-PLUS in `mechanisms`. */
static int property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property p)
{
    struct sasl_client *c = gsasl_callback_hook_get(gsasl);
    if (p != GSASL_CB_TLS_EXPORTER || !c->mechanism->bound)
        return GSASL_NO_CALLBACK;

    exchange_set(session, GSASL_CB_TLS_EXPORTER, c->login.binding.exporter, SASL_BINDING);
    return GSASL_OK;
}

static bool scram_begin(struct sasl_client *c)
{
    if (!exchange_begin(&c->scram, gsasl_client_start, c->mechanism->name, property, c))
        return false;
    set_cstr(c->scram.session, GSASL_AUTHID, c->login.name);
    set_cstr(c->scram.session, GSASL_PASSWORD, c->login.password);
    return true;
}

/* The round count in "r=...,s=...,i=4096": bounded both ways before anything is computed. Too few
 * would make it cheap to guess the password from our answer. */
static bool scram_count_fine(struct span challenge)
{
    struct span rest = challenge, piece;
    uint64_t n;
    while (span_cut(&rest, ',', &piece))
        if (span_starts(piece, SPAN("i=")))
            return span_u64(span_from(piece, 2), ITERATIONS_MAX, &n) && n >= SCRAM_ITERATIONS_MIN;
    return false;
}

static int scram_unproved(struct error *e)
{
    return error_mail(e, ERROR_PERMANENT, "5.7.0", OWNER_PROVIDER,
                      "The server did not prove that it knows the password: it may not be the one "
                      "it says it is. Nothing was sent; check the server's name and certificate.");
}

static int scram_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    char *out = NULL;
    size_t n = 0;

    if (c->complete || span_find(challenge, '\0') >= 0 || (c->steps == 1 && challenge.len))
        return unexpected(c, e);
    if (c->steps == 2 && !scram_count_fine(challenge))
        return error_mail(e, ERROR_PERMANENT, "5.7.0", OWNER_PROVIDER,
                          "The server asks for fewer than %d or more than %d rounds of password "
                          "hashing; allow PLAIN for it, or tell its operator.",
                          SCRAM_ITERATIONS_MIN, ITERATIONS_MAX);
    int rc =
        gsasl_step(c->scram.session, challenge.len ? challenge.at : "", challenge.len, &out, &n);
    bool added = rc <= GSASL_NEEDS_MORE && text_add(&c->out, (struct span){out, n});
    gsasl_free(out);
    if (c->steps == 3 && rc != GSASL_OK)
        return scram_unproved(e);
    if (!added)
        return unexpected(c, e);
    c->complete = rc == GSASL_OK;
    return 0;
}

/* ---- OAUTHBEARER, RFC 7628, and its forerunner XOAUTH2 ----
 * A server that refuses tells why as a challenge; the answer to it says no more than "go on", and
 * the refusal follows as a reply. */

static void add_saslname(struct text *t, struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] == ',' || name.at[i] == '=')
            text_adds(t, name.at[i] == ',' ? "=2C" : "=3D");
        else
            text_addc(t, name.at[i]);
}

static int bearer_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    const struct sasl_login *l = &c->login;

    (void)challenge;
    if (c->steps > 2)
        return unexpected(c, e);
    c->complete = c->steps == 1;
    if (c->steps == 2)
        return text_addc(&c->out, '\1') ? 0 : -1;
    text_adds(&c->out, "n,a=");
    add_saslname(&c->out, l->name);
    text_addc(&c->out, ',');
    if (l->host.len)
        text_addf(&c->out, "\1host=%.*s", SPAN_ARG(l->host));
    if (l->port)
        text_addf(&c->out, "\1port=%u", l->port);
    text_addf(&c->out, "\1auth=Bearer %.*s\1\1", SPAN_ARG(l->password));
    return 0;
}

static int xoauth2_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    (void)challenge;
    if (c->steps > 2)
        return unexpected(c, e);
    c->complete = c->steps == 1;
    if (c->steps == 1)
        text_addf(&c->out, "user=%.*s\1auth=Bearer %.*s\1\1", SPAN_ARG(c->login.name),
                  SPAN_ARG(c->login.password));
    return 0;
}

/* ---- NTLM ---- */

static int ntlm_answer(struct sasl_client *c, struct span challenge, struct error *e)
{
    if (!ntlm_step(c->ntlm, challenge, &c->out))
        return unexpected(c, e);
    c->complete = c->steps == 2;
    return 0;
}

/* ---- the list ---- */

static const struct mechanism mechanisms[] = {
    /* name                bound  bare   token  initial */
    {"SCRAM-SHA-256-PLUS", true, false, false, true, scram_step},
    {"SCRAM-SHA-256", false, false, false, true, scram_step},
    {"OAUTHBEARER", false, true, true, true, bearer_step},
    {"XOAUTH2", false, true, true, true, xoauth2_step},
    {"PLAIN", false, true, false, true, plain_step},
    {"LOGIN", false, true, false, false, login_step},
    {"NTLM", false, true, false, true, ntlm_answer},
};

static bool listed(struct span list, const char *name)
{
    for (struct span word = span_word(&list); word.len; word = span_word(&list))
        if (span_iis(word, name))
            return true;
    return false;
}

/* The strongest both have; *insecure when only the lack of a safe connection rules one out. */
static const struct mechanism *choose(const struct sasl_login *l, struct span offered,
                                      bool *insecure)
{
    *insecure = false;
    for (size_t i = 0; i < COUNT(mechanisms); i++) {
        const struct mechanism *m = &mechanisms[i];
        if (!listed(offered, m->name) || (m->bound && !l->binding.there) || m->token != l->token ||
            (l->mechanisms.len && !listed(l->mechanisms, m->name)) ||
            (m->step == ntlm_answer && !ntlm_available()))
            continue;
        if (!m->bare || l->secure)
            return m;
        *insecure = true;
    }
    return NULL;
}

static int no_mechanism(struct span offered, bool insecure, struct error *e)
{
    struct text safe = TEXT_INIT(200);
    if (insecure)
        return error_mail(e, ERROR_PERMANENT, "5.7.10", OWNER_YOU,
                          "The server only takes the password itself, and the connection is not "
                          "encrypted and verified, so it was not sent. Use TLS with a certificate "
                          "that passes.");
    text_add_safe(&safe, span_head(offered, 100));
    error_mail(e, ERROR_PERMANENT, "5.7.4", OWNER_YOU,
               "The server offers no login method that is known and allowed here (it offers: %s).",
               offered.len ? text_cstr(&safe) : "none");
    text_free(&safe);
    return -1;
}

/* A token is of visible ASCII (RFC 6750 section 2.1): nothing in it may end its field. */
static bool token_fits(struct span token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.at[i] <= ' ' || token.at[i] > '~')
            return false;
    return token.len <= TOKEN_MAX;
}

static bool login_fits(const struct sasl_login *l)
{
    if (!l->name.len || l->name.len > SASL_NAME_MAX || span_find(l->name, '\0') >= 0 ||
        !l->password.len)
        return false;
    if (l->token)
        return token_fits(l->password) && span_find(l->name, '\1') < 0;
    return l->password.len <= SCRAM_PASSWORD_MAX && span_find(l->password, '\0') < 0;
}

/* What the mechanism keeps between its steps. */
static bool begin(struct sasl_client *c)
{
    const struct sasl_login *l = &c->login;

    if (c->mechanism->step == scram_step)
        return scram_begin(c);
    if (c->mechanism->step != ntlm_answer)
        return true;
    c->ntlm = ntlm_start(l->name, l->password, l->host);
    return c->ntlm != NULL;
}

struct sasl_client *sasl_client_start(const struct sasl_login *l, struct span offered,
                                      struct error *e)
{
    bool insecure;
    const struct mechanism *m = choose(l, offered, &insecure);
    if (!m) {
        no_mechanism(offered, insecure, e);
        return NULL;
    }
    struct sasl_client *c = memory_alloc(sizeof *c);
    *c = (struct sasl_client){.mechanism = m, .login = *l};
    text_init(&c->out, SASL_LINE_MAX / 4 * 3);
    if (!login_fits(l) || !begin(c)) {
        error_mail(
            e, ERROR_PERMANENT, "5.7.0", OWNER_YOU,
            "The name or the password for the server is empty, too long, or holds characters "
            "that cannot be sent; correct them in the configuration.");
        sasl_client_free(&c);
    }
    return c;
}

const char *sasl_client_mechanism(const struct sasl_client *c)
{
    return c->mechanism->name;
}

static int one_step(struct sasl_client *c, struct span challenge, struct error *e)
{
    text_wipe(&c->out);
    text_room(&c->out, c->out.max); /* at once: growing would leave copies behind */
    c->steps++;
    return c->mechanism->step(c, challenge, e);
}

bool sasl_client_initial(struct sasl_client *c, struct text *out)
{
    assert(c->steps == 0);
    if (!c->mechanism->initial || one_step(c, SPAN_NONE, NULL) != 0)
        return false;
    return c->out.len ? base64_encode(text_span(&c->out), out) : text_adds(out, "=");
}

int sasl_client_step(struct sasl_client *c, struct span challenge, struct text *out,
                     struct error *e)
{
    struct text in = TEXT_INIT(SASL_LINE_MAX);
    int rc = -1;

    text_clear(out);
    if (challenge.len > SASL_LINE_MAX)
        return unexpected(c, e);
    if (!base64_decode(challenge, &in) && !c->mechanism->bare)
        unexpected(c, e);
    else
        rc = one_step(c, text_span(&in), e);
    if (rc == 0 && !base64_encode(text_span(&c->out), out))
        rc = unexpected(c, e);
    text_free(&in);
    return rc;
}

int sasl_client_finish(struct sasl_client *c, struct error *e)
{
    if (c->complete)
        return 0;
    return c->mechanism->bare ? unexpected(c, e) : scram_unproved(e);
}

void sasl_client_free(struct sasl_client **c)
{
    struct sasl_client *old = *c;
    if (!old)
        return;
    *c = NULL;
    exchange_end(&old->scram);
    ntlm_free(&old->ntlm);
    text_wipe(&old->out);
    free(old);
}
