/* One row per mechanism; PLAIN and LOGIN are read here, SCRAM by gsasl. */
#include "sasl/sasl_server.h"
#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/exchange.h"

#include <assert.h>
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mechanism {
    const char *name;
    bool bound;         /* offered only with a channel binding */
    const char *prompt; /* the challenge when there was no initial response */
    enum sasl_step (*step)(struct sasl_server *s, struct span in, struct text *challenge);
};

struct sasl_server {
    const struct mechanism *mechanism;
    struct sasl_server_config config;
    bool begun, ended;
    struct text in; /* the decoded line; may hold a password */
    struct text name;
    /* SCRAM */
    struct exchange scram;
    bool asked;  /* the verifier was asked for; `answer` is valid */
    bool proved; /* only the client's empty last line is missing */
    int answer;
};

/* ---- shared ---- */

static bool add_text64(struct text *out, const char *words)
{
    return base64_encode(span_of(words), out);
}

/* Takes the claimed name in its prepared form, so that two writings of one name are one name. */
static bool take_name(struct sasl_server *s, struct span name)
{
    char cstr[SASL_NAME_MAX + 1];
    char *prepared = NULL;

    text_clear(&s->name);
    if (!span_cstr(name, cstr, sizeof cstr))
        return false;
    bool ok = gsasl_saslprep(cstr, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK &&
              *prepared && text_adds(&s->name, prepared);
    gsasl_free(prepared);
    return ok;
}

static enum sasl_step check_password(struct sasl_server *s, struct span password)
{
    static const enum sasl_step steps[] = {SASL_TEMPORARY, SASL_OK, SASL_REFUSED};
    if (!password.len || password.len > SCRAM_PASSWORD_MAX || span_find(password, '\0') >= 0)
        return SASL_REFUSED;
    int r = s->config.calls->check_password(s->config.arg, text_span(&s->name), password);
    assert(r >= -1 && r <= 1);
    return steps[r + 1];
}

/* ---- PLAIN, RFC 4616: [authzid] NUL authcid NUL passwd ---- */

static enum sasl_step plain_step(struct sasl_server *s, struct span in, struct text *challenge)
{
    struct span rest = in, authzid, name;
    (void)challenge;
    if (!in.len || !span_cut(&rest, '\0', &authzid) || !span_cut(&rest, '\0', &name) || !rest.at ||
        span_find(rest, '\0') >= 0)
        return SASL_BROKEN;
    if (!take_name(s, name) || (authzid.len && !span_eq(authzid, name)))
        return SASL_REFUSED;
    return check_password(s, rest);
}

/* ---- LOGIN, never standardised: name and password, each after a prompt ---- */

static enum sasl_step login_step(struct sasl_server *s, struct span in, struct text *challenge)
{
    if (s->asked)
        return s->name.len ? check_password(s, in) : SASL_REFUSED;
    s->asked = true;
    take_name(s, in); /* a bad name is refused after the password, as a wrong one is */
    add_text64(challenge, "Password:");
    return SASL_MORE;
}

/* ---- SCRAM-SHA-256 and -PLUS, RFC 5802, 7677 ---- */

/* There will be no answer (any below 0), and why. */
enum { ANSWER_ANOTHER = -2 };

/* Asks the house once, when the name is known. */
static void ask_verifier(struct sasl_server *s, const char *name)
{
    struct scram_verifier v;
    char count[16];

    s->asked = true;
    if (!take_name(s, span_of(name)))
        s->answer = 1;
    else
        s->answer = s->config.calls->verifier(s->config.arg, text_span(&s->name), &v);
    if (s->answer == 2)
        s->answer = ANSWER_ANOTHER;
    if (s->answer == 1)
        scram_fake(s->config.fake_secret, text_span(&s->name), &v);
    if (s->answer < 0)
        return;
    snprintf(count, sizeof count, "%u", (unsigned)v.iterations);
    gsasl_property_set(s->scram.session, GSASL_SCRAM_ITER, count);
    exchange_set(s->scram.session, GSASL_SCRAM_SALT, v.salt, v.salt_len);
    exchange_set(s->scram.session, GSASL_SCRAM_STOREDKEY, v.stored_key, SCRAM_KEY);
    exchange_set(s->scram.session, GSASL_SCRAM_SERVERKEY, v.server_key, SCRAM_KEY);
    memory_wipe(&v, sizeof v);
}

/* gsasl asks for a property that is not set yet. */
static int property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property p)
{
    struct sasl_server *s = gsasl_callback_hook_get(gsasl);
    const char *name = gsasl_property_fast(session, GSASL_AUTHID);
    if (p != GSASL_SCRAM_ITER || s->asked || !name)
        return GSASL_NO_CALLBACK;
    ask_verifier(s, name);
    return s->answer < 0 ? GSASL_NO_CALLBACK : GSASL_OK;
}

static bool scram_begin(struct sasl_server *s)
{
    if (!exchange_begin(&s->scram, gsasl_server_start, s->mechanism->name, property, s))
        return false;
    /* Set for SCRAM without -PLUS too: so a client is caught that was told we have no -PLUS. */
    if (s->config.binding.there)
        exchange_set(s->scram.session, GSASL_CB_TLS_EXPORTER, s->config.binding.exporter,
                     SASL_BINDING);
    return true;
}

/* What gsasl lets through: bytes that end a C string early, a binding that nobody checks, and in
 * the final message an extension that must not be ignored (m=, RFC 5802 5.1). */
