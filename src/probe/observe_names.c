/* Names to addresses to doors: the user's server by two resolvers, the one compared with, and the
 * one of the network's operator. */
#include "probe/observe_parts.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
    PATIENCE_MS = 700, /* for this network's resolver, before the other one's answer is used */
    ISP_DOMAINS_MAX = 6,
    ISP_MS = 700,
};

static const unsigned server_ports[] = {25, 26, 465, 587, 1025, 2525, 443, 0};
static const unsigned control_ports[] = {25, 465, 587, 443, 0};
static const unsigned other_ports[] = {25, 465, 587, 443, 0};
static const unsigned isp_ports[] = {25, 0};

bool observe_literal(const char *text, struct findings_dns *out)
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
    int64_t until = clock_now() + OBSERVE_DNS_MS;
    struct arena *a = arena_new();
    struct dns_address_list found = {0};
    enum dns_result r;

    if (!observe_literal(name, out)) {
        r = dns_address(by, span_of(name), until < o->until ? until : o->until, a, &found);
        out->result = r == DNS_OK                          ? LOOKUP_OK
                      : r == DNS_NXDOMAIN || r == DNS_NONE ? LOOKUP_NO_NAME
                                                           : LOOKUP_FAILED;
    }
    for (size_t i = 0; i < found.count && out->count < FINDINGS_ADDRESSES_MAX; i++)
        out->address[out->count++] = found.address[i];
    out->ms = clock_now() - o->began;
    arena_free(&a);
}

static void look_up_briefly(struct observe *o, const char *name, struct findings_dns *out)
{
    struct observe brief = *o;

    if (o->second && o->began + PATIENCE_MS < o->until)
        brief.until = o->began + PATIENCE_MS;
    look_up(&brief, o->dns, name, out);
}

void observe_server(void *arg)
{
    struct observe *o = arg;

    look_up(o, o->dns, o->s->host, &o->f->dns);
    observe_add_all(o, WHO_SERVER, &o->f->dns, server_ports);
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

/* What only the second resolver knows is tried too: does the server answer there? */
void observe_second(void *arg)
{
    struct observe *o = arg;

    look_up(o, o->second, o->s->host, &o->f->dns_second);
    while (o->f->dns.result == LOOKUP_UNTRIED && clock_now() < o->began + PATIENCE_MS)
        fiber_sleep(20);
    if (o->f->dns_second.result == LOOKUP_OK && !same_answer(&o->f->dns, &o->f->dns_second))
        observe_add_all(o, WHO_OTHER, &o->f->dns_second, other_ports);
    observe_ended(o);
}

struct twice {
    struct observe *o;
    struct fiber *waits;
    struct findings_dns by_second;
    bool ended;
};

static void control_second(void *arg)
{
    struct twice *t = arg;

    look_up(t->o, t->o->second, t->o->s->control, &t->by_second);
    t->ended = true;
    fiber_wake(t->waits);
}

/* A broken resolver must not take the comparison away: both are asked at once. */
void observe_control(void *arg)
{
    struct observe *o = arg;
    struct twice t = {.o = o, .waits = fiber_self(), .ended = !o->second};
    struct findings_dns n = {0};

    o->looking_up++;
    if (o->second)
        fiber_start(o->loop, control_second, &t);
    look_up_briefly(o, o->s->control, &n);
    o->f->control_resolves = n.result == LOOKUP_OK;
    while (!n.count && !t.ended)
        fiber_wait(clock_now() + CLOCK_SECOND);
    observe_add_all(o, WHO_CONTROL, n.count ? &n : &t.by_second, control_ports);
    o->looking_up--;
    while (!t.ended) /* it writes into this stack; it ends by o->until */
        fiber_wait(clock_now() + CLOCK_SECOND);
    observe_ended(o);
}

/* ---- the operator's server ---- */

struct domains {
    size_t count;
    char at[ISP_DOMAINS_MAX][FINDINGS_NAME];
};

static void add_domain(struct domains *d, struct span name)
{
    static const char *const nobodys[] = {"lan",      "local", "localdomain", "home",
                                          "internal", "arpa",  "corp"};
    ptrdiff_t dot = span_rfind(name, '.');

    if (name.len && name.at[name.len - 1] == '.')
        name.len--;
    dot = span_rfind(name, '.');
    if (dot <= 0 || name.len > 100 || d->count == ISP_DOMAINS_MAX)
        return;
    for (size_t i = 0; i < sizeof nobodys / sizeof *nobodys; i++)
        if (span_iis(span_from(name, (size_t)dot + 1), nobodys[i]))
            return;
    for (size_t i = 0; i < d->count; i++)
        if (span_iis(name, d->at[i]))
            return;
    snprintf(d->at[d->count++], FINDINGS_NAME, "%.*s", SPAN_ARG(name));
}

/* "pc7.dyn.isp.example" -> "dyn.isp.example", "isp.example" */
static void add_parents(struct domains *d, struct span name)
{
    ptrdiff_t dot;

    while ((dot = span_find(name, '.')) >= 0) {
        name = span_from(name, (size_t)dot + 1);
        add_domain(d, name);
    }
}

static void add_by_address(struct observe *o, const struct sockaddr_storage *at, struct domains *d,
                           struct arena *a)
{
    struct dns_text_list names = {0};

    if (dns_ptr(o->dns, (const struct sockaddr *)at, clock_now() + ISP_MS, a, &names) != DNS_OK)
        return;
    for (size_t i = 0; i < names.count && i < 2; i++)
        add_parents(d, names.text[i]);
}

static void find_isp(struct observe *o, struct findings_dns *out)
{
    static const char *const prefixes[] = {"smtp", "mail", "relay", "smarthost", "mailout"};
    enum { KINDS = sizeof prefixes / sizeof *prefixes };
    struct dns_address_list found[ISP_DOMAINS_MAX * KINDS];
    struct span names[ISP_DOMAINS_MAX * KINDS];
    struct domains d = {0};
    struct arena *a = arena_new();
    struct observe_here here;
    size_t count = 0;

    observe_here(o, &here);
    for (size_t i = 0; i < here.domain_count; i++)
        add_domain(&d, span_of(here.domain[i]));
    for (size_t i = 0; i < here.address_count; i++)
        add_by_address(o, &here.address[i], &d, a);
    for (size_t i = 0; i < d.count; i++)
        for (size_t j = 0; j < KINDS; j++)
            names[count++] = span_of(arena_printf(a, "%s.%s", prefixes[j], d.at[i]));
    memset(found, 0, sizeof found);
    if (count)
        dns_addresses(o->dns, names, count, clock_now() + ISP_MS, a, found);
    for (size_t i = 0; i < count && !out->count; i++) {
        struct findings_dns n = {0};

        for (size_t j = 0; j < found[i].count && n.count < 2; j++)
            n.address[n.count++] = found[i].address[j];
        if (!n.count || same_answer(&n, &o->f->dns))
            continue;
        *out = n;
        observe_text(o->f->isp, sizeof o->f->isp, names[i]);
    }
    arena_free(&a);
}

/* As named by the user, else as it is mostly called in the domains of this network. */
void observe_isp(void *arg)
{
    struct observe *o = arg;
    struct findings_dns n = {0};

    if (o->s->isp) {
        observe_text(o->f->isp, sizeof o->f->isp, span_of(o->s->isp));
        look_up(o, o->dns, o->s->isp, &n);
    } else {
        find_isp(o, &n);
    }
    observe_add_all(o, WHO_ISP, &n, isp_ports);
    observe_ended(o);
}
