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

/* Nothing of ours was answered by anybody, near or far. */
bool conclude_offline(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    (void)c;
    if (any_open(k) || any_state(k, DOOR_REFUSED) || any_state(k, DOOR_FORBIDDEN) ||
        f->portal == PORTAL_NO || f->portal == PORTAL_LOGIN)
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
    for (const unsigned *p = conclude_doors; *p; p++)
        if (findings_verified(conclude_door(k, WHO_SERVER, *p)))
            return true;
    return false;
}

bool conclude_portal(struct facts *k, struct conclusion *c)
{
    bool foreign = false;

    for (const unsigned *p = conclude_doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        foreign = foreign || (d && *p != 443 && d->talk == TALK_FOREIGN &&
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
    if (f->host_is_address || f->dns_second.result != LOOKUP_OK)
        return f->dns.result == LOOKUP_FAILED && !f->host_is_address && f->portal == PORTAL_NO;
    return f->dns.result == LOOKUP_FAILED || f->dns.result == LOOKUP_NO_NAME;
}

bool conclude_no_name(struct facts *k, struct conclusion *c)
{
    conclude_other(c, k->f->host);
    return k->f->dns.result == LOOKUP_NO_NAME && k->f->dns_second.result != LOOKUP_OK;
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

/* Big providers give each network other addresses, so different answers alone convict nobody: the
 * addresses must also serve differently. */
bool conclude_lies(struct facts *k, struct conclusion *c)
{
    const struct findings *f = k->f;

    (void)c;
    if (f->dns.result != LOOKUP_OK || f->dns_second.result != LOOKUP_OK ||
        share_address(&f->dns, &f->dns_second) || sealed_well(k))
        return false;
    for (const unsigned *p = conclude_doors; *p; p++) {
        const struct findings_door *there = conclude_door(k, WHO_OTHER, *p);
        const struct findings_door *here = conclude_door(k, WHO_SERVER, *p);

        if (findings_verified(there))
            return true;
        if (*p != 443 && findings_speaks(there) && !findings_speaks(here))
            return true;
    }
    return false;
}

/* This computer never let the packets out, or refused them itself. */
bool conclude_local(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = conclude_doors; *p; p++)
        if (conclude_state(k, WHO_SERVER, *p) == DOOR_LOCAL)
            conclude_port(c, *p);
    return c->ports[0] != 0;
}

bool conclude_isp_only(struct facts *k, struct conclusion *c)
{
    const struct findings_door *isp = conclude_door(k, WHO_ISP, 25);

    if (!isp || isp->state != DOOR_OPEN || !findings_shut(conclude_door(k, WHO_SERVER, 25)) ||
        !findings_shut(conclude_door(k, WHO_CONTROL, 25)))
        return false;
    conclude_port(c, 25);
    conclude_other(c, isp->name);
    return true;
}

/* The way ends before the server: routers are heard up to some place and nothing from beyond it,
 * though another door of the same server is known to be farther. A stop right before the server
 * may be the server's own, so one step less than its distance is not enough. */
static bool ends_before(const struct facts *k, const struct findings_door *d)
{
    unsigned distance = conclude_distance(k);

    return d && d->state == DOOR_SILENT && d->hop_last > 0 && distance > 0 &&
           d->hop_last + 1U < distance;
}

bool conclude_all_shut(struct facts *k, struct conclusion *c)
{
    unsigned shut = 0;

    if (conclude_open(k, WHO_SERVER) || conclude_open(k, WHO_CONTROL) || !conclude_web(k))
        return false;
    for (const unsigned *p = conclude_doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);
        const struct findings_door *x = conclude_door(k, WHO_CONTROL, *p);

        if (*p == 443 || !conclude_standard(*p) || !findings_shut(d))
            continue;
        if (!findings_shut(x) && !ends_before(k, d))
            return false; /* no witness */
        conclude_port(c, *p);
        shut++;
    }
    return shut >= 2;
}

/* All doors of this server, and no witness that it is the network. */
bool conclude_down(struct facts *k, struct conclusion *c)
{
    bool tried = false, alive = conclude_state(k, WHO_SERVER, 443) == DOOR_OPEN;

    if (conclude_open(k, WHO_SERVER))
        return false;
    for (const unsigned *p = conclude_doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (d && (d->state == DOOR_NO_ROUTE || d->state == DOOR_LOCAL))
            return false;
        tried = tried || findings_shut(d);
    }
    if (!tried)
        return false;
    if (!k->control)
        conclude_doubt(k, "This network may shut the mail doors: nothing else could be reached "
                          "on them to compare.");
    if (alive && k->f->port && conclude_state(k, WHO_SERVER, k->f->port) == DOOR_REFUSED)
        return false; /* the machine runs and says that nobody is at this door: not-on-this-port */
    (void)c;
    return true;
}

/* Does something else of the same server open, so that it is up? */
static bool server_up(const struct facts *k)
{
    return conclude_open(k, WHO_SERVER) > 0 || conclude_state(k, WHO_SERVER, 443) == DOOR_OPEN;
}

/* The user's door may be any; the others are asked only where providers agree on them. */
static bool asked(const struct facts *k, unsigned port)
{
    return port != 443 && (conclude_standard(port) || k->f->port == port);
}

bool conclude_dropped(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = conclude_doors; *p && server_up(k); p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);
        enum findings_state x = conclude_state(k, WHO_CONTROL, *p);

        if (!asked(k, *p) || !d || d->state != DOOR_SILENT || x == DOOR_OPEN)
            continue;
        if (!ends_before(k, d) && (x != DOOR_SILENT || !conclude_standard(*p)))
            continue;
        conclude_port(c, *p);
        if (d->hop_last && !c->other[0])
            conclude_other(c, d->hop_router);
    }
    return c->ports[0] != 0;
}

