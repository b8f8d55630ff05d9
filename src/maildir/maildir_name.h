/* maildir_name: what a message's file name tells.
 *
 *     1763856000.01k...x_0.mx.example.org,S=1024,W=1050:2,S
 *     '---------------- key ------------' '-- sizes --' '-' flags
 *
 * The key never changes. Programs change the flags and move the file from new/ to cur/; Dovecot
 * takes the sizes away when it finds them wrong. So the key alone tells which message it is. */
#ifndef PORT26_MAILDIR_MAILDIR_NAME_H
#define PORT26_MAILDIR_MAILDIR_NAME_H

#include "base/arena.h"

struct maildir_name {
    struct span key; /* up to the first ',' or ':' */
    int64_t seconds; /* the number it begins with, or 0 */
    bool has_size;   /* ",S=" */
    bool has_vsize;  /* ",W=", only beside S and not smaller, nor more than twice as much */
    bool
        ours; /* made by our delivery: its file ends with a line end as W tells (deliver/inbox.h) */
    uint64_t size, vsize;
};

void maildir_name_read(struct span name, struct maildir_name *out);
/* The key as POP3's UIDL wants it: 1 to 70 octets from '!' to '~'. A key that is longer or has
 * other octets is cut, its other octets become '_', and a hash of the whole follows. Lives in `a`,
 * or is the key itself. */
struct span maildir_name_uid(struct arena *a, struct span key);

#endif
