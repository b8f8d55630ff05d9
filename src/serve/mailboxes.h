/* mailboxes: the keeper's side of POP3. One session at a time has an account's mailbox; it sees the
 * list as it was when it opened it. What touches files runs on threads of its own, so that neither
 * the loop nor deliveries wait for a large folder. */
#ifndef PORT26_SERVE_MAILBOXES_H
#define PORT26_SERVE_MAILBOXES_H

#include "post/letter.h"

struct house;
struct mailboxes;

struct mailboxes *mailboxes_new(struct house *h);
/* Finishes what threads do; their results still reach quotas and queue. */
void mailboxes_stop(struct mailboxes *m);
/* When the queue is closed: nothing is counted any more. Nulls the pointer. */
void mailboxes_free(struct mailboxes **m);

/* Called exactly once, from the loop, maybe at once. `fd` (-1: none) is closed after it. */
typedef void mailboxes_done_fn(void *arg, const struct letter_mailbox *answer, int fd);
/* LETTER_MAILBOX_OPEN, _LIST, _READ and _CLOSE of one listener, whom `owner` stands for. `wanted`
 * stays until done was called. The answer to a close that removes something comes when the room is
 * free for new mail, and then the mailbox is free, too. */
void mailboxes_ask(struct mailboxes *m, const void *owner, enum letter_kind kind,
                   const struct letter_mailbox_wanted *wanted, mailboxes_done_fn *done, void *arg);
/* This listener is gone: its mailboxes are free again, those that are busy as soon as they are not.
 */
void mailboxes_leave(struct mailboxes *m, const void *owner);

#endif