/* A refusal that comes from nearer than the server, or that two unrelated servers share. */
bool conclude_reset(struct facts *k, struct conclusion *c)
{
    unsigned distance = conclude_distance(k);

    for (const unsigned *p = conclude_doors; *p && server_up(k); p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);
        enum findings_state x = conclude_state(k, WHO_CONTROL, *p);
        bool near = d && d->hop_answer && distance && d->hop_answer < distance;

        if (!asked(k, *p) || !d || d->state != DOOR_REFUSED || x == DOOR_OPEN)
            continue;
        if (!near && (x != DOOR_REFUSED || !conclude_standard(*p)))
            continue;
        conclude_port(c, *p);
        if (d->hop_last && !c->other[0])
            conclude_other(c, d->hop_router);
    }
    return c->ports[0] != 0;
}

bool conclude_forbidden(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = conclude_doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (!asked(k, *p) || !d || d->state != DOOR_FORBIDDEN ||
            conclude_state(k, WHO_CONTROL, *p) == DOOR_OPEN)
            continue;
        conclude_port(c, *p);
        if (!c->other[0])
            conclude_other(c, d->icmp_from);
    }
    return c->ports[0] != 0;
}

/* One family of addresses opens nothing where the other does. */
bool conclude_ipv6(struct facts *k, struct conclusion *c)
{
    unsigned broken = 0;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *six = &k->f->door[i], *four;

        if (six->address.ss_family != AF_INET6 || six->who != WHO_SERVER)
            continue;
        if (six->state == DOOR_OPEN)
            return false;
        four = findings_find(k->f, WHO_SERVER, six->port, AF_INET);
        if (findings_shut(six) && four && four->state == DOOR_OPEN) {
            conclude_port(c, six->port);
            broken++;
        }
    }
    memset(c->ports, 0, sizeof c->ports); /* it is about the family, not the doors */
    return broken >= 1;
}

/* The server runs, and nobody is at this door of it. */
bool conclude_not_there(struct facts *k, struct conclusion *c)
{
    enum findings_state s;

    if (!k->f->port)
        return false;
    s = conclude_state(k, WHO_SERVER, k->f->port);
    if (!server_up(k) || (s != DOOR_REFUSED && s != DOOR_SILENT && s != DOOR_FORBIDDEN))
        return false;
    for (size_t i = 0; i < k->out->count; i++)
        for (size_t j = 0; j < CONCLUDE_PORTS && k->out->at[i].ports[j]; j++)
            if (k->out->at[i].ports[j] == k->f->port)
                return false; /* the network was convicted for it */
    if (conclude_state(k, WHO_CONTROL, k->f->port) != DOOR_OPEN)
        conclude_doubt(k, "A block of that port in this network: no other server could show that "
                          "it passes.");
    conclude_port(c, k->f->port);
    return true;
}

/* First packets that had to be sent again, though the door then opened. */
bool conclude_loss(struct facts *k, struct conclusion *c)
{
    unsigned again = 0, open = 0;

    (void)c;
    for (size_t i = 0; i < k->f->door_count; i++) {
        if (k->f->door[i].state != DOOR_OPEN)
            continue;
        open++;
        again += k->f->door[i].again > 0;
    }
    return k->f->uneven || (again >= 2 && again * 5 >= open);
}
