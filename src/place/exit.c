/* The kernel itself is asked which way it would take to an address far away, instead of reading the
 * table of routes: so rules (wg-quick keeps its default route in a table of its own), routes that
 * cover the world in halves (OpenVPN) and metrics count as they do for real packets. Nothing is
 * sent to that address. */
#include "place/exit.h"

#include "base/memory.h"
#include "base/span.h"
#include "place/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Any address that is nobody's neighbour would do. These are of the root of the DNS. */
static const struct exit_address far_away[] = {
    {AF_INET, {198, 41, 0, 4}},
    {AF_INET6, {0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [13] = 0x02, [15] = 0x30}},
};

size_t exit_size(int family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static bool address_of(int family, struct netlink_attribute a, struct exit_address *out)
{
    size_t n = exit_size(family);

    if (!n || !a.at || a.len < n)
        return false;
    *out = (struct exit_address){.family = family};
    memcpy(out->byte, a.at, n);
    return true;
}

/* RTA_VIA: a gateway of the other family (RFC 5549, RFC 8950). */
static void read_gateway(int family, const struct netlink_attribute *a, struct exit_address *out)
{
    const struct rtvia *via = a[RTA_VIA].at;
    struct netlink_attribute inside;

    if (address_of(family, a[RTA_GATEWAY], out) || !via || a[RTA_VIA].len < sizeof *via)
        return;
    inside = (struct netlink_attribute){via->rtvia_addr, a[RTA_VIA].len - sizeof *via};
    address_of(via->rtvia_family, inside, out);
}

#define WAY_DEAD (RTNH_F_DEAD | RTNH_F_LINKDOWN)

/* Of several gateways that share the load, the one with the lowest address stands for all: the one
 * the kernel would take is chosen by chance. */
static void read_several(struct netlink_attribute all, struct exit_way *w)
{
    const struct rtnexthop *h = all.at;
    size_t left = all.len;

    while (left >= sizeof *h && h->rtnh_len >= sizeof *h && h->rtnh_len <= left) {
        struct netlink_attribute a[NETLINK_ATTRIBUTES];
        struct exit_address gateway = {0};
        size_t step = ((size_t)h->rtnh_len + 3) & ~(size_t)3;

        netlink_nested((struct netlink_attribute){h + 1, h->rtnh_len - sizeof *h}, a);
        read_gateway(w->family, a, &gateway);
        if (!(h->rtnh_flags & WAY_DEAD) &&
            (!w->open || memcmp(&gateway, &w->gateway, sizeof gateway) < 0)) {
            w->open = true;
            w->index = h->rtnh_ifindex;
            w->gateway = gateway;
        }
        if (step >= left)
            return;
        left -= step;
        h = (const struct rtnexthop *)((const char *)h + step);
    }
}

static void read_route(void *arg, const struct nlmsghdr *m)
{
    const struct rtmsg *r = NLMSG_DATA(m);
    struct netlink_attribute a[NETLINK_ATTRIBUTES];
    struct exit_way *w = arg;

    if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof *r) ||
        r->rtm_type != RTN_UNICAST)
        return;
    netlink_attributes(m, sizeof *r, a);
    if (a[RTA_MULTIPATH].at) {
        read_several(a[RTA_MULTIPATH], w);
    } else if (a[RTA_OIF].at && !(r->rtm_flags & WAY_DEAD)) {
        w->open = true;
        w->index = (int)netlink_u32(a[RTA_OIF], 0);
        read_gateway(w->family, a, &w->gateway);
    }
}

struct route_request {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr to_head;
    uint8_t to[EXIT_ADDRESS];
};

static int ask_route(int fd, const struct exit_address *to, struct exit_way *w)
{
    size_t n = exit_size(to->family);
    struct route_request q = {
        .head = {.nlmsg_type = RTM_GETROUTE},
        .route = {.rtm_family = (unsigned char)to->family,
                  .rtm_dst_len = (unsigned char)(8 * n),
                  .rtm_flags = RTM_F_FIB_MATCH},
        .to_head = {.rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = RTA_DST},
    };

    q.head.nlmsg_len = (uint32_t)(offsetof(struct route_request, to) + n);
    memcpy(q.to, to->byte, n);
    return netlink_ask(fd, &q.head, read_route, w);
}

