/* Names in a folder while others rename them: a file that changes its name during the look may be
 * missed, so a look counts only when the folder did not change meanwhile; else it is repeated, and
 * what any look saw counts as seen. */
#include "maildir/maildir_parts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "maildir/maildir_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOKS = 4,          /* at most, while the folders keep changing */
    TICK_NS = 20000000, /* file times step with the kernel's tick: two changes may show the same */
};

/* ---- folders ---- */

DIR *maildir_names(int fd)
{
    int own = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = own >= 0 ? fdopendir(own) : NULL;

    if (!d && own >= 0)
        close(own);
    return d;
}

bool maildir_is_message(int fd, const struct dirent *entry)
{
    struct stat s;

    if (entry->d_name[0] == '.')
        return false;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    return fstatat(fd, entry->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode);
}

struct timespec maildir_changed(int fd)
{
    struct stat s;

    return fd >= 0 && fstat(fd, &s) == 0 ? s.st_mtim : (struct timespec){0};
}

bool maildir_changed_since(int fd, struct timespec before, struct timespec looked)
{
    struct timespec now = maildir_changed(fd);
    int64_t calm =
        (int64_t)(looked.tv_sec - before.tv_sec) * 1000000000 + looked.tv_nsec - before.tv_nsec;

    return now.tv_sec != before.tv_sec || now.tv_nsec != before.tv_nsec ||
           (calm < TICK_NS && calm > -TICK_NS);
}

/* ---- all names ---- */

struct scan {
    struct arena *arena;
    struct maildir_entry *entries;
    size_t count, cap;
};

static void keep(struct scan *s, enum maildir_folder folder, const char *name)
{
    struct maildir_entry *n;
    struct maildir_name parsed;

    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->entries = memory_grow(s->entries, s->cap * sizeof *s->entries);
    }
    n = &s->entries[s->count++];
    n->name = arena_span(s->arena, span_of(name));
    n->folder = folder;
    maildir_name_read(n->name, &parsed);
    n->key = parsed.key;
    n->seconds = parsed.seconds;
}

int maildir_order(const void *a, const void *b)
{
    const struct maildir_entry *x = a, *y = b;

    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? -1 : 1;
    return span_cmp(x->key, y->key);
}

/* The same message in new/ and in cur/ was moved while we looked: cur/ is where it is now. */
static int order_all(const void *a, const void *b)
{
    const struct maildir_entry *x = a, *y = b;
    int c = maildir_order(a, b);

    return c ? c : (int)x->folder - (int)y->folder;
}

static void sort(struct scan *s)
{
    size_t n = 0;

    if (s->count)
        qsort(s->entries, s->count, sizeof *s->entries, order_all);
    for (size_t i = 0; i < s->count; i++)
        if (i + 1 == s->count || maildir_order(&s->entries[i], &s->entries[i + 1]))
            s->entries[n++] = s->entries[i];
    s->count = n;
}

static int look(struct scan *s, const struct maildir *m, enum maildir_folder folder)
{
    struct dirent *entry;
    DIR *d;

    if (m->fd[folder] < 0)
        return 0;
    d = maildir_names(m->fd[folder]);
    if (!d)
        return errno;
    while (s->count < MAILDIR_LIST_MAX && (entry = readdir(d)))
        if (maildir_is_message(m->fd[folder], entry))
            keep(s, folder, entry->d_name);
    closedir(d);
    return 0;
}

/* new/ first: what moves to cur/ meanwhile is seen there. */
static int look_once(struct scan *s, const struct maildir *m, bool *changed)
{
    struct timespec now,
        before[] = {maildir_changed(m->fd[MAILDIR_NEW]), maildir_changed(m->fd[MAILDIR_CUR])};
    int sys;

    clock_gettime(CLOCK_REALTIME, &now);
    sys = look(s, m, MAILDIR_NEW);
    if (!sys)
        sys = look(s, m, MAILDIR_CUR);
    sort(s);
    *changed = maildir_changed_since(m->fd[MAILDIR_NEW], before[0], now) ||
               maildir_changed_since(m->fd[MAILDIR_CUR], before[1], now);
    return sys;
}

int maildir_scan(struct maildir *m, struct arena *a, struct maildir_entry **entries, size_t *count)
{
    struct scan s = {.arena = a};
    bool changed = true;
    int sys = 0;

    for (int i = 0; i < LOOKS && changed && !sys; i++)
        sys = look_once(&s, m, &changed);
    *entries = s.entries;
    *count = s.count;
    return sys;
}

/* ---- one name ---- */

static bool find_in(const struct maildir *m, enum maildir_folder folder, struct span key,
                    struct arena *a, struct span *name)
{
    struct dirent *entry;
    struct maildir_name parsed;
    bool found = false;
    DIR *d = maildir_names(m->fd[folder]);

    while (d && !found && (entry = readdir(d))) {
        maildir_name_read(span_of(entry->d_name), &parsed);
        found = span_eq(parsed.key, key) && maildir_is_message(m->fd[folder], entry);
        if (found)
            *name = arena_span(a, span_of(entry->d_name));
    }
    if (d)
        closedir(d);
    return found;
}

bool maildir_find(struct maildir *m, struct span key, struct arena *a, struct span *name,
                  enum maildir_folder *folder)
{
    struct timespec now, before;

    for (int i = 0; i < LOOKS; i++) {
        for (*folder = MAILDIR_NEW; *folder <= MAILDIR_CUR; ++*folder) {
            before = maildir_changed(m->fd[MAILDIR_CUR]);
            clock_gettime(CLOCK_REALTIME, &now);
            if (find_in(m, *folder, key, a, name))
                return true;
        }
        if (!maildir_changed_since(m->fd[MAILDIR_CUR], before, now))
            break;
    }
    return false;
}

/* ---- where one is now ---- */

void maildir_index_drop(struct maildir_index *x)
{
    if (!x->arena)
        return;
    arena_free(&x->arena);
    free(x->entries);
    x->entries = NULL;
}

static bool usable(const struct maildir *m, int64_t age)
{
    const struct maildir_index *x = &m->index;

    if (!x->arena)
        return false;
    if (clock_now() - x->at < age)
        return true;
    return !maildir_changed_since(m->fd[MAILDIR_NEW], x->changed[0], x->looked) &&
           !maildir_changed_since(m->fd[MAILDIR_CUR], x->changed[1], x->looked);
}

static void look_again(struct maildir *m)
{
    struct maildir_index *x = &m->index;

    maildir_index_drop(x);
    x->arena = arena_new();
    x->at = clock_now();
    x->changed[0] = maildir_changed(m->fd[MAILDIR_NEW]);
    x->changed[1] = maildir_changed(m->fd[MAILDIR_CUR]);
    clock_gettime(CLOCK_REALTIME, &x->looked);
    if (maildir_scan(m, x->arena, &x->entries, &x->count))
        x->count = 0;
}

const struct maildir_entry *maildir_locate(struct maildir *m, struct span key, int64_t age)
{
    struct maildir_name parsed;
    struct maildir_entry wanted;

    if (!usable(m, age))
        look_again(m);
    maildir_name_read(key, &parsed);
    wanted = (struct maildir_entry){.key = parsed.key, .seconds = parsed.seconds};
    return m->index.count
               ? bsearch(&wanted, m->index.entries, m->index.count, sizeof wanted, maildir_order)
               : NULL;
}
