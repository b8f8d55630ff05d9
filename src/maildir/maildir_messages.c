/* List, read and remove. A message stays where it stood, or another program moved it: then it is
 * looked for, in the cheapest way first. */
#include "maildir/maildir_parts.h"

#include "base/memory.h"
#include "maildir/maildir_name.h"
#include "maildir/maildir_sizes.h"
#include "maildir/vsize.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* How old a look may be that answers for the next message of the same removal. */
    REMOVE_AGE = 1000,
};

/* ---- one file ---- */

/* A plain file of ours, never waiting: the name may have become a FIFO's. -1 and errno; EINVAL
 * when it is something else. */
static int open_file(int at, const char *name, struct stat *s)
{
    int fd, sys = 0;

    if (at < 0) {
        errno = ENOENT;
        return -1;
    }
    fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, s) < 0)
        sys = errno;
    else if (!S_ISREG(s->st_mode) || s->st_uid != geteuid())
        sys = EINVAL;
    if (!sys)
        return fd;
    close(fd);
    errno = sys;
    return -1;
}

static int ends_open(int fd, uint64_t size, bool *open)
{
    char last = '\n';

    if (size && pread(fd, &last, 1, (off_t)size - 1) < 0)
        return errno;
    *open = last != '\n';
    return 0;
}

/* What the name does not tell is asked of the file. 0 or an errno. */
static int weigh_file(const struct maildir *m, struct maildir_message *out,
                      const struct maildir_name *name)
{
    struct vsize v;
    struct stat s;
    bool open = false;
    int sys, fd = open_file(m->fd[out->folder], out->name.at, &s);

    if (fd < 0)
        return errno;
    if (name->has_vsize) {
        sys = ends_open(fd, (uint64_t)s.st_size, &open);
        out->octets = name->vsize + (open ? 2 : 0);
    } else {
        sys = -vsize_read(&v, fd);
        out->octets = vsize_sent(&v);
    }
    out->size = name->has_size ? name->size : (uint64_t)s.st_size;
    close(fd);
    return sys;
}

/* What name and earlier lists do not tell is read. false: it is gone meanwhile, or nothing that can
 * be read. */
static bool weigh(const struct maildir *m, struct maildir_message *out, struct maildir_sizes *known)
{
    struct maildir_entry e = {.folder = out->folder, .name = out->name};
    struct maildir_name name;
    bool found;

    maildir_name_read(out->name, &name);
    if (name.ours && name.has_vsize) {
        out->octets = name.vsize;
        out->size = name.size;
        return true;
    }
    e.key = name.key;
    e.seconds = name.seconds;
    found = known && maildir_sizes_find(known, &e, &out->octets, &out->size) &&
            (!name.has_size || name.size == out->size);
    if (!found && weigh_file(m, out, &name))
        return false;
    if (known)
        maildir_sizes_note(known, &e, out->octets, out->size, !found);
    return true;
}

/* ---- list ---- */

int maildir_list(struct maildir *m, struct arena *a, struct maildir_message **list, size_t *count,
                 struct error *e)
{
    struct maildir_entry *entries;
    struct maildir_sizes known;
    size_t n, used = 0;
    int sys = maildir_scan(m, a, &entries, &n);

    *list = NULL;
    *count = 0;
    if (sys) {
        free(entries);
        return maildir_failed(e, span_of(m->account), "cur or new", sys);
    }
    *list = arena_alloc(a, n * sizeof **list);
    maildir_sizes_load(&known, m);
    for (size_t i = 0; i < n; i++) {
        struct maildir_message *out = &(*list)[used];

        out->uid = maildir_name_uid(a, entries[i].key);
        out->name = entries[i].name;
        out->folder = entries[i].folder;
        used += weigh(m, out, &known);
    }
    maildir_sizes_store(&known, m);
    *count = used;
    free(entries);
    return 0;
}

/* ---- where it is now ---- */

struct spot {
    enum maildir_folder folder;
    char name[NAME_MAX + 1];
};

static void take_spot(struct spot *at, enum maildir_folder folder, struct span name,
                      const char *flags)
{
    at->folder = folder;
    snprintf(at->name, sizeof at->name, "%.*s%s", SPAN_ARG(name), flags);
}

