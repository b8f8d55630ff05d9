#include "base/clock.h"
#include "base/memory.h"
#include "tls/tls_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { CHAIN_MAX = 20, NAMES_MAX = 1000, NAME_MAX_LEN = 253, PEM_MAX = 1024 * 1024 };

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
    return pem.len <= PEM_MAX ? BIO_new_mem_buf(pem.len ? pem.at : "", (int)pem.len) : NULL;
}

/* The server's own certificate first, then those that lead to the root. */
static bool use_chain(SSL_CTX *ctx, struct span pem)
{
    BIO *in = pem_bio(pem);
    X509 *own = in ? PEM_read_bio_X509(in, NULL, no_passphrase, NULL) : NULL;
    bool ok = own && SSL_CTX_use_certificate(ctx, own) == 1;
    X509 *next = NULL;
    for (int n = 0;
         ok && n < CHAIN_MAX && (next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)); n++) {
        ok = SSL_CTX_add0_chain_cert(ctx, next) == 1;
        if (!ok)
            X509_free(next);
    }
    X509_free(own);
    BIO_free(in);
    if (ok)
        ERR_clear_error(); /* the end of the text is no error */
    return ok;
}

static bool use_key(SSL_CTX *ctx, struct span pem)
{
    BIO *in = pem_bio(pem);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
    bool ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(in);
    return ok;
}

static int64_t wall_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * CLOCK_SECOND : 0;
}

/* Both parts into ctx. 0, or -1 and *e; a certificate out of its dates is told in *e. */
static int use_pair(SSL_CTX *ctx, struct span cert, struct span key, struct error *e)
{
    error_clear(e);
    ERR_clear_error();
    if (!use_chain(ctx, cert))
        return error_set(
            e, ERROR_INPUT,
            "The certificate cannot be used: %s. It must be PEM text, the server's own "
            "certificate first.",
            tls_context_words());
    if (!use_key(ctx, key) || SSL_CTX_check_private_key(ctx) != 1)
        return error_set(e, ERROR_INPUT,
                         "The private key cannot be used: %s. It must be PEM text without a "
                         "passphrase and belong to the certificate.",
                         tls_context_words());
    X509 *own = SSL_CTX_get0_certificate(ctx);
    int64_t now = clock_wall();
    if (wall_of(X509_get0_notAfter(own)) < now)
        error_set(e, ERROR_INPUT, "The certificate has expired: clients will refuse it. Renew it.");
    else if (wall_of(X509_get0_notBefore(own)) > now)
        error_set(e, ERROR_INPUT,
                  "The certificate is not valid yet: clients will refuse it. Check the clock.");
    return 0;
}

/* ---- ALPN, RFC 7301: a list of names, each with its length in front ---- */

