#include "sasl/scram.h"
#include "base/id.h"
#include "base/memory.h"
#include "sasl/base64.h"

#include <assert.h>
#include <gsasl.h>
#include <stdio.h>
#include <string.h>

static const struct span prefix = SPAN("SCRAM-SHA-256$");

/* All that comes out of one password, salt and count. The salted and client keys are as good as the
 * password and never leave this file. */
struct keys {
    char salted[SCRAM_KEY], client[SCRAM_KEY], server[SCRAM_KEY], stored[SCRAM_KEY];
};

static bool derive(const char *password, struct span salt, uint32_t iterations, struct keys *k)
{
    return gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, iterations, salt.at,
                                             salt.len, k->salted, k->client, k->server,
                                             k->stored) == GSASL_OK;
}

/* True when SCRAM can use it; the preparation itself is done again by derive(). */
static bool usable(const char *password)
{
    char *prepared = NULL;
    bool ok =
        gsasl_saslprep(password, (Gsasl_saslprep_flags)0, &prepared, NULL) == GSASL_OK && *prepared;
    if (prepared)
        memory_wipe(prepared, strlen(prepared));
    gsasl_free(prepared);
    return ok;
}

int scram_derive(struct span password, struct scram_verifier *out, struct error *e)
{
    char cstr[SCRAM_PASSWORD_MAX + 1];
    struct keys k;
    int rc = -1;

    *out = (struct scram_verifier){.iterations = SCRAM_ITERATIONS, .salt_len = SCRAM_SALT};
    id_random(out->salt, SCRAM_SALT);
    if (!password.len || !span_cstr(password, cstr, sizeof cstr))
        return error_set(e, ERROR_INPUT,
                         "The password is empty, longer than %d octets or holds a NUL; "
                         "choose another one.",
                         SCRAM_PASSWORD_MAX);
    if (!usable(cstr) ||
        !derive(cstr, (struct span){(char *)out->salt, SCRAM_SALT}, SCRAM_ITERATIONS, &k)) {
        error_set(e, ERROR_INPUT,
                  "The password holds characters that cannot be used (control characters, "
                  "no UTF-8, mixed directions, or newer than Unicode 3.2); choose another one.");
    } else {
        memcpy(out->stored_key, k.stored, SCRAM_KEY);
        memcpy(out->server_key, k.server, SCRAM_KEY);
        memory_wipe(&k, sizeof k);
        rc = 0;
    }
    memory_wipe(cstr, sizeof cstr);
    return rc;
}

static bool same(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned differ = 0;
    for (size_t i = 0; i < n; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

bool scram_check_password(const struct scram_verifier *v, struct span password)
{
    char cstr[SCRAM_PASSWORD_MAX + 1];
    struct keys k = {0};
    assert(v->iterations && v->salt_len <= SCRAM_SALT_MAX);
    bool ok = password.len && span_cstr(password, cstr, sizeof cstr) && usable(cstr);
    /* What cannot be a password costs as much as a wrong one. */
    const char *tried = ok ? cstr : "x";
    ok = derive(tried, (struct span){(const char *)v->salt, v->salt_len}, v->iterations, &k) && ok;
    ok = same(k.stored, v->stored_key, SCRAM_KEY) && ok;
    memory_wipe(&k, sizeof k);
    memory_wipe(cstr, sizeof cstr);
    return ok;
}

/* A pseudo-random function of the name under the secret, by the one keyed hash that gsasl shows: a
 * single round of PBKDF2 with the name as salt. */
static void prf(struct span secret, char purpose, struct span name, struct keys *k)
{
    char hex[2 * 64 + 1] = "", salted[1 + 256];
    size_t n = name.len < 256 ? name.len : 256;
    for (size_t i = 0; i < secret.len && i < 64; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)secret.at[i]);
    salted[0] = purpose;
    for (size_t i = 0; i < n; i++) {
        char c = name.at[i];
        salted[1 + i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    bool ok = derive(hex, (struct span){salted, 1 + n}, 1, k);
    assert(ok);
    (void)ok;
    memory_wipe(hex, sizeof hex);
}

void scram_fake(struct span secret, struct span name, struct scram_verifier *out)
{
    struct keys k;
    assert(secret.len >= SCRAM_SECRET_MIN);
    *out = (struct scram_verifier){.iterations = SCRAM_ITERATIONS, .salt_len = SCRAM_SALT};
    /* Salt and keys come from different calls: the salt is shown to everyone. */
    prf(secret, 's', name, &k);
    memcpy(out->salt, k.salted, SCRAM_SALT);
    prf(secret, 'k', name, &k);
    memcpy(out->stored_key, k.stored, SCRAM_KEY);
    memcpy(out->server_key, k.server, SCRAM_KEY);
    memory_wipe(&k, sizeof k);
}

void scram_format(const struct scram_verifier *v, char buf[SCRAM_TEXT])
{
    struct text t = TEXT_INIT(SCRAM_TEXT - 1);
    assert(v->salt_len <= SCRAM_SALT_MAX);
    text_addf(&t, "%s%u:", prefix.at, (unsigned)v->iterations);
    base64_encode((struct span){(const char *)v->salt, v->salt_len}, &t);
    text_addc(&t, '$');
    base64_encode((struct span){(const char *)v->stored_key, SCRAM_KEY}, &t);
    text_addc(&t, ':');
    base64_encode((struct span){(const char *)v->server_key, SCRAM_KEY}, &t);
    assert(!t.full);
    memcpy(buf, text_cstr(&t), t.len + 1);
    text_wipe(&t);
}

/* Decodes into at[0..most]; the count, or 0 when it is no base64 or does not fit. */
static size_t bytes_of(struct span s, unsigned char *at, size_t most)
{
    struct text t = TEXT_INIT(SCRAM_SALT_MAX);
    size_t n = base64_decode(s, &t) && t.len <= most ? t.len : 0;
    if (n)
        memcpy(at, t.at, n);
    text_wipe(&t);
    return n;
}

bool scram_parse(struct span s, struct scram_verifier *out)
{
    struct scram_verifier v = {0};
    struct span rest, count, salt, stored;
    uint64_t n;

    if (s.len >= SCRAM_TEXT || !span_starts(s, prefix))
        return false;
    rest = span_from(s, prefix.len);
    if (!span_cut(&rest, ':', &count) || !span_cut(&rest, '$', &salt) ||
        !span_cut(&rest, ':', &stored) || !rest.at)
        return false;
    if (!span_u64(count, SCRAM_ITERATIONS_MAX, &n) || n < SCRAM_ITERATIONS_MIN)
        return false;
    v.iterations = (uint32_t)n;
    v.salt_len = (uint8_t)bytes_of(salt, v.salt, sizeof v.salt);
    if (v.salt_len < 8 || bytes_of(stored, v.stored_key, SCRAM_KEY) != SCRAM_KEY ||
        bytes_of(rest, v.server_key, SCRAM_KEY) != SCRAM_KEY)
        return false;
    *out = v;
    return true;
}
