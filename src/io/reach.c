#include "io/reach.h"

#include "base/clock.h"
#include "io/fiber.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static socklen_t length_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void prepare(int fd, int family, int hops)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
        if (hops)
            setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        if (hops)
            setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
    }
}

static void take_icmp(const struct sock_extended_err *e, size_t room, struct reach *out)
{
    const struct sockaddr *from = SO_EE_OFFENDER(e);
    size_t need =
        from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6)
        return;
    out->icmp = true;
    out->icmp_type = e->ee_type;
    out->icmp_code = e->ee_code;
    if (room >= sizeof *e + need && from->sa_family != AF_UNSPEC)
        memcpy(&out->icmp_from, from, need);
}

static bool is_error(const struct cmsghdr *c)
{
    return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* The queue holds one entry for each packet the network complained about; the first tells most. */
static void hear_errors(int fd, struct reach *out)
{
    union {
        struct cmsghdr head;
        char bytes[512];
    } control;
    char packet[64];
    struct iovec part = {packet, sizeof packet};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};

    m.msg_controllen = sizeof control;
    if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct sock_extended_err e;

        if (!is_error(c) || c->cmsg_len < CMSG_LEN(sizeof e))
            continue;
        take_icmp((const struct sock_extended_err *)CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0), out);
    }
}

static void count_again(int fd, struct reach *out)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return;
    out->again = info.tcpi_total_retrans;
    /* The first counts attempts, the second only what the device took. */
    out->kept = out->sys == ETIMEDOUT && info.tcpi_total_retrans > 0 && info.tcpi_retrans == 0;
}

static void wake(void *fiber)
{
    fiber_wake(fiber);
}

static bool connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;

    return getpeername(fd, (struct sockaddr *)&peer, &n) == 0;
}

/* Early wakes are possible; only the kernel knows how far the connection is. */
static int wait_for(struct loop *l, int fd, int64_t deadline)
{
    struct watch *w = watch_new(l, fd, wake, fiber_self());
    int r;

    watch_writable(w, wake);
    while ((r = fiber_wait(deadline)) == 0) {
        int error = 0;
        socklen_t n = sizeof error;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
            error = errno;
        r = -error;
        if (error || connected(fd))
            break;
    }
    watch_free(&w);
    return r;
}

/* A reset: what was reached this way is not to be talked to, and leaves nothing behind. */
static void drop(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

int reach_connect(struct loop *l, const struct sockaddr *to, int hops, int64_t deadline,
                  struct reach *out, struct stream **s)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int64_t began = clock_now();
    int r;

    memset(out, 0, sizeof *out);
    if (s)
        *s = NULL;
    out->sys = fd < 0 ? errno : 0;
    if (fd < 0)
        return -out->sys;
    prepare(fd, to->sa_family, hops);
    r = connect(fd, to, length_of(to)) == 0 ? 0 : -errno;
    if (r == -EINPROGRESS)
        r = wait_for(l, fd, deadline);
    out->sys = -r;
    out->ms = clock_now() - began;
    count_again(fd, out);
    hear_errors(fd, out);
    if (r == 0 && s)
        *s = stream_socket(l, fd);
    else
        drop(fd);
    return r;
}
