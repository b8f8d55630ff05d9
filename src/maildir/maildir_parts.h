/* maildir_parts: what the files of this folder share. */
#ifndef PORT26_MAILDIR_MAILDIR_PARTS_H
#define PORT26_MAILDIR_MAILDIR_PARTS_H

#include "maildir/maildir.h"

#include <dirent.h>
#include <sys/stat.h>

struct maildir_entry {
    struct span name, key;
    int64_t seconds;
    enum maildir_folder folder;
};

/* Where each message stood at one moment: looked up when one is not where it was listed. */
struct maildir_index {
    struct arena *arena; /* NULL: none yet */
    struct maildir_entry *entries;
    size_t count;
    struct timespec changed[2]; /* of new/ and cur/ before the look */
    struct timespec looked;     /* the calendar then */
    int64_t at;                 /* clock_now() */
};

struct maildir {
    int fd[MAILDIR_CUR + 1];
    char account[MAILDIR_ACCOUNT_MAX + 1];
    struct maildir_index index;
};

/* Opens a folder below `at` without following a link. -1 and errno. */
int maildir_open_folder(int at, const char *name);
/* Ours, a folder, and nobody else may write. 0 or an errno; -1: *why says what is wrong. */
int maildir_folder_wrong(int fd, const char **why);
/* A stream of names in the folder fd, which stays the caller's; NULL and errno. */
DIR *maildir_names(int fd);
/* Is this entry of the folder fd a plain file that counts as a message? */
bool maildir_is_message(int fd, const struct dirent *entry);

/* All messages in new/ and cur/, each once, sorted by time and key. The array is the caller's to
 * free, the names live in `a`. 0 or an errno. */
int maildir_scan(struct maildir *m, struct arena *a, struct maildir_entry **entries, size_t *count);
/* The order of a list, for struct maildir_entry: by time, then by key. 0: the same message. */
int maildir_order(const void *a, const void *b);
/* Where the message with this key is now: NULL when it is gone. The answer is of now, or at most
 * `age` ms old. */
const struct maildir_entry *maildir_locate(struct maildir *m, struct span key, int64_t age);
/* The same by looking through all names, without keeping any but the one found. */
bool maildir_find(struct maildir *m, struct span key, struct arena *a, struct span *name,
                  enum maildir_folder *folder);
void maildir_index_drop(struct maildir_index *x);

/* When the folder was changed last; zero when it is missing. */
struct timespec maildir_changed(int fd);
/* Was it changed at or after that moment, or so shortly before it that the file system's clock
 * cannot tell? */
bool maildir_changed_since(int fd, struct timespec before, struct timespec looked);

#endif
