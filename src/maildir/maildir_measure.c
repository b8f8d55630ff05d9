/* The sum of all folders. maildirsize counts as true when it is whole, short, and no folder was
 * changed after it: all who keep it append after they changed a folder, unless they die between.
 * Otherwise the names are looked at, and a maildirsize that was there is written anew. We never
 * make the first one: where no other program keeps it, nobody would tell it what other programs
 * remove, and it would lie (docs/why/maildir.md). */
#include "maildir/maildir_parts.h"

#include "base/file.h"
#include "base/id.h"
#include "maildir/maildir_name.h"
#include "maildir/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOKS = 3, /* at most, while the folders keep changing */
    QUIET = 2, /* seconds without a change before a count is written: whoever changed a folder has
                  noted it */
};

/* What one look at all folders found. */
struct look {
    struct maildir_sum sum;
    struct timespec newest; /* change of any folder, before its names were read */
    struct timespec began;
    bool names; /* read them; else only the times */
    bool changed;
    int sys; /* the first failure */
};

/* ---- looking ---- */

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static void add_file(struct look *l, int fd, const char *name)
{
    struct maildir_name parsed;
    struct stat s = {0};

    maildir_name_read(span_of(name), &parsed);
    if (!parsed.has_size && fstatat(fd, name, &s, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* gone meanwhile */
    l->sum.octets += parsed.has_size ? parsed.size : (uint64_t)s.st_size;
    l->sum.messages++;
}

static int add_names(struct look *l, int fd)
{
    struct dirent *entry;
    DIR *d = maildir_names(fd);

    if (!d)
        return errno;
    while ((entry = readdir(d)))
        if (maildir_is_message(fd, entry))
            add_file(l, fd, entry->d_name);
    closedir(d);
    return 0;
}

/* new or cur of one folder; a missing one, or a link, holds nothing of ours. */
static void add_one(struct look *l, int at, const char *name)
{
    struct timespec before;
    int fd = maildir_open_folder(at, name);

    if (fd < 0) {
        if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR && !l->sys)
            l->sys = errno;
        return;
    }
    before = maildir_changed(fd);
    if (later(before, l->newest))
        l->newest = before;
    if (l->names && !l->sys)
        l->sys = add_names(l, fd);
    l->changed |= l->names && maildir_changed_since(fd, before, l->began);
    close(fd);
}

static void add_subfolder(struct look *l, int top, const char *name)
{
    int fd = maildir_open_folder(top, name);

    if (fd < 0)
        return;
    add_one(l, fd, "new");
    add_one(l, fd, "cur");
    close(fd);
}

/* All folders of the Maildir++: the inbox and every ".Name". */
static int look_at_all(const struct maildir *m, struct look *l, bool names)
{
    int top = m->fd[MAILDIR_TOP];
    struct dirent *entry;
    DIR *d = maildir_names(top);

    *l = (struct look){.names = names};
    clock_gettime(CLOCK_REALTIME, &l->began);
    if (!d)
        return errno;
    add_one(l, top, "new");
    add_one(l, top, "cur");
    while (!l->sys && (entry = readdir(d)))
        if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            add_subfolder(l, top, entry->d_name);
    closedir(d);
    return l->sys;
}

static int count(const struct maildir *m, struct look *l)
{
    int sys, looks = 0;

    do {
        sys = look_at_all(m, l, true);
    } while (!sys && l->changed && ++looks < LOOKS);
    return sys;
}

/* ---- maildirsize ---- */

/* What the file says, in *text; false when there is none or it is of no use. */
static bool read_file(int top, struct text *text, struct maildirsize *size, struct stat *s)
{
    int fd = maildirsize_open(top, s);
    bool good = fd >= 0 && file_read(fd, text) == 0 && maildirsize_parse(text_span(text), size);

    if (fd >= 0)
        close(fd);
    return good;
}

static bool is_true(const struct maildir *m, const struct stat *file)
{
    struct look l;

    return file->st_size <= MAILDIRSIZE_MAX && look_at_all(m, &l, false) == 0 &&
           !later(l.newest, file->st_mtim);
}

/* A new file takes the place of the old one in one step. */
static void replace(const struct maildir *m, const struct maildirsize *size)
{
    struct text text = TEXT_INIT(2 * MAILDIRSIZE_MAX);
    struct id id; /* no id_new: that is for one thread */
    char name[ID_TEXT + 20] = "maildirsize.";
    int fd;

    id_random(id.byte, sizeof id.byte);
    id_text(&id, name + strlen(name));
    maildirsize_write(&text, size);
    fd = openat(m->fd[MAILDIR_TMP], name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
    if (fd >= 0) {
        if (file_write(fd, text_span(&text)) < 0 || text.full ||
            renameat(m->fd[MAILDIR_TMP], name, m->fd[MAILDIR_TOP], "maildirsize") < 0)
            unlinkat(m->fd[MAILDIR_TMP], name, 0);
        close(fd);
    }
    text_free(&text);
}

/* Only what was counted in a quiet moment is written: else a change that the count saw already
 * could be noted in the new file by whoever made it. */
static bool write_count(const struct maildir *m, const struct look *l, struct span quota)
{
    struct maildirsize size = {quota, (int64_t)l->sum.octets, (int64_t)l->sum.messages};
    struct look again;

    if (l->changed || l->newest.tv_sec + QUIET >= l->began.tv_sec || m->fd[MAILDIR_TMP] < 0)
        return false;
    if (look_at_all(m, &again, false) != 0 || later(again.newest, l->newest))
        return false;
    replace(m, &size);
    return true;
}

/* What the file said was not counted; without a quiet moment it goes, and whoever keeps it counts
 * anew. */
static void correct(const struct maildir *m, const struct look *l, const struct maildirsize *size,
                    bool believe)
{
    bool wrong =
        (uint64_t)size->octets != l->sum.octets || (uint64_t)size->messages != l->sum.messages;

    if (!write_count(m, l, size->quota) && !believe && wrong)
        unlinkat(m->fd[MAILDIR_TOP], "maildirsize", 0);
}

int maildir_measure(struct maildir *m, bool believe, struct maildir_sum *sum, struct error *e)
{
    struct text text = TEXT_INIT(MAILDIRSIZE_GIVE_UP);
    struct maildirsize size = {0};
    struct stat file;
    struct look l;
    bool kept;
    int sys = 0;

    *sum = (struct maildir_sum){0};
    if (m->fd[MAILDIR_TOP] < 0)
        return 0;
    kept = read_file(m->fd[MAILDIR_TOP], &text, &size, &file);
    if (kept && believe && is_true(m, &file)) {
        *sum = (struct maildir_sum){(uint64_t)size.octets, (uint64_t)size.messages};
    } else {
        sys = count(m, &l);
        *sum = l.sum;
        if (!sys && kept)
            correct(m, &l, &size, believe);
    }
    text_free(&text);
    return sys ? maildir_failed(e, span_of(m->account), "one of its folders", sys) : 0;
}

void maildir_note(struct maildir *m, int64_t octets, int64_t messages)
{
    char line[64];
    struct stat s;
    int n, fd = m->fd[MAILDIR_TOP] < 0 ? -1 : maildirsize_open(m->fd[MAILDIR_TOP], &s);

    if (fd < 0)
        return;
    n = snprintf(line, sizeof line, "%lld %lld\n", (long long)octets, (long long)messages);
    /* Half a line, or so long that nobody reads it any more: who keeps it counts again. */
    if (file_write(fd, (struct span){line, (size_t)n}) < 0 || s.st_size > MAILDIRSIZE_GIVE_UP)
        unlinkat(m->fd[MAILDIR_TOP], "maildirsize", 0);
    close(fd);
}
