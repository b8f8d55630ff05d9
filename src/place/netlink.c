#include "place/netlink.h"

#include "base/id.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel answers at once; this is for a kernel that has lost the question. */
enum { ANSWER_MS = 1000 };

int netlink_open(uint32_t groups, struct error *e)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
    struct timeval wait = {.tv_sec = ANSWER_MS / 1000};
    int type = SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0);
    int fd = socket(AF_NETLINK, type, NETLINK_ROUTE);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&self, sizeof self) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        return fd;
    error_sys(e, errno, "The kernel does not tell about networks (rtnetlink)");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* One packet from the kernel; packets of anybody else are thrown away. */
static ssize_t receive(int fd, char *buffer, int flags)
{
    struct sockaddr_nl from = {0};
    struct iovec io = {buffer, NETLINK_BUFFER};
    struct msghdr m = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &io, .msg_iovlen = 1};

    for (;;) {
        ssize_t n = recvmsg(fd, &m, flags);

        if (n >= 0 && from.nl_pid == 0)
            return n;
        if (n < 0 && errno != EINTR)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        m.msg_namelen = sizeof from;
    }
}

/* The next of the messages in a buffer, NULL after the last. */
static const struct nlmsghdr *next_message(const char *buffer, size_t n, size_t *at)
{
    const struct nlmsghdr *m = (const struct nlmsghdr *)(buffer + *at);

    if (n < *at + sizeof *m || m->nlmsg_len < sizeof *m || m->nlmsg_len > n - *at)
        return NULL;
    *at += NLMSG_ALIGN((size_t)m->nlmsg_len);
    return m;
}

struct answer {
    uint32_t seq;
    void (*each)(void *arg, const struct nlmsghdr *m);
    void *arg;
};

/* 1: more is to come; 0: all is there; or a negative errno. */
static int take(const struct answer *a, const struct nlmsghdr *m, bool dump)
{
    const struct nlmsgerr *failed = NLMSG_DATA(m);

    if (m->nlmsg_seq != a->seq)
        return 1; /* an answer to what was given up */
    if (m->nlmsg_type == NLMSG_DONE)
        return 0;
    if (m->nlmsg_type == NLMSG_ERROR)
        return m->nlmsg_len >= NLMSG_LENGTH(sizeof *failed) ? failed->error : -EPROTO;
    a->each(a->arg, m);
    return dump ? 1 : 0;
}

static int take_all(const struct answer *a, const char *buffer, size_t n, bool dump)
{
    const struct nlmsghdr *m;
    size_t at = 0;
    int more = 1;

    while (more > 0 && (m = next_message(buffer, n, &at)))
        more = take(a, m, dump);
    return more;
}

int netlink_ask(int fd, struct nlmsghdr *request, void (*each)(void *arg, const struct nlmsghdr *m),
                void *arg)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct answer a = {.each = each, .arg = arg};
    bool dump = request->nlmsg_flags & NLM_F_DUMP;
    char *buffer;
    int more = 1;

    request->nlmsg_flags |= NLM_F_REQUEST;
    id_random(&a.seq, sizeof a.seq);
    request->nlmsg_seq = a.seq;
    if (sendto(fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return -errno;
    buffer = memory_alloc(NETLINK_BUFFER);
    while (more > 0) {
        ssize_t n = receive(fd, buffer, 0);

        more = n < 0 ? (int)n : take_all(&a, buffer, (size_t)n, dump);
    }
    free(buffer);
    return more;
}

int netlink_news(int fd, void (*each)(void *arg, const struct nlmsghdr *m), void *arg)
{
    char *buffer = memory_alloc(NETLINK_BUFFER);
    ssize_t got = receive(fd, buffer, MSG_DONTWAIT);
    size_t n = got < 0 ? 0 : (size_t)got, at = 0;
    int count = got < 0 && got != -ETIMEDOUT ? (int)got : 0;

    for (const struct nlmsghdr *m; (m = next_message(buffer, n, &at)); count++)
        each(arg, m);
    free(buffer);
    return count;
}

static void read_attributes(const void *at, size_t n,
                            struct netlink_attribute out[NETLINK_ATTRIBUTES])
{
    const struct rtattr *a;

    memset(out, 0, NETLINK_ATTRIBUTES * sizeof out[0]);
    for (size_t here = 0; here + sizeof *a <= n; here += ((size_t)a->rta_len + 3) & ~(size_t)3) {
        a = (const struct rtattr *)((const char *)at + here);
        if (a->rta_len < sizeof *a || a->rta_len > n - here)
            return;
        unsigned type = a->rta_type & 0x3fffU; /* without NLA_F_NESTED, NLA_F_NET_BYTEORDER */

        if (type < NETLINK_ATTRIBUTES)
            out[type] = (struct netlink_attribute){a + 1, a->rta_len - sizeof *a};
    }
}

void netlink_attributes(const struct nlmsghdr *m, size_t head,
                        struct netlink_attribute out[NETLINK_ATTRIBUTES])
{
    size_t skip = NLMSG_ALIGN(head);
    size_t n = m->nlmsg_len - NLMSG_HDRLEN;

    read_attributes((const char *)NLMSG_DATA(m) + skip, n > skip ? n - skip : 0, out);
}

void netlink_nested(struct netlink_attribute a, struct netlink_attribute out[NETLINK_ATTRIBUTES])
{
    read_attributes(a.at, a.at ? a.len : 0, out);
}

uint32_t netlink_u32(struct netlink_attribute a, uint32_t otherwise)
{
    uint32_t v = otherwise;

    if (a.at && a.len >= sizeof v)
        memcpy(&v, a.at, sizeof v);
    return v;
}
