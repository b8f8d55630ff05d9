/* sending: how much may be sent, by account, by hosting account, by client address and by sender
 * address: messages and recipients in the last hour and the last day, sliding (account/window.h
 * tells how exactly). And
 * whether an account's password looks stolen (account/burst.h): its mail is then held until a
 * person releases it; nothing is dropped.
 *
 * Lives in the keeper's memory on the loop thread. P12: sending_charge checks and charges in one
 * step before the accept is committed, so that sessions side by side never pass a limit together;
 * its record goes to the store by sending_write in the transaction of the accept, and sending_end
 * takes the charge back when that failed. A restart therefore forgets nothing that a limit counts,
 * and, while bursts are looked for, nothing of the last hour by which a thief is known: failures
 * stand in the transaction of their settle (sending_note_failures). What nobody counts, and whom an
 * account wrote to (habits, up to 16 KB), is written at intervals (sending_take_changes): a crash
 * forgets its last minute.
 *
 * Bounds: one small record for each account that sends (about 500 octets, at most 22 KB), one for
 * each hosting account, and SENDING_ADDRESSES addresses of either kind, of which the one unused for
 * longest is forgotten. `now` is the queue clock (queue_clock), which no calendar moves. */
#ifndef PORT26_ACCOUNT_SENDING_H
#define PORT26_ACCOUNT_SENDING_H

#include "account/window.h"
#include "mail/envelope.h"
#include "store/store.h"

struct sending;

enum { SENDING_ADDRESSES = 20000, SENDING_WORDS = 400 };

/* Who is counted. */
enum sending_kind {
    SENDING_ACCOUNT,
    SENDING_HOST,
    SENDING_ADDRESS, /* a client's address */
    SENDING_SENDER,  /* an address in MAIL FROM */
    SENDING_KINDS
};

/* 0: none. */
struct sending_limits {
    uint32_t most[WINDOW_SPANS][WINDOW_WHATS];
};

/* On whose behalf something is sent; an empty name: nobody of that kind. Clients' addresses
 * count as a whole (IPv4) or by /64 (IPv6), senders without regard to case; both only where they
 * have a limit. */
struct sending_who {
    struct span name[SENDING_KINDS]; /* account, hosting account, client address, sender */
    struct sending_limits limits[SENDING_KINDS];
};

struct sending_calls {
    /* A limit refused something for the first time in its hour or day: tell the account. */
    void (*refused)(void *arg, struct span account, const char *words);
    /* The account's mail is held from now on: tell owner and administrator, hold what waits. */
    void (*held)(void *arg, struct span account, struct span signs);
};

/* Reads what is stored of addresses; of accounts and hosting accounts when they are first asked
 * for, so that a start takes as long with one as with 100,000. `reader` is the loop thread's handle
 * of the store; it and `calls` must outlive this. NULL and *e when that fails. */
struct sending *sending_open(struct store *reader, const struct sending_calls *calls, void *arg,
                             struct error *e);
/* When the queue clock runs, once. */
void sending_start(struct sending *s, int64_t now);
void sending_free(struct sending **s);
/* Look for stolen passwords? What is held stays held. `learn`: ms from an account's first mail on
 * in which all networks it comes from are its own. */
void sending_burst(struct sending *s, bool on, int64_t learn);

/* May so many more go? 0, or -1 with *e: temporary, 4.7.1 (reply 452: too much for now; of many
 * recipients those beyond are tried again later, RFC 5321 4.5.3.1.10), with the count, the limit
 * and when it ends. */
int sending_may(struct sending *s, const struct sending_who *w, uint32_t messages,
                uint32_t recipients, int64_t now, struct error *e);
/* How many recipients one message may have now; UINT32_MAX: no limit holds. */
uint32_t sending_room(struct sending *s, const struct sending_who *w, int64_t now);

/* What one accept was charged, or what is to be written. */
struct sending_changes;

/* Checks and charges a message. 0 and *out (NULL: there is nothing to write or take back), or -1
 * with *e as sending_may gives it (but permanent, 5.7.1, when it never fits), and nothing charged.
 */
int sending_charge(struct sending *s, const struct sending_who *w, const struct recipient *to,
                   size_t count, int64_t now, struct sending_changes **out, struct error *e);
/* The words with which the message is to be held, good until sending_end; at NULL: it is not. */
struct span sending_hold(const struct sending_changes *c);
/* Writes its records; store thread, inside the transaction. `c` may be NULL. */
int sending_write(struct store *st, const struct sending_changes *c, struct error *e);
/* Ends it, with `kept` false taking the charge back, and nulls the pointer, which may be NULL. */
void sending_end(struct sending *s, struct sending_changes **c, bool kept);
/* What is to be written at the next interval, at most so many records; NULL when there is none. End
 * it with sending_end: when that was not kept it comes again. */
struct sending_changes *sending_take_changes(struct sending *s, size_t most, int64_t now);

/* Far servers refused so many recipients of the account's mail for good, and sending_note_failures
 * has been committed. True: its mail is held from now on, and what sending_take_changes gives
 * should be written at once. */
bool sending_failed(struct sending *s, struct span account, unsigned count, int64_t now);
/* The same for the store, where the loop's memory is not at hand, inside the transaction of their
 * ends. Store thread. 0, or -1 and *e. (An account that is read between that commit and
 * sending_failed has them counted twice: a hint of a thief may do that, a limit could not.) */
int sending_note_failures(struct store *st, struct span account, uint32_t count, int64_t now,
                          struct error *e);
/* Why the account's mail is held, or NULL when it is not. */
const char *sending_held(struct sending *s, struct span account);
/* A person says that it is the owner's, but for what came from the network of `foreign` (an IP
 * address; may be empty). False when it was not held. */
bool sending_release(struct sending *s, struct span account, struct span foreign, int64_t now);
/* All mail of a held account that waited is held by now; and, for the start, those of which the
 * store does not know that. */
void sending_swept(struct sending *s, struct span account);
void sending_each_unswept(struct sending *s, void (*fn)(void *arg, struct span account), void *arg);
/* A person says that what was sent so far does not count. False when nothing was. */
bool sending_reset(struct sending *s, enum sending_kind kind, struct span name);
/* The account, or hosting account, does not exist any more. */
void sending_forget(struct sending *s, enum sending_kind kind, struct span name);

/* What `port26 quota show` tells. */
struct sending_count {
    uint32_t sent[WINDOW_SPANS][WINDOW_WHATS];
    int64_t free_at; /* wall clock: from when on one more may go; 0: now */
};
void sending_show(struct sending *s, enum sending_kind kind, struct span name,
                  const struct sending_limits *limits, int64_t now, struct sending_count *out);

/* What the words of a held message begin with. */
#define SENDING_HELD "It looks as if somebody else knows the password of "

#endif
