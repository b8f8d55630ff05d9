#include "probe/observe_parts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/line.h"
#include "probe/conclude.h"
#include "probe/verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TALK_MS = 150,
    FIRST_LOOK_MS = 1000, /* who has not answered by then is swept as silent */
    AGAIN_MS = 1500,
    AGAIN_MAX = 8,
    GHOST_MS = 120, /* how much longer to wait for one who should not be there */
    GHOST_GREETS_MS = 700,
    GHOST_LINE = 1024,
    LOGIN_WAIT_MS = 2000, /* for a better door than those that work already */
    LOGIN_MORE_MS = 900,  /* may the login go on when all else is over */
    PER_FAMILY = 2,       /* addresses tried of each family */
};

/* What is too long ends in dots, behind a whole word or at least a whole character. */
void observe_text(char *to, size_t cap, struct span words)
{
    struct text safe = TEXT_INIT(4 * FINDINGS_REPLY);
    bool cut;

    text_add_safe(&safe, span_head(words, FINDINGS_REPLY));
    cut = safe.len >= cap;
    if (cut) {
        size_t n = cap - 4;

        while (n && ((unsigned char)safe.at[n] & 0xc0) == 0x80)
            n--;
        safe.len = n;
        while (n > cap / 2 && safe.at[n - 1] != ' ')
            n--;
        if (n > cap / 2)
            safe.len = n - 1;
    }
    snprintf(to, cap, "%.*s%s", (int)safe.len, text_cstr(&safe), cut ? "..." : "");
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

void observe_add(struct observe *o, enum findings_who who, unsigned port,
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

static bool listed(const unsigned *ports, size_t count, unsigned port)
{
    for (size_t i = 0; i < count && ports[i]; i++)
        if (ports[i] == port)
            return true;
    return false;
}

/* The user's own door, and what the provider lists. The control is asked for an uncommon port of
 * the user's too, and then for one that hardly anybody has: does it refuse what it does not serve,
 * or is it silent about it? */
static void add_further(struct observe *o, enum findings_who who, const unsigned *ports,
                        const struct sockaddr_storage *at)
{
    const unsigned *extra = o->s->extra_ports;
    unsigned own = o->s->port;
    bool uncommon = own && !listed(ports, SIZE_MAX, own) && who != WHO_ISP;

    if (uncommon)
        observe_add(o, who, own, at);
    if (uncommon && who == WHO_CONTROL)
        observe_add(o, who, own == 1025 ? 26 : 1025, at);
    for (size_t i = 0; who == WHO_SERVER && i < OBSERVE_PORTS_MAX; i++)
        if (extra[i] && extra[i] != own && !listed(ports, SIZE_MAX, extra[i]) &&
            !listed(extra, i, extra[i]))
            observe_add(o, who, extra[i], at);
}

void observe_add_all(struct observe *o, enum findings_who who, const struct findings_dns *n,
                     const unsigned *ports)
{
    unsigned of_family[2] = {0};

    for (size_t i = 0; i < n->count; i++) {
        if (of_family[n->address[i].ss_family == AF_INET6]++ >= PER_FAMILY)
            continue;
        for (size_t j = 0; ports[j]; j++)
            observe_add(o, who, ports[j], &n->address[i]);
        add_further(o, who, ports, &n->address[i]);
    }
}

static void web_fiber(void *arg)
{
    observe_web(arg);
    observe_ended(arg);
}

/* ---- the second look ---- */

/* Sweeps are of one address: the one with an open door, else that of the first door tried. */
static struct findings_door *reference(struct observe *o)
{
    static const unsigned order[] = {465, 587, 443, 2525, 26, 25, 0}; /* 0: any other */
    struct findings_door *any = NULL;

    for (size_t i = 0; i < COUNT(order); i++)
        for (size_t j = o->f->door_count; j-- > 0;) {
            struct findings_door *d = &o->f->door[j];

            if (d->who != WHO_SERVER || (order[i] && d->port != order[i]) ||
                d->state == DOOR_NO_ROUTE)
                continue;
            if (!any || (d->state == DOOR_OPEN && any->state != DOOR_OPEN))
                any = d;
        }
    return any;
}

static bool same_address(const struct findings_door *a, const struct findings_door *b)
{
    char x[FINDINGS_NAME], y[FINDINGS_NAME];

    observe_address(&a->address, x);
    observe_address(&b->address, y);
    return strcmp(x, y) == 0;
}

static bool swept(const struct observe *o, const struct findings_door *d,
                  const struct findings_door *at)
{
    bool asked = d->port == 25 || d->port == 465 || d->port == 587 || d->port == o->s->port;

    if (d->who != WHO_SERVER || d == at || !same_address(d, at))
        return false;
    if (d->port == 443) /* who stands in between at the mail doors seldom does there */
        return d->state == DOOR_OPEN;
    if (!asked)
        return false;
    if (d->state == DOOR_REFUSED || d->state == DOOR_SILENT || d->state == DOOR_UNTRIED)
        return true;
    if (d->state != DOOR_OPEN || d->tls == SEALED_YES)
        return false;
    return d->port == 25 || (d->talk == TALK_SMTP && d->mode == MODE_PLAIN);
}

static bool on_loopback(const struct findings_door *d)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&d->address;

    if (d->address.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    return (ntohl(((const struct sockaddr_in *)&d->address)->sin_addr.s_addr) >> 24) == 127;
}

/* ---- does it open again? ---- */

struct again {
    struct observe *o;
    struct fiber *waits;
    unsigned under_way;
    size_t count;
    struct again_door {
        struct again *all;
        const struct findings_door *door;
        bool opens;
    } at[AGAIN_MAX];
};

/* What opened a moment ago must open again, unless connections come through by luck only, or are
 * counted. */
static bool opens_again(struct observe *o, const struct sockaddr_storage *at)
{
    int64_t until = clock_now() + AGAIN_MS;
    struct reach r;

    reach_connect(o->loop, (const struct sockaddr *)at, 0, until < o->until ? until : o->until, &r,
                  NULL);
    return r.sys != ETIMEDOUT || r.ms < AGAIN_MS - 100;
}

static void one_again(void *arg)
{
    struct again_door *r = arg;

    r->opens = opens_again(r->all->o, &r->door->address);
    r->all->under_way--;
    fiber_wake(r->all->waits);
}

/* Port 0: any. */
static const struct findings_door *open_door(const struct observe *o, enum findings_who who,
                                             unsigned port)
{
    for (size_t i = 0; i < o->f->door_count; i++) {
        const struct findings_door *d = &o->f->door[i];

        if (d->who == who && d->state == DOOR_OPEN && (!port || d->port == port))
            return d;
    }
    return NULL;
}

static const struct again_door *repeated(const struct again *all, enum findings_who who,
                                         unsigned port)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].door->who == who && all->at[i].door->port == port)
            return &all->at[i];
    return NULL;
}

