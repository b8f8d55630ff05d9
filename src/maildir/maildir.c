#include "maildir/maildir.h"

#include "base/memory.h"
#include "maildir/maildir_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- words ---- */

static int refuse(struct error *e, struct span account, const char *what, const char *why)
{
    return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                      "The inbox of %.*s cannot be used: %s %s. The mail waits until that is "
                      "repaired.",
                      SPAN_ARG(account), what, why);
}

int maildir_failed(struct error *e, struct span account, const char *what, int sys)
{
    if (sys == ENOSPC)
        error_mail(e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER,
                   "The disk with the inboxes is full, so mail for %.*s waits. Make room there.",
                   SPAN_ARG(account));
    else if (sys == EDQUOT)
        error_mail(e, ERROR_TEMPORARY, "4.2.2", OWNER_PROVIDER,
                   "The file system's quota does not let the inbox of %.*s grow. The mail waits "
                   "until there is room.",
                   SPAN_ARG(account));
    else
        refuse(e, account, what,
               sys == ELOOP || sys == ENOTDIR ? "is a link or no folder" : strerror(sys));
    if (e)
        e->sys = sys;
    return -1;
}

/* ---- folders ---- */

int maildir_open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Else somebody could put links into our way. */
int maildir_folder_wrong(int fd, const char **why)
{
    struct stat s;

    if (fstat(fd, &s) < 0)
        return errno;
    *why = !S_ISDIR(s.st_mode)               ? "is no folder"
           : s.st_uid != geteuid()           ? "belongs to another user"
           : s.st_mode & (S_IWGRP | S_IWOTH) ? "may be written to by others (chmod go-w)"
                                             : NULL;
    return *why ? -1 : 0;
}

static int check(int fd, struct span account, const char *what, struct error *e)
{
    const char *why;
    int sys = maildir_folder_wrong(fd, &why);

    if (!sys)
        return fd;
    close(fd);
    return sys < 0 ? refuse(e, account, what, why) : maildir_failed(e, account, what, sys);
}

/* Makes it; the parent is synced then, so that the new folder survives what its first file
 * survives. 0 or -1 and errno. */
static int make_folder(int at, const char *name)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return fsync(at);
}

/* Opens name below `at`. A missing one is made, or left out: then *fd is -1. */
static int enter(int at, const char *name, bool make, int *fd)
{
    *fd = maildir_open_folder(at, name);
    if (*fd < 0 && errno == ENOENT) {
        if (!make)
            return 0;
        if (make_folder(at, name) < 0)
            return errno;
        *fd = maildir_open_folder(at, name);
    }
    return *fd < 0 ? errno : 0;
}

static int enter_checked(struct maildir *m, int at, const char *name, bool make, int *fd,
                         struct error *e)
{
    int sys = enter(at, name, make, fd);

    if (sys)
        return maildir_failed(e, span_of(m->account), name, sys);
    if (*fd < 0)
        return 0;
    *fd = check(*fd, span_of(m->account), name, e);
    return *fd < 0 ? -1 : 0;
}

static int open_root(const char *root, struct span account, struct error *e)
{
    int fd = maildir_open_folder(AT_FDCWD, root);

    return fd < 0 ? maildir_failed(e, account, root, errno) : check(fd, account, root, e);
}

/* One step of a path, and not one that leads elsewhere or hides. */
static bool good_account(struct span s)
{
    if (!s.len || s.len > MAILDIR_ACCOUNT_MAX || s.at[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '/' || (unsigned char)s.at[i] < ' ' || s.at[i] == 127)
            return false;
    return true;
}

static int go_in(struct maildir *m, int root, bool make, struct error *e)
{
    static const char *const names[] = {
        [MAILDIR_TMP] = "tmp", [MAILDIR_NEW] = "new", [MAILDIR_CUR] = "cur"};

    if (enter_checked(m, root, m->account, make, &m->fd[MAILDIR_TOP], e) < 0)
        return -1;
    for (int i = MAILDIR_TMP; i <= MAILDIR_CUR && m->fd[MAILDIR_TOP] >= 0; i++)
        if (enter_checked(m, m->fd[MAILDIR_TOP], names[i], make, &m->fd[i], e) < 0)
            return -1;
    return 0;
}

int maildir_open(const char *root, struct span account, bool make, struct maildir **out,
                 struct error *e)
{
    struct maildir *m;
    int at, rc;

    *out = NULL;
    if (!good_account(account))
        return refuse(e, account, "its name", "cannot be a folder's name");
    at = open_root(root, account, e);
    if (at < 0)
        return -1;
    m = memory_alloc(sizeof *m);
    for (size_t i = 0; i < COUNT(m->fd); i++)
        m->fd[i] = -1;
    span_cstr(account, m->account, sizeof m->account);
    rc = go_in(m, at, make, e);
    close(at);
    if (rc < 0)
        maildir_close(&m);
    *out = m;
    return rc;
}

void maildir_close(struct maildir **m)
{
    if (!*m)
        return;
    for (size_t i = 0; i < COUNT((*m)->fd); i++)
        if ((*m)->fd[i] >= 0)
            close((*m)->fd[i]);
    maildir_index_drop(&(*m)->index);
    free(*m);
    *m = NULL;
}

int maildir_fd(const struct maildir *m, enum maildir_folder folder)
{
    return m->fd[folder];
}
