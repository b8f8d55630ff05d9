#include "io/peer_user.h"

#include "base/memory.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct peer_user {
    int fd;
    uint32_t sequence; /* tells an answer from one that came too late */
};

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

struct peer_user *peer_user_open(struct error *e)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct peer_user *p;

    if (fd < 0) {
        error_sys(e, errno, "the kernel does not tell the users of connections");
        return NULL;
    }
    p = memory_alloc(sizeof *p);
    p->fd = fd;
    return p;
}

void peer_user_close(struct peer_user **p)
{
    if (!*p)
        return;
    close((*p)->fd);
    free(*p);
    *p = NULL;
}

/* One end, as the kernel files it: IPv4 as such also when it came in an IPv6 socket. */
struct end {
    uint8_t family;
    uint16_t port; /* network order */
    uint32_t address[4];
};

static bool end_of(const struct sockaddr *from, struct end *out)
{
    const struct sockaddr_in *v4 = (const void *)from;
    const struct sockaddr_in6 *v6 = (const void *)from;

    *out = (struct end){.family = (uint8_t)from->sa_family};
    if (from->sa_family == AF_INET) {
        out->port = v4->sin_port;
        memcpy(out->address, &v4->sin_addr, sizeof v4->sin_addr);
    } else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        out->family = AF_INET;
        out->port = v6->sin6_port;
        memcpy(out->address, &v6->sin6_addr.s6_addr[12], 4);
    } else if (from->sa_family == AF_INET6) {
        out->port = v6->sin6_port;
        memcpy(out->address, &v6->sin6_addr, sizeof v6->sin6_addr);
    }
    return out->family == AF_INET || out->family == AF_INET6;
}

static bool ask(struct peer_user *p, const struct end *theirs, const struct end *ours)
{
    struct question q = {
        .head = {.nlmsg_len = sizeof q,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST,
                 .nlmsg_seq = ++p->sequence},
        .body = {.sdiag_family = theirs->family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = UINT32_MAX,
                 .id = {.idiag_sport = theirs->port,
                        .idiag_dport = ours->port,
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };

    memcpy(q.body.id.idiag_src, theirs->address, sizeof theirs->address);
    memcpy(q.body.id.idiag_dst, ours->address, sizeof ours->address);
    return send(p->fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q;
}

/* The kernel has answered before send() returned. It falls back to a listening socket when there is
 * no such connection: that is not the one we asked for. */
static bool read_answer(struct peer_user *p, const struct end *theirs, const struct end *ours,
                        uid_t *out)
{
    union {
        struct nlmsghdr head;
        char octets[4096];
    } in;
    ssize_t n;

    while ((n = recv(p->fd, &in, sizeof in, MSG_DONTWAIT)) >= (ssize_t)sizeof in.head) {
        const struct inet_diag_msg *m = NLMSG_DATA(&in.head);

        if (in.head.nlmsg_seq != p->sequence)
            continue;
        if (in.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || n < (ssize_t)NLMSG_SPACE(sizeof *m) ||
            m->id.idiag_sport != theirs->port || m->id.idiag_dport != ours->port)
            return false;
        *out = m->idiag_uid;
        return true;
    }
    return false;
}

bool peer_user_find(struct peer_user *p, const struct sockaddr *peer, const struct sockaddr *local,
                    uid_t *out)
{
    struct end theirs, ours;

    return end_of(peer, &theirs) && end_of(local, &ours) && theirs.family == ours.family &&
           ask(p, &theirs, &ours) && read_answer(p, &theirs, &ours, out);
}