static bool scram_sane(const struct sasl_server *s, struct span in)
{
    if (!in.len || span_find(in, '\0') >= 0)
        return false;
    if (s->asked && span_search(in, SPAN(",m=")) >= 0)
        return false;
    return s->asked || s->mechanism->bound || in.at[0] != 'p';
}

static enum sasl_step scram_failure(int rc)
{
    switch (rc) {
    case GSASL_MALLOC_ERROR:
    case GSASL_CRYPTO_ERROR:
        return SASL_TEMPORARY;
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
    case GSASL_BASE64_ERROR:
        return SASL_BROKEN;
    default:
        return SASL_REFUSED;
    }
}

/* Only the own name is allowed as the identity to act as. */
static bool scram_other_identity(const struct sasl_server *s)
{
    const char *authzid = gsasl_property_fast(s->scram.session, GSASL_AUTHZID);
    const char *name = gsasl_property_fast(s->scram.session, GSASL_AUTHID);
    return authzid && *authzid && (!name || strcmp(authzid, name) != 0);
}

static enum sasl_step scram_step(struct sasl_server *s, struct span in, struct text *challenge)
{
    char *out = NULL;
    size_t n = 0;

    if (s->proved)
        return in.len ? SASL_BROKEN : SASL_OK;
    if (!s->scram.session && !scram_begin(s))
        return SASL_TEMPORARY;
    if (!scram_sane(s, in))
        return SASL_BROKEN;
    int rc = gsasl_step(s->scram.session, in.at, in.len, &out, &n);
    enum sasl_step r = SASL_MORE;
    if (s->asked && s->answer < 0)
        r = s->answer == ANSWER_ANOTHER ? SASL_ANOTHER : SASL_TEMPORARY;
    else if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
        r = scram_failure(rc);
    else if (scram_other_identity(s) || (rc == GSASL_OK && s->answer != 0))
        r = SASL_REFUSED;
    else if (!base64_encode((struct span){out, n}, challenge))
        r = SASL_BROKEN;
    s->proved = rc == GSASL_OK;
    gsasl_free(out);
    return r;
}

/* ---- the list, strongest first ---- */

static const struct mechanism mechanisms[] = {
    {"SCRAM-SHA-256-PLUS", true, "", scram_step},
    {"SCRAM-SHA-256", false, "", scram_step},
    {"PLAIN", false, "", plain_step},
    {"LOGIN", false, "Username:", login_step},
};

static bool is_allowed(const struct mechanism *m, const struct sasl_server_config *c)
{
    struct span list = span_of(c->mechanisms), word;

    if (m->bound && !c->binding.there)
        return false;
    if (!c->mechanisms)
        return true;
    while ((word = span_word(&list)).len)
        if (span_iis(word, m->name))
            return true;
    return false;
}

void sasl_server_list(const struct sasl_server_config *c, struct text *out)
{
    const char *space = "";
    for (size_t i = 0; i < COUNT(mechanisms); i++) {
        if (!is_allowed(&mechanisms[i], c))
            continue;
        text_addf(out, "%s%s", space, mechanisms[i].name);
        space = " ";
    }
}

static struct sasl_server *make(const struct mechanism *m, const struct sasl_server_config *c)
{
    struct sasl_server *s = memory_alloc(sizeof *s);
    *s = (struct sasl_server){.mechanism = m, .config = *c};
    text_init(&s->in, SASL_LINE_MAX);
    text_init(&s->name, SASL_NAME_MAX);
    return s;
}

struct sasl_server *sasl_server_start(struct span mechanism, const struct sasl_server_config *c)
{
    for (size_t i = 0; i < COUNT(mechanisms); i++)
        if (span_iis(mechanism, mechanisms[i].name))
            return is_allowed(&mechanisms[i], c) ? make(&mechanisms[i], c) : NULL;
    return NULL;
}

enum sasl_step sasl_server_password(const struct sasl_server_config *c, struct span name,
                                    struct span password, struct text *prepared)
{
    struct sasl_server *s = make(NULL, c);
    enum sasl_step r = SASL_REFUSED;

    text_clear(prepared);
    if (take_name(s, name)) {
        text_add(prepared, text_span(&s->name));
        r = check_password(s, password);
    }
    sasl_server_free(&s);
    return r;
}

static enum sasl_step one_step(struct sasl_server *s, struct span line, struct text *challenge)
{
    bool first = !s->begun;
    s->begun = true;
    if (first && !line.at) {
        add_text64(challenge, s->mechanism->prompt);
        return SASL_MORE;
    }
    if (first && span_is(line, "="))
        line = SPAN_NONE;
    text_clear(&s->in);
    if (line.len > SASL_LINE_MAX || !base64_decode(line, &s->in))
        return SASL_BROKEN;
    return s->mechanism->step(s, text_span(&s->in), challenge);
}

enum sasl_step sasl_server_step(struct sasl_server *s, struct span line, struct text *challenge)
{
    assert(!s->ended);
    text_clear(challenge);
    enum sasl_step r = one_step(s, line, challenge);
    s->ended = r != SASL_MORE;
    if (s->ended)
        text_clear(challenge);
    return r;
}

struct span sasl_server_name(const struct sasl_server *s)
{
    return text_span(&s->name);
}

const char *sasl_server_mechanism(const struct sasl_server *s)
{
    return s->mechanism->name;
}

void sasl_server_free(struct sasl_server **s)
{
    struct sasl_server *old = *s;
    if (!old)
        return;
    *s = NULL;
    exchange_end(&old->scram);
    text_wipe(&old->in);
    text_free(&old->name);
    memory_wipe(old, sizeof *old);
    free(old);
}
