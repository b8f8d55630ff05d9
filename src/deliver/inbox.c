/* tmp/NAME written and synced, then renamed to new/NAME, then both folders synced: from then on the
 * message is safe (P1 of the inbox). Whatever fails before leaves nothing behind. */
#include "deliver/inbox.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 64 << 10,
    NAME_MAX_OUT = 256,
    /* A delivery so much later than the message's birth may be a repeated one: then cur/ is looked
     * through too, where a mail program may have moved the file. */
    REPEAT_AGE = 2000,
};

struct inbox {
    int root, account, tmp, new;
    char name[NAME_MAX_OUT];
};

/* ---- folders ---- */

static int refuse(struct error *e, const struct inbox_target *t, const char *what, const char *why)
{
    return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                      "The inbox of %.*s cannot be used: %s %s. The mail waits until that is "
                      "repaired.",
                      SPAN_ARG(t->account), what, why);
}

static int failed(struct error *e, const struct inbox_target *t, const char *what, int sys)
{
    if (sys == ENOSPC)
        return error_mail(e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER,
                          "The disk with the inboxes is full, so mail for %.*s waits. Make room "
                          "there.",
                          SPAN_ARG(t->account));
    if (sys == EDQUOT)
        return error_mail(e, ERROR_TEMPORARY, "4.2.2", OWNER_PROVIDER,
                          "The file system's quota does not let the inbox of %.*s grow. The mail "
                          "waits until there is room.",
                          SPAN_ARG(t->account));
    if (sys == ELOOP || sys == ENOTDIR)
        return refuse(e, t, what, "is a link or no folder");
    return refuse(e, t, what, strerror(sys));
}

/* Ours, a folder, and nobody else may write: else somebody could put links into our way. */
static int check_folder(int fd, const struct inbox_target *t, const char *what, struct error *e)
{
    struct stat s;

    if (fstat(fd, &s) < 0)
        return failed(e, t, what, errno);
    if (!S_ISDIR(s.st_mode))
        return refuse(e, t, what, "is no folder");
    if (s.st_uid != geteuid())
        return refuse(e, t, what, "belongs to another user");
    if (s.st_mode & (S_IWGRP | S_IWOTH))
        return refuse(e, t, what, "may be written to by others (chmod go-w)");
    return 0;
}

static int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Opens name below `at`, making it when missing; the parent is synced then, so that the new folder
 * survives what its first file survives. */
