/* Rules about the way: does anything get there, and who stops it? */
#include "probe/conclude_rules.h"

#include <stdio.h>
#include <string.h>

static bool any_state(const struct facts *k, enum findings_state s)
{
    for (size_t i = 0; i < k->f->door_count; i++)
        if (k->f->door[i].state == s)
            return true;
    return false;
}

static bool any_open(const struct facts *k)
{
    return any_state(k, DOOR_OPEN);
}

/* Somebody out there answered, if only to refuse. */
static bool heard(const struct facts *k)
{
    return any_open(k) || any_state(k, DOOR_REFUSED) || any_state(k, DOOR_FORBIDDEN) ||
           k->f->portal == PORTAL_NO;
}

/* Nothing of ours was answered by anybody, near or far. */
bool conclude_offline(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    (void)c;
    if (heard(k) || any_state(k, DOOR_LOCAL) || f->portal == PORTAL_LOGIN)
        return false;
    if (f->door_count > 0 && !any_state(k, DOOR_SILENT) && !any_state(k, DOOR_UNREACHABLE) &&
        any_state(k, DOOR_NO_ROUTE))
        return true;
    if (f->dns.result == LOOKUP_FAILED && f->dns_second.result != LOOKUP_OK &&
        f->dns_second.result != LOOKUP_NO_NAME)
        return true;
    /* Only when a second host was tried too is silence a matter of this computer. */
    return f->door_count > 0 && conclude_door(k, WHO_CONTROL, 443) != NULL &&
           f->portal == PORTAL_NOTHING && f->dns_second.result != LOOKUP_OK;
}

static bool sealed_well(const struct facts *k)
{
    for (const unsigned *p = k->doors; *p; p++)
        if (findings_verified(conclude_door(k, WHO_SERVER, *p)))
            return true;
    return false;
}

bool conclude_portal(struct facts *k, struct conclusion *c)
{
    bool foreign = false;

    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        foreign = foreign || (d && conclude_standard(*p) && d->talk == TALK_FOREIGN &&
                              strncmp(d->greeting, "HTTP/", 5) == 0);
    }
    if (sealed_well(k) || (k->f->portal != PORTAL_LOGIN && !foreign))
        return false;
    conclude_other(c, k->f->portal_words);
    return true;
}

bool conclude_no_resolver(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    (void)c;
    if (f->host_is_address)
        return false;
    if (f->dns_second.result != LOOKUP_OK)
        return f->dns.result == LOOKUP_FAILED && heard(k);
    return f->dns.result == LOOKUP_FAILED || f->dns.result == LOOKUP_NO_NAME;
}

static bool anybody_speaks(const struct facts *k)
{
    for (const unsigned *p = k->doors; *p; p++)
        if (*p != 443 && findings_speaks(conclude_door(k, WHO_SERVER, *p)))
            return true;
    return false;
}

/* Some resolvers answer for names that do not exist, with a machine that sells advertisements. */
bool conclude_no_name(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    conclude_other(c, f->host);
    if (f->dns.result == LOOKUP_OK)
        return f->dns_second.result == LOOKUP_NO_NAME && !anybody_speaks(k);
    return f->dns.result == LOOKUP_NO_NAME && f->dns_second.result != LOOKUP_OK;
}

static const void *bytes_of(const struct sockaddr_storage *a, size_t *n)
{
    *n = a->ss_family == AF_INET6 ? 16 : 4;
    return a->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
                                    : &((const struct sockaddr_in *)a)->sin_addr;
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    size_t n, m;
    const void *x = bytes_of(a, &n), *y = bytes_of(b, &m);

    return n == m && memcmp(x, y, n) == 0;
}

static bool share_address(const struct findings_dns *a, const struct findings_dns *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (same_host(&a->address[i], &b->address[j]))
                return true;
    return false;
}

/* An address that leads nowhere but home: how filters answer. */
static bool is_nobody(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)a;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;

    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(six) || IN6_IS_ADDR_LOOPBACK(six);
    return ntohl(four->sin_addr.s_addr) >> 24 == 127 || four->sin_addr.s_addr == 0;
}

/* Big providers give each network other addresses, so different answers alone convict nobody: the
 * addresses must also serve differently. */
