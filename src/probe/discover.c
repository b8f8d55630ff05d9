#include "probe/discover.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dns/dns.h"
#include "io/fiber.h"

#include <stdio.h>
#include <string.h>

enum { DISCOVER_MS = 1500 };

struct search {
    struct loop *loop;
    struct dns *dns;
    const char *domain;
    struct discover *out;
    bool found;
};

static const struct service {
    const char *label, *how;
} services[] = {{"_submissions._tcp", "SRV _submissions._tcp"},
                {"_submission._tcp", "SRV _submission._tcp"}};

static const struct guess {
    const char *prefix, *how;
} guesses[] = {{"smtp.", "guess smtp."}, {"mail.", "guess mail."}, {"", "the domain itself"}};

static void take_srv(struct search *s, const struct dns_srv_list *l, const char *how)
{
    const struct dns_srv *best = NULL;

    for (size_t i = 0; i < l->count; i++)
        if (l->srv[i].host.len && (!best || l->srv[i].priority < best->priority))
            best = &l->srv[i];
    if (!best || s->found || !span_cstr(best->host, s->out->host, sizeof s->out->host))
        return;
    s->out->port = best->port;
    s->out->how = how;
    s->found = true;
}

static void ask_services(struct search *s, struct arena *a)
{
    for (size_t i = 0; i < COUNT(services) && !s->found; i++) {
        struct dns_srv_list l = {0};
        const char *name = arena_printf(a, "%s.%s", services[i].label, s->domain);

        if (dns_srv(s->dns, span_of(name), clock_now() + DISCOVER_MS, a, &l) == DNS_OK)
            take_srv(s, &l, services[i].how);
    }
}

static void ask_names(struct search *s, struct arena *a)
{
    struct dns_address_list found[COUNT(guesses)];
    struct span names[COUNT(guesses)];

    memset(found, 0, sizeof found);
    for (size_t i = 0; i < COUNT(guesses); i++)
        names[i] = span_of(arena_printf(a, "%s%s", guesses[i].prefix, s->domain));
    dns_addresses(s->dns, names, COUNT(guesses), clock_now() + DISCOVER_MS, a, found);
    for (size_t i = 0; i < COUNT(guesses) && !s->found; i++) {
        if (found[i].status.result != DNS_OK)
            continue;
        s->found = span_cstr(names[i], s->out->host, sizeof s->out->host);
        s->out->how = guesses[i].how;
    }
}

static void search_fiber(void *arg)
{
    struct search *s = arg;
    struct arena *a = arena_new();

    ask_services(s, a);
    if (!s->found)
        ask_names(s, a);
    arena_free(&a);
    loop_stop(s->loop); /* the resolver goes on listening */
}

static int search_by(struct search *s, const struct dns_settings *by, struct error *e)
{
    s->dns = dns_new(s->loop, by, e);
    if (!s->dns)
        return -1;
    fiber_start(s->loop, search_fiber, s);
    loop_run(s->loop);
    dns_free(&s->dns);
    return 0;
}

int discover_run(struct loop *l, const char *domain, const char *second, struct discover *out,
                 struct error *e)
{
    struct span address = span_of(second);
    struct dns_settings system = {.hosts_file = "/etc/hosts", .timeout = DISCOVER_MS};
    struct dns_settings other = {
        .resolvers = &address, .resolver_count = 1, .timeout = DISCOVER_MS};
    struct search s = {.loop = l, .domain = domain, .out = out};
    int rc;

    *out = (struct discover){.how = "guess"};
    rc = search_by(&s, &system, e);
    if (rc == 0 && !s.found && second)
        rc = search_by(&s, &other, e);
    if (!s.found)
        snprintf(out->host, sizeof out->host, "smtp.%s", domain);
    return rc;
}
