/* inbox: delivery into a Maildir, for accounts that live here.
 *
 * A message is delivered when its file stands in new/ and file and folder are synced. The file's
 * name follows from the message's id and the recipient's number: the same delivery repeated after a
 * crash finds its file and makes no second one. Nobody else's links are followed: every step opens
 * without following, and what is not ours, not a folder, or open to others' hands is refused as
 * temporary, so that an administrator can repair it (HOSTILE 115). */
#ifndef PORT26_DELIVER_INBOX_H
#define PORT26_DELIVER_INBOX_H

#include "base/arena.h"
#include "base/error.h"
#include "mail/job.h"

enum { INBOX_NAME_MAX = 200 }; /* octets of an account's name */

struct inbox_target {
    const char *root;     /* the folder of all inboxes; must exist */
    struct span account;  /* folder below it: the account's canonical name */
    size_t recipient;     /* index into job->envelope.recipients */
    const char *hostname; /* for the file name */
};

/* Delivers to one recipient. Blocks: call it on a worker thread. The Maildir (mode 0700) is made
 * when missing. Adds Return-Path and Delivered-To before the content; line ends become LF
 * (Maildir's custom), all other octets stay. 0, or -1 and *e, always temporary: 4.3.1 no
 * space, 4.2.2 over the file system's quota, 4.3.0 what else; what was half written is removed
 * (P2). */
int inbox_deliver(const struct inbox_target *t, const struct job *job, struct error *e);

/* The same as an outcome with words: `rc` and `e` are what inbox_deliver gave. */
struct outcome inbox_outcome(const struct inbox_target *t, int rc, const struct error *e,
                             struct arena *a);

#endif
