/* scram: what is kept instead of a password, SCRAM-SHA-256 (RFC 5802, 7677). A verifier proves a
 * password for PLAIN and LOGIN too, and the server side of SCRAM needs no more than it. */
#ifndef PORT26_SASL_SCRAM_H
#define PORT26_SASL_SCRAM_H

#include "base/error.h"
#include "base/span.h"

enum {
    /* RFC 7677 asks for at least 4096. 10000 costs one login by password about 9 ms of a core; the
     * client pays the same, phones among them. More strength for stolen verifiers comes from long
     * passwords; more rounds would make each guess at the door dearer for us than for the guesser.
     */
    SCRAM_ITERATIONS = 10000,
    SCRAM_ITERATIONS_MIN = 4096,
    SCRAM_ITERATIONS_MAX = 10 * 1000 * 1000,
    SCRAM_KEY = 32,
    SCRAM_SALT = 16, /* of new verifiers */
    SCRAM_SALT_MAX = 64,
    SCRAM_PASSWORD_MAX = 1024, /* octets of UTF-8 */
    SCRAM_TEXT = 256,          /* buffer for any text form */
    SCRAM_SECRET_MIN = 16,
};

struct scram_verifier {
    uint32_t iterations;
    uint8_t salt_len;
    unsigned char salt[SCRAM_SALT_MAX];
    unsigned char stored_key[SCRAM_KEY];
    unsigned char server_key[SCRAM_KEY];
};

/* A new verifier with a random salt. The password is UTF-8 and prepared by SASLprep (RFC 4013). 0,
 * or -1 and *e: empty, too long, not UTF-8, control characters, code points Unicode 3.2 lacks.
 * Runs about 9 ms: on a worker thread in a busy process. */
int scram_derive(struct span password, struct scram_verifier *out, struct error *e);
/* Whether this is the password; takes as long for a wrong one. Thread-safe. */
bool scram_check_password(const struct scram_verifier *v, struct span password);
/* A verifier no password fits, the same each time for the same secret and name: unknown names look
 * and cost like known ones (HOSTILE 81). `secret` is at least SCRAM_SECRET_MIN random bytes, kept
 * over restarts. */
void scram_fake(struct span secret, struct span name, struct scram_verifier *out);

/* The text kept in the account store (RFC 5803's fields):
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
 * with base64 values. scram_parse is strict, and false for iterations outside MIN..MAX and salts
 * outside 8..SCRAM_SALT_MAX. */
void scram_format(const struct scram_verifier *v, char buf[SCRAM_TEXT]);
bool scram_parse(struct span s, struct scram_verifier *out);

#endif
