/* Rules about doors that stay shut: who stops the packets, and how near does he stand? */
#include "probe/conclude_rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What speaks against the server or for the network, at one of its doors. */
enum blame {
    BLAME_NOBODY, /* open, or not asked */
    BLAME_SERVER, /* shut, and nothing speaks against the network */
    BLAME_LOCAL,  /* this computer */
    BLAME_DROPPED,
    BLAME_RESET,
    BLAME_FORBIDDEN,
};

static const struct findings_door *ours(const struct facts *k, unsigned port)
{
    return conclude_door(k, WHO_SERVER, port);
}

static bool web_opens(const struct facts *k)
{
    return conclude_state(k, WHO_SERVER, 443) == DOOR_OPEN;
}

/* The user's door may be any; the others are asked only where providers agree on them. */
static bool asked(const struct facts *k, unsigned port)
{
    return port != 443 && (conclude_standard(port) || k->f->port == port);
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

static bool refused_near(const struct facts *k, const struct findings_door *d)
{
    return d && d->state == DOOR_REFUSED && d->hop_answer > 0 &&
           d->hop_answer < conclude_distance(k);
}

/* Refused before any router was passed, though the server stands behind some, or two servers that
 * cannot both be so near are refused. */
static bool refused_here(const struct facts *k, const struct findings_door *d)
{
    return d->state == DOOR_REFUSED && d->hop_answer == 1 &&
           (refused_near(k, d) || conclude_state(k, WHO_CONTROL, d->port) == DOOR_REFUSED);
}

static bool by_itself(const struct findings_door *d)
{
    char own[INET6_ADDRSTRLEN] = "";
    const void *at = d->address.ss_family == AF_INET6
                         ? (const void *)&((const struct sockaddr_in6 *)&d->address)->sin6_addr
                         : &((const struct sockaddr_in *)&d->address)->sin_addr;

    inet_ntop(d->address.ss_family, at, own, sizeof own);
    return strcmp(own, d->icmp_from) == 0;
}

/* A router said no to this port. "There is no such host" is a lie when another door of it opens. */
static bool forbidden(const struct facts *k, const struct findings_door *d)
{
    enum findings_state x = conclude_state(k, WHO_CONTROL, d->port);

    if (d->state == DOOR_UNREACHABLE && d->icmp)
        return !by_itself(d) && (conclude_open(k, WHO_SERVER) || web_opens(k));
    if (d->state != DOOR_FORBIDDEN)
        return false;
    return !by_itself(d) || x == DOOR_FORBIDDEN;
}

/* The other server refuses what it does not serve, so its silence is not its own. */
static bool control_refuses(const struct facts *k)
{
    for (const unsigned *p = k->doors; *p; p++)
        if (conclude_state(k, WHO_CONTROL, *p) == DOOR_REFUSED)
            return true;
    return false;
}

/* A server that is down itself is no witness. */
static bool control_alive(const struct facts *k)
{
    return k->control || control_refuses(k) || conclude_state(k, WHO_CONTROL, 443) == DOOR_OPEN;
}

static bool both_silent(const struct facts *k, unsigned port)
{
    return conclude_state(k, WHO_CONTROL, port) == DOOR_SILENT && control_alive(k) &&
           (conclude_standard(port) || control_refuses(k));
}

static enum blame blame(const struct facts *k, unsigned port)
{
    const struct findings_door *d = ours(k, port);
    enum findings_state x = conclude_state(k, WHO_CONTROL, port);

    if (d && (d->state == DOOR_LOCAL || refused_here(k, d)))
        return BLAME_LOCAL;
    if (!findings_shut(d))
        return BLAME_NOBODY;
    if (forbidden(k, d))
        return BLAME_FORBIDDEN;
    if (x == DOOR_OPEN) /* the network lets this port pass */
        return BLAME_SERVER;
    if (d->state == DOOR_REFUSED &&
        (refused_near(k, d) || (x == DOOR_REFUSED && conclude_standard(port))))
        return BLAME_RESET;
    if (d->state == DOOR_SILENT && (ends_before(k, d) || both_silent(k, port)))
        return BLAME_DROPPED;
    return BLAME_SERVER;
}

/* The machine itself is known to run: something opens, or refuses where others are let through. */
static bool alive(const struct facts *k)
{
    if (conclude_open(k, WHO_SERVER) || web_opens(k))
        return true;
    for (const unsigned *p = k->doors; *p; p++)
        if (conclude_state(k, WHO_SERVER, *p) == DOOR_REFUSED && blame(k, *p) == BLAME_SERVER)
            return true;
    return false;
}

/* This computer never let the packets out, or refused them itself. */
bool conclude_local(struct facts *k, struct conclusion *c)
{
    bool itself = false;

    for (const unsigned *p = k->doors; *p; p++) {
        if (blame(k, *p) != BLAME_LOCAL)
            continue;
        conclude_port(c, *p);
        itself = itself || conclude_state(k, WHO_SERVER, *p) == DOOR_LOCAL;
    }
    if (c->ports[0] && !itself)
        conclude_doubt(k, "The refusal may come from the nearest router instead of this "
                          "computer.");
    return c->ports[0] != 0;
}

/* Port 25 goes to the server of the network's operator, and to no other. Either that server is
 * known, or the way to the user's server ends early while it does not to the one compared with. */
bool conclude_isp_only(struct facts *k, struct conclusion *c)
{
    const struct findings_door *isp = conclude_door(k, WHO_ISP, 25), *d = ours(k, 25);
    const struct findings_door *x = conclude_door(k, WHO_CONTROL, 25);

    if (!findings_shut(d))
        return false;
    if (isp && isp->state == DOOR_OPEN && findings_shut(x))
        conclude_other(c, k->f->isp[0] ? k->f->isp : isp->name);
    else if (x && x->state == DOOR_OPEN && blame(k, 25) != BLAME_LOCAL &&
             (ends_before(k, d) || refused_near(k, d)))
        conclude_other(c, k->f->control);
    else
        return false;
    conclude_port(c, 25);
    return true;
}

/* Every mail door of both servers, each with a witness, while the web opens. */
bool conclude_all_shut(struct facts *k, struct conclusion *c)
{
    unsigned shut = 0;

    if (conclude_open(k, WHO_SERVER) || conclude_open(k, WHO_CONTROL) || !conclude_web(k))
        return false;
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = ours(k, *p);
        enum blame b = blame(k, *p);

        if (!conclude_standard(*p) || !findings_shut(d) || b == BLAME_LOCAL)
            continue;
        if (b == BLAME_SERVER &&
            !(control_alive(k) && findings_shut(conclude_door(k, WHO_CONTROL, *p))))
            return false; /* no witness */
        conclude_port(c, *p);
        shut++;
    }
    if (shut >= 2 && !alive(k))
        conclude_doubt(k, "The server may be down besides: nothing of it could be reached.");
    return shut >= 2;
}

