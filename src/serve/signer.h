/* signer: DKIM for what we send, in the keeper: whose mail is signed, and with which keys. Keys lie
 * in the store, one record (sign/dkim_keys.h) for a domain, are read when first needed and kept in
 * memory for a while. The arithmetic runs on threads of its own.
 *
 * A message that can not be signed goes out unsigned, and the log says so (docs/why/dkim.md). */
#ifndef PORT26_SERVE_SIGNER_H
#define PORT26_SERVE_SIGNER_H

#include "account/directory.h"
#include "conf/config.h"
#include "queue/commit.h"
#include "sign/dkim_keys.h"

struct signer;

enum {
    SIGNER_RINGS_MAX = 4096,        /* domains kept in memory */
    SIGNER_RING_MS = 5 * 60 * 1000, /* then they are read again, because time changes states */
};

/* `c` is the store's thread; it and `l` outlive it. Looks once into the store. */
struct signer *signer_new(struct loop *l, struct commit *c, const struct config *config);
void signer_configure(struct signer *s, const struct config *config);
/* Waits for the threads; nulls the pointer; NULL is fine. */
void signer_free(struct signer **s);

/* Does any domain here have keys? If not, nothing needs to be asked. */
bool signer_has_keys(const struct signer *s);
/* For whom a message may be signed. */
enum signer_right {
    SIGNER_NOBODY, /* it is a stranger's */
    SIGNER_LOGIN,  /* every address in From must be one that m->origin.account may use */
    SIGNER_HOUSE,  /* a trusted network or user, a person of this machine: any address of ours */
};
/* Puts the signatures in front of m->content.prefix (which then lives in `a`) when the domain in
 * From is ours and has keys, and the right allows it. On a fiber. 0: signed or not; -1 with *e
 * (4.3.2): too much waits, the client comes again. */
int signer_sign(struct signer *s, const struct directory *d, enum signer_right right,
                struct message *m, struct arena *a, struct error *e);
/* The same for a message of our own, on the store's thread. The keys may be those of the domain
 * above: mail.example.org is signed by example.org. */
void signer_own(struct signer *s, struct store *st, struct message *m, struct arena *a);

/* ---- the keys of a domain, for the commands: each on a fiber ---- */

/* Reads them with their states as of now; secrets are wiped, all lives in `a`. 0, or -1 and *e. */
int signer_keys(struct signer *s, struct span domain, struct arena *a, struct dkim_keys *out,
                struct error *e);
/* Makes a new pair. 0, or -1 and *e. */
int signer_rotate(struct signer *s, struct span domain, struct error *e);
/* The new pair of this stem stands in DNS: it signs from now on. 0, or -1 and *e: there is none. */
int signer_seen(struct signer *s, struct span domain, struct span stem, struct error *e);
/* Forgets all keys of a domain. 0, or -1 and *e. */
int signer_remove(struct signer *s, struct span domain, struct error *e);

#endif
