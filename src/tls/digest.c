#include "tls/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

void digest_sha1(struct span s, unsigned char out[DIGEST_SHA1])
{
    SHA1((const unsigned char *)(s.at ? s.at : ""), s.len, out);
}

void digest_hmac_sha1(struct span key, struct span s, unsigned char out[DIGEST_SHA1])
{
    const unsigned char *bytes = (const unsigned char *)(s.at ? s.at : "");
    unsigned size = 0;

    if (!HMAC(EVP_sha1(), key.at ? key.at : "", (int)key.len, bytes, s.len, out, &size) ||
        size != DIGEST_SHA1)
        abort(); /* out of memory */
}

static const EVP_MD *method(enum digest_of kind)
{
    switch (kind) {
    case DIGEST_OF_SHA1:
        return EVP_sha1();
    case DIGEST_OF_SHA256:
        return EVP_sha256();
    case DIGEST_OF_SHA512:
        break;
    }
    return EVP_sha512();
}

bool digest_both(enum digest_of kind, struct span a, struct span b, unsigned char out[DIGEST_MAX])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c && EVP_DigestInit_ex(c, method(kind), NULL) &&
                EVP_DigestUpdate(c, a.at ? a.at : "", a.len) &&
                EVP_DigestUpdate(c, b.at ? b.at : "", b.len) && EVP_DigestFinal_ex(c, out, NULL);

    EVP_MD_CTX_free(c);
    return good;
}
