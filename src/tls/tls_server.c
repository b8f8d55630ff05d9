#include "base/memory.h"
#include "tls/tls_private.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <string.h>

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

/* Names are taken whatever they are (tls_sni.h), so that sessions keep what was asked for. */
static int take_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- contexts ---- */

static void set_server(SSL_CTX *ctx)
{
    static const unsigned char id[] = "port26";
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets keep it at the client's */
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, take_name);
}

struct tls_context *tls_server_pem(struct span cert, struct span key, struct error *e)
{
    struct tls_context *c = tls_context_new(true, e);
    struct tls_pair pair;
    if (!c)
        return NULL;
    set_server(c->ctx);
    if (tls_pair_read(cert, key, &pair, e) != 0 || tls_pair_use(&pair, c->ctx, e) != 0)
        tls_context_free(&c);
    else
        c->expires = pair.expires;
    tls_pair_clear(&pair);
    return c;
}

struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct error *e)
{
    struct text cert = TEXT_INIT(TLS_PEM_MAX + 8192), key = TEXT_INIT(TLS_PEM_MAX + 8192);
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
