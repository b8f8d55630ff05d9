/* tls_sni: certificates for further names. A client that asks for a name (SNI, RFC 6066 section 3)
 * is shown the one that is made out to it. The names come out of the certificates: nothing needs
 * to be named twice, and no file is looked for by what a client sends (HOSTILE 36).
 *
 * One set serves the contexts of all doors, each of which has its own default certificate. Reading
 * a certificate costs about a millisecond, and a host may have thousands: who checks them reads
 * them (tls_sni_read); who serves them gets the names along, and reads one when it is first asked
 * for. */
#ifndef PORT26_TLS_TLS_SNI_H
#define PORT26_TLS_TLS_SNI_H

#include "base/text.h"
#include "tls/tls.h"

struct tls_sni;

enum {
    TLS_SNI_NAMES = 100000,       /* of all certificates together */
    TLS_SNI_NAMES_TEXT = 1 << 16, /* octets of those of one */
};

struct tls_sni_entry {
    struct span names;     /* lower case, blanks between: as tls_sni_read gives them */
    int64_t expires;       /* clock_wall() */
    struct span cert, key; /* PEM; both empty where none is served */
};

struct tls_sni *tls_sni_new(void);
/* Lets go of it and nulls the pointer; contexts that use it keep it alive. NULL is fine. */
void tls_sni_free(struct tls_sni **s);

/* Checks a certificate and its key as tls_server_pem does, and tells what is to be added: the DNS
 * names go to `names` (maximum: TLS_SNI_NAMES_TEXT), and *expires. Does not add it. 0, or -1 and
 * *e; a warning is told as there. */
int tls_sni_read(struct tls_sni *s, struct tls_sni_entry *x, struct text *names, struct error *e);
/* Adds one; all is copied. Where two are made out to one name, the one that ends later is shown.
 * False: there are too many names. */
bool tls_sni_add(struct tls_sni *s, const struct tls_sni_entry *x);
/* Is there one for this name? Wildcards stand for one label. NULL is an empty set. */
bool tls_sni_covers(const struct tls_sni *s, struct span name);

/* From now on c's clients who ask for a name in `s` get that certificate; those who ask for
 * another, for nonsense or for nothing get c's own. Where c's own is made out to the name just as
 * exactly, it stays. */
void tls_sni_serve(struct tls_sni *s, struct tls_context *c);

#endif
