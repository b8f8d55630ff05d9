/* inbox: delivery into a Maildir (maildir/maildir.h), for accounts that live here.
 *
 * A message is delivered when its file stands in new/ and file and folder are synced. The file's
 * name is "<seconds>.<id>_<number>.<host>,S=<size>,W=<virtual size>" and follows from the message's
 * id and the recipient's number: the same delivery repeated after a crash finds its file and makes
 * no second one. */
#ifndef PORT26_DELIVER_INBOX_H
#define PORT26_DELIVER_INBOX_H

#include "base/arena.h"
#include "base/error.h"
#include "mail/job.h"

struct inbox_target {
    const char *root;     /* the folder of all inboxes; must exist */
    struct span account;  /* folder below it: the account's canonical name */
    size_t recipient;     /* index into job->envelope.recipients */
    const char *hostname; /* for the file name */
};

/* Delivers to one recipient. Blocks: call it on a worker thread. The Maildir (mode 0700) is made
 * when missing. Adds Return-Path and Delivered-To before the content; line ends become LF
 * (Maildir's custom), a last line without an end gets one, all other octets stay. *stored gets the
 * octets of the file, also when an earlier delivery had put it there. 0, or -1 and *e, always
 * temporary: 4.3.1 no space, 4.2.2 over the file system's quota, 4.3.0 what else; what was half
 * written is removed (P2). */
int inbox_deliver(const struct inbox_target *t, const struct job *job, uint64_t *stored,
                  struct error *e);

/* Delivers and tells it as an outcome with words; its spans live in `a`. */
struct outcome inbox_outcome(const struct inbox_target *t, const struct job *job, struct arena *a);

#endif
