/* house: what the keeper keeps: store, queue, accounts and the rules by which mail leaves. The
 * command line opens the same house when no daemon runs, without couriers. */
#ifndef PORT26_SERVE_HOUSE_H
#define PORT26_SERVE_HOUSE_H

#include "account/login.h"
#include "conf/config.h"
#include "queue/queue.h"

struct channel;
struct incoming;
struct worker;
struct mailboxes;
struct filings;
struct quotas;
struct dovecot;
struct rules;
struct house_import; /* serve/control_import.c */
struct signer;
struct sightings;
struct refusals;
struct sendings;
struct forwarding;

struct house {
    struct loop *loop;
    const struct config *config; /* the owner's; replaced by house_configure */
    struct store *store;
    struct store *reader; /* of the same, for the loop thread: whenever memory has to ask */
    struct queue *queue;
    struct directory *directory;
    struct login *login;
    struct signer *signer;
    struct sightings *sightings; /* whether its keys stand in the DNS */
    struct sendings *sendings;   /* sending limits (serve/sendings.h) */
    struct refusals *refusals;   /* what accounts were refused lately */
    struct incoming *incoming;
    struct forwarding *forwarding; /* what aliases send elsewhere (serve/forwarding.h) */
    struct filings *filings;       /* deliveries into Maildirs */
    struct quotas *quotas;         /* how much is stored */
    struct mailboxes *mailboxes;   /* as POP3 sees them */
    struct dovecot *dovecot;       /* logins of another server; NULL: none */
    struct dovecot *users;         /* and whom it knows; NULL: not asked */
    struct rules *rules;
    struct timer *tidy;          /* what nobody asks the directory for is forgotten */
    struct house_import *import; /* accounts that are being taken over; NULL: none */
    /* Hands a job to a courier; NULL: there are none (command line). */
    bool (*carry)(void *arg, const struct job *job, unsigned *courier);
    void *carry_arg;
    /* A courier to ask about mail from outside, or the DNS, with the same `arg`; NULL, or returns
     * NULL: none. */
    struct channel *(*courier)(void *arg);
};

/* Makes the folder of the store when it is missing. Other users may go through it, but not look
 * into it, when the control socket lies there: they hand over mail by it. 0, or -1 and *e. */
int house_folder(const struct config *c, struct error *e);
/* Opens all of it; takes the store's lock. `carry` may be NULL. 0, or -1 and *e. */
int house_open(struct loop *l, const struct config *c,
               bool (*carry)(void *arg, const struct job *job, unsigned *courier), void *carry_arg,
               struct house **out, struct error *e);
/* In which the settings want people to be written to. */
enum dsn_language house_language(const struct config *c);
/* Another configuration: rules and domains change at once; what waits chooses its route anew. */
void house_configure(struct house *h, const struct config *c);
/* The route a recipient's mail takes by the present rules. */
void house_route(const struct house *h, struct span sender, struct span recipient, struct arena *a,
                 struct route *out);
/* Whose inbox takes mail for an address here: an account's name, "postmaster" (which always has a
 * home), or empty. Good until accounts change. 0; -1 with *e (temporary) when the store could not
 * say. */
int house_inbox(const struct house *h, struct span address, struct span *out, struct error *e);
/* The same when the present rules bring it into an inbox, else empty; trouble is counted in the
 * directory. */
struct span house_mailbox(const struct house *h, struct span sender, struct span recipient);
void house_close(struct house **h);

#endif
