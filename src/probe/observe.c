#include "probe/observe_parts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "probe/conclude.h"
#include "probe/verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_LOOK_MS = 1000, /* who has not answered by then is swept as silent */
    DNS_MS = 2500,
    GHOST_MS = 120, /* how much longer to wait for one who should not be there */
    PER_FAMILY = 2, /* addresses tried of each family */
};

static const unsigned server_ports[] = {25, 26, 465, 587, 1025, 2525, 443};
static const unsigned control_ports[] = {25, 465, 587, 443};
static const unsigned other_ports[] = {465, 587, 443};
static const unsigned isp_ports[] = {25};

void observe_text(char *to, size_t cap, struct span words)
{
    struct text safe = TEXT_INIT(4 * FINDINGS_TEXT);

    text_add_safe(&safe, span_head(words, FINDINGS_TEXT));
    snprintf(to, cap, "%s", text_cstr(&safe));
    text_free(&safe);
}

void observe_address(const struct sockaddr_storage *a, char out[FINDINGS_NAME])
{
    const void *bytes = a->ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
                            : &((const struct sockaddr_in *)a)->sin_addr;

    if ((a->ss_family != AF_INET && a->ss_family != AF_INET6) ||
        !inet_ntop(a->ss_family, bytes, out, FINDINGS_NAME))
        out[0] = '\0';
}

void observe_start(struct observe *o, void (*fn)(void *arg), void *arg)
{
    o->under_way++;
    fiber_start(o->loop, fn, arg);
}

void observe_ended(struct observe *o)
{
    o->under_way--;
    fiber_wake(o->root);
}

void observe_progress(const struct observe *o, const struct findings_door *d)
{
    if (o->s->progress)
        o->s->progress(o->s->progress_arg, d);
}

/* ---- rows of doors ---- */

struct door_task {
    struct observe *o;
    struct findings_door *d;
};

static void door_fiber(void *arg)
{
    struct door_task t = *(struct door_task *)arg;

    free(arg);
    observe_door(t.o, t.d);
    observe_ended(t.o);
}

static void hops_fiber(void *arg)
{
    struct door_task t = *(struct door_task *)arg;

    free(arg);
    observe_hops(t.o, t.d);
    observe_ended(t.o);
}

static void start_task(struct observe *o, struct findings_door *d, void (*fn)(void *arg))
{
    struct door_task *t = memory_alloc(sizeof *t);

    t->o = o;
    t->d = d;
    observe_start(o, fn, t);
}

static void add_door(struct observe *o, enum findings_who who, unsigned port,
                     const struct sockaddr_storage *at)
{
    struct findings_door *d;

    if (o->f->door_count == FINDINGS_DOORS_MAX)
        return;
    d = &o->f->door[o->f->door_count++];
    *d = (struct findings_door){.who = who, .port = (uint16_t)port, .address = *at};
    ((struct sockaddr_in *)&d->address)->sin_port = htons((uint16_t)port); /* as in IPv6 */
    o->unknown++;
    observe_progress(o, d);
    start_task(o, d, door_fiber);
}

struct port_list {
    const unsigned *at;
    size_t count;
};

static bool listed(struct port_list ports, unsigned port)
{
    for (size_t i = 0; i < ports.count; i++)
        if (ports.at[i] == port)
            return true;
    return false;
}

/* The user's own door, and what the provider lists. */
static void add_further(struct observe *o, enum findings_who who, struct port_list ports,
                        const struct sockaddr_storage *at)
{
    unsigned own = o->s->port;

    if (own && who <= WHO_CONTROL && !listed(ports, own))
        add_door(o, who, own, at);
    for (size_t i = 0; who == WHO_SERVER && i < OBSERVE_PORTS_MAX; i++) {
        unsigned port = o->s->extra_ports[i];

        if (port && port != own && !listed(ports, port) &&
            !listed((struct port_list){o->s->extra_ports, i}, port))
            add_door(o, who, port, at);
    }
}

static void add_doors(struct observe *o, enum findings_who who, const struct findings_dns *n,
                      struct port_list ports)
{
    unsigned of_family[2] = {0};

    for (size_t i = 0; i < n->count; i++) {
        if (of_family[n->address[i].ss_family == AF_INET6]++ >= PER_FAMILY)
            continue;
        for (size_t j = 0; j < ports.count; j++)
            add_door(o, who, ports.at[j], &n->address[i]);
        add_further(o, who, ports, &n->address[i]);
    }
}

#define PORTS(list) ((struct port_list){list, COUNT(list)})

/* ---- names ---- */