static struct span key_of(struct span name)
{
    struct maildir_name parsed;

    maildir_name_read(name, &parsed);
    return parsed.key;
}

/* The places to try, one after the other: where it was, where Dovecot moves what is new, and where
 * a look finds it (twice: it may move during the look). false: it is gone. */
static bool next_spot(struct maildir *m, const struct maildir_message *message, unsigned try,
                      int64_t age, struct spot *at)
{
    const struct maildir_entry *found;

    if (try == 0)
        take_spot(at, message->folder, message->name, "");
    if (try == 1)
        take_spot(at, MAILDIR_CUR, message->name, span_find(message->name, ':') < 0 ? ":2," : "");
    if (try < 2)
        return true;
    found = try < 4 ? maildir_locate(m, key_of(message->name), try == 2 ? age : 0) : NULL;
    if (found)
        take_spot(at, found->folder, found->name, "");
    return found != NULL;
}

/* A file that is not as long as it was listed was changed in its place, which no program should do:
 * then what is kept in mind of others is worth nothing either. */
static void mind_change(const struct maildir *m, const struct maildir_message *message,
                        const struct stat *s)
{
    struct maildir_name name;

    maildir_name_read(message->name, &name);
    if (!name.has_size && message->size != (uint64_t)s->st_size)
        maildir_sizes_forget(m);
}

int maildir_read(struct maildir *m, const struct maildir_message *message, struct error *e)
{
    struct spot at;
    struct stat s;

    for (unsigned i = 0; next_spot(m, message, i, 0, &at); i++) {
        int fd = open_file(m->fd[at.folder], at.name, &s);

        if (fd >= 0) {
            mind_change(m, message, &s);
            return fd;
        }
        if (errno != ENOENT)
            return maildir_failed(e, span_of(m->account), at.name, errno == EINVAL ? EPERM : errno);
    }
    error_mail(e, ERROR_TEMPORARY, "4.2.0", OWNER_NONE,
               "This message was removed by another mail program meanwhile.");
    if (e)
        e->sys = ENOENT;
    return -1;
}

/* ---- remove ---- */

/* 0: removed; ENOENT: it was gone; else why not. */
static int remove_one(struct maildir *m, const struct maildir_message *message)
{
    struct spot at;

    for (unsigned i = 0; next_spot(m, message, i, REMOVE_AGE, &at); i++) {
        if (m->fd[at.folder] < 0)
            continue;
        if (unlinkat(m->fd[at.folder], at.name, 0) == 0)
            return 0;
        if (errno != ENOENT)
            return errno;
    }
    return ENOENT;
}

static int sync_folders(const struct maildir *m)
{
    for (int i = MAILDIR_NEW; i <= MAILDIR_CUR; i++)
        if (m->fd[i] >= 0 && fsync(m->fd[i]) < 0)
            return errno;
    return 0;
}

int maildir_remove(struct maildir *m, const struct maildir_message *messages, size_t n,
                   struct maildir_sum *freed, struct error *e)
{
    int sys = 0, first = 0;

    *freed = (struct maildir_sum){0};
    for (size_t i = 0; i < n; i++) {
        sys = remove_one(m, &messages[i]);
        if (!sys) {
            freed->octets += messages[i].size;
            freed->messages++;
        } else if (sys != ENOENT && !first) {
            first = sys;
        }
    }
    if (freed->messages) {
        sys = sync_folders(m);
        first = first ? first : sys;
        maildir_note(m, -(int64_t)freed->octets, -(int64_t)freed->messages);
    }
    return first ? maildir_failed(e, span_of(m->account), "a message", first) : 0;
}

/* ---- for delivery ---- */

bool maildir_holds(struct maildir *m, struct span key, uint64_t *size)
{
    struct arena *a = arena_new();
    struct maildir_message message = {0};
    bool found = maildir_find(m, key, a, &message.name, &message.folder);

    if (found)
        *size = weigh(m, &message, NULL) ? message.size : 0;
    arena_free(&a);
    return found;
}