/* ---- the interface ---- */

/* Kinds of interfaces that lead through another network (IFLA_INFO_KIND). */
static const char *const tunnels[] = {"wireguard", "amneziawg", "tun",    "ovpn", "ppp",
                                      "ipip",      "sit",       "ip6tnl", "gre",  "gretap",
                                      "ip6gre",    "ip6gretap", "vti",    "vti6", "xfrm"};
static const unsigned tunnel_types[] = {ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_TUNNEL6,
                                        ARPHRD_SIT, ARPHRD_IPGRE,  ARPHRD_IP6GRE};

static bool is_tunnel(unsigned type, const struct netlink_attribute *a)
{
    struct netlink_attribute info[NETLINK_ATTRIBUTES];
    struct span kind;

    netlink_nested(a[IFLA_LINKINFO], info);
    kind = (struct span){info[IFLA_INFO_KIND].at, info[IFLA_INFO_KIND].len};
    kind.len = kind.at ? strnlen(kind.at, kind.len) : 0;
    for (size_t i = 0; i < COUNT(tunnels); i++)
        if (span_is(kind, tunnels[i]))
            return true;
    for (size_t i = 0; i < COUNT(tunnel_types); i++)
        if (type == tunnel_types[i])
            return true;
    /* A modem has no link addresses either, but it is a device. */
    return type == ARPHRD_NONE && !a[IFLA_PARENT_DEV_NAME].at;
}

static void read_link(void *arg, const struct nlmsghdr *m)
{
    const struct ifinfomsg *i = NLMSG_DATA(m);
    struct netlink_attribute a[NETLINK_ATTRIBUTES];
    struct exit_way *w = arg;

    if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof *i) ||
        i->ifi_index != w->index)
        return;
    netlink_attributes(m, sizeof *i, a);
    if (a[IFLA_IFNAME].at)
        snprintf(w->device, sizeof w->device, "%.*s", (int)a[IFLA_IFNAME].len,
                 (const char *)a[IFLA_IFNAME].at);
    if (i->ifi_flags & IFF_LOOPBACK)
        w->open = false;
    w->links = !(i->ifi_flags & (IFF_NOARP | IFF_POINTOPOINT)) && a[IFLA_ADDRESS].at;
    w->tunnel = is_tunnel(i->ifi_type, a);
}

static int ask_link(int fd, struct exit_way *w)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
    } q = {.head = {.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETLINK},
           .link = {.ifi_index = w->index}};

    return netlink_ask(fd, &q.head, read_link, w);
}

/* ---- the gateway's link address ---- */

static void read_neighbour(void *arg, const struct nlmsghdr *m)
{
    const struct ndmsg *n = NLMSG_DATA(m);
    struct netlink_attribute a[NETLINK_ATTRIBUTES];
    struct exit_address address = {0};
    struct exit_way *w = arg;

    if (m->nlmsg_type != RTM_NEWNEIGH || m->nlmsg_len < NLMSG_LENGTH(sizeof *n) ||
        n->ndm_ifindex != w->index || (n->ndm_state & (NUD_INCOMPLETE | NUD_FAILED)))
        return;
    netlink_attributes(m, sizeof *n, a);
    if (!address_of(n->ndm_family, a[NDA_DST], &address) ||
        memcmp(&address, &w->gateway, sizeof address) != 0 || !a[NDA_LLADDR].at ||
        a[NDA_LLADDR].len > EXIT_LINK)
        return;
    w->link_len = a[NDA_LLADDR].len;
    memcpy(w->link, a[NDA_LLADDR].at, w->link_len);
}

static int ask_neighbours(int fd, struct exit_way *w)
{
    struct {
        struct nlmsghdr head;
        struct ndmsg neighbour;
    } q = {.head = {.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETNEIGH, .nlmsg_flags = NLM_F_DUMP},
           .neighbour = {.ndm_family = (unsigned char)w->gateway.family}};

    return netlink_ask(fd, &q.head, read_neighbour, w);
}

