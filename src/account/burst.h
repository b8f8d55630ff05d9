/* burst: does what an account sends look like the work of a thief who has its password? By what the
 * account did before: the networks it sent from, whom it wrote to, how much of its mail comes back.
 * Pure memory and arithmetic; the table of signs and weights stands in burst.c.
 *
 * A network is an IPv4 /24 or an IPv6 /48. The first one an account is ever seen in is its home,
 * and so are those of its first days (burst_from.learn): a host that has just moved its customers
 * here knows nobody yet. A further one is new until a day has passed since its first mail. What
 * comes from a new network is judged by what came from new networks, what comes from a known one by
 * what came from those: a newsletter from the office does not make the phone on the train suspect.
 *
 * Bounded: BURST_NETWORKS networks (new ones are forgotten first), BURST_CONTACTS correspondents as
 * hashes of 32 bits (the oldest is forgotten; two that share a hash are taken for one). */
#ifndef PORT26_ACCOUNT_BURST_H
#define PORT26_ACCOUNT_BURST_H

#include "base/text.h"
#include "mail/envelope.h"

enum {
    BURST_NETWORKS = 24,
    BURST_CONTACTS = 4096, /* a newsletter to 2000 finds all of them known the next time */
    BURST_SLOTS = 13,      /* of five minutes: what happened counts for 60 to 65 minutes */
    BURST_HOUR_MAX = BURST_NETWORKS * 64 + BURST_SLOTS * 48 + 16,
    BURST_FAILURES_MAX = BURST_SLOTS * 24 + 16,
    BURST_CONTACTS_MAX = BURST_CONTACTS * 4 + 64,
};

struct burst_network {
    uint64_t key;
    int64_t first, last; /* ms of the caller's clock */
    bool home;           /* the first one ever, or one that a person has declared good */
};

struct burst_slot {
    uint32_t number; /* of five minutes since the clock's zero */
    uint32_t recipients, failures;
    uint32_t strangers[2]; /* from known networks, from new ones */
};

/* What is remembered of one account; begins as {0}. */
struct burst {
    struct burst_network *network;
    uint32_t networks, network_cap;
    uint32_t *contact;
    uint32_t contacts, contact_cap, contact_next;
    struct burst_slot slot[BURST_SLOTS];
};

void burst_free(struct burst *b);
/* The network of an address, 0 when there is none (this machine itself, or no address). */
uint64_t burst_network(struct span peer);
/* Where a message came from, and when. */
struct burst_from {
    uint64_t network;
    int64_t now;
    int64_t learn; /* so long after its first mail all networks of the account are its own */
};
/* A message to these recipients came from there. */
void burst_sent(struct burst *b, const struct burst_from *from, const struct recipient *to,
                size_t count);
/* A far server refused one of its recipients for good. */
void burst_failed(struct burst *b, int64_t now);
/* Does it look stolen now? True: `words` gets the signs that were seen, as a list in words. */
bool burst_judge(const struct burst *b, uint64_t network, int64_t now, struct text *words);
/* The same for whichever new network it used within the hour, else for the known ones. */
bool burst_judge_any(const struct burst *b, int64_t now, struct text *words);
/* A person says that it is all right: its networks, but for `foreign` (0: none), are known ones
 * from now on, the counts of the hour begin anew. */
void burst_forgive(struct burst *b, uint64_t foreign, int64_t now);

/* What is remembered, in three parts as they change: with each mail (networks, and the hour but for
 * its failures), with each failure, with each stranger. The first is digits and blanks, the second
 * too, the last binary. */
void burst_pack_hour(const struct burst *b, struct text *out);
void burst_pack_contacts(const struct burst *b, struct text *out);
/* Each replaces its part of *b. The first takes its words off the front of *rest, the last wants
 * the whole. False when damaged: that part is then empty. */
bool burst_unpack_hour(struct span *rest, struct burst *b);
bool burst_unpack_contacts(struct span packed, struct burst *b);
/* Failures as words alone, for who has no struct at hand: adds `more` at `now` to those in `before`
 * (empty: none; damaged: none) and appends what burst_unpack_failures reads, without what is over.
 */
void burst_add_failures(struct span before, uint32_t more, int64_t now, struct text *out);
bool burst_unpack_failures(struct span packed, struct burst *b);
/* How it was written before the hour was kept: networks, then contacts; fills both. */
bool burst_unpack_old(struct span packed, struct burst *b);
/* After unpacking, when the time is known: what lies in the future of a clock that was lost is
 * taken for of now. */
void burst_settle(struct burst *b, int64_t now);

#endif
