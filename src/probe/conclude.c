#include "probe/conclude_rules.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* RFC 8314 puts 465 before 587; the others by how seldom networks shut them. */
static const unsigned known_doors[] = {465, 587, 2525, 26, 25, 1025, 0};

/* Nearest first: what stands above explains what stands below. `alone`: nothing below it can be
 * known any more. */
static const struct rule {
    const char *id, *name;
    conclude_rule *holds;
    bool alone;
} rules[] = {
    {"N1", "offline", conclude_offline, true},
    {"N18", "local-firewall", conclude_local, false},
    {"N3", "captive-portal", conclude_portal, true},
    {"N5", "resolver-broken", conclude_no_resolver, true},
    {"N4", "no-such-name", conclude_no_name, true},
    {"N5", "resolver-lies", conclude_lies, true},
    {"N2", "much-is-lost", conclude_much_loss, false},
    {"N12", "isp-server-only", conclude_isp_only, false},
    {"N11", "all-mail-doors-shut", conclude_all_shut, true},
    {"N13", "somebody-else-answers", conclude_intercepted, false},
    {"N15", "tls-opened", conclude_read_along, false},
    {"N6", "server-down", conclude_down_first, false},
    {"N14", "smtp-masked", conclude_masked, false},
    {"N14", "starttls-stripped", conclude_stripped, false},
    {"N10", "forbidden-by-icmp", conclude_forbidden, false},
    {"N9", "reset-on-the-way", conclude_reset, false},
    {"N8", "dropped-on-the-way", conclude_dropped, false},
    {"N6", "server-down", conclude_down, false},
    {"N21", "big-packets-lost", conclude_big_packets, false},
    {"S5", "clock-wrong", conclude_clock, false},
    {"N7", "not-on-this-port", conclude_not_there, false},
    {"", "greeting-refuses", conclude_greeting, false},
    {"S7", "takes-few", conclude_takes_few, false},
    {"S7", "nobody-greets", conclude_mute, false},
    {"S1", "tls-mode", conclude_mode, false},
    {"S4", "certificate", conclude_certificate, false},
    {"S6", "tls-fails", conclude_tls_fails, false},
    {"N14", "no-starttls", conclude_no_starttls, false},
    {"A9", "login-needs-tls", conclude_needs_tls, false},
    {"A6", "oauth-only", conclude_oauth_only, false},
    {"A8", "spa-only", conclude_spa_only, false},
    {"A2", "no-login-here", conclude_no_auth, false},
    {"", "login-refused", conclude_login, false},
    {"A4", "user-without-domain", conclude_user_form, false},
    {"", "mail-refused", conclude_mail, false},
    {"A16", "mail-held", conclude_held, false},
    {"N16", "ipv6-broken", conclude_ipv6, false},
    {"N2", "packets-lost", conclude_loss, false},
};

/* What is known beside this one look makes a conclusion finer. What this place and this machine
 * tell stands before it; that another place is otherwise is only mentioned. */
static const struct finer {
    const char *id, *name;
    conclude_rule *holds;
    bool before;
} finer[] = {
    {"N17", "hosting-company", conclude_hosting, true},
    {"N19", "used-to-open", conclude_used_to_open, true},
    {"N20", "opens-elsewhere", conclude_elsewhere, false},
};

bool conclude_standard(unsigned port)
{
    return port == 25 || port == 465 || port == 587;
}

bool conclude_matters(const struct facts *k, unsigned port)
{
    return k->f->port ? k->f->port == port : conclude_standard(port);
}

/* How much a row tells. */
static unsigned weight(const struct findings_door *d)
{
    bool four = d->address.ss_family == AF_INET;

    if (findings_speaks(d))
        return 100 + four;
    if (d->state == DOOR_OPEN)
        return 50 + (unsigned)d->talk;
    if (d->state == DOOR_NO_ROUTE)
        return 1;
    return d->state == DOOR_UNTRIED ? 0 : 10 + four + 2U * (d->hop_answer || d->hop_last);
}

const struct findings_door *conclude_door(const struct facts *k, enum findings_who who,
                                          unsigned port)
{
    const struct findings_door *best = NULL;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *d = &k->f->door[i];

        if (d->who == who && d->port == port && (!best || weight(d) > weight(best)))
            best = d;
    }
    return best;
}

enum findings_state conclude_state(const struct facts *k, enum findings_who who, unsigned port)
{
    const struct findings_door *d = conclude_door(k, who, port);

    return d ? d->state : DOOR_UNTRIED;
}

unsigned conclude_open(const struct facts *k, enum findings_who who)
{
    unsigned n = 0;

    for (const unsigned *p = k->doors; *p; p++)
        n += *p != 443 && conclude_state(k, who, *p) == DOOR_OPEN;
    return n;
}

bool conclude_web(const struct facts *k)
{
    return k->f->portal == PORTAL_NO || conclude_state(k, WHO_SERVER, 443) == DOOR_OPEN ||
           conclude_state(k, WHO_CONTROL, 443) == DOOR_OPEN;
}

/* The farthest answer: a door that opens nearer is not the server's. Behind a router that was heard
 * on the way to it, it stands one farther at least. */
unsigned conclude_distance(const struct facts *k)
{
    unsigned far = 0;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *d = &k->f->door[i];

        if (d->who != WHO_SERVER)
            continue;
        if (d->hop_answer > far && (d->state == DOOR_OPEN || d->state == DOOR_REFUSED))
            far = d->hop_answer;
        if (d->hop_last && d->hop_last + 1U > far)
            far = d->hop_last + 1U;
    }
    return far;
}

