#include "store/folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SHELVES = 32 * 32, COPY = 64 << 10, LOCK_TRIES = 40, LOCK_PAUSE = 50 /* ms */ };

struct folder {
    char *path;
    int dir, lock, body;
    bool touched[SHELVES]; /* got a new name since the last sync */
    unsigned touches;
    bool fresh_shelf; /* body/ itself got a new name */
};

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Space that ran out is the client's to try again later (452); anything else is ours (451). */
static int disk_error(struct error *e, int sys, const char *what, const char *path)
{
    error_sys(e, sys, "%s %s failed", what, path);
    if (e)
        snprintf(e->enhanced, sizeof e->enhanced, "%s",
                 sys == ENOSPC || sys == EDQUOT ? "4.3.1" : "4.3.0");
    return -1;
}

/* ---- opening ---- */

static int check_ours(int fd, const char *name, mode_t type, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return disk_error(e, errno, "looking at", name);
    if ((st.st_mode & S_IFMT) != type || (type == S_IFREG && st.st_nlink != 1))
        return error_set(e, ERROR_INPUT,
                         "%s is not a plain %s, perhaps somebody put a link there; the store is "
                         "not opened. Remove it and start again",
                         name, type == S_IFDIR ? "folder" : "file");
    if (st.st_uid != geteuid() || st.st_mode & 022)
        return error_set(e, ERROR_INPUT,
                         "%s belongs to another user or others may write to it; the store is not "
                         "opened. Give it to the user port26 runs as, with mode 0700",
                         name);
    return 0;
}

