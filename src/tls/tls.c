/* The filter: OpenSSL between two streams.
 *
 *     the engine -- read, write --> struct tls -- records --> the stream below
 *
 * Reading: SSL_read asks the bottom for bytes; it takes what is there (read_now) and else says
 * "again". Then wait_bytes() waits in the stream below with a small buffer, from which the bottom
 * goes on. Writing: the bottom collects the records in `out`, and send_out() writes them in one
 * call after SSL_write has returned. */
#include "tls/tls_private.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUT_MAX = 1024 * 1024, /* a flight with the longest chain, or one CHUNK sealed */
    CHUNK = 32 * 1024,     /* plain bytes sealed before they are sent */
};

static const struct stream_ops ops;

struct tls *tls_of(const struct stream *top)
{
    return top && top->ops == &ops ? (struct tls *)(uintptr_t)top : NULL;
}

/* ---- the bottom, as OpenSSL sees it ---- */

static int bottom_read(BIO *b, char *buf, int n)
{
    struct tls *t = BIO_get_data(b);
    ssize_t got = t->early_to - t->early_from;
    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (got > 0) {
        got = got < n ? got : n;
        memcpy(buf, t->early + t->early_from, (size_t)got);
        t->early_from = (unsigned short)(t->early_from + got);
        return (int)got;
    }
    if (t->eof)
        return 0;
    got = t->stream.below->ops->read_now(t->stream.below, buf, (size_t)n);
    t->eof = got == 0;
    if (got >= 0)
        return (int)got;
    /* All failures are told as "again", so that a deadline does not end the TLS session: a last
     * word can still be sent on it. */
    if (got != -EAGAIN)
        t->sys = (int)got;
    BIO_set_retry_read(b);
    return -1;
}

static int bottom_write(BIO *b, const char *buf, int n)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    return n > 0 && text_add(&t->out, (struct span){buf, (size_t)n}) ? n : -1;
}

static long bottom_ctrl(BIO *b, int command, long num, void *arg)
{
    const struct tls *t = BIO_get_data(b);
    (void)num;
    (void)arg;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t->eof && t->early_from == t->early_to;
    default:
        return 0;
    }
}

BIO_METHOD *tls_bottom_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "port26 stream");
    if (!m)
        return NULL;
    BIO_meth_set_read(m, bottom_read);
    BIO_meth_set_write(m, bottom_write);
    BIO_meth_set_ctrl(m, bottom_ctrl);
    return m;
}

/* ---- waiting, sending, failing ---- */

/* Sends what was sealed. When another fiber is at it, that one sends ours too, in order. */
static int send_out(struct tls *t)
{
    int rc = 0;
    if (t->sending)
        return 0;
    t->sending = true;
    while (t->out.len && rc == 0) {
        t->spoken = true;
        struct text now = t->out;
        text_init(&t->out, OUT_MAX);
        rc = stream_write(t->stream.below, text_span(&now));
        text_free(&now);
    }
    t->sending = false;
    if (rc != 0) { /* half a record may be out; what the peer said before can still be read */
        t->mute = true;
        text_free(&t->out);
    }
    return rc;
}

/* Waits until there is something to read, the end of the stream included. */
static int wait_bytes(struct tls *t)
{
    assert(t->early_from == t->early_to);
    ssize_t got = stream_read(t->stream.below, t->early, sizeof t->early);
    if (got < 0)
        return (int)got;
    t->early_from = 0;
    t->early_to = (unsigned short)got;
    t->eof = got == 0;
    return 0;
}

/* After a call on t->ssl gave rc <= 0: 0 to try again after a wait, else the negative errno. Leaves
 * the error queue for words. */
static int trouble(struct tls *t, int rc)
{
    int why = SSL_get_error(t->ssl, rc);
    if (why == SSL_ERROR_WANT_READ && t->sys == 0)
        return 0;
    int sys = t->sys;
    t->sys = 0;
    if (why == SSL_ERROR_WANT_READ)
        return sys;
    t->deaf = t->mute = true;
    return t->eof ? -ECONNRESET : -EPROTO;
}

/* ---- the stream's face ---- */

typedef int read_fn(SSL *ssl, void *buf, size_t n, size_t *got);

/* One try. The count, 0 at the peer's close_notify, -EAGAIN, or a negative errno. */
static ssize_t try_read(struct tls *t, char *buf, size_t n, read_fn *fn)
{
    size_t got = 0;
    if (t->deaf)
        return -EPROTO;
    ERR_clear_error();
    int rc = fn(t->ssl, buf, n, &got);
    int r = rc > 0 || SSL_get_error(t->ssl, rc) == SSL_ERROR_ZERO_RETURN ? 0 : trouble(t, rc);
    bool again = rc <= 0 && r == 0 && !(SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN);
    ERR_clear_error();
    send_out(t); /* an alert, or the answer to a key update; a failure shows at the next write */
    return r ? r : again ? -EAGAIN : (ssize_t)got;
}

