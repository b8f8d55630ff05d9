/* maildir: the mail of one account as files, in the layout Maildir++ shares with other programs:
 * new/, cur/ and tmp/, further folders as ".Name", and a sum of all of them in the file
 * "maildirsize". Other programs (Dovecot, mutt) may work in the same folders at any time; nothing
 * here locks.
 *
 * Nobody else's links are followed: every step opens without following, and what is not ours, not a
 * folder or open to others' hands is refused as temporary, so that an administrator can repair it
 * (HOSTILE 115). Links of names within the account (Dovecot copies messages so) are fine.
 *
 * All functions block: call them on a worker thread, one at a time for one struct maildir. */
#ifndef PORT26_MAILDIR_MAILDIR_H
#define PORT26_MAILDIR_MAILDIR_H

#include "base/arena.h"
#include "base/error.h"

enum {
    MAILDIR_ACCOUNT_MAX = 200, /* octets of an account's name */
    MAILDIR_UID_MAX = 70,      /* RFC 1939 section 7, UIDL */
    MAILDIR_LIST_MAX = 1000000 /* messages of one list: what is beyond appears when some are gone */
};

struct maildir;

enum maildir_folder { MAILDIR_TOP, MAILDIR_TMP, MAILDIR_NEW, MAILDIR_CUR };

struct maildir_message {
    /* Never changes and never names another message: 1 to 70 octets from '!' to '~'. */
    struct span uid;
    /* The file's name when it was listed. Another program may have changed its flags or moved it
     * since: it is found again by what does not change. */
    struct span name;
    enum maildir_folder folder; /* where it was: MAILDIR_NEW or MAILDIR_CUR */
    /* What POP3 sends, before the dots are doubled and without the final dot: every LF that has no
     * CR before it becomes CR LF, and a last line without an end gets one (maildir/vsize.h). */
    uint64_t octets;
    uint64_t size; /* octets of the file: what the quota counts */
};

struct maildir_sum {
    uint64_t octets, messages;
};

/* Opens root/account. With make, what is missing is made (mode 0700) and synced; without, an
 * account that got no mail yet is an empty Maildir. 0, or -1 and *e: always temporary
 * (4.3.0, 4.3.1, 4.2.2), with words. */
int maildir_open(const char *root, struct span account, bool make, struct maildir **out,
                 struct error *e);
void maildir_close(struct maildir **m);

/* The messages in new/ and cur/, in the order of the times in their names: that of arrival, for all
 * programs that deliver. A snapshot: what comes later is not in it, so numbers do not move (HOSTILE
 * 111). List and spans live in the arena. Files whose names do not tell the octets are read once.
 * 0, or -1 and *e. */
int maildir_list(struct maildir *m, struct arena *a, struct maildir_message **list, size_t *count,
                 struct error *e);

/* A descriptor of the message for reading, for the caller to close; or -1 and *e, with e->sys
 * ENOENT when the message is gone. */
int maildir_read(struct maildir *m, const struct maildir_message *message, struct error *e);

/* Removes these messages, syncs, and keeps maildirsize true. *freed is what we removed: a message
 * that was gone already counts as removed, but it frees nothing. Does not stop at a failure: 0, or
 * -1 and *e of the first, with *freed as above. */
int maildir_remove(struct maildir *m, const struct maildir_message *messages, size_t n,
                   struct maildir_sum *freed, struct error *e);

/* All folders together, as Dovecot counts (its Trash too; tmp/ not): from maildirsize when that is
 * true, else by looking at all names. Without believe always so: something was broken off here, and
 * whoever noted a later change has made a file that lacks one look young. Then a wrong one does not
 * stay. Why so: docs/why/maildir.md. 0, or -1 and *e. */
int maildir_measure(struct maildir *m, bool believe, struct maildir_sum *sum, struct error *e);

/* When its folders were changed, so that two looks can be compared: equal stamps mean that nobody
 * added, removed or renamed a message between, but within the grain of the file system's clock. */
struct maildir_stamp {
    uint64_t rest;   /* of all folders but the inbox's new/: their names and times */
    int64_t arrived; /* change of the inbox's new/, where deliveries go; calendar, nanoseconds */
    int64_t newest;  /* change of any; the same */
};
/* Some microseconds for each folder. 0, or -1 and *e. */
int maildir_stamp(struct maildir *m, struct maildir_stamp *out, struct error *e);
/* Its `arrived` alone, without opening anything; 0 when there is no new/. */
int64_t maildir_arrived(const char *root, struct span account);

/* ---- for delivery ---- */

/* The folder's descriptor, still the Maildir's; -1 when it is missing. */
int maildir_fd(const struct maildir *m, enum maildir_folder folder);
/* Is a message in new/ or cur/ whose name begins with key, and then ends or goes on with ',' or
 * ':'? *size gets its octets. */
bool maildir_holds(struct maildir *m, struct span key, uint64_t *size);
/* Tells maildirsize, when there is one, what was just added or (negative) removed. */
void maildir_note(struct maildir *m, int64_t octets, int64_t messages);
/* Fills *e for a failed call on `what` (a folder's or file's name), with the words for sys. Returns
 * -1. */
int maildir_failed(struct error *e, struct span account, const char *what, int sys);

#endif
