#include "tls/digest.h"

#include <openssl/sha.h>

void digest_sha1(struct span s, unsigned char out[DIGEST_SHA1])
{
    SHA1((const unsigned char *)(s.at ? s.at : ""), s.len, out);
}