/* The same port of the other server is tried beside it: does only one of them count? */
static void add_again(struct again *all, const struct findings_door *d)
{
    for (enum findings_who who = WHO_SERVER; d && who <= WHO_CONTROL; who++) {
        const struct findings_door *at = who == d->who ? d : open_door(all->o, who, d->port);

        if (at && all->count < AGAIN_MAX && !repeated(all, who, at->port))
            all->at[all->count++] = (struct again_door){.all = all, .door = at};
    }
}

static bool is_shut_at(const struct observe *o, enum findings_who who, unsigned port)
{
    bool shut = false;

    for (size_t i = 0; i < o->f->door_count; i++) {
        const struct findings_door *d = &o->f->door[i];

        if (d->who != who || d->port != port)
            continue;
        if (d->state == DOOR_OPEN)
            return false;
        shut = shut || d->state == DOOR_UNTRIED || findings_shut(d);
    }
    return shut;
}

/* The user's own door; one that opened at one of the servers only; and, where something is silent,
 * one of each. */
static void choose_again(struct again *all)
{
    static const unsigned standard[] = {25, 465, 587};
    const struct observe *o = all->o;

    if (o->s->port)
        add_again(all, open_door(o, WHO_SERVER, o->s->port));
    for (size_t i = 0; i < COUNT(standard) && o->unknown; i++) {
        if (is_shut_at(o, WHO_CONTROL, standard[i]))
            add_again(all, open_door(o, WHO_SERVER, standard[i]));
        if (is_shut_at(o, WHO_SERVER, standard[i]))
            add_again(all, open_door(o, WHO_CONTROL, standard[i]));
    }
    if (o->unknown) {
        add_again(all, open_door(o, WHO_SERVER, 0));
        add_again(all, open_door(o, WHO_CONTROL, 0));
    }
}

