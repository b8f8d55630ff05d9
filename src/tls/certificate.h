/* certificate: a self-signed certificate for a first start, until there is a real one. */
#ifndef PORT26_TLS_CERTIFICATE_H
#define PORT26_TLS_CERTIFICATE_H

#include "base/error.h"
#include "base/text.h"

enum {
    CERTIFICATE_DAYS = 825, /* longer ones are refused by some mail programs */
    CERTIFICATE_NAMES = 50,
    CERTIFICATE_PEM = 64 * 1024, /* maximum for the texts */
};

struct certificate_wish {
    const char *const *names; /* DNS names and address literals, ends with NULL, 1 to
                               * CERTIFICATE_NAMES; the first is also the common name */
    int64_t from, until; /* clock_wall() milliseconds; 0 and 0: an hour ago, CERTIFICATE_DAYS */
};

/* Makes an EC P-256 key and a certificate signed by it, valid for every name, and adds both as PEM
 * to the texts. `key` holds a secret: memory_wipe it. 0, or -1 and *e. */
int certificate_make(const struct certificate_wish *w, struct text *cert, struct text *key,
                     struct error *e);
/* The same into two files: the key with mode 0600, the certificate 0644, each whole or not at all.
 * Refuses to replace an existing file. */
int certificate_write(const struct certificate_wish *w, const char *cert_file, const char *key_file,
                      struct error *e);

#endif
