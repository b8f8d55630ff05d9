/* usage: how much is stored, for each account and each hosting account, and whether more fits
 * (P12). Lives in the keeper, on the loop thread; every question and every change is O(1) in the
 * number of accounts, and so is the start: what is known of an account is read from the store when
 * it is first asked for, and kept from then on. Why it is built so: docs/why/quota.md.
 *
 * The rule that keeps it exact: before a transaction that changes the record of an account begins,
 * usage_touch must have read it (charging does too), and the change is told here after the commit
 * (usage_delivered, usage_mailbox, usage_measured, usage_account, usage_removed), in the order of
 * the commits. A record that is read between a commit and its telling would be counted twice, so
 * what was read once stays in memory.
 *
 * What counts for an account:
 *   queue    octets of the messages it sent that have not left the queue;
 *   coming   what is kept free in its mailbox for messages to it that wait in the queue: never less
 *            than what their files will have;
 *   mailbox  octets and messages of its Maildir. The store holds the truth (usage_store.h): they
 *            change in the transaction of the settle that delivered, or of the removal.
 * A hosting account has the sums of its accounts. A charge is released with just the amounts and
 * from just the account it was made for, wherever the account belongs by then. */
#ifndef PORT26_ACCOUNT_USAGE_H
#define PORT26_ACCOUNT_USAGE_H

#include "base/error.h"
#include "store/store.h"

struct arena;
struct usage;
struct usage_charge;
struct usage_gate;
struct usage_sum;

enum { USAGE_WARN_MAX = 8 };
#define USAGE_NO_END UINT64_MAX /* as a quota: whatever the settings say, none */

struct usage_settings {
    uint64_t account, host;               /* octets where none is set for itself; 0: no end */
    bool never;                           /* refuse with 5.2.2, not 4.2.2 */
    unsigned warn[USAGE_WARN_MAX], warns; /* percent, rising */
};

/* One account or hosting account. The spans live until the loop's next turn at least. */
struct usage_view {
    struct span name;
    struct span host; /* of an account; empty: none */
    bool is_host;
    bool unsure;                /* its Maildir is still to be counted */
    uint64_t queue;             /* of these in the queue, sent and coming */
    uint64_t mailbox, messages; /* in the Maildir */
    uint64_t used, allowed;     /* allowed 0: no end */
};
/* Of 100; 0 without a quota. */
unsigned usage_percent(const struct usage_view *v);

struct usage_calls {
    /* The hosting account (empty: none; lives during the call) and the quota (0: of the settings)
     * of an account. 1; 0: there is no such account; -1 with *e (never NULL): it cannot be told
     * now. */
    int (*account)(void *arg, struct span name, struct span *host, uint64_t *quota,
                   struct error *e);
    /* The quota of a hosting account; 0: of the settings. Returns as `account`. */
    int (*host)(void *arg, struct span name, uint64_t *quota, struct error *e);
    /* It rose to `percent`, one of the settings, or fell back to it (0: below all) by some
     * distance. `account` is whose mail did it. Comes in the middle of a change: do nothing but
     * note it. */
    void (*level)(void *arg, const struct usage_view *v, struct span account, unsigned percent,
                  bool rose);
    /* usage_next_unsure has one more. */
    void (*unsure)(void *arg);
};

/* Brings the store up to date, before other threads use it. `reader` is for the loop thread, and
 * outlives it. NULL and *e when that fails. */
struct usage *usage_open(struct store *s, struct store *reader, const struct usage_settings *set,
                         const struct usage_calls *calls, void *arg, struct error *e);
/* All charges must have been released. Nulls the pointer. */
void usage_free(struct usage **u);
/* What waits in the queue has been charged: levels are judged from here on. Before, all looks
 * emptier than it is. */
void usage_begin(struct usage *u);
void usage_configure(struct usage *u, const struct usage_settings *set);

/* ---- accounts ---- */

/* Reads what the store knows of it and its hosting account, unless it is known: before a
 * transaction begins that changes it. 1; 0: there is no such account (nothing will be counted); -1
 * with *e. */
int usage_touch(struct usage *u, struct span account, struct error *e);
/* The same for a hosting account that is about to get an account. 0 or -1. An empty name is fine.
 */