void conclude_port(struct conclusion *c, unsigned port)
{
    size_t n = 0;

    while (n < CONCLUDE_PORTS && c->ports[n])
        n++;
    if (n < CONCLUDE_PORTS)
        c->ports[n] = port;
}

void conclude_other(struct conclusion *c, const char *words)
{
    snprintf(c->other, sizeof c->other, "%s", words);
}

void conclude_doubt(struct facts *k, const char *sentence)
{
    struct conclusions *out = k->out;

    for (size_t i = 0; i < out->doubt_count; i++)
        if (strcmp(out->doubt[i], sentence) == 0)
            return;
    if (out->doubt_count < CONCLUDE_DOUBTS)
        out->doubt[out->doubt_count++] = sentence;
}

/* 0 is none; higher is better. */
static unsigned worth(const struct findings_door *d)
{
    if (!findings_speaks(d))
        return 0;
    return 1 + 4U * findings_verified(d) + 2U * (findings_auth(d)[0] != '\0');
}

static const struct findings_door *choose(const struct facts *k)
{
    const struct findings_door *best = NULL;

    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (d && worth(d) > (best ? worth(best) : 0))
            best = d;
    }
    if (k->f->port) { /* what works need not be changed */
        const struct findings_door *d = conclude_door(k, WHO_SERVER, k->f->port);

        if (d && best && worth(d) >= worth(best))
            best = d;
    }
    return best;
}

/* The user named a door, and this is about others only. */
static bool aside(const struct facts *k, const struct conclusion *c)
{
    if (!k->f->port || !c->ports[0])
        return false;
    for (size_t i = 0; i < CONCLUDE_PORTS && c->ports[i]; i++)
        if (c->ports[i] == k->f->port)
            return false;
    return true;
}

bool conclude_said(const struct facts *k, const char *id, unsigned port)
{
    for (size_t i = 0; i < k->out->count; i++) {
        const struct conclusion *c = &k->out->at[i];

        if (strcmp(c->id, id) != 0)
            continue;
        for (size_t j = 0; port && j < CONCLUDE_PORTS; j++)
            if (c->ports[j] == port)
                return true;
        if (!port)
            return true;
    }
    return false;
}

static void say(struct conclusions *out, size_t at, const struct conclusion *c)
{
    if (out->count == CONCLUDE_MAX)
        out->count--;
    if (at > out->count)
        at = out->count;
    memmove(&out->at[at + 1], &out->at[at], (out->count - at) * sizeof *c);
    out->at[at] = *c;
    out->count++;
}

static void run(struct facts *k)
{
    size_t own = 0; /* those about the user's door stand before the others */

    for (size_t i = 0; i < COUNT(rules); i++) {
        struct conclusion c = {.id = rules[i].id, .rule = rules[i].name};

        if (!rules[i].holds(k, &c) || conclude_said(k, c.id, 0))
            continue;
        if (k->out->count == CONCLUDE_MAX)
            return;
        say(k->out, aside(k, &c) ? k->out->count : own++, &c);
        if (rules[i].alone)
            return;
    }
    if (own == 0 && k->best) { /* nothing stands against the door that the person uses */
        struct conclusion fine = {.id = "OK", .rule = "works"};

        conclude_port(&fine, k->best->port);
        say(k->out, 0, &fine);
    }
}

static void refine(struct facts *k)
{
    for (size_t i = 0; i < COUNT(finer); i++) {
        struct conclusion c = {.id = finer[i].id, .rule = finer[i].name};

        if (!finer[i].holds(k, &c))
            continue;
        say(k->out, finer[i].before && !aside(k, &c) ? 0 : 1, &c);
    }
}

static void list_doors(struct facts *k)
{
    size_t n = 0;

    while (known_doors[n]) {
        k->doors[n] = known_doors[n];
        n++;
    }
    for (size_t i = 0; i < k->f->door_count && n < CONCLUDE_DOORS_MAX - 1; i++) {
        unsigned port = k->f->door[i].port;
        bool listed = k->f->door[i].who != WHO_SERVER || port == 443;

        for (size_t j = 0; j < n; j++)
            listed = listed || k->doors[j] == port;
        if (!listed)
            k->doors[n++] = port;
    }
    k->doors[n] = 443;
}

void conclude(const struct findings *f, struct conclusions *out)
{
    struct facts k = {.f = f, .out = out};

    memset(out, 0, sizeof *out);
    list_doors(&k);
    k.control = conclude_open(&k, WHO_CONTROL) > 0;
    k.best = out->best = choose(&k);
    run(&k);
    refine(&k);
    if (out->count == 0)
        say(out, 0, &(struct conclusion){.id = "unknown", .rule = "none"});
    if (!k.control)
        conclude_doubt(&k, "No other mail server could be asked for comparison: whether this "
                           "network or the server is at fault is less sure.");
    if (f->dns_second.result == LOOKUP_UNTRIED || f->dns_second.result == LOOKUP_FAILED)
        conclude_doubt(&k, "No second resolver answered: whether this network's DNS tells the "
                           "truth is not known.");
    if (!f->login.tried)
        conclude_doubt(&k, "No login was tried: user name and password may still be wrong.");
}
