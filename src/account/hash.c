#include "account/hash.h"

#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/scram.h"
#include "tls/digest.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_MAX = 1000000,    /* of $5$ and $6$: half a second; usual are 5000 */
    BCRYPT_MAX = 14,         /* about a second; usual are 10 to 12 */
    YESCRYPT_MAX = 'D',      /* the N of $y$, in its own digits; usual is '9' */
    ARGON2_MEMORY = 1 << 18, /* KiB: 256 MiB; usual are 64 MiB */
    ARGON2_WORK = 1 << 20,   /* KiB in all passes: about a second */
    HASH_MAX = 384,          /* CRYPT_OUTPUT_SIZE */
    SALT_MAX = 64,
};

#define KEPT "{CRYPT}"

/* Dovecot's names of what crypt(3) checks; the hash itself tells the method ({MD5} may be one of
 * crypt, too). */
static const char *const schemes[] = {
    KEPT, "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{BLF-CRYPT}", "{MD5-CRYPT}", "{DES-CRYPT}", "{MD5}"};

/* Of LDAP directories and Dovecot: base64 of the digest of password and salt, then the salt. */
struct digested {
    const char *scheme;
    enum digest_of kind;
    size_t octets;
    bool salted;
};

static const struct digested digests[] = {
    {"{SSHA}", DIGEST_OF_SHA1, 20, true},      {"{SSHA256}", DIGEST_OF_SHA256, 32, true},
    {"{SSHA512}", DIGEST_OF_SHA512, 64, true}, {"{SHA}", DIGEST_OF_SHA1, 20, false},
    {"{SHA256}", DIGEST_OF_SHA256, 32, false}, {"{SHA512}", DIGEST_OF_SHA512, 64, false},
};

/* Dovecot's names, and the hash's own. */
static const struct {
    const char *scheme, *method;
} argon2[] = {{"{ARGON2ID}", "$argon2id$"}, {"{ARGON2I}", "$argon2i$"}};

static struct span without_scheme(struct span s)
{
    for (size_t i = 0; i < COUNT(schemes); i++)
        if (span_istarts(s, span_of(schemes[i])))
            return span_from(s, strlen(schemes[i]));
    return s;
}

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~' || strchr(":;*!\\", s.at[i]))
            return false;
    return s.len > 0 && s.len < HASH_MAX;
}

static int too_dear(struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     "to check this hash takes too long, or too much memory (at most %d rounds, or "
                     "%d MiB): one login could hold up all others; set a new password",
                     ROUNDS_MAX, ARGON2_MEMORY / 1024);
}

static int unknown(struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     "this kind of password hash is not known here: port26 checks those of "
                     "crypt(3), $6$, $5$, $y$, $2b$, $2y$ and $1$, {SSHA}, {SSHA256}, {SSHA512}, "
                     "{SHA}, {SHA256}, "
                     "{SHA512}, {ARGON2ID} and {ARGON2I}, not plain MD5 or DES; give the account a "
                     "new password, "
                     "or leave logins to a Dovecot that knows it (`dovecot-auth`)");
}

/* ---- crypt(3) ---- */

/* Too dear to check? The methods tell their costs in front. */
static bool is_dear(struct span s)
{
    struct span rest = s, method, cost;
    uint64_t n;

    span_cut(&rest, '$', &method);
    if (!span_cut(&rest, '$', &method) || !span_cut(&rest, '$', &cost))
        return false;
    if (span_starts(cost, SPAN("rounds=")))
        return !span_u64(span_from(cost, 7), ROUNDS_MAX, &n);
    if (span_starts(method, SPAN("2")))
        return !span_u64(cost, BCRYPT_MAX, &n);
    if (span_is(method, "y") || span_is(method, "gy"))
        return cost.len < 2 || cost.at[1] > YESCRYPT_MAX;
    return span_is(method, "7") || span_is(method, "sha1"); /* scrypt, PBKDF1: costs of any size */
}

static int read_crypt(struct span hash, struct text *out, struct error *e)
{
    char text[HASH_MAX];
    int method;

    if (!span_cstr(hash, text, sizeof text))
        return unknown(e);
    method = crypt_checksalt(text);
    if (hash.at[0] != '$' || (method != CRYPT_SALT_OK && method != CRYPT_SALT_METHOD_LEGACY))
        return unknown(e);
    if (is_dear(hash))
        return too_dear(e);
    text_adds(out, KEPT);
    text_adds(out, text);
    memory_wipe(text, sizeof text);
    return 0;
}

/* Takes as long whatever differs. */
static bool same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned char differ = (unsigned char)(n != strlen(b));

    for (size_t i = 0; i < n && !(differ && i >= strlen(b)); i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return !differ;
}

static bool check_crypt(struct span hash, const char *typed)
{
    struct crypt_data *work = memory_alloc(sizeof *work); /* 32 KB: not on a small stack */
    char kept[HASH_MAX];
    const char *made = NULL;
    bool good;

    if (span_cstr(hash, kept, sizeof kept))
        made = crypt_rn(typed, kept, work, sizeof *work);
    good = made && made[0] != '*' && same(made, kept);
    memory_wipe(kept, sizeof kept);
    memory_wipe(work, sizeof *work);
    free(work);
    return good;
}

/* ---- digests ---- */

/* NULL: none of them, and *encoded stays. Dovecot may name the encoding behind the scheme:
 * {SSHA256.b64}. */
