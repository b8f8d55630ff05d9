/* tls_private: what the files of this folder share. The only header that shows OpenSSL's types. */
#ifndef PORT26_TLS_TLS_PRIVATE_H
#define PORT26_TLS_TLS_PRIVATE_H

#include "base/map.h"
#include "base/text.h"
#include "tls/tls.h"

#include <openssl/ssl.h>

struct tls_context {
    unsigned refs; /* its owner and its sessions */
    bool server;
    SSL_CTX *ctx;
    BIO_METHOD *bottom; /* reads and writes the stream below; made by tls.c */
    int64_t expires;
    struct tls_sni *sni;   /* server: certificates for further names, or NULL; then ... */
    struct map *own_names; /* ... the names of its own: lower case, or "*.domain" */
};

enum { TLS_PEM_MAX = 1024 * 1024 };

/* A certificate with its chain and key. */
struct tls_pair {
    X509 *cert;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    int64_t expires; /* clock_wall() milliseconds */
};

/* Reads both from PEM. 0, or -1 and *e; a certificate out of its dates is told in *e. Clear it in
 * any case. */
int tls_pair_read(struct span cert, struct span key, struct tls_pair *out, struct error *e);
/* Gives it to a context, in the place of what it had. 0, or -1 and *e. */
int tls_pair_use(const struct tls_pair *p, SSL_CTX *ctx, struct error *e);
/* Calls fn with each DNS name the certificate is made out to, until one says false; false then. */
bool tls_pair_names(const struct tls_pair *p, bool (*fn)(struct span name, void *arg), void *arg);
void tls_pair_clear(struct tls_pair *p);

/* What a client found out about the server. */
struct tls_finding {
    enum tls_verify verify;
    enum tls_verdict verdict;
    char *name;
    struct text subject, words;
};

struct tls_session {
    SSL_SESSION *session;
    struct tls_context *context;
    struct tls_finding *finding;
};

enum { TLS_EARLY = 512 };

/* The filter. OpenSSL never waits inside a call: its bottom says "again", and the filter waits. So
 * no other fiber meets a half-done call, or another session's entries in the error queue. */
struct tls {
    struct stream stream; /* first member */
    SSL *ssl;
    struct tls_context *context;
    struct tls_finding *finding; /* client only */
    struct text out;             /* records not yet sent; empty and without memory while idle */
    const char *protocols;       /* server: what ALPN may choose, best first */
    char protocol[TLS_PROTOCOL_MAX + 1]; /* what it chose; "": nothing */
    int sys;                             /* negative errno of the stream below, 0 */
    bool eof;                            /* it ended */
    bool deaf, mute;                     /* nothing more can be read, said on it */
    bool spoken;                         /* anything was sent */
    bool sending;                        /* a fiber is at it; it will send what others add */
    unsigned short early_from, early_to;
    /* What the wait for bytes brought: commands fit whole, and idle sessions stay small. */
    char early[TLS_EARLY];
};

/* The filter when `top` is one, or NULL. */
struct tls *tls_of(const struct stream *top);

/* A context with what both sides share, or NULL and *e. */
struct tls_context *tls_context_new(bool server, struct error *e);
/* Sets versions, ciphers and modes. */
bool tls_context_set(SSL_CTX *ctx);
struct tls_context *tls_context_ref(struct tls_context *c);
/* The words for the newest entry of OpenSSL's error queue; empties the queue. */
const char *tls_context_words(void);
/* A PEM file as a whole, at most 1 MiB; secret: wiped by the caller. `shared`, when not NULL, tells
 * whether all users may read it. 0, or -1 and *e. */
int tls_context_read(const char *file, const char *what, struct text *out, bool *shared,
                     struct error *e);

/* How the filter reaches the stream below; used by tls_context.c only. */
BIO_METHOD *tls_bottom_new(void);

/* Prepares the check of x->name on t's session. 0, or -1 and *e. */
int tls_verify_set(struct tls *t, const struct tls_expect *x, struct error *e);
/* Completes the finding after the handshake; a resumed one takes over the old finding. */
void tls_verify_end(struct tls *t, const struct tls_expect *x);
void tls_verify_free(struct tls_finding **f);
struct tls_finding *tls_verify_copy(const struct tls_finding *f);

/* Offers an earlier session, when it may be used. */
void tls_session_offer(struct tls *t, const struct tls_expect *x);

#endif