static bool literal(const char *text, struct findings_dns *out)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->address[0];
    struct sockaddr_in *four = (struct sockaddr_in *)&out->address[0];

    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        four->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
        six->sin6_family = AF_INET6;
    else
        return false;
    out->count = 1;
    out->result = LOOKUP_OK;
    return true;
}

static void look_up(struct observe *o, struct dns *by, const char *name, struct findings_dns *out)
{
    struct arena *a = arena_new();
    struct dns_address_list found = {0};
    enum dns_result r;

    if (!literal(name, out)) {
        r = dns_address(by, span_of(name), clock_now() + DNS_MS, a, &found);
        out->result = r == DNS_OK                          ? LOOKUP_OK
                      : r == DNS_NXDOMAIN || r == DNS_NONE ? LOOKUP_NO_NAME
                                                           : LOOKUP_FAILED;
    }
    for (size_t i = 0; i < found.count && out->count < FINDINGS_ADDRESSES_MAX; i++)
        out->address[out->count++] = found.address[i];
    out->ms = clock_now() - o->began;
    arena_free(&a);
}

static void server_fiber(void *arg)
{
    struct observe *o = arg;

    look_up(o, o->dns, o->s->host, &o->f->dns);
    add_doors(o, WHO_SERVER, &o->f->dns, PORTS(server_ports));
    observe_ended(o);
}

static bool same_answer(const struct findings_dns *a, const struct findings_dns *b)
{
    char x[FINDINGS_NAME], y[FINDINGS_NAME];

    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++) {
            observe_address(&a->address[i], x);
            observe_address(&b->address[j], y);
            if (strcmp(x, y) == 0)
                return true;
        }
    return false;
}

static void second_fiber(void *arg)
{
    struct observe *o = arg;

    look_up(o, o->second, o->s->host, &o->f->dns_second);
    while (o->f->dns.result == LOOKUP_UNTRIED && clock_now() < o->until - 1500)
        fiber_sleep(20);
    if (o->f->dns_second.result == LOOKUP_OK && !same_answer(&o->f->dns, &o->f->dns_second))
        add_doors(o, WHO_OTHER, &o->f->dns_second, PORTS(other_ports));
    observe_ended(o);
}

static void control_fiber(void *arg)
{
    struct observe *o = arg;
    struct findings_dns n = {0};

    look_up(o, o->dns, o->s->control, &n);
    o->f->control_resolves = n.result == LOOKUP_OK;
    /* A broken resolver must not take the comparison away. */
    if (!n.count && o->second)
        look_up(o, o->second, o->s->control, &n);
    add_doors(o, WHO_CONTROL, &n, PORTS(control_ports));
    observe_ended(o);
}

static void isp_fiber(void *arg)
{
    struct observe *o = arg;
    struct findings_dns n = {0};

    look_up(o, o->dns, o->s->isp, &n);
    add_doors(o, WHO_ISP, &n, PORTS(isp_ports));
    observe_ended(o);
}

static void web_fiber(void *arg)
{
    observe_web(arg);
    observe_ended(arg);
}

/* ---- the sweep ---- */

static bool swept(const struct observe *o, const struct findings_door *d)
{
    bool asked = d->port == 25 || d->port == 465 || d->port == 587 || d->port == o->s->port;

    if (d->who != WHO_SERVER || !asked || d->address.ss_family != AF_INET)
        return false;
    if (d->state == DOOR_REFUSED || d->state == DOOR_SILENT || d->state == DOOR_UNTRIED)
        return true;
    return d->state == DOOR_OPEN && d->port == 25 && d->tls != SEALED_YES;
}

/* One open door of the same server shows its distance. */
static struct findings_door *reference(struct observe *o)
{
    static const unsigned order[] = {465, 587, 443, 2525, 25};

    for (size_t i = 0; i < COUNT(order); i++)
        for (size_t j = 0; j < o->f->door_count; j++) {
            struct findings_door *d = &o->f->door[j];

            if (d->who == WHO_SERVER && d->port == order[i] && d->state == DOOR_OPEN &&
                d->address.ss_family == AF_INET)
                return d;
        }
    return NULL;
}

static bool on_loopback(const struct findings_door *d)
{
    return (ntohl(((const struct sockaddr_in *)&d->address)->sin_addr.s_addr) >> 24) == 127;
}

static void sweep(struct observe *o)
{
    struct findings_door *open = reference(o);
    size_t count = o->f->door_count;
    bool any = false;

    if (!open || on_loopback(open))
        return;
    for (size_t i = 0; i < count; i++) {
        struct findings_door *d = &o->f->door[i];

        if (d == open || !swept(o, d))
            continue;
        start_task(o, d, hops_fiber);
        any = true;
    }
    if (any)
        start_task(o, open, hops_fiber);
}