static void judge_again(const struct again *all, struct findings *f)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct again_door *r = &all->at[i];
        bool ours = r->door->who == WHO_SERVER;
        const struct again_door *other =
            repeated(all, ours ? WHO_CONTROL : WHO_SERVER, r->door->port);

        if (r->opens)
            continue;
        if (!other || !other->opens)
            f->uneven = true;
        else if (ours)
            f->limited = true;
    }
}

static void again_fiber(void *arg)
{
    struct observe *o = arg;
    struct again all = {.o = o, .waits = fiber_self()};

    choose_again(&all);
    for (size_t i = 0; i < all.count; i++) {
        all.under_way++;
        fiber_start(o->loop, one_again, &all.at[i]);
    }
    if (!all.count && o->unknown && o->portal.ss_family)
        o->f->uneven = !opens_again(o, &o->portal);
    while (all.under_way) /* they write into this stack */
        fiber_wait(clock_now() + CLOCK_SECOND);
    judge_again(&all, o->f);
    observe_ended(o);
}

static void sweep(struct observe *o)
{
    struct findings_door *at = reference(o);
    size_t count = o->f->door_count;
    bool any = false;

    if (!at || on_loopback(at))
        return;
    for (size_t i = 0; i < count; i++) /* 443 alone is no reason */
        any = any || (o->f->door[i].port != 443 && swept(o, &o->f->door[i], at));
    for (size_t i = 0; i < count && any; i++)
        if (&o->f->door[i] == at || swept(o, &o->f->door[i], at))
            start_task(o, &o->f->door[i], hops_fiber);
}

/* Only the operator's own server may be reached at 25: whose server is that? */
static void look_for_isp(struct observe *o)
{
    if (!o->s->isp && is_shut_at(o, WHO_SERVER, 25) && is_shut_at(o, WHO_CONTROL, 25))
        observe_start(o, observe_isp, o);
}

/* Does it greet as a mail server does? A box that only passes on has nobody to pass on to. */
static void hear_ghost(struct findings_door *d, struct stream **s)
{
    struct line_reader r;
    struct span line;
    int sys;

    stream_deadline(*s, clock_now() + GHOST_GREETS_MS);
    line_init(&r, s, GHOST_LINE);
    if (line_read(&r, GHOST_LINE, &line, &sys) == LINE_OK) {
        observe_text(d->greeting, sizeof d->greeting, line);
        d->talk = span_starts(line, SPAN("220")) ? TALK_SMTP : TALK_FOREIGN;
    }
    line_free(&r);
}

static void call_ghost(struct observe *o, int64_t patience, struct findings_door *ghost)
{
    struct stream *s = NULL;
    struct reach r;

    ((struct sockaddr_in *)&ghost->address)->sin_port = htons(25);
    reach_connect(o->loop, (const struct sockaddr *)&ghost->address, 0, clock_now() + patience, &r,
                  &s);
    ghost->sys = r.sys;
    ghost->state = r.sys == 0 ? DOOR_OPEN : DOOR_SILENT;
    if (s)
        hear_ghost(ghost, &s);
    stream_abort(&s);
}

/* Someone who answers where nobody is: asked only when door 25 opened at all. */
static void ghost_fiber(void *arg)
{
    struct observe *o = arg;
    const struct findings_door *d = findings_find(o->f, WHO_SERVER, 25, AF_INET);
    struct findings_door ghost = {.who = WHO_NOWHERE, .port = 25};
    struct findings_dns n = {0};

    if (d && d->state == DOOR_OPEN && !on_loopback(d) && observe_literal(o->s->nowhere, &n)) {
        ghost.address = n.address[0];
        call_ghost(o, GHOST_MS + (d->connect_ms < 200 ? 2 * d->connect_ms : 400), &ghost);
        if (o->f->door_count < FINDINGS_DOORS_MAX)
            o->f->door[o->f->door_count++] = ghost;
    }
    observe_ended(o);
}

/* ---- login, MAIL, RCPT ---- */

/* Will more be known of the user's server? `all`: of any door, else of those for logging in. */
static bool still_talking(const struct observe *o, bool all)
{
    for (size_t i = 0; i < o->f->door_count; i++) {
        const struct findings_door *d = &o->f->door[i];

        if (d->who == WHO_SERVER && !d->done_ms &&
            (all || d->port == 465 || d->port == 587 || d->port == o->s->port))
            return true;
    }
    return o->f->dns.result == LOOKUP_UNTRIED;
}

