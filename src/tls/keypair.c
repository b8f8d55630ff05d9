#include "tls/keypair.h"

#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct keypair {
    EVP_PKEY *key;
    enum keypair_kind kind;
};

struct keypair_digest {
    EVP_MD_CTX *context;
};

static int failed(struct error *e, const char *what)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());

    return error_set(e, ERROR_PERMANENT, "%s: %s", what, words ? words : "unknown reason");
}

static bool add_base64(const unsigned char *at, size_t n, struct text *out)
{
    size_t len = (n + 2) / 3 * 4;
    char *to = text_room(out, len + 1);

    if (!to)
        return false;
    EVP_EncodeBlock((unsigned char *)to, at, (int)n);
    out->len += len;
    return true;
}

int keypair_make(enum keypair_kind kind, struct text *pem, struct error *e)
{
    EVP_PKEY *key;
    BIO *b = BIO_new(BIO_s_secmem());
    char *at = NULL;
    long n = 0;
    bool ok;

    ERR_clear_error();
    key = kind == KEYPAIR_RSA ? EVP_RSA_gen(KEYPAIR_RSA_BITS)
                              : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ok = key && b && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1 &&
         (n = BIO_get_mem_data(b, &at)) > 0 && text_add(pem, (struct span){at, (size_t)n});
    if (n > 0)
        memory_wipe(at, (size_t)n);
    BIO_free(b);
    EVP_PKEY_free(key);
    return ok ? 0 : failed(e, "no key could be made");
}

static bool usable(const EVP_PKEY *key, enum keypair_kind *kind)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        *kind = KEYPAIR_ED25519;
        return true;
    }
    *kind = KEYPAIR_RSA;
    return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 1024 &&
           EVP_PKEY_get_bits(key) <= 4096;
}

/* Nobody is there to type a password for a key. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

struct keypair *keypair_load(struct span pem, struct error *e)
{
    BIO *b =
        pem.len <= KEYPAIR_PRIVATE_MAX ? BIO_new_mem_buf(pem.at ? pem.at : "", (int)pem.len) : NULL;
    struct keypair *k = memory_alloc(sizeof *k);

    ERR_clear_error();
    k->key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
    BIO_free(b);
    if (!k->key)
        failed(e, "the private key can not be read");
    else if (!usable(k->key, &k->kind))
        error_set(e, ERROR_INPUT,
                  "the private key is neither Ed25519 nor RSA with 1024 to 4096 bits");
    else
        return k;
    keypair_free(&k);
    return NULL;
}

void keypair_free(struct keypair **k)
{
    if (*k)
        EVP_PKEY_free((*k)->key);
    free(*k);
    *k = NULL;
}

enum keypair_kind keypair_kind_of(const struct keypair *k)
{
    return k->kind;
}

bool keypair_public(const struct keypair *k, struct text *out)
{
    unsigned char raw[32], *der = NULL;
    size_t n = sizeof raw;
    int len;
    bool ok;

    if (k->kind == KEYPAIR_ED25519)
        return EVP_PKEY_get_raw_public_key(k->key, raw, &n) == 1 && add_base64(raw, n, out);
    len = i2d_PUBKEY(k->key, &der);
    ok = len > 0 && add_base64(der, (size_t)len, out);
    OPENSSL_free(der);
    return ok;
}

int keypair_sign(const struct keypair *k, struct span text, struct text *out, struct error *e)
{
    unsigned char digest[KEYPAIR_DIGEST], signature[KEYPAIR_SIGNATURE_MAX];
    const void *at = text.at ? text.at : "";
    size_t n = sizeof signature, len = text.len;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ed = k->kind == KEYPAIR_ED25519, ok;

    ERR_clear_error();
    ok = c && (!ed || EVP_Digest(at, len, digest, NULL, EVP_sha256(), NULL) == 1);
    if (ed) {
        at = digest;
        len = sizeof digest;
    }
    ok = ok && EVP_DigestSignInit(c, NULL, ed ? NULL : EVP_sha256(), NULL, k->key) == 1 &&
         EVP_DigestSign(c, signature, &n, at, len) == 1 && add_base64(signature, n, out);
    EVP_MD_CTX_free(c);
    return ok ? 0 : failed(e, "the signature could not be made");
}

struct keypair_digest *keypair_digest_new(void)
{
    struct keypair_digest *d = memory_alloc(sizeof *d);

    d->context = EVP_MD_CTX_new();
    if (!d->context || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
        abort(); /* no memory: as everywhere */
    return d;
}

void keypair_digest_add(struct keypair_digest *d, struct span bytes)
{
    if (bytes.len)
        EVP_DigestUpdate(d->context, bytes.at, bytes.len);
}

void keypair_digest_end(struct keypair_digest **d, struct text *out)
{
    unsigned char digest[KEYPAIR_DIGEST];
    unsigned n = 0;

    if (!*d)
        return;
    if (out && EVP_DigestFinal_ex((*d)->context, digest, &n) == 1)
        add_base64(digest, n, out);
    EVP_MD_CTX_free((*d)->context);
    free(*d);
    *d = NULL;
}
