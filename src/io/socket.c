/* socket: a stream on a connected descriptor.
 *
 * Calls are tried first and wait only when the kernel says so. The descriptor enters the loop's
 * epoll set at its first wait, edge-triggered, and stays: later waits cost no system call. An edge
 * also tells when a read is worth trying: after a read that left room in the buffer the kernel has
 * no more (epoll(7)), so the read that would only say EAGAIN is spared; a new edge, or a hang-up
 * seen with the last one, allows reading again. */
#include "io/socket.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/park.h"
#include "io/turn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BURST = 32,               /* calls in a row without a wait, before others get their turn */
    DRAIN_BYTES = 256 * 1024, /* thrown away before closing */
};

struct socket {
    struct stream stream; /* first member */
    struct task grave;
    struct ready ready;
    struct loop *loop;
    struct fiber *reader, *writer; /* who waits */
    uint32_t in_set;               /* the events asked for; 0: not in the epoll set */
    int fd;
    bool drained; /* nothing to read until the next edge */
    bool ended;   /* a hang-up was told: no further edge will come */
    unsigned char burst;
};

static const struct stream_ops ops;

static struct socket *socket_of(struct stream *s)
{
    assert(s->ops == &ops);
    return (struct socket *)s;
}

static void happened(struct ready *r, uint32_t events)
{
    struct socket *k = (struct socket *)((char *)r - offsetof(struct socket, ready));

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        k->ended = true;
    if (k->ended || (events & EPOLLIN)) {
        k->drained = false;
        if (k->reader)
            fiber_wake(k->reader);
    }
    if (k->writer && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
        fiber_wake(k->writer);
}

/* EPOLLOUT is asked for only while somebody waits to write: a local socket would tell it each time
 * its other end reads. */
static int ask(struct socket *k, bool writing)
{
    uint32_t want = EPOLLIN | EPOLLRDHUP | EPOLLET | (writing ? (uint32_t)EPOLLOUT : 0);
    int r = 0;

    if (k->in_set != want)
        r = turn_ctl(k->loop, k->in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, k->fd, want, &k->ready);
    if (r == 0)
        k->in_set = want;
    return r;
}

/* Waits as reader or writer; early wakes are possible. Outside of fibers nobody can wait. */
static int wait_as(struct socket *k, struct fiber **who)
{
    int r;

    if (!fiber_self())
        return -EAGAIN;
    assert(!*who);
    *who = fiber_self();
    r = ask(k, k->writer != NULL);
    k->loop->waits++;
    if (r == 0)
        r = fiber_wait(k->stream.deadline);
    k->loop->waits--;
    *who = NULL;
    k->burst = 0;
    return r;
}

/* A stage that is over is over, even for a peer whose bytes never stop. And a peer whose bytes are
 * always there must not keep the loop to itself. */
static int may_go_on(struct socket *k)
{
    if (loop_now(k->loop) >= k->stream.deadline)
        return -ETIMEDOUT;
    if (++k->burst < BURST || !fiber_self())
        return 0;
    k->burst = 0;
    fiber_yield();
    return fiber_cancelled() ? -ECANCELED : 0;
}

static ssize_t receive(struct socket *k, char *buf, size_t n)
{
    ssize_t got;

    if (k->drained)
        return -EAGAIN;
    do
        got = recv(k->fd, buf, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        got = -errno;
    /* Before the first edge, and after the last, only the kernel knows. */
    if (k->in_set && !k->ended && (got == -EAGAIN || (got > 0 && (size_t)got < n)))
        k->drained = true;
    return got;
}

static ssize_t read_now(struct stream *s, char *buf, size_t n)
{
    struct socket *k = socket_of(s);
    int r = may_go_on(k);

    return r != 0 ? r : receive(k, buf, n);
}

static ssize_t read_waiting(struct stream *s, char *buf, size_t n)
{
    struct socket *k = socket_of(s);

    while (true) {
        ssize_t got = may_go_on(k);

        if (got == 0)
            got = receive(k, buf, n);
        else
            return got;
        if (got != -EAGAIN)
            return got;
        got = wait_as(k, &k->reader);
        if (got != 0)
            return got;
    }
}

static int write_all(struct stream *s, const char *buf, size_t n)
{
    struct socket *k = socket_of(s);

    while (n > 0) {
        int r = may_go_on(k);
        ssize_t sent = r == 0 ? send(k->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

        if (r != 0)
            return r;
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (sent < 0 && errno == EAGAIN && (r = wait_as(k, &k->writer)) != 0)
            return r;
        if (sent > 0) {
            buf += sent;
            n -= (size_t)sent;
        }
    }
    return 0;
}

/* Closing with unread bytes in the kernel makes TCP send a reset, which can destroy our last words
 * on their way. So what is there is read away first. */
static void say_good_bye(struct stream *s)
{
    struct socket *k = socket_of(s);
    char waste[16 * 1024];

    for (size_t sum = 0; sum < DRAIN_BYTES && !k->drained && !k->ended;) {
        ssize_t got = receive(k, waste, sizeof waste);

        if (got <= 0 || (size_t)got < sizeof waste)
            return;
        sum += (size_t)got;
    }
}

static void bury(struct task *t)
{
    free((char *)t - offsetof(struct socket, grave));
}

static void close_socket(struct stream *s)
{
    struct socket *k = socket_of(s);

    assert(!k->reader && !k->writer);
    /* Not left to close(): a child between fork and exec holds the same socket, and would keep it
     * in the set with a pointer to freed memory. */
    if (k->in_set)
        turn_ctl(k->loop, EPOLL_CTL_DEL, k->fd, 0, NULL);
    close(k->fd);
    k->grave.run = bury;
    turn_bury(k->loop, &k->grave);
}

static const struct stream_ops ops = {
    .name = "socket",
    .read = read_waiting,
    .read_now = read_now,
    .write = write_all,
    .shutdown = say_good_bye,
    .free = close_socket,
};

int socket_fd(const struct stream *s)
{
    return s->ops == &ops ? ((const struct socket *)s)->fd : -1;
}

struct stream *stream_socket(struct loop *l, int fd)
{
    struct socket *k = memory_alloc(sizeof *k);

    k->stream.ops = &ops;
    k->stream.deadline = clock_now() + SOCKET_FIRST_DEADLINE_MS;
    k->ready.fn = happened;
    k->loop = l;
    k->fd = fd;
    return &k->stream;
}

static socklen_t length_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* Connected, or still at it (-EINPROGRESS), or failed. */
static int begin(int fd, const struct sockaddr *to, const struct sockaddr *from)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from) {
        /* The port can wait for connect: else bind would use up one per local address. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, from, length_of(from)) != 0)
            return -errno;
    }
    return connect(fd, to, length_of(to)) == 0 ? 0 : -errno;
}

static int finish(struct socket *k)
{
    int error = 0;
    socklen_t n = sizeof error;
    int r;

    while ((r = wait_as(k, &k->writer)) == 0) {
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof peer;

        if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
            return -errno;
        if (error != 0)
            return -error;
        if (getpeername(k->fd, (struct sockaddr *)&peer, &peer_len) == 0)
            return 0;
    }
    return r;
}

int stream_connect(struct loop *l, const struct sockaddr *to, const struct sockaddr *from,
                   int64_t deadline, struct stream **out)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stream *s;
    int r;

    *out = NULL;
    if (fd < 0)
        return -errno;
    s = stream_socket(l, fd);
    stream_deadline(s, deadline);
    r = begin(fd, to, from);
    if (r == -EINPROGRESS)
        r = finish(socket_of(s));
    if (r != 0)
        stream_abort(&s);
    *out = s;
    return r;
}