static ssize_t wait_for(struct tls *t, char *buf, size_t n, read_fn *fn)
{
    ssize_t r;
    while ((r = try_read(t, buf, n, fn)) == -EAGAIN) {
        r = wait_bytes(t);
        if (r < 0)
            return r;
    }
    return r;
}

static ssize_t read_waiting(struct stream *s, char *buf, size_t n)
{
    return wait_for(tls_of(s), buf, n, SSL_read_ex);
}

ssize_t tls_peek(struct stream *top, char *buf, size_t n)
{
    struct tls *t = tls_of(top);
    return t ? wait_for(t, buf, n, SSL_peek_ex) : -EINVAL;
}

static ssize_t read_now(struct stream *s, char *buf, size_t n)
{
    return try_read(tls_of(s), buf, n, SSL_read_ex);
}

static int write_all(struct stream *s, const char *buf, size_t n)
{
    struct tls *t = tls_of(s);
    int rc = t->mute ? -EPIPE : 0;
    while (n && rc == 0) {
        size_t part = n < CHUNK ? n : CHUNK, done = 0;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, buf, part, &done) != 1) {
            t->mute = true;
            rc = -EPROTO;
        }
        ERR_clear_error();
        int sent = send_out(t);
        rc = rc ? rc : sent;
        if (t->mute && rc == 0)
            rc = -EPIPE;
        buf += done;
        n -= done;
    }
    return rc;
}

static void say_goodbye(struct stream *s)
{
    struct tls *t = tls_of(s);
    if (t->mute || !SSL_is_init_finished(t->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    send_out(t);
}

static void free_filter(struct stream *s)
{
    struct tls *t = tls_of(s);
    SSL_free(t->ssl);
    tls_context_free(&t->context);
    tls_verify_free(&t->finding);
    text_free(&t->out);
    memory_wipe(t->early, sizeof t->early);
    free(t);
}

static const struct stream_ops ops = {
    .name = "tls",
    .read = read_waiting,
    .read_now = read_now,
    .write = write_all,
    .shutdown = say_goodbye,
    .free = free_filter,
};

/* ---- handshakes ---- */

/* What OpenSSL's reason means for a person. */
static const struct {
    int reason;
    const char *words;
} reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the other side does not speak TLS here; is it the right port and "
                                 "TLS mode?"},
    {SSL_R_HTTP_REQUEST, "the other side speaks HTTP"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the other side only speaks TLS older than 1.2"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the other side only speaks TLS older than 1.2"},
    {SSL_R_NO_SHARED_CIPHER, "the two sides have no cipher in common"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the two sides have no cipher in common"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the other side wants another protocol than SMTP (ALPN)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the other side does not trust our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the other side does not trust our certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the other side does not trust our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the other side finds our certificate expired"},
};

static const char *reason_words(int sys)
{
    unsigned long code = ERR_peek_error();
    if (sys != -EPROTO)
        return strerror(-sys);
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reasons[i].reason)
            return reasons[i].words;
    return tls_context_words();
}

/* 0 or a negative errno; the error queue is left for words. */
static int shake(struct tls *t)
{
    while (true) {
        ERR_clear_error();
        int rc = SSL_do_handshake(t->ssl);
        int r = rc == 1 ? 0 : trouble(t, rc);
        int sent = send_out(t); /* an alert too */
        /* A server's last flight holds tickets only: a client that left is heard to its end. */
        if (rc == 1)
            return t->finding ? sent : 0;
        if (r != 0 || sent != 0)
            return r ? r : sent;
        r = wait_bytes(t);
        if (r != 0)
            return r;
    }
}

/* OpenSSL says nothing to a peer whose first bytes are no TLS at all; we do, so that a broken
 * client shows more than a closed connection. */
static void last_alert(struct tls *t)
{
    static const struct span fatal_protocol_version = SPAN("\x15\x03\x01\x00\x02\x02\x46");
    if (!t->spoken)
        stream_write(t->stream.below, fatal_protocol_version);
}

/* A filter over `below`, not pushed yet; NULL when OpenSSL cannot. */
static struct tls *filter_new(struct stream *below, struct tls_context *c)
{
    struct tls *t = memory_alloc(sizeof *t);
    BIO *bottom = BIO_new(c->bottom);
    t->stream.ops = &ops;
    t->stream.below = below;
    t->context = tls_context_ref(c);
    t->ssl = SSL_new(c->ctx);
    text_init(&t->out, OUT_MAX);
    if (!bottom || !t->ssl) {
        BIO_free(bottom);
        free_filter(&t->stream);
        return NULL;
    }
    BIO_set_data(bottom, t);
    BIO_set_init(bottom, 1);
    SSL_set_bio(t->ssl, bottom, bottom);
    SSL_set_app_data(t->ssl, t);
    return t;
}

static int no_filter(struct error *e)
{
    error_set(e, ERROR_TEMPORARY, "TLS cannot be started: %s.", tls_context_words());
    return -ENOMEM;
}