static int open_dir(int at, const char *name, const char *show, struct error *e)
{
    int fd;

    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return disk_error(e, errno, "making", show);
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return disk_error(e, errno, "opening the folder", show);
    if (check_ours(fd, show, S_IFDIR, e) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A command that found no daemon holds the store for a moment: a daemon that starts then must not
 * give up, nor a command while the daemon ends. */
static int wait_lock(int fd)
{
    int bad = flock(fd, LOCK_EX | LOCK_NB);

    for (int i = 0; bad && errno == EWOULDBLOCK && i < LOCK_TRIES; i++) {
        poll(NULL, 0, LOCK_PAUSE);
        bad = flock(fd, LOCK_EX | LOCK_NB);
    }
    return bad;
}

/* flock and not a file with a number: the kernel gives it back when the process dies, however it
 * dies, so there are no stale locks (fault 35). */
static int take_lock(struct folder *f, struct error *e)
{
    f->lock = openat(f->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (f->lock < 0)
        return disk_error(e, errno, "opening the lock in", f->path);
    if (check_ours(f->lock, "the lock file", S_IFREG, e) < 0)
        return -1;
    if (wait_lock(f->lock) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(e, ERROR_INPUT,
                         "another port26 has the store %s open. Stop it first, or give this one "
                         "another folder; commands talk to the running one by themselves",
                         f->path);
    return disk_error(e, errno, "locking", f->path);
}

/* The database and its two helpers are opened by name later: no link may stand there. */
static int check_database(struct folder *f, struct error *e)
{
    static const char *const names[] = {"port26.db", "port26.db-wal", "port26.db-shm"};

    for (size_t i = 0; i < COUNT(names); i++) {
        int fd = openat(f->dir, names[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        int bad;

        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return disk_error(e, errno, "opening", names[i]);
        bad = check_ours(fd, names[i], S_IFREG, e);
        close(fd);
        if (bad)
            return -1;
    }
    return 0;
}

int folder_open(const char *path, struct folder **out, struct error *e)
{
    struct folder *f = memory_alloc(sizeof *f);

    f->dir = f->lock = f->body = -1;
    f->path = memory_dup(path);
    f->dir = open_dir(AT_FDCWD, path, path, e);
    if (f->dir < 0 || take_lock(f, e) < 0 || check_database(f, e) < 0)
        goto fail;
    f->body = open_dir(f->dir, "body", "the folder body", e);
    if (f->body < 0)
        goto fail;
    free(f->path);
    f->path = realpath(path, NULL);
    if (!f->path || fsync(f->dir) < 0) {
        disk_error(e, errno, "opening the folder", path);
        goto fail;
    }
    *out = f;
    return 0;
fail:
    folder_close(&f);
    return -1;
}

void folder_close(struct folder **f)
{
    if (!*f)
        return;
    if ((*f)->body >= 0)
        close((*f)->body);
    if ((*f)->lock >= 0)
        close((*f)->lock);
    if ((*f)->dir >= 0)
        close((*f)->dir);
    free((*f)->path);
    free(*f);
    *f = NULL;
}

const char *folder_path(const struct folder *f)
{
    return f->path;
}

/* ---- bodies ---- */

struct name {
    char shelf[3], id[ID_TEXT + 1];
    unsigned number;
};

static struct name name_of(const struct id *id)
{
    struct name n;

    id_text(id, n.id);
    memcpy(n.shelf, n.id + 4, 2); /* changes every 17 minutes, comes again after 12 days */
    n.shelf[2] = '\0';
    n.number = (unsigned)(strchr(digits, n.shelf[0]) - digits) * 32 +
               (unsigned)(strchr(digits, n.shelf[1]) - digits);
    return n;
}

static int open_shelf(const struct folder *f, const struct name *n)
{
    return openat(f->body, n->shelf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int folder_body_file(const struct folder *f, struct error *e)
{
    int fd = openat(f->body, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd < 0 ? disk_error(e, errno, "making a file in", f->path) : fd;
}

int folder_free(const struct folder *f, uint64_t *octets, uint64_t *inodes, struct error *e)
{
    struct statvfs v;

    if (fstatvfs(f->dir, &v) < 0)
        return disk_error(e, errno, "asking the free space of", f->path);
    *octets = (uint64_t)v.f_bavail * v.f_frsize;
    *inodes = v.f_files ? (uint64_t)v.f_favail : UINT64_MAX;
    return 0;
}

static int copy(int from, int to, uint64_t size)
{
    char *buf = memory_alloc(COPY);
    uint64_t at = 0;
    int bad = 0;

    while (at < size && !bad) {
        size_t want = size - at < COPY ? (size_t)(size - at) : COPY;
        ssize_t got = pread(from, buf, want, (off_t)at);

        if (got > 0)
            got = pwrite(to, buf, (size_t)got, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        bad = got < 0 ? errno : got == 0 ? EINVAL : 0;
        at += bad ? 0 : (uint64_t)got;
    }
    free(buf);
    return bad;
}

/* Only a file without a name on our own file system can be given one. */
static bool can_link(const struct folder *f, int fd)
{
    struct stat st, here;

    return fstat(fd, &st) == 0 && fstat(f->body, &here) == 0 && S_ISREG(st.st_mode) &&
           st.st_nlink == 0 && st.st_dev == here.st_dev;
}

static int give_name(struct folder *f, const struct name *n, int fd)
{
    char self[64];
    int dir, bad;

    if (mkdirat(f->body, n->shelf, 0700) == 0)
        f->fresh_shelf = true;
    else if (errno != EEXIST)
        return errno;
    dir = open_shelf(f, n);
    if (dir < 0)
        return errno;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    bad = linkat(AT_FDCWD, self, dir, n->id, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
    if (bad == EEXIST) { /* an accept that was rolled back left it; its row is not there */
        unlinkat(dir, n->id, 0);
        bad = linkat(AT_FDCWD, self, dir, n->id, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
    }
    close(dir);
    if (!bad) {
        f->touches += !f->touched[n->number];
        f->touched[n->number] = true;
    }
    return bad;
}

/* A sync that fails is not tried again (R2): the kernel has dropped what it could not write, and a
 * second call would call that good. The file is abandoned; the client brings the message again. */
int folder_body_keep(struct folder *f, const struct id *id, int fd, uint64_t size, struct error *e)
{
    struct name n = name_of(id);
    int own = fd, bad = 0;

    if (!can_link(f, fd)) {
        own = folder_body_file(f, e);
        if (own < 0)
            return -1;
        bad = copy(fd, own, size);
    }
    if (!bad && fsync(own) < 0)
        bad = errno;
    if (!bad)
        bad = give_name(f, &n, own);
    if (own != fd)
        close(own);
    return bad ? disk_error(e, bad, "keeping the body", n.id) : 0;
}

static int sync_shelf(const struct folder *f, unsigned number)
{
    struct name n = {.shelf = {digits[number / 32], digits[number % 32], '\0'}};
    int dir = open_shelf(f, &n), bad;

    if (dir < 0)
        return errno;
    bad = fsync(dir) < 0 ? errno : 0;
    close(dir);
    return bad;
}

int folder_sync(struct folder *f, struct error *e)
{
    int bad = 0;

    if (f->fresh_shelf && fsync(f->body) < 0)
        bad = errno;
    f->fresh_shelf = f->fresh_shelf && bad;
    for (unsigned i = 0; f->touches && i < SHELVES; i++) {
        if (!f->touched[i])
            continue;
        f->touched[i] = false;
        f->touches--;
        if (!bad)
            bad = sync_shelf(f, i);
    }
    return bad ? disk_error(e, bad, "syncing the bodies in", f->path) : 0;
}

int folder_body_open(const struct folder *f, const struct id *id, struct error *e)
{
    struct name n = name_of(id);
    int dir = open_shelf(f, &n), fd;
    struct stat st;

    if (dir < 0)
        return disk_error(e, errno, "opening the body", n.id);
    fd = openat(dir, n.id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ELOOP || errno == ENXIO))
        errno = ENOENT;
    if (fd < 0)
        disk_error(e, errno, "opening the body", n.id);
    close(dir);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
                    st.st_nlink != 1)) {
        close(fd);
        fd = disk_error(e, ENOENT, "opening the body", n.id);
    }
    return fd;
}

bool folder_body_there(const struct folder *f, const struct id *id)
{
    int fd = folder_body_open(f, id, NULL);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void folder_body_remove(const struct folder *f, const struct id *id)
{
    struct name n = name_of(id);
    int dir = open_shelf(f, &n);

    if (dir < 0)
        return;
    unlinkat(dir, n.id, 0); /* what stays is an orphan, counted and removed at the next start */
    close(dir);
}

static void each_in(const struct folder *f, const char *shelf,
                    void (*fn)(void *arg, const struct id *id), void *arg, unsigned *strange)
{
    int fd = openat(f->body, shelf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct id id;

    while (d && (entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        if (id_parse(span_of(entry->d_name), &id) && strcmp(name_of(&id).shelf, shelf) == 0)
            fn(arg, &id);
        else
            ++*strange;
    }
    if (d)
        closedir(d);
}

int folder_bodies(const struct folder *f, void (*fn)(void *arg, const struct id *id), void *arg,
                  unsigned *strange, struct error *e)
{
    int fd = openat(f->body, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    *strange = 0;
    if (!d)
        return disk_error(e, errno, "reading the bodies in", f->path);
    while ((entry = readdir(d))) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) == 2)
            each_in(f, entry->d_name, fn, arg, strange);
        else if (entry->d_name[0] != '.')
            ++*strange;
    }
    closedir(d);
    return 0;
}
