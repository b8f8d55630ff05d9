/* scene: two fibers with a pipe between them, one the server, one the client; and certificates to
 * order. For the tests of this folder. */
#ifndef PORT26_TEST_TLS_SCENE_H
#define PORT26_TEST_TLS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "tls/certificate.h"
#include "tls/tls.h"
#include "tls/tls_private.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { SCENE_PIPE = 32 * 1024, SCENE_MS = 20000 };

/* ---- a filter that lets through at most `step` bytes at a time ---- */

struct drip {
    struct stream stream;
    size_t step;
};

static inline ssize_t drip_read(struct stream *s, char *buf, size_t n)
{
    size_t step = ((struct drip *)s)->step;
    return stream_read(s->below, buf, n < step ? n : step);
}

static inline ssize_t drip_read_now(struct stream *s, char *buf, size_t n)
{
    size_t step = ((struct drip *)s)->step;
    return stream_read_now(s->below, buf, n < step ? n : step);
}

static inline int drip_write(struct stream *s, const char *buf, size_t n)
{
    size_t step = ((struct drip *)s)->step;
    int rc = 0;
    for (size_t done = 0; rc == 0 && done < n; done += step)
        rc = stream_write(s->below, (struct span){buf + done, n - done < step ? n - done : step});
    return rc;
}

static inline void drip_free(struct stream *s)
{
    free(s);
}

static const struct stream_ops drip_ops = {
    .name = "drip",
    .read = drip_read,
    .read_now = drip_read_now,
    .write = drip_write,
    .free = drip_free,
};

static inline void drip_push(struct stream **s, size_t step)
{
    struct drip *d = memory_alloc(sizeof *d);
    d->stream.ops = &drip_ops;
    d->step = step;
    stream_push(s, &d->stream);
}

/* ---- the scene ---- */

struct scene {
    struct tls_context *server, *client;
    struct tls_expect x;
    size_t drip;           /* 0: none */
    const char *protocols; /* the server's for ALPN; NULL: "smtp" */
    /* What each does after its handshake, and instead of it. Each closes its stream or leaves that
     * to the scene. */
    void (*server_talk)(struct scene *scene, struct stream **s);
    void (*client_talk)(struct scene *scene, struct stream **s);
    bool server_plain, client_plain;
    void *arg;
    /* what came of it */
    int accepted, connected;
    struct error server_error, client_error;
    enum tls_verdict verdict;
    struct stream *ends[2];
};

static inline void scene_server(void *arg)
{
    struct scene *c = arg;
    if (!c->server_plain)
        c->accepted = tls_accept_any(&c->ends[0], c->server, c->protocols ? c->protocols : "smtp",
                                     &c->server_error);
    if (c->accepted == 0 && c->server_talk)
        c->server_talk(c, &c->ends[0]);
    stream_close(&c->ends[0]);
}

static inline void scene_client(void *arg)
{
    struct scene *c = arg;
    c->x.verdict = &c->verdict;
    if (!c->x.name)
        c->x.name = "localhost";
    if (!c->client_plain)
        c->connected = tls_connect(&c->ends[1], c->client, &c->x, &c->client_error);
    if (c->connected == 0 && c->client_talk)
        c->client_talk(c, &c->ends[1]);
    stream_close(&c->ends[1]);
}

static inline void scene_run(struct scene *c)
{
    struct loop *l = loop_new();
    stream_pipe(l, SCENE_PIPE, &c->ends[0], &c->ends[1]);
    for (size_t i = 0; i < 2; i++) {
        if (c->drip)
            drip_push(&c->ends[i], c->drip);
        stream_deadline(c->ends[i], clock_now() + SCENE_MS);
    }
    fiber_start(l, scene_server, c);
    fiber_start(l, scene_client, c);
    loop_run(l);
    loop_free(&l);
}

/* ---- certificates ---- */

struct paper {
    char cert[8192], key[2048];
};

struct order {
    const char *common, *names; /* as OpenSSL writes them: "DNS:a,DNS:b,IP:127.0.0.1" */
    int from_days, until_days;
    bool authority;
    const struct paper *issuer; /* NULL: signs itself */
};

static inline void paper_name(X509_NAME *n, const char *common)
{
    assert(X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common, -1, -1, 0));
}

static inline void paper_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    assert(e && X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

static inline void paper_sign(X509 *x, EVP_PKEY *own, const struct paper *issuer)
{
    EVP_PKEY *key = own;
    X509 *by = x;
    if (issuer) {
        BIO *c = BIO_new_mem_buf(issuer->cert, -1), *k = BIO_new_mem_buf(issuer->key, -1);
        by = PEM_read_bio_X509(c, NULL, NULL, NULL);
        key = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
        BIO_free(c);
        BIO_free(k);
    }
    X509_set_issuer_name(x, X509_get_subject_name(by));
    assert(X509_sign(x, key, EVP_sha256()));
    if (issuer) {
        X509_free(by);
        EVP_PKEY_free(key);
    }
}

static inline void paper_print(X509 *x, EVP_PKEY *key, struct paper *out)
{
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(c, x);
    PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
    int n = BIO_read(c, out->cert, sizeof out->cert - 1);
    int m = BIO_read(k, out->key, sizeof out->key - 1);
    assert(n > 0 && m > 0);
    out->cert[n] = out->key[m] = '\0';
    BIO_free(c);
    BIO_free(k);
}

static inline void paper_make(const struct order *o, struct paper *out)
{
    static int serial = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), o->from_days * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(x), o->until_days * 86400L);
    X509_set_pubkey(x, key);
    paper_name(X509_get_subject_name(x), o->common);
    paper_extension(x, NID_basic_constraints, o->authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (o->names)
        paper_extension(x, NID_subject_alt_name, o->names);
    paper_sign(x, key, o->issuer);
    paper_print(x, key, out);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline struct tls_context *paper_server(const struct paper *p)
{
    struct error e = {0};
    struct tls_context *c = tls_server_pem(span_of(p->cert), span_of(p->key), &e);
    assert_non_null(c);
    return c;
}

#endif