/* ---- the prefix ---- */

static void cut_prefix(struct exit_address *a, unsigned len)
{
    for (unsigned i = 0; i < exit_size(a->family); i++)
        if (i >= (len + 7) / 8)
            a->byte[i] = 0;
        else if (i == len / 8)
            a->byte[i] &= (uint8_t)(0xff00 >> len % 8);
}

/* How well a prefix tells the network: the gateway lies in it; it is there to stay (a provider may
 * give another one tomorrow, a local one, fc00::/7, is the network's own). */
static unsigned worth(const struct exit_way *w, const struct exit_address *prefix, unsigned len)
{
    struct exit_address inside = w->gateway;

    cut_prefix(&inside, len);
    if (memcmp(&inside, prefix, sizeof inside) == 0)
        return 3;
    return prefix->family == AF_INET6 && (prefix->byte[0] & 0xfe) == 0xfc ? 2 : 1;
}

/* An address for this computer alone tells the network only where it was written down for it: one
 * that a lease or a call gave is another one next time. */
static bool passing(const struct exit_way *w, unsigned len, const struct netlink_attribute *a)
{
    size_t n = exit_size(w->family);
    bool peer = a[IFA_LOCAL].at && a[IFA_LOCAL].len >= n && a[IFA_ADDRESS].at &&
                a[IFA_ADDRESS].len >= n && memcmp(a[IFA_LOCAL].at, a[IFA_ADDRESS].at, n) != 0;

    return len == 8 * n && (peer || (w->links && w->family == AF_INET));
}

static void read_address(void *arg, const struct nlmsghdr *m)
{
    const struct ifaddrmsg *i = NLMSG_DATA(m);
    struct netlink_attribute a[NETLINK_ATTRIBUTES];
    struct exit_address here;
    struct exit_way *w = arg;
    unsigned len, now, best;

    if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof *i) ||
        i->ifa_index != (unsigned)w->index || i->ifa_family != w->family ||
        i->ifa_scope >= RT_SCOPE_LINK)
        return;
    netlink_attributes(m, sizeof *i, a);
    if (passing(w, i->ifa_prefixlen, a) || !address_of(w->family, a[IFA_ADDRESS], &here))
        return;
    /* The longer ones of IPv6 are single addresses in a /64 (DHCPv6). */
    len = i->ifa_prefixlen < 64 ? i->ifa_prefixlen : 64;
    if (w->family == AF_INET)
        len = i->ifa_prefixlen;
    cut_prefix(&here, len);
    now = worth(w, &here, len);
    best = w->prefix.family ? worth(w, &w->prefix, w->prefix_len) : 0;
    if (now > best || (now == best && memcmp(&here, &w->prefix, sizeof here) < 0)) {
        w->prefix = here;
        w->prefix_len = len;
    }
}

static int ask_addresses(int fd, struct exit_way *w)
{
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg address;
    } q = {.head = {.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_DUMP},
           .address = {.ifa_family = (unsigned char)w->family}};

    return netlink_ask(fd, &q.head, read_address, w);
}

/* There is no route, or one that forbids, or no such address family. */
static bool no_way(int r)
{
    static const int all[] = {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EAFNOSUPPORT, EOPNOTSUPP};
    size_t i = 0;

    while (i < COUNT(all) && r != -all[i])
        i++;
    return i < COUNT(all);
}

int exit_find(int fd, int family, struct exit_way *out, struct error *e)
{
    int r;

    *out = (struct exit_way){.family = family};
    r = ask_route(fd, &far_away[family == AF_INET6], out);
    if (no_way(r))
        return 0;
    if (r == 0 && out->open)
        r = ask_link(fd, out);
    if (r == 0 && out->open)
        r = ask_addresses(fd, out);
    if (r == 0 && out->open && out->gateway.family && out->links)
        r = ask_neighbours(fd, out);
    if (r == -ENODEV) { /* it went away between two questions */
        *out = (struct exit_way){.family = family};
        return 0;
    }
    return r == 0 ? 0 : error_sys(e, -r, "The kernel does not tell the way out (rtnetlink)");
}
