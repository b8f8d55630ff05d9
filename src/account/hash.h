/* hash: passwords as other systems keep them: crypt(3) hashes of libcrypt ($6$, $5$, $y$, $2b$ and
 * older ones), salted digests of LDAP directories and Dovecot ({SSHA}, {SSHA512}...), Argon2. They
 * prove a password that comes as it is (PLAIN, LOGIN, USER and PASS); SCRAM needs
 * a verifier of its own, which is made at the first such login (account/login.h). */
#ifndef PORT26_ACCOUNT_HASH_H
#define PORT26_ACCOUNT_HASH_H

#include "base/error.h"
#include "base/text.h"

/* Reads a hash as it stands in a file, with the prefix of Dovecot ("{SHA512-CRYPT}", "{CRYPT}"...)
 * or without where the hash tells its method, and adds the text that is kept as an account's
 * verifier. 0, or -1 and *e: a method not known here, no password at all ("!", "*", ""), or so
 * costly to check (seconds) that one login could hold up the others. */
int hash_read(struct span s, struct text *out, struct error *e);
/* Is a kept verifier one of these? */
bool hash_is(struct span verifier);
/* Whether this is its password. Takes as long as the hash wants, up to about a second: on a worker
 * thread. Thread-safe. */
bool hash_check(struct span verifier, struct span password);

#endif