/* Somebody who picks up for the server does not make it run. */
static bool answered_by_itself(const struct facts *k)
{
    for (const unsigned *p = k->doors; *p; p++)
        if (*p != 443 && conclude_state(k, WHO_SERVER, *p) == DOOR_OPEN &&
            !conclude_said(k, "N13", *p))
            return true;
    return false;
}

/* All doors of this server that the network lets through. */
static bool is_down(struct facts *k, struct conclusion *c)
{
    bool dead = false, blocked = false;

    (void)c;
    if (answered_by_itself(k))
        return false;
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = ours(k, *p);
        enum blame b = blame(k, *p);

        if (d && d->state == DOOR_NO_ROUTE)
            return false;
        /* Where this computer stops the packets, only another's open door tells. */
        dead = dead || (b == BLAME_SERVER && *p != 443);
        blocked = blocked || b > BLAME_LOCAL;
        if (b == BLAME_LOCAL)
            blocked = true;
    }
    return dead && !(blocked && alive(k));
}

bool conclude_down(struct facts *k, struct conclusion *c)
{
    if (!is_down(k, c))
        return false;
    if (!k->control)
        conclude_doubt(k, "This network may shut the mail doors: nothing else could be reached "
                          "on them to compare.");
    if (web_opens(k))
        conclude_doubt(k, "The name of the server may be wrong: that machine runs, and takes no "
                          "mail at any port.");
    return true;
}

