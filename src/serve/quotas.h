/* quotas: storage quotas in the house: account/usage.h fed by directory, store and Maildirs; asked
 * by whoever accepts mail. Loop thread; what blocks runs on threads of its own. */
#ifndef PORT26_SERVE_QUOTAS_H
#define PORT26_SERVE_QUOTAS_H

#include "account/usage.h"
#include "account/usage_sums.h"
#include "maildir/maildir.h"
#include "serve/house.h"

struct quotas;

/* After the directory, before the queue. NULL and *e. */
struct quotas *quotas_open(struct house *h, struct error *e);
/* The queue is there: judges levels, counts what is to be counted. In the keeper only: the command
 * line looks, it does not begin anything of itself. */
void quotas_start(struct quotas *q);
void quotas_configure(struct quotas *q);
/* No new work; waits for the threads. Before the queue is closed. */
void quotas_stop(struct quotas *q);
void quotas_close(struct quotas **q);
struct usage *quotas_usage(const struct quotas *q);

/* ---- may it come? ---- */

/* NULL: yes. Else the refusal: 4.2.2 or 5.2.2, whose it is, and how to make room. */
typedef void quotas_answer_fn(void *arg, const struct error *e);
/* Has `account` room to send a message of `size` octets (0: unknown)? At once when it has; before
 * anybody is refused Maildirs are measured anew, for others may have removed mail there. */
void quotas_may_send(struct house *h, struct span account, uint64_t size, quotas_answer_fn *answer,
                     void *arg);
/* Have all the mailboxes here that mail for this address comes to? */
void quotas_may_receive(struct house *h, struct span recipient, uint64_t size,
                        quotas_answer_fn *answer, void *arg);
/* queue_accept, which charges; when there is no room Maildirs are measured anew and it is tried a
 * second time. */
void quotas_accept(struct house *h, const struct message *m, queue_accepted_fn *done, void *arg);

/* ---- accounts: for registry.c ---- */

/* Before a transaction puts or removes an account: what is known of it, and of the hosting account
 * that it may come to (empty: none), is read (usage_touch). 0; -1 with *e: then it must not begin.
 */
int quotas_account_touch(struct house *h, struct span account, struct span host, struct error *e);
/* After its commit, and after the directory has it. */
void quotas_account_put(struct house *h, struct span account);
void quotas_account_removed(struct house *h, struct span account);

/* ---- Maildirs ---- */

/* Messages of an account are about to be removed (POP3). answer(arg, NULL) when the store knows and
 * nobody counts the Maildir: then remove, and end with quotas_mailbox_changed, always. Else the
 * answer is an error, and nothing may be removed now. Whatever happens to the process between, the
 * next start counts anew. */
void quotas_mailbox_changing(struct house *h, struct span account, quotas_answer_fn *answer,
                             void *arg);
/* They are: octets and messages are what was really removed, as negative numbers. The answer tells
 * whether the store has it; if not it is counted anew later. */
void quotas_mailbox_changed(struct house *h, struct span account, int64_t octets, int64_t messages,
                            quotas_answer_fn *answer, void *arg);

/* A delivery of ours changed the time of the Maildir's new/ (maildir_arrived), or a removal its
 * stamp: so that it is not taken for somebody else's. While still inside the gate. */
void quotas_arrived(struct house *h, struct span account, int64_t before, int64_t after);
void quotas_removed(struct house *h, struct span account, const struct maildir_stamp *before,
                    const struct maildir_stamp *after);
/* Counts it when somebody else changed it since it was counted; then fn(arg), perhaps at once. */
void quotas_refresh(struct quotas *q, struct span account, void (*fn)(void *arg), void *arg);

/* What a measurement found. */
struct quotas_measured {
    struct span account;
    int64_t was_octets, was_messages; /* known before */
    bool was_unsure;                  /* and known to be perhaps wrong */
    uint64_t octets, messages;
    const struct error *error; /* NULL: it was measured, and the store has it */
};
typedef void quotas_measured_fn(void *arg, const struct quotas_measured *m);
/* Counts a Maildir while nobody of ours changes it. */
void quotas_measure(struct quotas *q, struct span account, quotas_measured_fn *fn, void *arg);

/* Which sums of hosting accounts were wrong; they are right now. */
struct quotas_mended {
    struct usage_sums_found *host;
    size_t count;
    const struct error *error; /* NULL: it was looked, and the store has it */
};
typedef void quotas_mended_fn(void *arg, const struct quotas_mended *m);
/* Adds up what is known of mailboxes, for one hosting account or for all (empty). */
void quotas_mend(struct quotas *q, struct span host, quotas_mended_fn *fn, void *arg);

#endif
