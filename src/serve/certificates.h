/* certificates: those the doors show, and the folder of those for further names, read whole while
 * we may and checked before anything depends on them. */
#ifndef PORT26_SERVE_CERTIFICATES_H
#define PORT26_SERVE_CERTIFICATES_H

#include "base/arena.h"
#include "base/text.h"
#include "conf/config.h"

struct tls_sni;

enum { CERTIFICATES_MAX = 5000, CERTIFICATES_OCTETS = 32 << 20, CERTIFICATES_SOON = 14 };

struct certificate_file {
    const char *door; /* whose; "": all without their own; NULL: clients that ask for its names */
    const char *path; /* of the certificate */
    struct text certificate, key; /* PEM */
    struct text names;            /* of those for further names: as tls_sni_read gives them */
    int64_t expires;
    bool odd; /* there was something to warn of */
};

struct certificates {
    struct arena *arena;
    struct certificate_file *at;
    size_t count;
    struct tls_sni *sni; /* the names of those in the folder */
};

/* Reads what `c` names. What `before` (may be NULL) has with the same octets is not checked again:
 * a reload costs what changed. Adds notes; 0, or -1 when an error is among them. certificates_free
 * it in any case. */
int certificates_read(const struct config *c, const struct certificates *before,
                      struct certificates *out, struct config_notes *notes);
/* Those that end within CERTIFICATES_SOON days, or have ended, the first to end first; at most
 * `max` of them are put into out[]. Returns how many there are. */
size_t certificates_ending(const struct certificates *c, int64_t now,
                           const struct certificate_file **out, size_t max);
/* Wipes the keys; the same struct may be filled again. */
void certificates_free(struct certificates *c);

#endif
