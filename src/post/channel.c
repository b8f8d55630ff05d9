#include "post/channel.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* On the wire: a header, then the letter's body. A descriptor rides on the first byte of its
 * header, and the kernel hands descriptors over in the order of the bytes they ride on, so both
 * sides keep a queue of them. */
struct header {
    uint32_t length; /* of the body */
    uint16_t kind;
    uint8_t version;
    uint8_t has_fd;
    uint64_t tag;
};

enum {
    OUT_MAX = 64 << 20, /* beyond this the other side has stopped reading */
    FDS_MAX = 256,
    READ_SIZE = 256 << 10,
    /* The kernel may hand over this many descriptors in one message (SCM_MAX_FD). */
    FDS_PER_READ = 253,
};

struct waiter {
    struct fiber *fiber;
    struct parcel *answer;
    bool closed;
};

struct riding {
    size_t offset; /* of its first byte in out */
    int fd;
};

struct channel {
    struct loop *loop;
    int fd;
    enum letter_side from;
    const struct channel_calls *calls;
    void *arg;
    struct watch *watch;
    struct text in, out;
    size_t in_done;
    struct riding riding[FDS_MAX];
    size_t riding_count;
    int arrived[FDS_MAX]; /* descriptors not yet claimed by a letter */
    size_t arrived_count;
    struct map *waiters;
    uint64_t next_tag;
    bool flush_soon, closed, freed;
    unsigned busy; /* callbacks of ours on the stack: free only when none is */
};

void parcel_free(struct parcel **p)
{
    if (!*p)
        return;
    if ((*p)->fd >= 0)
        close((*p)->fd);
    arena_free(&(*p)->arena);
    free(*p);
    *p = NULL;
}

static void destroy(struct channel *c)
{
    for (size_t i = 0; i < c->riding_count; i++)
        close(c->riding[i].fd);
    for (size_t i = 0; i < c->arrived_count; i++)
        close(c->arrived[i]);
    watch_free(&c->watch);
    close(c->fd);
    text_free(&c->in);
    text_free(&c->out);
    map_free(&c->waiters);
    free(c);
}

/* Each loop callback of a channel is bracketed by these two, because the callee may free the
 * channel. */
static void enter(struct channel *c)
{
    c->busy++;
}

static void leave(struct channel *c)
{
    if (--c->busy == 0 && c->freed)
        destroy(c);
}

static void wake_closed(struct span key, void *value, void *arg)
{
    struct waiter *w = value;

    (void)key;
    (void)arg;
    w->closed = true;
    fiber_wake(w->fiber);
}

static void fail(struct channel *c, const char *why)
{
    if (c->closed)
        return;
    c->closed = true;
    watch_pause(c->watch, true);
    watch_writable(c->watch, NULL);
    map_each(c->waiters, wake_closed, NULL);
    if (!c->freed)
        c->calls->closed(c->arg, why);
}

/* Sends what lies before the next riding descriptor, or with it when it is first. Returns bytes
 * sent or -1. */
static ssize_t send_some(struct channel *c, size_t from)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    size_t end = c->out.len;
    bool with = c->riding_count && c->riding[0].offset == from;
    struct iovec piece;
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};

    if (c->riding_count > (with ? 1U : 0U))
        end = c->riding[with ? 1 : 0].offset;
    piece = (struct iovec){c->out.at + from, end - from};
    if (with) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &c->riding[0].fd, sizeof(int));
    }
    return sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* After n bytes left from offset `from`: the descriptor that rode there is the other side's now. */
static void sent(struct channel *c, size_t from)
{
    if (!c->riding_count || c->riding[0].offset != from)
        return;
    close(c->riding[0].fd);
    c->riding_count--;
    memmove(c->riding, c->riding + 1, c->riding_count * sizeof c->riding[0]);
}

static void on_writable(void *arg);

static void flush(struct channel *c)
{
    size_t done = 0;
    int trouble = 0;

    while (done < c->out.len && !trouble) {
        ssize_t n = send_some(c, done);

        if (n > 0) {
            sent(c, done);
            done += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            trouble = errno;
        }
    }
    text_drop(&c->out, done);
    for (size_t i = 0; i < c->riding_count; i++)
        c->riding[i].offset -= done;
    if (trouble && trouble != EAGAIN && trouble != ETOOMANYREFS)
        fail(c, strerror(trouble));
    else if (!c->closed)
        watch_writable(c->watch, c->out.len ? on_writable : NULL);
}

static void on_writable(void *arg)
{
    struct channel *c = arg;

    enter(c);
    flush(c);
    leave(c);
}

static void on_flush(void *arg)
{
    struct channel *c = arg;

    c->flush_soon = false;
    if (!c->closed && !c->freed)
        flush(c);
    leave(c);
}

