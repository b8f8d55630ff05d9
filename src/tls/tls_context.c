#include "tls/tls_private.h"
#include "base/memory.h"
#include "tls/tls_sni.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 10 };

/* Forward secrecy always; CBC only because mail programs of 2012 and old MX hosts know no better,
 * and without it they would send in the clear. */
static const char ciphers[] =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:"
    "!aNULL:!eNULL:!DSS:!PSK:!SRP:!AESCCM:!AESCCM8";

bool tls_context_set(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
    SSL_CTX_set_dh_auto(ctx, 1);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(ctx, ciphers);
}

struct tls_context *tls_context_new(bool server, struct error *e)
{
    struct tls_context *c = memory_alloc(sizeof *c);
    ERR_clear_error();
    c->refs = 1;
    c->server = server;
    c->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    c->bottom = tls_bottom_new();
    if (!c->ctx || !c->bottom || !tls_context_set(c->ctx)) {
        error_set(e, ERROR_PERMANENT, "TLS cannot be set up: %s. Check the OpenSSL installation.",
                  tls_context_words());
        tls_context_free(&c);
    }
    return c;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    c->refs++;
    return c;
}

void tls_context_free(struct tls_context **c)
{
    struct tls_context *old = *c;
    *c = NULL;
    if (!old || --old->refs)
        return;
    tls_sni_free(&old->sni);
    map_free(&old->own_names);
    SSL_CTX_free(old->ctx);
    BIO_meth_free(old->bottom);
    free(old);
}

const char *tls_context_words(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *words =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    ERR_clear_error();
    return words ? words : "unknown reason";
}

/* Reads until the end; false with errno. */
static bool read_all(int fd, struct text *out)
{
    ssize_t n;
    do {
        char *room = text_room(out, 4096);
        if (!room) {
            errno = EFBIG;
            return false;
        }
        n = read(fd, room, 4096);
        if (n > 0)
            out->len += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0;
}

int tls_context_read(const char *file, const char *what, struct text *out, bool *shared,
                     struct error *e)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (ok && !S_ISREG(st.st_mode)) {
        errno = EINVAL;
        ok = false;
    }
    /* The room for all at once: a text that grows would leave copies of a key behind. */
    if (ok && st.st_size >= TLS_PEM_MAX) {
        errno = EFBIG;
        ok = false;
    }
    ok = ok && text_room(out, (size_t)st.st_size + 2 * 4096) && read_all(fd, out);
    int sys = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return error_sys(e, sys, "The %s file %s cannot be read; check its name and permissions",
                         what, file);
    if (shared)
        *shared = st.st_mode & (S_IROTH | S_IWOTH);
    return 0;
}
