#include "base/memory.h"
#include "tls/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

enum { PEM_MAX = 4 * 1024 * 1024 };

/* Where systems keep all trusted authorities in one file. A folder of hashed names will not do: it
 * is read at each connection, when we may not open files any more. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
    "/etc/ssl/ca-bundle.pem",             /* openSUSE */
    "/etc/ssl/cert.pem",                  /* BSD */
};

static const char *system_bundle(void)
{
    const char *set = getenv(X509_get_default_cert_file_env());
    if (set && *set)
        return set;
    for (size_t i = 0; i < COUNT(bundles); i++)
        if (access(bundles[i], R_OK) == 0)
            return bundles[i];
    return X509_get_default_cert_file();
}

static struct tls_context *client(struct error *e)
{
    struct tls_context *c = tls_context_new(false, e);
    if (c)
        SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF); /* see tls_session_take */
    return c;
}

struct tls_context *tls_client_new(const char *ca_file, struct error *e)
{
    const char *file = ca_file ? ca_file : system_bundle();
    struct tls_context *c = client(e);
    if (c && SSL_CTX_load_verify_file(c->ctx, file) != 1) {
        error_set(e, ERROR_INPUT,
                  "The trusted authorities cannot be read from %s: %s. Install ca-certificates, or "
                  "name a PEM file.",
                  file, tls_context_words());
        tls_context_free(&c);
    }
    return c;
}

static bool trust(X509_STORE *store, struct span pem)
{
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *ca;
    bool ok = in != NULL;
    int n = 0;
    for (; ok && (ca = PEM_read_bio_X509(in, NULL, NULL, NULL)); n++) {
        ok = X509_STORE_add_cert(store, ca) == 1;
        X509_free(ca);
    }
    ok = ok && n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(in);
    return ok;
}

struct tls_context *tls_client_pem(struct span cas, struct error *e)
{
    struct tls_context *c = client(e);
    if (c && cas.len && (cas.len > PEM_MAX || !trust(SSL_CTX_get_cert_store(c->ctx), cas))) {
        error_set(e, ERROR_INPUT, "The trusted authorities are no PEM certificates: %s.",
                  tls_context_words());
        tls_context_free(&c);
    }
    ERR_clear_error();
    return c;
}