/* ---- all of it ---- */

static void start_all(struct observe *o)
{
    observe_start(o, server_fiber, o);
    if (o->second && !o->f->host_is_address)
        observe_start(o, second_fiber, o);
    if (o->s->control)
        observe_start(o, control_fiber, o);
    if (o->s->isp)
        observe_start(o, isp_fiber, o);
    if (o->s->portal)
        observe_start(o, web_fiber, o);
}

static bool looking_up(const struct observe *o)
{
    return o->f->dns.result == LOOKUP_UNTRIED;
}

/* Someone who answers where nobody is: asked last, and only when a plain door 25 opened at all. */
static void look_for_ghost(struct observe *o)
{
    const struct findings_door *d = findings_find(o->f, WHO_SERVER, 25, AF_INET);
    struct findings_door *ghost;
    struct findings_dns n = {0};
    struct reach r;

    if (!o->s->nowhere || !d || d->state != DOOR_OPEN || findings_verified(d) ||
        !literal(o->s->nowhere, &n) || on_loopback(d) || o->f->door_count == FINDINGS_DOORS_MAX)
        return;
    ghost = &o->f->door[o->f->door_count++];
    *ghost = (struct findings_door){.who = WHO_NOWHERE, .port = 25, .address = n.address[0]};
    ((struct sockaddr_in *)&ghost->address)->sin_port = htons(25);
    reach_connect(o->loop, (const struct sockaddr *)&ghost->address, 0,
                  clock_now() + GHOST_MS + 2 * d->connect_ms, &r, NULL);
    ghost->sys = r.sys;
    ghost->state = r.sys == 0 ? DOOR_OPEN : DOOR_SILENT;
}

static void log_in(struct observe *o)
{
    struct conclusions *c;
    bool send;

    if (!o->s->user.len && !o->s->to.len)
        return;
    c = memory_alloc(sizeof *c);
    conclude(o->f, c);
    send = o->s->message.len && strcmp(c->at[0].id, VERDICT_OK) == 0;
    if (c->best && findings_verified(c->best)) {
        o->until = clock_now() + (send ? OBSERVE_SEND_MS : OBSERVE_TIMEOUT_MS);
        observe_login(o, c->best, send);
        observe_progress(o, c->best);
    }
    free(c);
}

static void root_fiber(void *arg)
{
    struct observe *o = arg;
    int64_t look = o->began + FIRST_LOOK_MS;

    o->root = fiber_self();
    start_all(o);
    while ((looking_up(o) || o->unknown) && clock_now() < look)
        fiber_wait(look);
    sweep(o);
    while (o->under_way)
        fiber_wait(o->until + CLOCK_SECOND);
    look_for_ghost(o);
    log_in(o);
    o->f->elapsed_ms = clock_now() - o->began;
    loop_stop(o->loop); /* the resolvers go on listening */
}

static int make_resolvers(struct observe *o, struct error *e)
{
    struct dns_settings first = {.resolv_conf = o->s->resolv_conf, .timeout = DNS_MS};
    struct span own = span_of(o->s->resolver), address = span_of(o->s->second);
    struct dns_settings second = {.resolvers = &address, .resolver_count = 1, .timeout = DNS_MS};

    first.hosts_file = o->s->resolver ? NULL : "/etc/hosts";
    first.resolvers = &own;
    first.resolver_count = o->s->resolver != NULL;
    o->dns = dns_new(o->loop, &first, e);
    if (!o->dns)
        return -1;
    if (!o->s->second)
        return 0;
    o->second = dns_new(o->loop, &second, e);
    return o->second ? 0 : -1;
}

int observe_run(struct loop *l, const struct observe_settings *s, struct findings *out,
                struct error *e)
{
    struct observe o = {.loop = l, .s = s, .f = out, .began = clock_now()};
    struct findings_dns n = {0};
    int rc;

    memset(out, 0, sizeof *out);
    observe_text(out->host, sizeof out->host, span_of(s->host));
    observe_text(out->control, sizeof out->control, span_of(s->control));
    observe_text(out->user, sizeof out->user, s->user);
    out->port = (uint16_t)s->port;
    out->mode = s->mode;
    out->host_is_address = literal(s->host, &n);
    o.until = o.began + (s->timeout ? s->timeout : OBSERVE_TIMEOUT_MS) - 50;
    rc = make_resolvers(&o, e);
    if (rc == 0) {
        fiber_start(l, root_fiber, &o);
        loop_run(l);
    }
    dns_free(&o.dns);
    dns_free(&o.second);
    return rc;
}
