#include "base/clock.h"
#include "tls/tls_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { CHAIN_MAX = 20 };

/* Never ask a terminal for a key's passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *pem_bio(struct span pem)
{
    return pem.len <= TLS_PEM_MAX ? BIO_new_mem_buf(pem.len ? pem.at : "", (int)pem.len) : NULL;
}

/* Is the newest error just that there is nothing more in the text? Forgets it then. */
static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    if (end)
        ERR_clear_error();
    return end;
}

/* The server's own certificate first, then those that lead to the root. A damaged one among these
 * is told: a chain that ends at it would be of no use to mail programs. */
static bool read_chain(struct tls_pair *p, struct span pem)
{
    BIO *in = pem_bio(pem);
    X509 *next = NULL;

    p->cert = in ? PEM_read_bio_X509(in, NULL, no_passphrase, NULL) : NULL;
    p->chain = sk_X509_new_null();
    for (int n = 0; p->cert && p->chain && n < CHAIN_MAX; n++) {
        next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
        if (!next || !sk_X509_push(p->chain, next))
            break;
    }
    BIO_free(in);
    return p->cert && p->chain && (next || at_end());
}

static bool read_key(struct tls_pair *p, struct span pem)
{
    BIO *in = pem_bio(pem);

    p->key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
    BIO_free(in);
    return p->key && X509_check_private_key(p->cert, p->key) == 1;
}

static int64_t wall_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * CLOCK_SECOND : 0;
}

static int bad_certificate(struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     "The certificate cannot be used: %s. It must be PEM text, the server's own "
                     "certificate first.",
                     tls_context_words());
}

int tls_pair_read(struct span cert, struct span key, struct tls_pair *out, struct error *e)
{
    int64_t now = clock_wall();

    *out = (struct tls_pair){0};
    error_clear(e);
    ERR_clear_error();
    if (!read_chain(out, cert))
        return bad_certificate(e);
    if (!read_key(out, key))
        return error_set(e, ERROR_INPUT,
                         "The private key cannot be used: %s. It must be PEM text without a "
                         "passphrase and belong to the certificate.",
                         tls_context_words());
    out->expires = wall_of(X509_get0_notAfter(out->cert));
    if (out->expires < now)
        error_set(e, ERROR_INPUT, "The certificate has expired: clients will refuse it. Renew it.");
    else if (wall_of(X509_get0_notBefore(out->cert)) > now)
        error_set(e, ERROR_INPUT,
                  "The certificate is not valid yet: clients will refuse it. Check the clock.");
    return 0;
}

int tls_pair_use(const struct tls_pair *p, SSL_CTX *ctx, struct error *e)
{
    return SSL_CTX_use_cert_and_key(ctx, p->cert, p->key, p->chain, 1) == 1 ? 0
                                                                            : bad_certificate(e);
}

bool tls_pair_names(const struct tls_pair *p, bool (*fn)(struct span name, void *arg), void *arg)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(p->cert, NID_subject_alt_name, NULL, NULL);
    bool ok = true;

    for (int i = 0; ok && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

        if (g->type == GEN_DNS)
            ok = fn((struct span){(const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                  (size_t)ASN1_STRING_length(g->d.dNSName)},
                    arg);
    }
    GENERAL_NAMES_free(all);
    return ok;
}

void tls_pair_clear(struct tls_pair *p)
{
    X509_free(p->cert);
    sk_X509_pop_free(p->chain, X509_free);
    EVP_PKEY_free(p->key);
    *p = (struct tls_pair){0};
}
