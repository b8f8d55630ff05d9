#include "maildir/maildir_sizes.h"

#include "base/file.h"
#include "maildir/maildir_name.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME  "port26-sizes"
#define FIRST NAME " 1\n"

/* So many files are opened sooner than the whole list is written again. */
enum { FEW = 16 };

static const uint64_t most = UINT64_C(1) << 50;

/* ---- the text ---- */

static bool read_line(struct maildir_sizes *s, struct span line)
{
    struct span octets = span_word(&line), size = span_word(&line);
    struct maildir_name name;

    if (!span_u64(octets, most, &s->octets) || !span_u64(size, most, &s->size) ||
        s->octets < s->size || s->octets > 2 * s->size + 2 || !line.len)
        return false;
    line = span_from(line, 1); /* one blank: more of them are the key's */
    maildir_name_read(line, &name);
    s->at = (struct maildir_entry){.key = name.key, .seconds = name.seconds};
    return name.key.len && name.key.len == line.len;
}

/* The next line that is good. A last one without its end was cut off. */
static bool next_line(struct maildir_sizes *s)
{
    struct span line;

    while (span_search(s->rest, SPAN("\n")) >= 0) {
        span_cut(&s->rest, '\n', &line);
        if (read_line(s, line))
            return true;
    }
    s->rest = SPAN_NONE;
    return false;
}

void maildir_sizes_begin(struct maildir_sizes *s)
{
    struct span text = text_span(&s->known);

    s->now = TEXT_INIT(MAILDIR_SIZES_MAX);
    if (span_starts(text, SPAN(FIRST)))
        s->rest = span_from(text, sizeof FIRST - 1);
    for (size_t i = 0; i < s->rest.len; i++)
        s->lines += s->rest.at[i] == '\n';
    s->ended = !next_line(s);
}

bool maildir_sizes_find(struct maildir_sizes *s, const struct maildir_entry *e, uint64_t *octets,
                        uint64_t *size)
{
    while (!s->ended && maildir_order(&s->at, e) < 0)
        s->ended = !next_line(s);
    if (s->ended || maildir_order(&s->at, e))
        return false;
    *octets = s->octets;
    *size = s->size;
    return true;
}

void maildir_sizes_note(struct maildir_sizes *s, const struct maildir_entry *e, uint64_t octets,
                        uint64_t size, bool fresh)
{
    if (span_find(e->key, '\n') >= 0)
        return;
    if (!s->now.len)
        text_adds(&s->now, FIRST);
    text_addf(&s->now, "%" PRIu64 " %" PRIu64 " %.*s\n", octets, size, SPAN_ARG(e->key));
    s->noted++;
    s->fresh += fresh;
}

bool maildir_sizes_changed(const struct maildir_sizes *s)
{
    return s->fresh >= FEW || s->lines > 2 * s->noted + FEW || (s->lines && !s->noted);
}

void maildir_sizes_end(struct maildir_sizes *s)
{
    text_free(&s->known);
    text_free(&s->now);
}

/* ---- the file ---- */

void maildir_sizes_load(struct maildir_sizes *s, const struct maildir *m)
{
    int fd = openat(m->fd[MAILDIR_TOP], NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;

    *s = (struct maildir_sizes){.known = TEXT_INIT(MAILDIR_SIZES_MAX)};
    if (fd >= 0 && (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode) || is.st_uid != geteuid() ||
                    file_read(fd, &s->known) < 0))
        text_clear(&s->known);
    if (fd >= 0)
        close(fd);
    maildir_sizes_begin(s);
}

/* One name for all tries: what a crash leaves behind is written over. Not synced: the file may be
 * lost, and one of which a part is lost is read as far as it goes. */
static void replace(const struct maildir *m, struct span text)
{
    int tmp = m->fd[MAILDIR_TMP], fd;
    struct stat is;
    bool good;

    fd = openat(tmp, NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    good = fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_uid == geteuid() &&
           is.st_nlink == 1 && ftruncate(fd, 0) == 0 && file_write(fd, text) == 0;
    good = close(fd) == 0 && good;
    if (!good || renameat(tmp, NAME, m->fd[MAILDIR_TOP], NAME) < 0)
        unlinkat(tmp, NAME, 0);
}

void maildir_sizes_store(struct maildir_sizes *s, const struct maildir *m)
{
    if (maildir_sizes_changed(s) && !s->now.full) {
        if (!s->now.len)
            maildir_sizes_forget(m);
        else if (m->fd[MAILDIR_TMP] >= 0)
            replace(m, text_span(&s->now));
    }
    maildir_sizes_end(s);
}

void maildir_sizes_forget(const struct maildir *m)
{
    unlinkat(m->fd[MAILDIR_TOP], NAME, 0);
}