int usage_touch_host(struct usage *u, struct span host, struct error *e);
/* An account was put or moved, or removed: the store has it. */
void usage_account(struct usage *u, struct span name);
void usage_removed(struct usage *u, struct span name);
/* The sum of a hosting account's mailboxes as a transaction left it in the store: where a damaged
 * record was found, it is no difference of what was known before. True: memory had another one,
 * *was, until now. */
bool usage_host_is(struct usage *u, struct span host, const struct usage_sum *is,
                   struct usage_sum *was);

/* ---- charging ---- */

/* One recipient here and what its file may have at most. */
struct usage_post {
    struct span account;
    uint32_t number; /* within the message */
    uint64_t octets;
};

struct usage_want {
    struct span sender; /* account; empty: nobody pays for the queue */
    uint64_t octets;
    const struct usage_post *posts;
    size_t count;
    bool local; /* posts are all its recipients: the sender must have room, and only they pay, so
                   that a hosting account is not charged twice for one message */
};

/* Whose quota it is that has no room. */
enum usage_whose {
    USAGE_SENDER,
    USAGE_SENDER_HOST,
    USAGE_RECIPIENT,
    USAGE_RECIPIENT_HOST,
    USAGE_BEHIND,     /* of some recipient behind an alias, by whose name it is told */
    USAGE_UNREADABLE, /* nobody knows: what the store has cannot be read; `error` says why */
};

struct usage_full {
    enum usage_whose whose;
    struct usage_view view;
    struct span account; /* sender or recipient */
    uint64_t wanted;
    struct error error;
};

/* Charges all of it or nothing: 0, or -1 and *full. By force nothing is refused; what cannot be
 * read is then charged as far as it is known, and full->error says so. *out is never NULL after 0;
 * it ends with usage_release. Accounts that do not exist are not charged. */
int usage_charge(struct usage *u, const struct usage_want *w, bool force, struct usage_charge **out,
                 struct usage_full *full);
/* Would it fit? Changes nothing. */
int usage_fits(struct usage *u, const struct usage_want *w, struct usage_full *full);
/* A recipient ended: what was kept free for it. */
void usage_release_post(struct usage *u, struct usage_charge *c, uint32_t number);
/* The same for one whose message is in the mailbox of `account` now, which the store has: `octets`
 * in one file more. */
void usage_delivered(struct usage *u, struct usage_charge *c, uint32_t number, struct span account,
                     uint64_t octets);
/* All that is left of it; nulls the pointer, NULL is fine. */
void usage_release(struct usage *u, struct usage_charge **c);

/* ---- mailboxes: after the store has it (STORE_GOT of usage_store.h) ---- */

void usage_mailbox(struct usage *u, struct span account, int64_t octets, int64_t messages);
/* What was counted in the Maildir. */
void usage_measured(struct usage *u, struct span account, uint64_t octets, uint64_t messages);
/* The count may be wrong (a delivery was repeated, somebody else changed the Maildir). */
void usage_doubt(struct usage *u, struct span account);
/* The next account that is unsure, each once until it is measured or doubted again; empty: none. */
struct span usage_next_unsure(struct usage *u);
/* When it was measured, clock_now(); 0: not since the start. */
int64_t usage_measured_at(const struct usage *u, struct span account);

/* Who may change a Maildir now, and who counts it (usage_gate.h). */
struct usage_gate *usage_gate(const struct usage *u);

/* ---- looking ---- */

/* 1; 0: there is none; -1 with *e. */
int usage_of(struct usage *u, struct span account, struct usage_view *out, struct error *e);
int usage_of_host(struct usage *u, struct span host, struct usage_view *out, struct error *e);
/* As usage_of, but nothing is kept in memory: for long lists. The spans live until the next call.
 */
int usage_look(struct usage *u, struct span account, struct usage_view *out, struct error *e);
/* The accounts of a hosting account that were not measured since `before` (clock_now()), at most
 * `max`, in `a`. How many, or -1 with *e. */
int usage_stale(struct usage *u, struct span host, int64_t before, struct arena *a,
                struct span *out, int max, struct error *e);
/* Refuses with 5.2.2? */
bool usage_never(const struct usage *u);

#endif