bool conclude_lies(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    (void)c;
    if (f->dns.result != LOOKUP_OK || f->dns_second.result != LOOKUP_OK ||
        share_address(&f->dns, &f->dns_second) || sealed_well(k))
        return false;
    if (is_nobody(&f->dns.address[0]) && !is_nobody(&f->dns_second.address[0]))
        return true;
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *there = conclude_door(k, WHO_OTHER, *p);
        const struct findings_door *here = conclude_door(k, WHO_SERVER, *p);

        if (findings_verified(there))
            return true;
        if (*p != 443 && findings_speaks(there) && !findings_speaks(here))
            return true;
    }
    return false;
}

/* ---- IPv6, and loss ---- */

/* Of one port: does the other family do what this one does not? */
static bool six_fails(const struct facts *k, const struct findings_door *six)
{
    const struct findings_door *four = findings_find(k->f, WHO_SERVER, six->port, AF_INET);

    const struct findings_door *x = findings_find(k->f, WHO_CONTROL, six->port, AF_INET6);

    if (!four || four->state != DOOR_OPEN)
        return false;
    /* A server that is not there by IPv6 says so, and the program goes on to IPv4 at once. */
    if (six->state == DOOR_REFUSED && (!x || x->state != DOOR_REFUSED))
        return false;
    if (findings_shut(six))
        return true;
    return six->state == DOOR_OPEN && findings_speaks(four) &&
           (six->talk == TALK_STALLED || six->talk == TALK_SILENT || six->talk == TALK_REFUSED);
}

/* One family of addresses does not work where the other does: wholly, or at the mail doors. */
bool conclude_ipv6(struct facts *k, struct conclusion *c)
{
    bool works = false, fails = false;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *six = &k->f->door[i];

        if (six->address.ss_family != AF_INET6 || six->who != WHO_SERVER)
            continue;
        works = works || six->state == DOOR_OPEN;
        if (!six_fails(k, six))
            continue;
        fails = fails || six->port != 443 || !works;
        if (six->port != 443)
            conclude_port(c, six->port);
        if (six->talk == TALK_REFUSED)
            c->reply = six->reply;
    }
    if (!works) /* it is about the family, not the doors */
        memset(c->ports, 0, sizeof c->ports);
    return fails && (!works || c->ports[0]);
}

struct loss {
    unsigned open, again, hosts;
};

static struct loss count_loss(const struct facts *k, int family)
{
    struct loss n = {0};
    bool seen[WHO_OTHER + 1] = {false};

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *d = &k->f->door[i];

        if (d->state != DOOR_OPEN || d->address.ss_family != family)
            continue;
        n.open++;
        n.again += d->again > 0;
        if (d->again && !seen[d->who])
            n.hosts++;
        seen[d->who] = seen[d->who] || d->again;
    }
    return n;
}

/* A family that begins slowly beside one that does not is no fault of the link. */
static struct loss lost_packets(const struct facts *k)
{
    struct loss four = count_loss(k, AF_INET), six = count_loss(k, AF_INET6);

    if (four.open >= 3)
        return four;
    return (struct loss){four.open + six.open, four.again + six.again, four.hosts + six.hosts};
}

/* "3 of 10 connections" */
static void say_tries(const struct facts *k, struct conclusion *c)
{
    const struct findings_past *p = &k->f->past;

    if (p->tries && p->failures)
        snprintf(c->other, sizeof c->other, "%u of %u connections failed here", p->failures,
                 p->tries);
}

/* It opened often enough here, and often enough did not. */
static bool sporadic(const struct facts *k)
{
    const struct findings_past *p = &k->f->past;

    return p->failures >= 2 && p->tries >= p->failures + 2;
}

/* So much that a silent door may be nothing else. */
bool conclude_much_loss(struct facts *k, struct conclusion *c)
{
    struct loss n = lost_packets(k);

    say_tries(k, c);
    return k->f->uneven || (n.hosts >= 2 && n.again >= 3 && n.again * 4 >= n.open);
}

/* First packets that had to be sent again, though the door then opened; or earlier runs tell. */
bool conclude_loss(struct facts *k, struct conclusion *c)
{
    struct loss n = lost_packets(k);

    say_tries(k, c);
    return sporadic(k) || (n.again >= 2 && n.again * 6 >= n.open);
}
