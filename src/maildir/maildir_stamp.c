/* Did somebody change it? Told by the times of the folders, without reading a name in them. */
#include "maildir/maildir_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t mix(uint64_t h, uint64_t n)
{
    h = (h ^ n) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static void note_newest(struct maildir_stamp *s, int64_t changed)
{
    if (changed > s->newest)
        s->newest = changed;
}

/* The sum does not depend on the order in which folders are read. */
static void add(struct maildir_stamp *s, int top, const char *folder, const char *part)
{
    char path[NAME_MAX + 8];
    struct stat st;
    uint64_t h = 26;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, part) >= sizeof path ||
        fstatat(top, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    for (const char *c = path; *c; c++)
        h = mix(h, (unsigned char)*c);
    s->rest += mix(mix(h, st.st_ino), (uint64_t)nanoseconds(st.st_mtim));
    note_newest(s, nanoseconds(st.st_mtim));
}

int maildir_stamp(struct maildir *m, struct maildir_stamp *s, struct error *e)
{
    struct dirent *entry;
    DIR *d;

    *s = (struct maildir_stamp){0};
    if (m->fd[MAILDIR_TOP] < 0)
        return 0;
    s->arrived = m->fd[MAILDIR_NEW] < 0 ? 0 : nanoseconds(maildir_changed(m->fd[MAILDIR_NEW]));
    note_newest(s, s->arrived);
    add(s, m->fd[MAILDIR_TOP], ".", "cur");
    d = maildir_names(m->fd[MAILDIR_TOP]);
    if (!d)
        return maildir_failed(e, span_of(m->account), "its folder", errno);
    while ((entry = readdir(d)))
        if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            add(s, m->fd[MAILDIR_TOP], entry->d_name, "new");
            add(s, m->fd[MAILDIR_TOP], entry->d_name, "cur");
        }
    closedir(d);
    return 0;
}

int64_t maildir_arrived(const char *root, struct span account)
{
    char path[PATH_MAX];
    struct stat s;

    if ((size_t)snprintf(path, sizeof path, "%s/%.*s/new", root, SPAN_ARG(account)) >=
            sizeof path ||
        lstat(path, &s) < 0)
        return 0;
    return nanoseconds(s.st_mtim);
}
