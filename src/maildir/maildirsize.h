/* maildirsize: the file of that name in a Maildir++: what the quota is, and the sum of all messages
 * as a list of changes.
 *
 *     1000000000S,1000C      the quota, by whom it is set; may be empty; kept as it is
 *     51840 37               octets and messages of the last count
 *     1024 1                 each delivery and
 *     -2048 -2               each removal since
 *
 * Each change is one appended line; a file beyond MAILDIRSIZE_MAX octets is written anew. */
#ifndef PORT26_MAILDIR_MAILDIRSIZE_H
#define PORT26_MAILDIR_MAILDIRSIZE_H

#include "base/text.h"

#include <sys/stat.h>

enum {
    MAILDIRSIZE_MAX = 5120,        /* of the Maildir++ description */
    MAILDIRSIZE_GIVE_UP = 64 << 10 /* grown so far without a quiet moment for a new count */
};

struct maildirsize {
    struct span quota; /* the first line without its end: a part of the text that was read */
    int64_t octets, messages;
};

/* false when a line is none of these, the last one has no end, or a sum is negative or too large.
 */
bool maildirsize_parse(struct span text, struct maildirsize *out);
void maildirsize_write(struct text *out, const struct maildirsize *in);

/* Opens the file in the folder `top` for reading and appending: a plain file, ours, no link. -1 and
 * errno. */
int maildirsize_open(int top, struct stat *s);

#endif