static const struct findings_door *login_door(struct observe *o)
{
    struct conclusions *c = memory_alloc(sizeof *c);
    const struct findings_door *best;

    conclude(o->f, c);
    best = c->best && findings_verified(c->best) ? c->best : NULL;
    free(c);
    return best;
}

/* A message is sent only when nothing at all was found wrong. */
static void send_one(struct observe *o)
{
    struct conclusions *c = memory_alloc(sizeof *c);
    bool send;

    while (o->under_way > 1)
        fiber_sleep(20);
    conclude(o->f, c);
    send = strcmp(c->at[0].id, VERDICT_OK) == 0;
    if (c->best && findings_verified(c->best)) {
        o->login_until = clock_now() + (send ? OBSERVE_SEND_MS : OBSERVE_TIMEOUT_MS);
        observe_login(o, c->best, send);
        observe_progress(o, c->best);
    }
    free(c);
}

/* At the best door, as soon as there is no better one to wait for. */
static void log_in(struct observe *o)
{
    const struct findings_door *best = NULL;

    while (clock_now() < o->until && still_talking(o, true)) {
        bool late = clock_now() >= o->began + LOGIN_WAIT_MS;

        if ((late || !still_talking(o, false)) && (best = login_door(o)))
            break;
        fiber_sleep(20);
    }
    if (!best)
        best = login_door(o);
    if (!best)
        return;
    observe_login(o, best, false);
    observe_progress(o, best);
}

static void login_fiber(void *arg)
{
    struct observe *o = arg;

    if (o->s->message.len)
        send_one(o);
    else
        log_in(o);
    observe_ended(o);
}

/* ---- all of it ---- */

static void start_all(struct observe *o)
{
    observe_start(o, observe_server, o);
    if (o->second && !o->f->host_is_address)
        observe_start(o, observe_second, o);
    if (o->s->control)
        observe_start(o, observe_control, o);
    if (o->s->isp)
        observe_start(o, observe_isp, o);
    if (o->s->portal)
        observe_start(o, web_fiber, o);
    if (o->s->user.len || o->s->to.len)
        observe_start(o, login_fiber, o);
}

static bool looking_up(const struct observe *o)
{
    return o->f->dns.result == LOOKUP_UNTRIED || o->looking_up;
}

static void root_fiber(void *arg)
{
    struct observe *o = arg;
    int64_t look = o->began + FIRST_LOOK_MS;

    o->root = fiber_self();
    start_all(o);
    while ((looking_up(o) || o->unknown) && clock_now() < look)
        fiber_wait(look);
    look = clock_now() + TALK_MS; /* what opened tells soon whether it is worth a sweep */
    while (still_talking(o, true) && clock_now() < look)
        fiber_sleep(10);
    sweep(o);
    look_for_isp(o);
    observe_start(o, again_fiber, o);
    if (o->s->nowhere)
        observe_start(o, ghost_fiber, o);
    while (o->under_way) /* each has its own end */
        fiber_wait(clock_now() + CLOCK_SECOND);
    o->f->elapsed_ms = clock_now() - o->began;
    loop_stop(o->loop); /* the resolvers go on listening */
}

static int make_resolvers(struct observe *o, struct error *e)
{
    struct dns_settings first = {.resolv_conf = o->s->resolv_conf, .timeout = OBSERVE_DNS_MS};
    struct span own = span_of(o->s->resolver), address = span_of(o->s->second);
    struct dns_settings second = {
        .resolvers = &address, .resolver_count = 1, .timeout = OBSERVE_DNS_MS};

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
    int64_t whole = s->timeout ? s->timeout : OBSERVE_TIMEOUT_MS;
    int rc;

    memset(out, 0, sizeof *out);
    observe_text(out->host, sizeof out->host, span_of(s->host));
    observe_text(out->control, sizeof out->control, span_of(s->control));
    observe_text(out->user, sizeof out->user, s->user);
    out->port = (uint16_t)s->port;
    out->mode = s->mode;
    out->host_is_address = observe_literal(s->host, &n);
    o.until = o.began + whole - whole / 8; /* the rest is air for slow machines */
    o.login_until = o.until + LOGIN_MORE_MS;
    observe_cloud(&o);
    rc = make_resolvers(&o, e);
    if (rc == 0) {
        fiber_start(l, root_fiber, &o);
        loop_run(l);
    }
    dns_free(&o.dns);
    dns_free(&o.second);
    return rc;
}
