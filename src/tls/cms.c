#include "tls/cms.h"

#include "tls/tls_private.h"

#include <assert.h>
#include <openssl/cms.h>
#include <openssl/err.h>

static bool add_der(CMS_ContentInfo *signature, struct text *out)
{
    unsigned char *der = NULL;
    int n = i2d_CMS_ContentInfo(signature, &der);
    bool ok = n > 0 && text_add(out, (struct span){(const char *)der, (size_t)n});

    OPENSSL_free(der);
    return ok;
}

int cms_sign(const struct tls_context *c, struct span bytes, struct text *out, struct error *e)
{
    BIO *in = BIO_new_mem_buf(bytes.len ? bytes.at : "", (int)bytes.len);
    STACK_OF(X509) *chain = NULL;
    CMS_ContentInfo *signature = NULL;
    bool ok;

    assert(c->server && bytes.len <= INT32_MAX);
    ERR_clear_error();
    SSL_CTX_get0_chain_certs(c->ctx, &chain);
    if (in)
        signature = CMS_sign(SSL_CTX_get0_certificate(c->ctx), SSL_CTX_get0_privatekey(c->ctx),
                             chain, in, CMS_BINARY | CMS_NOSMIMECAP);
    ok = signature && add_der(signature, out);
    CMS_ContentInfo_free(signature);
    BIO_free(in);
    return ok ? 0
              : error_set(e, ERROR_PERMANENT,
                          "the certificate of this server cannot sign it (%s): use one with an RSA "
                          "or EC key, as authorities give them",
                          tls_context_words());
}