bool channel_send(struct channel *c, enum letter_kind kind, uint64_t tag, const void *letter,
                  int fd)
{
    struct header h = {
        .kind = (uint16_t)kind, .version = LETTER_VERSION, .has_fd = fd >= 0, .tag = tag};
    size_t start = c->out.len;
    int copy = -1;

    if (c->closed || (fd >= 0 && c->riding_count == FDS_MAX))
        return false;
    if (fd >= 0 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return false;
    text_add(&c->out, (struct span){(const char *)&h, sizeof h});
    if (c->out.full || !letter_write(kind, letter, &c->out) || c->out.len - start > LETTER_MAX) {
        c->out.len = start;
        c->out.full = false;
        if (copy >= 0)
            close(copy);
        return false;
    }
    h.length = (uint32_t)(c->out.len - start - sizeof h);
    memcpy(c->out.at + start, &h, sizeof h);
    if (copy >= 0)
        c->riding[c->riding_count++] = (struct riding){start, copy};
    if (!c->flush_soon) {
        c->flush_soon = true;
        enter(c);
        loop_later(c->loop, on_flush, c);
    }
    return true;
}

static struct span tag_key(const uint64_t *tag)
{
    return (struct span){(const char *)tag, sizeof *tag};
}

/* Stands in the tags of the questions asked at this end: the keeper asks its children too. */
static uint64_t own_mark(const struct channel *c)
{
    return UINT64_C(1) << (c->from == SIDE_KEEPER ? 63 : 62);
}

/* An answer goes to its fiber, anything else to the owner. */
static void hand_over(struct channel *c, struct parcel *p)
{
    struct waiter *w = p->tag ? map_get(c->waiters, tag_key(&p->tag)) : NULL;
    bool asked_here = p->tag & own_mark(c);

    if (w) {
        w->answer = p;
        map_take(c->waiters, tag_key(&p->tag));
        fiber_wake(w->fiber);
    } else if (asked_here) {
        parcel_free(&p); /* the fiber that asked gave up before the answer came */
    } else {
        c->calls->parcel(c->arg, p);
    }
}

static int claim_fd(struct channel *c)
{
    int fd;

    if (!c->arrived_count)
        return -1;
    fd = c->arrived[0];
    c->arrived_count--;
    memmove(c->arrived, c->arrived + 1, c->arrived_count * sizeof c->arrived[0]);
    return fd;
}

/* One letter off the input. Returns false when none is whole yet, or the sender broke the rules. */
static bool take_letter(struct channel *c)
{
    struct header h;
    struct parcel *p;
    struct span body;
    size_t left = c->in.len - c->in_done;

    if (left < sizeof h)
        return false;
    memcpy(&h, c->in.at + c->in_done, sizeof h);
    if (h.version != LETTER_VERSION || h.kind >= LETTER_KINDS || h.length > LETTER_MAX ||
        h.has_fd > 1) {
        fail(c, "a letter with a bad header");
        return false;
    }
    if (left - sizeof h < h.length)
        return false;
    p = memory_alloc(sizeof *p);
    *p = (struct parcel){
        .kind = (enum letter_kind)h.kind, .tag = h.tag, .fd = -1, .arena = arena_new()};
    p->bytes = sizeof h + h.length;
    body = arena_span(p->arena, (struct span){c->in.at + c->in_done + sizeof h, h.length});
    c->in_done += p->bytes;
    if (h.has_fd)
        p->fd = claim_fd(c);
    p->letter = letter_read(p->kind, c->from, body, p->arena);
    if (!p->letter || (h.has_fd && p->fd < 0)) {
        parcel_free(&p);
        fail(c, "a letter that does not read whole or is not the sender's to send");
        return false;
    }
    hand_over(c, p);
    return true;
}

static void collect_fds(struct channel *c, struct msghdr *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (c->arrived_count < FDS_MAX)
                c->arrived[c->arrived_count++] = fd;
            else
                close(fd);
        }
    }
}

static ssize_t receive(struct channel *c)
{
    union {
        char bytes[CMSG_SPACE(FDS_PER_READ * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec piece;
    struct msghdr m = {.msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n;

    piece.iov_base = text_room(&c->in, READ_SIZE);
    piece.iov_len = READ_SIZE;
    if (!piece.iov_base)
        return -1;
    n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n > 0) {
        c->in.len += (size_t)n;
        collect_fds(c, &m);
    }
    return n;
}

static void on_readable(void *arg)
{
    struct channel *c = arg;
    ssize_t n;

    enter(c);
    n = receive(c);
    if (n > 0) {
        while (!c->closed && !c->freed && take_letter(c))
            ;
        text_drop(&c->in, c->in_done);
        c->in_done = 0;
    } else if (n == 0) {
        fail(c, "the other side closed");
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(c, strerror(errno));
    }
    leave(c);
}

struct channel *channel_new(struct loop *l, int fd, enum letter_side from,
                            const struct channel_calls *calls, void *arg)
{
    struct channel *c = memory_alloc(sizeof *c);

    c->loop = l;
    c->fd = fd;
    c->from = from;
    c->calls = calls;
    c->arg = arg;
    c->in = TEXT_INIT(LETTER_MAX + READ_SIZE + sizeof(struct header));
    c->out = TEXT_INIT(OUT_MAX);
    c->waiters = map_new();
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    c->watch = watch_new(l, fd, on_readable, c);
    return c;
}

void channel_free(struct channel **c)
{
    struct channel *gone = *c;

    if (!gone)
        return;
    *c = NULL;
    assert(!gone->freed);
    enter(gone);
    if (!gone->closed)
        flush(gone);
    gone->freed = true;
    fail(gone, "freed");
    leave(gone);
}

struct parcel *channel_ask(struct channel *c, enum letter_kind kind, const void *letter, int fd,
                           int64_t deadline)
{
    struct waiter w = {.fiber = fiber_self()};
    uint64_t tag = ++c->next_tag | own_mark(c);

    assert(w.fiber);
    if (!channel_send(c, kind, tag, letter, fd))
        return NULL;
    map_put(c->waiters, tag_key(&tag), &w);
    enter(c);
    while (!w.answer && !w.closed)
        if (fiber_wait(deadline) < 0)
            break;
    map_take(c->waiters, tag_key(&tag));
    leave(c);
    return w.answer;
}