static int enter(int at, const char *name, const struct inbox_target *t, struct error *e)
{
    int fd = open_folder(at, name);

    if (fd < 0 && errno == ENOENT) {
        if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
            return failed(e, t, name, errno);
        if (fsync(at) < 0)
            return failed(e, t, name, errno);
        fd = open_folder(at, name);
    }
    if (fd < 0)
        return failed(e, t, name, errno);
    if (check_folder(fd, t, name, e) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_root(const struct inbox_target *t, struct error *e)
{
    int fd = open_folder(AT_FDCWD, t->root);

    if (fd < 0)
        return failed(e, t, t->root, errno);
    if (check_folder(fd, t, t->root, e) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* One step of a path, and not one that leads elsewhere or hides. */
static bool good_account(struct span s)
{
    if (!s.len || s.len > INBOX_NAME_MAX || s.at[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '/' || (unsigned char)s.at[i] < ' ' || s.at[i] == 127)
            return false;
    return true;
}

static void leave(struct inbox *in)
{
    const int fds[] = {in->root, in->account, in->tmp, in->new};

    for (size_t i = 0; i < COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int go_in(struct inbox *in, const struct inbox_target *t, struct error *e)
{
    char account[INBOX_NAME_MAX + 1];
    int cur;

    if (!good_account(t->account) || !span_cstr(t->account, account, sizeof account))
        return refuse(e, t, "its name", "cannot be a folder's name");
    if ((in->root = open_root(t, e)) < 0 || (in->account = enter(in->root, account, t, e)) < 0 ||
        (in->tmp = enter(in->account, "tmp", t, e)) < 0 ||
        (in->new = enter(in->account, "new", t, e)) < 0)
        return -1;
    cur = enter(in->account, "cur", t, e);
    if (cur < 0)
        return -1;
    close(cur);
    return 0;
}

/* ---- the name ---- */

/* The id begins with the time of its birth (base/id.h). */
static int64_t born(const struct id *id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->byte[i];
    return ms;
}

/* "<seconds>.<id>_<number>.<host>"; '/' and ':' in the host are written as Maildir readers know
 * them. */
static void make_name(struct inbox *in, const struct inbox_target *t, const struct job *job)
{
    struct text name = TEXT_INIT(NAME_MAX_OUT - 1);
    const struct id *id = &job->envelope.id;
    uint32_t number = job->numbers ? job->numbers[t->recipient] : (uint32_t)t->recipient;
    char text[ID_TEXT + 1];

    id_text(id, text);
    text_addf(&name, "%lld.%s_%u.", (long long)(born(id) / 1000), text, number);
    for (const char *c = t->hostname; *c && name.len < NAME_MAX_OUT - 8; c++) {
        if (*c == '/' || *c == ':')
            text_addf(&name, "\\%03o", *c);
        else
            text_addc(&name, *c);
    }
    snprintf(in->name, sizeof in->name, "%s", text_cstr(&name));
    text_free(&name);
}

static bool in_cur(const struct inbox *in)
{
    size_t n = strlen(in->name);
    struct dirent *entry;
    bool found = false;
    int fd = open_folder(in->account, "cur");
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (entry = readdir(d)))
        found = !strncmp(entry->d_name, in->name, n) &&
                (entry->d_name[n] == '\0' || entry->d_name[n] == ':');
    closedir(d);
    return found;
}

/* Did an earlier delivery, whose end was not recorded, put it here? */
static bool is_there(const struct inbox *in, const struct job *job)
{
    struct stat s;
    bool late = job->attempt > 1 || clock_wall() - born(&job->envelope.id) > REPEAT_AGE;

    if (fstatat(in->new, in->name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode))
        return true;
    return late && in_cur(in);
}

/* ---- the content ---- */

struct writer {
    int fd;
    struct text out;
    bool cr; /* a CR is held back: an LF may follow */
    int sys; /* positive errno of the first failure */
};

static bool flush(struct writer *w)
{
    size_t done = 0;

    while (done < w->out.len && !w->sys) {
        ssize_t n = write(w->fd, w->out.at + done, w->out.len - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            w->sys = n == 0 ? EIO : errno;
    }
    if (w->out.full && !w->sys)
        w->sys = EOVERFLOW;
    text_clear(&w->out);
    return !w->sys;
}

/* CR LF becomes LF; a lone CR stays. */
static bool put(struct writer *w, struct span s)
{
    while (s.len) {
        const char *cr = memchr(s.at, '\r', s.len);
        struct span run = span_head(s, cr ? (size_t)(cr - s.at) : s.len);

        if (w->cr && s.at[0] != '\n')
            text_addc(&w->out, '\r');
        w->cr = cr != NULL;
        text_add(&w->out, run);
        s = span_from(s, run.len + (cr ? 1 : 0));
        if (w->out.len >= PIECE && !flush(w))
            return false;
    }
    return true;
}

static void put_memory(struct writer *w, struct span s)
{
    for (; s.len && put(w, span_head(s, PIECE)); s = span_from(s, PIECE))
        ;
}

static void put_file(struct writer *w, const struct content *c)
{
    char *buf = memory_alloc(PIECE);
    uint64_t at = 0;

    while (at < c->size && !w->sys) {
        size_t want = c->size - at < PIECE ? (size_t)(c->size - at) : PIECE;
        ssize_t n = pread(c->fd, buf, want, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            w->sys = n < 0 ? errno : EIO; /* shorter than promised */
            break;
        }
        put(w, (struct span){buf, (size_t)n});
        at += (uint64_t)n;
    }
    free(buf);
}

/* Without anything that could end the line (the parsers let nothing such through). */
static void put_address(struct writer *w, struct span address)
{
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.at[i] >= ' ' && address.at[i] != 127)
            text_addc(&w->out, address.at[i]);
}

static void put_head(struct writer *w, const struct inbox_target *t, const struct job *job)
{
    text_adds(&w->out, "Return-Path: <");
    put_address(w, job->envelope.sender);
    text_adds(&w->out, ">\nDelivered-To: ");
    put_address(w, job->envelope.recipients[t->recipient].address);
    text_addc(&w->out, '\n');
}

static int write_all(int fd, const struct inbox_target *t, const struct job *job)
{
    struct writer w = {.fd = fd, .out = TEXT_INIT(4 * PIECE)};
    const struct content *c = &job->content;

    put_head(&w, t, job);
    put_memory(&w, c->prefix);
    if (c->fd >= 0)
        put_file(&w, c);
    else
        put_memory(&w, c->body);
    if (w.cr)
        text_addc(&w.out, '\r');
    flush(&w);
    text_free(&w.out);
    if (!w.sys && fsync(fd) < 0)
        w.sys = errno; /* never synced again and called good (R2) */
    return w.sys;
}

/* ---- delivery ---- */

/* A leftover of the same name comes from a crash in the middle: it is ours by its name, so it is
 * taken away. 0 or errno. */
static int create(const struct inbox *in, int *fd)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    *fd = openat(in->tmp, in->name, flags, 0600);
    if (*fd < 0 && errno == EEXIST && unlinkat(in->tmp, in->name, 0) == 0)
        *fd = openat(in->tmp, in->name, flags, 0600);
    return *fd < 0 ? errno : 0;
}

static int publish(const struct inbox *in)
{
    if (renameat(in->tmp, in->name, in->new, in->name) < 0)
        return errno;
    /* From here on the message may be seen. When a folder cannot be synced it stays, and the
     * repeated delivery finds it. */
    if (fsync(in->new) < 0 || fsync(in->tmp) < 0)
        return errno;
    return 0;
}

static int deliver(const struct inbox *in, const struct inbox_target *t, const struct job *job,
                   struct error *e)
{
    int fd, sys;

    if (is_there(in, job))
        return fsync(in->new) < 0 ? failed(e, t, "new", errno) : 0;
    sys = create(in, &fd);
    if (sys)
        return failed(e, t, "tmp", sys);
    sys = write_all(fd, t, job);
    if (close(fd) < 0 && !sys)
        sys = errno;
    if (!sys)
        sys = publish(in);
    if (!sys)
        return 0;
    unlinkat(in->tmp, in->name, 0);
    return failed(e, t, "the new message", sys);
}

int inbox_deliver(const struct inbox_target *t, const struct job *job, struct error *e)
{
    struct inbox in = {.root = -1, .account = -1, .tmp = -1, .new = -1};
    int rc = go_in(&in, t, e);

    if (rc == 0) {
        make_name(&in, t, job);
        rc = deliver(&in, t, job, e);
    }
    leave(&in);
    return rc;
}

struct outcome inbox_outcome(const struct inbox_target *t, int rc, const struct error *e,
                             struct arena *a)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}};

    if (rc == 0) {
        o.words = span_of(arena_printf(a, "Put into the inbox of %.*s.", SPAN_ARG(t->account)));
        return o;
    }
    o = (struct outcome){.kind = OUTCOME_LATER,
                         .scope = SCOPE_RECIPIENT,
                         .stage = STAGE_INBOX,
                         .owner = e->owner,
                         .words = arena_span(a, span_of(e->words))};
    if (!enhanced_parse(span_of(e->enhanced), &o.status))
        o.status = (struct enhanced){4, 3, 0};
    return o;
}