/* Where one name stands in a client's list, or NULL. */
static const unsigned char *offered(const unsigned char *in, unsigned inlen, struct span name)
{
    for (unsigned i = 0; i < inlen && i + in[i] < inlen; i += 1u + in[i])
        if (span_eq((struct span){(const char *)in + i + 1, in[i]}, name))
            return in + i + 1;
    return NULL;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                           const unsigned char *in, unsigned inlen, void *arg)
{
    const struct tls *t = SSL_get_app_data(ssl);
    struct span ours = span_of(t->protocols), name;
    (void)arg;
    while ((name = span_word(&ours)).len) {
        const unsigned char *at = offered(in, inlen, name);
        if (!at)
            continue;
        *out = at;
        *outlen = (unsigned char)name.len;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* a browser, sent to a mail port by a web page */
}

/* ---- SNI ---- */

static struct span lower(struct span name, char buf[NAME_MAX_LEN])
{
    size_t n = name.len <= NAME_MAX_LEN ? name.len : 0;
    for (size_t i = 0; i < n; i++) {
        char c = name.at[i];
        buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return (struct span){buf, n};
}

static SSL_CTX *by_name(const struct tls_context *c, struct span asked)
{
    char buf[NAME_MAX_LEN], wild[NAME_MAX_LEN + 1] = "*";
    struct span name = lower(asked, buf);
    SSL_CTX *ctx = name.len ? map_get(c->names, name) : NULL;
    ptrdiff_t dot = span_find(name, '.');
    if (ctx || dot < 0)
        return ctx;
    struct span parent = span_from(name, (size_t)dot);
    memcpy(wild + 1, parent.at, parent.len);
    return map_get(c->names, (struct span){wild, 1 + parent.len});
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const struct tls_context *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = name && c->names ? by_name(c, span_of(name)) : NULL;
    (void)alert;
    if (ctx)
        SSL_set_SSL_CTX(ssl, ctx);
    return SSL_TLSEXT_ERR_OK; /* unknown names get the default: the client tells what it thinks */
}

/* ---- contexts ---- */

static void set_server(struct tls_context *c, SSL_CTX *ctx)
{
    static const unsigned char id[] = "port26";
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets keep it at the client's */
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(ctx, c);
}

struct tls_context *tls_server_pem(struct span cert, struct span key, struct error *e)
{
    struct tls_context *c = tls_context_new(true, e);
    if (!c)
        return NULL;
    set_server(c, c->ctx);
    if (use_pair(c->ctx, cert, key, e) != 0)
        tls_context_free(&c);
    else
        c->expires = wall_of(X509_get0_notAfter(SSL_CTX_get0_certificate(c->ctx)));
    return c;
}

struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct error *e)
{
    struct text cert = TEXT_INIT(PEM_MAX + 8192), key = TEXT_INIT(PEM_MAX + 8192);
    struct tls_context *c = NULL;
    struct error why = {0};
    bool shared = false;

    if (tls_context_read(cert_file, "certificate", &cert, NULL, e) == 0 &&
        tls_context_read(key_file, "private key", &key, &shared, e) == 0) {
        c = tls_server_pem(text_span(&cert), text_span(&key), &why);
        error_clear(e);
        if (why.class != ERROR_NONE)
            error_set(e, why.class, "%s (%s, %s)", why.words, cert_file, key_file);
        else if (shared)
            error_set(e, ERROR_INPUT,
                      "The private key %s may be read by every user of this machine: chmod 640 it.",
                      key_file);
    }
    if (key.at)
        memory_wipe(key.at, key.cap);
    text_free(&key);
    text_free(&cert);
    return c;
}

static bool add_name(struct tls_context *c, SSL_CTX *ctx, struct span name)
{
    char buf[NAME_MAX_LEN];
    struct span low = lower(name, buf);
    if (!low.len)
        return true;
    if (map_count(c->names) >= NAMES_MAX)
        return false;
    SSL_CTX_up_ref(ctx);
    SSL_CTX_free(map_put(c->names, low, ctx));
    return true;
}

/* Every DNS name of the certificate. */
static bool add_names(struct tls_context *c, SSL_CTX *ctx)
{
    GENERAL_NAMES *all =
        X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);
    bool ok = true;
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type == GEN_DNS)
            ok = add_name(c, ctx,
                          (struct span){(const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                        (size_t)ASN1_STRING_length(g->d.dNSName)});
    }
    GENERAL_NAMES_free(all);
    return ok;
}

int tls_server_add(struct tls_context *c, struct span cert, struct span key, struct error *e)
{
    assert(c->server);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !tls_context_set(ctx)) {
        SSL_CTX_free(ctx);
        return error_set(e, ERROR_PERMANENT, "TLS cannot be set up: %s.", tls_context_words());
    }
    set_server(c, ctx);
    if (!c->names)
        c->names = map_new();
    int rc = use_pair(ctx, cert, key, e);
    if (rc == 0 && !add_names(c, ctx))
        rc = error_set(e, ERROR_INPUT,
                       "There are more than %d names in the certificates; use fewer.", NAMES_MAX);
    SSL_CTX_free(ctx);
    return rc;
}

void tls_server_tickets(struct tls_context *c, const unsigned char key[TLS_TICKET_KEY])
{
    unsigned char copy[TLS_TICKET_KEY];
    memcpy(copy, key, sizeof copy);
    long ok = SSL_CTX_set_tlsext_ticket_keys(c->ctx, copy, sizeof copy);
    assert(ok == 1);
    (void)ok;
    memory_wipe(copy, sizeof copy);
}

int64_t tls_server_expires(const struct tls_context *c)
{
    return c->expires;
}

bool tls_server_named(const struct tls_context *c, const char *name)
{
    return X509_check_host(SSL_CTX_get0_certificate(c->ctx), name, 0, 0, NULL) == 1;
}