/* When the door that the person uses is not shut by the network, the server is what matters. */
bool conclude_down_first(struct facts *k, struct conclusion *c)
{
    return (!k->f->port || blame(k, k->f->port) == BLAME_SERVER) && conclude_down(k, c);
}

/* The doors shut in this way, and who did it. */
static bool shut_by(struct facts *k, struct conclusion *c, enum blame how)
{
    bool able = alive(k) || k->control;

    for (const unsigned *p = k->doors; *p && able; p++) {
        const struct findings_door *d = ours(k, *p);

        if (!asked(k, *p) || blame(k, *p) != how)
            continue;
        conclude_port(c, *p);
        if (how == BLAME_RESET && !refused_near(k, d))
            conclude_doubt(k, "Neither of the two servers may take mail at that port: a refusal "
                              "that comes from so far may be their own.");
        if (!c->other[0])
            conclude_other(c, how == BLAME_FORBIDDEN ? d->icmp_from : d->hop_router);
        if (how == BLAME_FORBIDDEN && conclude_state(k, WHO_CONTROL, *p) == DOOR_OPEN)
            conclude_doubt(k, "Only the way to this server may be shut: another one can be "
                              "reached at that port.");
    }
    return c->ports[0] != 0;
}

bool conclude_dropped(struct facts *k, struct conclusion *c)
{
    return shut_by(k, c, BLAME_DROPPED);
}

/* A refusal that comes from nearer than the server, or that two unrelated servers share. */
bool conclude_reset(struct facts *k, struct conclusion *c)
{
    return shut_by(k, c, BLAME_RESET);
}

bool conclude_forbidden(struct facts *k, struct conclusion *c)
{
    return shut_by(k, c, BLAME_FORBIDDEN);
}

/* The server runs, and nobody is at this door of it. */
bool conclude_not_there(struct facts *k, struct conclusion *c)
{
    unsigned port = k->f->port;

    if (!port || blame(k, port) != BLAME_SERVER || conclude_said(k, "N6", 0) ||
        conclude_said(k, "N12", port) || !alive(k))
        return false;
    if (conclude_state(k, WHO_CONTROL, port) != DOOR_OPEN)
        conclude_doubt(k, "A block of that port in this network: no other server could show that "
                          "it passes.");
    conclude_port(c, port);
    return true;
}

/* ---- what earlier runs and this machine know, refines what was concluded ---- */

/* The network was convicted for that door. */
static const struct conclusion *convicted(const struct facts *k, unsigned port)
{
    static const char *const ids[] = {"N8", "N9", "N10", "N11"};

    for (size_t i = 0; i < k->out->count; i++)
        for (size_t j = 0; j < sizeof ids / sizeof *ids; j++)
            if (strcmp(k->out->at[i].id, ids[j]) == 0 && conclude_said(k, ids[j], port))
                return &k->out->at[i];
    return NULL;
}

bool conclude_used_to_open(struct facts *k, struct conclusion *c)
{
    const struct findings_past *p = &k->f->past;
    time_t when = (time_t)(p->shut_since_ms / 1000);
    struct tm at;

    if (!p->port || !p->shut_since_ms || !convicted(k, p->port))
        return false;
    conclude_port(c, p->port);
    if (localtime_r(&when, &at))
        strftime(c->other, sizeof c->other, "%A, %e %B %Y, %H:%M", &at);
    return true;
}

/* Silence there alone convicts nobody; that the same door opens elsewhere does. */
bool conclude_elsewhere(struct facts *k, struct conclusion *c)
{
    const struct findings_past *p = &k->f->past;

    if (!p->port || !p->elsewhere[0] ||
        (!convicted(k, p->port) && !conclude_said(k, "N7", p->port)))
        return false;
    conclude_port(c, p->port);
    conclude_other(c, p->elsewhere);
    return true;
}

/* Hosting companies shut 25, some also the others: the machine's own label is one sign, the shut
 * door the other. */
bool conclude_hosting(struct facts *k, struct conclusion *c)
{
    const struct conclusion *by = k->f->cloud[0] ? convicted(k, 25) : NULL;

    if (!by)
        return false;
    memcpy(c->ports, by->ports, sizeof c->ports);
    conclude_other(c, k->f->cloud);
    return true;
}
