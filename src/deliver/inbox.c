/* tmp/NAME written and synced, then renamed to new/NAME, then new/ synced: from then on the
 * message is safe (P1 of the inbox). Whatever fails before leaves nothing behind. */
#include "deliver/inbox.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "maildir/maildir.h"
#include "maildir/vsize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 64 << 10,
    NAME_MAX_OUT = 200, /* of the key; the sizes take 46 more, a name 255 */
    /* A delivery so much later than the message's birth may be a repeated one: then cur/ is looked
     * through too, where a mail program may have moved the file. */
    REPEAT_AGE = 2000,
};

struct inbox {
    const struct inbox_target *target;
    struct maildir *maildir;
    int tmp, new;            /* its descriptors */
    char key[NAME_MAX_OUT];  /* what of the name follows from the job */
    char name[NAME_MAX + 1]; /* with the sizes */
};

/* ---- the name ---- */

/* The id begins with the time of its birth (base/id.h). */
static int64_t born(const struct id *id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->byte[i];
    return ms;
}

/* "<seconds>.<id>_<number>.<host>"; what readers of Maildir take for a mark in the host ('/' and
 * ':' are usual, ',' begins the sizes) is written in octal. */
static void make_key(struct inbox *in, const struct job *job)
{
    struct text key = TEXT_INIT(NAME_MAX_OUT - 1);
    const struct id *id = &job->envelope.id;
    size_t to = in->target->recipient;
    uint32_t number = job->numbers ? job->numbers[to] : (uint32_t)to;
    char text[ID_TEXT + 1];

    id_text(id, text);
    text_addf(&key, "%lld.%s_%u.", (long long)(born(id) / 1000), text, number);
    for (const char *c = in->target->hostname; *c && key.len < NAME_MAX_OUT - 8; c++) {
        if (strchr("/:,", *c))
            text_addf(&key, "\\%03o", *c);
        else
            text_addc(&key, *c);
    }
    snprintf(in->key, sizeof in->key, "%s", text_cstr(&key));
    text_free(&key);
}

static void make_name(struct inbox *in, const struct vsize *v)
{
    snprintf(in->name, sizeof in->name, "%s,S=%" PRIu64 ",W=%" PRIu64, in->key, v->size,
             vsize_virtual(v));
}

/* May an earlier delivery, whose end was not recorded, have put it here? Then all names are looked
 * through: the one in new/ is found without that (publish), but a mail program may have moved it.
 */
static bool is_late(const struct job *job)
{
    return job->attempt > 1 || clock_wall() - born(&job->envelope.id) > REPEAT_AGE;
}

/* ---- the content ---- */

struct writer {
    int fd;
    struct text out;
    struct vsize size;
    bool cr; /* a CR is held back: an LF may follow */
    int sys; /* positive errno of the first failure */
};

static bool flush(struct writer *w)
{
    size_t done = 0;

    vsize_add(&w->size, text_span(&w->out));
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

/* The last line ends, so that W tells what POP3 sends too. */
static void put_end(struct writer *w)
{
    if (w->cr)
        text_addc(&w->out, '\r');
    flush(w);
    if (w->size.last != '\n') {
        text_addc(&w->out, '\n');
        flush(w);
    }
}

static int write_all(int fd, const struct inbox_target *t, const struct job *job,
                     struct vsize *size)
{
    struct writer w = {.fd = fd, .out = TEXT_INIT(4 * PIECE)};
    const struct content *c = &job->content;

    put_head(&w, t, job);
    put_memory(&w, c->prefix);
    if (c->fd >= 0)
        put_file(&w, c);
    else
        put_memory(&w, c->body);
    put_end(&w);
    text_free(&w.out);
    *size = w.size;
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

    *fd = openat(in->tmp, in->key, flags, 0600);
    if (*fd < 0 && errno == EEXIST && unlinkat(in->tmp, in->key, 0) == 0)
        *fd = openat(in->tmp, in->key, flags, 0600);
    return *fd < 0 ? errno : 0;
}

/* tmp/ is not synced: what a crash leaves there nobody reads. */
static int sync_new(const struct inbox *in)
{
    return fsync(in->new) < 0 ? errno : 0;
}

/* The same job makes the same octets, so an earlier delivery's file in new/ has the same name. */
static int publish(const struct inbox *in, const struct vsize *size)
{
    struct stat s;

    if (fstatat(in->new, in->name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode)) {
        unlinkat(in->tmp, in->key, 0);
        return sync_new(in);
    }
    if (renameat(in->tmp, in->key, in->new, in->name) < 0)
        return errno;
    /* From here on the message may be seen. When the folder cannot be synced it stays, and the
     * repeated delivery finds it. */
    maildir_note(in->maildir, (int64_t)size->size, 1);
    return sync_new(in);
}

static int deliver(struct inbox *in, const struct job *job, uint64_t *stored, struct error *e)
{
    struct span account = in->target->account;
    struct vsize size;
    int fd, sys;

    if (is_late(job) && maildir_holds(in->maildir, span_of(in->key), stored)) {
        unlinkat(in->tmp, in->key, 0); /* of a repetition that a crash cut short */
        return fsync(in->new) < 0 ? maildir_failed(e, account, "new", errno) : 0;
    }
    sys = create(in, &fd);
    if (sys)
        return maildir_failed(e, account, "tmp", sys);
    sys = write_all(fd, in->target, job, &size);
    if (close(fd) < 0 && !sys)
        sys = errno;
    make_name(in, &size);
    if (!sys)
        sys = publish(in, &size);
    *stored = size.size;
    if (!sys)
        return 0;
    unlinkat(in->tmp, in->key, 0);
    return maildir_failed(e, account, "the new message", sys);
}

int inbox_deliver(const struct inbox_target *t, const struct job *job, uint64_t *stored,
                  struct error *e)
{
    struct inbox in = {.target = t};
    int rc = maildir_open(t->root, t->account, true, &in.maildir, e);

    *stored = 0;
    if (rc < 0)
        return rc;
    in.tmp = maildir_fd(in.maildir, MAILDIR_TMP);
    in.new = maildir_fd(in.maildir, MAILDIR_NEW);
    make_key(&in, job);
    rc = deliver(&in, job, stored, e);
    maildir_close(&in.maildir);
    return rc;
}

static struct outcome later(const struct error *e, struct arena *a)
{
    struct outcome o = {.kind = OUTCOME_LATER,
                        .scope = SCOPE_RECIPIENT,
                        .stage = STAGE_INBOX,
                        .owner = e->owner,
                        .words = arena_span(a, span_of(e->words))};

    if (!enhanced_parse(span_of(e->enhanced), &o.status))
        o.status = (struct enhanced){4, 3, 0};
    return o;
}

struct outcome inbox_outcome(const struct inbox_target *t, const struct job *job, struct arena *a)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}};
    struct error e = {0};

    if (inbox_deliver(t, job, &o.stored, &e) < 0)
        return later(&e, a);
    o.account = arena_span(a, t->account);
    o.words = span_of(arena_printf(a, "Put into the inbox of %.*s.", SPAN_ARG(t->account)));
    return o;
}