static const struct digested *digest_of(struct span s, struct span *encoded)
{
    for (size_t i = 0; i < COUNT(digests); i++) {
        size_t n = strlen(digests[i].scheme) - 1;
        struct span rest = span_from(s, n);

        if (!span_istarts(s, (struct span){digests[i].scheme, n}) ||
            (!span_starts(rest, SPAN("}")) && !span_istarts(rest, SPAN(".b64}"))))
            continue;
        *encoded = span_from(rest, span_starts(rest, SPAN("}")) ? 1 : 5);
        return &digests[i];
    }
    return NULL;
}

/* Digest and salt. */
static bool decode(const struct digested *d, struct span encoded, struct text *out)
{
    return base64_decode(encoded, out) && out->len >= d->octets &&
           (d->salted ? out->len > d->octets : out->len == d->octets);
}

static int read_digest(const struct digested *d, struct span encoded, struct text *out,
                       struct error *e)
{
    struct text bytes = TEXT_INIT(DIGEST_MAX + SALT_MAX);
    bool good = decode(d, encoded, &bytes);

    text_wipe(&bytes);
    if (!good)
        return error_set(e, ERROR_INPUT,
                         "this is no hash of the kind %s: that is base64 of %zu octets%s",
                         d->scheme, d->octets, d->salted ? " and a salt" : "");
    text_adds(out, d->scheme);
    text_add(out, encoded);
    return 0;
}

static bool check_digest(const struct digested *d, struct span encoded, struct span password)
{
    struct text bytes = TEXT_INIT(DIGEST_MAX + SALT_MAX);
    unsigned char made[DIGEST_MAX];
    bool good = decode(d, encoded, &bytes) &&
                digest_both(d->kind, password, span_from(text_span(&bytes), d->octets), made) &&
                sodium_memcmp(made, text_cstr(&bytes), d->octets) == 0;

    memory_wipe(made, sizeof made);
    text_wipe(&bytes);
    return good;
}

/* ---- Argon2 ---- */

static bool argon2_of(struct span s, struct span *hash)
{
    for (size_t i = 0; i < COUNT(argon2); i++) {
        *hash =
            span_istarts(s, span_of(argon2[i].scheme)) ? span_from(s, strlen(argon2[i].scheme)) : s;
        if (span_starts(*hash, span_of(argon2[i].method)))
            return true;
    }
    return false;
}

/* "m=65536": of the costs in front. */
static bool cost(struct span *rest, const char *name, uint64_t *out)
{
    struct span word;

    return span_cut(rest, ',', &word) && span_starts(word, span_of(name)) &&
           span_u64(span_from(word, strlen(name)), UINT32_MAX, out);
}

/* "$argon2id$v=19$m=65536,t=3,p=1$salt$hash" */
static int read_argon2(struct span hash, struct text *out, struct error *e)
{
    struct span rest = hash, method, costs;
    uint64_t memory, passes, lanes;

    if (hash.len >= crypto_pwhash_STRBYTES)
        return unknown(e);
    span_cut(&rest, '$', &method);
    span_cut(&rest, '$', &method);
    if (!span_cut(&rest, '$', &costs) || !span_is(costs, "v=19") || !span_cut(&rest, '$', &costs) ||
        !cost(&costs, "m=", &memory) || !cost(&costs, "t=", &passes) ||
        !cost(&costs, "p=", &lanes) || costs.at)
        return unknown(e);
    if (memory > ARGON2_MEMORY || memory * passes > ARGON2_WORK)
        return too_dear(e);
    text_adds(out, span_is(method, "argon2id") ? argon2[0].scheme : argon2[1].scheme);
    text_add(out, hash);
    return 0;
}

static bool check_argon2(struct span hash, struct span password)
{
    char kept[crypto_pwhash_STRBYTES] = {0};
    bool good = sodium_init() >= 0 && span_cstr(hash, kept, sizeof kept) &&
                crypto_pwhash_str_verify(kept, password.at, password.len) == 0;

    memory_wipe(kept, sizeof kept);
    return good;
}

/* ---- all ---- */

int hash_read(struct span s, struct text *out, struct error *e)
{
    const struct digested *d;
    struct span typed = span_trim(s), hash = without_scheme(typed);

    if (!is_text(hash))
        return error_set(e, ERROR_INPUT,
                         "this is no password hash that could be checked (accounts "
                         "locked by \"!\" or \"*\" have none)");
    if (argon2_of(hash, &hash))
        return read_argon2(hash, out, e);
    d = digest_of(typed, &hash);
    return d ? read_digest(d, hash, out, e) : read_crypt(hash, out, e);
}

bool hash_is(struct span verifier)
{
    struct span rest;

    return span_starts(verifier, SPAN(KEPT)) || digest_of(verifier, &rest) ||
           (span_starts(verifier, SPAN("{")) && argon2_of(verifier, &rest));
}

bool hash_check(struct span verifier, struct span password)
{
    char typed[SCRAM_PASSWORD_MAX + 1];
    const struct digested *d;
    struct span hash;
    bool good = false;

    if (!hash_is(verifier) || !span_cstr(password, typed, sizeof typed))
        return false;
    password = span_of(typed);
    d = digest_of(verifier, &hash);
    if (d)
        good = check_digest(d, hash, password);
    else if (argon2_of(verifier, &hash))
        good = check_argon2(hash, password);
    else
        good = check_crypt(span_from(verifier, strlen(KEPT)), typed);
    memory_wipe(typed, sizeof typed);
    return good;
}
