#include "base/memory.h"
#include "tls/tls_private.h"

#include <stdlib.h>
#include <string.h>

struct tls_session *tls_session_take(const struct stream *top)
{
    struct tls *t = tls_of(top);
    if (!t || !t->finding)
        return NULL;
    SSL_SESSION *session = SSL_get1_session(t->ssl);
    if (!session || !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return NULL;
    }
    struct tls_session *kept = memory_alloc(sizeof *kept);
    kept->session = session;
    kept->context = tls_context_ref(t->context);
    kept->finding = tls_verify_copy(t->finding);
    return kept;
}

void tls_session_free(struct tls_session **t)
{
    struct tls_session *old = *t;
    if (!old)
        return;
    *t = NULL;
    SSL_SESSION_free(old->session);
    tls_context_free(&old->context);
    tls_verify_free(&old->finding);
    free(old);
}

/* A resumed handshake shows no certificate, so the old finding counts again: only for the same name
 * and the same trusted authorities, and where it must be verified, only when it was. */
void tls_session_offer(struct tls *t, const struct tls_expect *x)
{
    const struct tls_session *old = x->session;
    if (!old || old->context != t->context || strcmp(old->finding->name, x->name) != 0 ||
        (x->verify == TLS_VERIFY_FULL && old->finding->verdict != TLS_VERIFIED))
        return;
    /* A ticket is used once (RFC 8446 C.4), and a session that OpenSSL marks as bad must not stay
     * offered for ever: so it gets a copy. */
    SSL_SESSION *copy = SSL_SESSION_dup(old->session);
    if (copy)
        SSL_set_session(t->ssl, copy);
    SSL_SESSION_free(copy);
}
