#include "account/hash.h"

#include "base/memory.h"
#include "sasl/scram.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_MAX = 1000000, /* of $5$ and $6$: half a second; usual are 5000 */
    BCRYPT_MAX = 14,      /* about a second; usual are 10 to 12 */
    YESCRYPT_MAX = 'D',   /* the N of $y$, in its own digits; usual is '9' */
    HASH_MAX = 384,       /* CRYPT_OUTPUT_SIZE */
};

#define KEPT "{CRYPT}"

/* Dovecot's names of what crypt(3) checks; the hash itself tells the method ({MD5} may be one of
 * crypt, too). */
static const char *const schemes[] = {
    KEPT, "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{BLF-CRYPT}", "{MD5-CRYPT}", "{DES-CRYPT}", "{MD5}"};

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

int hash_read(struct span s, struct text *out, struct error *e)
{
    struct span hash = without_scheme(span_trim(s));
    char text[HASH_MAX];
    int method;

    if (!is_text(hash) || !span_cstr(hash, text, sizeof text))
        return error_set(e, ERROR_INPUT,
                         "this is no password hash that could be checked (accounts "
                         "locked by \"!\" or \"*\" have none)");
    method = crypt_checksalt(text);
    if (hash.at[0] != '$' || (method != CRYPT_SALT_OK && method != CRYPT_SALT_METHOD_LEGACY))
        return error_set(e, ERROR_INPUT,
                         "this kind of password hash is not known here: port26 checks those of "
                         "crypt(3), $6$, $5$, $y$, $2b$, $2y$ and $1$, not {SSHA}, {SHA512}, "
                         "{ARGON2ID}, plain MD5 or DES; give the account a new password, or leave "
                         "logins to a Dovecot that knows it (`dovecot-auth`)");
    if (is_dear(hash))
        return error_set(e, ERROR_INPUT,
                         "to check this hash takes too long: with more than %d rounds one login "
                         "could hold up all others; set a new password",
                         ROUNDS_MAX);
    text_adds(out, KEPT);
    text_adds(out, text);
    memory_wipe(text, sizeof text);
    return 0;
}

bool hash_is(struct span verifier)
{
    return span_starts(verifier, SPAN(KEPT));
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

bool hash_check(struct span verifier, struct span password)
{
    struct crypt_data *work = memory_alloc(sizeof *work); /* 32 KB: not on a small stack */
    char hash[HASH_MAX], typed[SCRAM_PASSWORD_MAX + 1];
    const char *made = NULL;
    bool good;

    if (hash_is(verifier) && span_cstr(span_from(verifier, strlen(KEPT)), hash, sizeof hash) &&
        span_cstr(password, typed, sizeof typed))
        made = crypt_rn(typed, hash, work, sizeof *work);
    good = made && made[0] != '*' && same(made, hash);
    memory_wipe(typed, sizeof typed);
    memory_wipe(hash, sizeof hash);
    memory_wipe(work, sizeof *work);
    free(work);
    return good;
}