/* Takes the filter into use, or throws it away. */
static int settle(struct stream **s, struct tls *t, int rc)
{
    if (rc == 0)
        stream_push(s, &t->stream);
    else
        free_filter(&t->stream);
    ERR_clear_error();
    return rc;
}

/* Of both sides; no name that we offer or choose is longer. */
static void note_protocol(struct tls *t)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    SSL_get0_alpn_selected(t->ssl, &name, &n);
    span_cstr((struct span){(const char *)name, n}, t->protocol, sizeof t->protocol);
}

int tls_accept_any(struct stream **s, struct tls_context *c, const char *protocols, struct error *e)
{
    assert(c->server);
    struct tls *t = filter_new(*s, c);
    if (!t)
        return no_filter(e);
    t->protocols = protocols;
    SSL_set_accept_state(t->ssl);
    int rc = shake(t);
    if (rc == -EPROTO)
        last_alert(t);
    if (rc != 0)
        error_set(e, ERROR_TEMPORARY, "The TLS handshake failed: %s.", reason_words(rc));
    note_protocol(t);
    return settle(s, t, rc);
}

int tls_accept(struct stream **s, struct tls_context *c, struct error *e)
{
    return tls_accept_any(s, c, "smtp", e);
}

/* The words of a client's failed handshake; sets *rc when the certificate was the reason. */
static void client_failed(const struct tls *t, const struct tls_expect *x, int *rc, struct error *e)
{
    const struct tls_finding *f = t->finding;
    bool refused = *rc == -EPROTO && x->verify == TLS_VERIFY_FULL && f->verdict > TLS_VERIFIED;
    if (refused) {
        *rc = -EKEYREJECTED;
        error_mail(e, ERROR_TEMPORARY, "4.7.5", OWNER_PROVIDER,
                   "The certificate of %s was not accepted: %s.", x->name, text_cstr(&f->words));
    } else {
        error_mail(e, ERROR_TEMPORARY, "4.7.5", OWNER_PROVIDER,
                   "The TLS handshake with %s failed: %s.", x->name, reason_words(*rc));
    }
}

/* Names in the form of ALPN: each with its length in front. */
static void offer_protocols(struct tls *t, struct span names)
{
    unsigned char list[1 + TLS_PROTOCOL_MAX];
    unsigned used = 0;
    struct span name;
    assert(names.len && names.len <= TLS_PROTOCOL_MAX);
    while ((name = span_word(&names)).len) {
        list[used] = (unsigned char)name.len;
        memcpy(list + used + 1, name.at, name.len);
        used += 1 + (unsigned)name.len;
    }
    SSL_set_alpn_protos(t->ssl, list, used);
}

static int client_shake(struct tls *t, const struct tls_expect *x, struct error *e)
{
    if (tls_verify_set(t, x, e) != 0)
        return -EINVAL;
    tls_session_offer(t, x);
    if (x->alpn || x->protocol)
        offer_protocols(t, x->protocol ? span_of(x->protocol) : SPAN("smtp"));
    SSL_set_connect_state(t->ssl);
    int rc = shake(t);
    note_protocol(t);
    if (rc == 0)
        tls_verify_end(t, x);
    else
        client_failed(t, x, &rc, e);
    return rc;
}

int tls_connect(struct stream **s, struct tls_context *c, const struct tls_expect *x,
                struct error *e)
{
    assert(!c->server && x->name);
    if (x->verdict)
        *x->verdict = TLS_UNASKED;
    struct tls *t = filter_new(*s, c);
    if (!t)
        return no_filter(e);
    int rc = client_shake(t, x, e);
    if (x->verdict)
        *x->verdict = t->finding->verdict;
    return settle(s, t, rc);
}

/* ---- what came of it ---- */

/* The name a client asked for, when it looks like one. */
static const char *clean_sni(const SSL *ssl)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return name && !name[strspn(name, fine)] ? name : "";
}

bool tls_info(const struct stream *top, struct tls_info *out)
{
    const struct tls *t = tls_of(top);
    if (!t)
        return false;
    *out = (struct tls_info){
        .version = SSL_get_version(t->ssl),
        .cipher = SSL_get_cipher_name(t->ssl),
        .bits = SSL_get_cipher_bits(t->ssl, NULL),
        .resumed = SSL_session_reused(t->ssl),
        .server = !t->finding,
        .protocol = t->protocol,
        .sni = t->finding ? "" : clean_sni(t->ssl),
        .verdict = t->finding ? t->finding->verdict : TLS_UNASKED,
        .subject = t->finding ? text_cstr(&t->finding->subject) : "",
        .words = t->finding ? text_cstr(&t->finding->words) : "",
    };
    return true;
}

bool tls_exporter(const struct stream *top, unsigned char out[TLS_EXPORTER])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    static const unsigned char context[1] = "";
    struct tls *t = tls_of(top);
    if (!t || (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1))
        return false;
    return SSL_export_keying_material(t->ssl, out, TLS_EXPORTER, label, sizeof label - 1, context,
                                      0, 1) == 1;
}
