/* tls: TLS as a filter over a stream (RFC 8446, 5246), for servers and clients. OpenSSL is named in
 * this folder only; no type of it shows here.
 *
 * A context holds what many sessions share: certificate and key, or the trusted authorities. It is
 * made before the jail, touches no file later, and lives until its last session ends: to replace a
 * certificate make a new context, use it from now on, and free the old one; when making it fails,
 * go on with the old one (HOSTILE fault 37).
 *
 * TLS 1.2 and 1.3 only, forward secrecy always, no compression, no renegotiation. */
#ifndef PORT26_TLS_TLS_H
#define PORT26_TLS_TLS_H

#include "base/error.h"
#include "io/stream.h"

struct tls_context;
struct tls_session;

/* What the client's look at the server's certificate found. The names are those of the log. */
#define TLS_VERDICT_LIST(X)                                                                        \
    X(TLS_UNASKED, "unasked") /* server side, or the handshake did not come so far */              \
    X(TLS_VERIFIED, "verified")                                                                    \
    X(TLS_EXPIRED, "expired")                                                                      \
    X(TLS_NOT_YET_VALID, "not-yet-valid")                                                          \
    X(TLS_WRONG_NAME, "wrong-name")                                                                \
    X(TLS_SELF_SIGNED, "self-signed")                                                              \
    X(TLS_UNKNOWN_ISSUER, "unknown-issuer")                                                        \
    X(TLS_OTHER, "unverified")
#define X(id, name) id,
enum tls_verdict { TLS_VERDICT_LIST(X) };
#undef X
const char *tls_verdict_name(enum tls_verdict v);

/* ---- contexts ---- */

/* A server's context from PEM: `cert` is the chain, the server's own certificate first; `key` its
 * private key, not encrypted. Returns NULL and fills *e when one cannot be read or they do not
 * belong together. When it returns a context, e->class is ERROR_NONE, or *e holds a warning that
 * does not stop us: the certificate is expired or not valid yet; the key file may be read by all.
 */
struct tls_context *tls_server_pem(struct span cert, struct span key, struct error *e);
/* The same from files; the error names the file. Both are read whole here and not again. */
struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct error *e);
/* The key that seals session tickets (fresh and random in a new context). Processes that share it
 * accept each other's tickets. Set it again from time to time: older tickets then cost a full
 * handshake, nothing else. */
enum { TLS_TICKET_KEY = 80 };
void tls_server_tickets(struct tls_context *c, const unsigned char key[TLS_TICKET_KEY]);
/* When the (default) certificate ends, clock_wall() milliseconds: for `check` and warnings. */
int64_t tls_server_expires(const struct tls_context *c);
/* Is the (default) certificate made out to this DNS name? Clients who ask for it look for that. */
bool tls_server_named(const struct tls_context *c, const char *name);

/* A client's context. The trusted authorities are loaded here, once: from ca_file (PEM), or the
 * system's when NULL. NULL and *e when there are none. */
struct tls_context *tls_client_new(const char *ca_file, struct error *e);
/* The same from PEM in memory; an empty span trusts nobody (opportunistic only). */
struct tls_context *tls_client_pem(struct span cas, struct error *e);

/* Lets go of the context and nulls the pointer; sessions in use keep it alive. NULL is fine. */
void tls_context_free(struct tls_context **c);

/* ---- handshakes, on a fiber ---- */

/* Both run under the deadline that *s has and push the TLS filter over *s. 0, or a negative errno
 * and *e: -EPROTO (the peer broke TLS or refused ours), -EKEYREJECTED (its certificate did not
 * pass), -ECONNRESET (it hung up), -ETIMEDOUT, -ECANCELED. After a failure *s is still the plain
 * stream below; an alert was sent where possible, and all that is left is stream_close or
 * stream_abort.
 *
 * The caller has thrown away what its line reader held before (line_drop): bytes read before TLS
 * are never used after it (P10). */

/* Server. A client that offers protocols by ALPN but not "smtp" gets no_application_protocol
 * (HOSTILE 37); one that offers none is welcome. */
int tls_accept(struct stream **s, struct tls_context *c, struct error *e);
/* The same for a door that speaks several: `protocols` is a list with blanks between, the one we
 * like best first; it must be constant. tls_info tells which one it became. */
int tls_accept_any(struct stream **s, struct tls_context *c, const char *protocols,
                   struct error *e);
/* Waits like stream_read for what the client says first, and leaves it there: a later read gets it
 * again. The count, 0 at the end of the stream, or a negative errno; -ETIMEDOUT harms nothing.
 * -EINVAL when `top` is no TLS. */
ssize_t tls_peek(struct stream *top, char *buf, size_t n);

enum { TLS_PROTOCOL_MAX = 31 };

enum tls_verify {
    TLS_VERIFY_FULL, /* chain and name must pass, else -EKEYREJECTED */
    TLS_VERIFY_NONE, /* opportunistic: goes on, and tls_info tells the verdict */
};

struct tls_expect {
    const char *name; /* the server's DNS name (A-labels) or address literal: SNI and check */
    enum tls_verify verify;
    bool alpn;            /* offer "smtp" */
    const char *protocol; /* NULL, or what is offered instead of "smtp": names with blanks between,
                             best first, together at most TLS_PROTOCOL_MAX octets. Look into
                             tls_info which one was taken. */
    /* From an earlier tls_session_take with the same name and context, or NULL; stays the caller's.
     * For TLS_VERIFY_FULL it is used only when it was verified then. */
    const struct tls_session *session;
    enum tls_verdict *verdict; /* filled also when the handshake fails; may be NULL */
};

int tls_connect(struct stream **s, struct tls_context *c, const struct tls_expect *x,
                struct error *e);

/* The newest resumable session of a client's stream, or NULL (also when `top` is no TLS): take it
 * just before stream_close, because TLS 1.3 servers send tickets after the handshake. Free it with
 * tls_session_free. */
struct tls_session *tls_session_take(const struct stream *top);
void tls_session_free(struct tls_session **t);

/* ---- what came of it ---- */

/* All pointers are never NULL and live as long as the stream. */
struct tls_info {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
    int bits;
    bool resumed;
    bool server;     /* we are the server */
    const char *sni; /* server: the name the client asked for, when it is a clean one; else "" */
    const char *protocol; /* agreed on by ALPN: "smtp", "http/1.1"; "": none was */
    enum tls_verdict verdict;
    const char *subject; /* client: of the server's certificate, "CN=mx.example.org" */
    const char *words;   /* client: what the certificate says: names, issuer, dates; and why it did
                          * not pass. No control characters. */
};

/* False when `top` (may be NULL) is not a TLS filter. */
bool tls_info(const struct stream *top, struct tls_info *out);
/* The tls-exporter channel binding (RFC 9266). False without TLS, and for a TLS 1.2 session without
 * extended master secret, where it would not bind. */
enum { TLS_EXPORTER = 32 };
bool tls_exporter(const struct stream *top, unsigned char out[TLS_EXPORTER]);

#endif
