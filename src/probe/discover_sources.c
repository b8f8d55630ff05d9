/* The places where a provider's server for sending can be learned. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/autoconfig.h"
#include "probe/discover_parts.h"
#include "probe/observe_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct service {
    const char *label, *how;
    enum steps_sealing sealing;
} services[] = {{"_submissions._tcp", "SRV _submissions._tcp", SEALING_TLS},
                {"_submission._tcp", "SRV _submission._tcp", SEALING_STARTTLS}};

static const struct guess {
    const char *prefix, *how;
} guesses[] = {{"smtp.", "guess smtp."}, {"mail.", "guess mail."}, {"", "the domain itself"}};

static struct discover_door *add_door(struct discover_task *t, struct span host,
                                      enum discover_source source)
{
    struct discover_door *d = &t->door[t->count];

    if (t->count == DISCOVER_DOORS_MAX || !span_cstr(host, d->host, sizeof d->host))
        return NULL;
    t->count++;
    d->source = source;
    return d;
}

/* ---- SRV ---- */

/* RFC 2782 draws lots by weight; for settings that a person enters the heaviest is the one. */
static int by_rank(const void *a, const void *b)
{
    const struct dns_srv *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return (x->weight < y->weight) - (x->weight > y->weight);
}

static void take_services(struct discover_task *t, struct dns_srv_list *l,
                          const struct service *service)
{
    qsort(l->srv, l->count, sizeof *l->srv, by_rank);
    for (size_t i = 0; i < l->count; i++) {
        struct discover_door *d =
            l->srv[i].host.len ? add_door(t, l->srv[i].host, SOURCE_SRV) : NULL;

        if (!d)
            continue;
        d->port = l->srv[i].port;
        d->sealing = service->sealing;
        if (!t->how)
            t->how = service->how;
    }
}

void discover_ask_services(struct discover_task *t)
{
    struct arena *a = arena_new();
    struct dns_lookup raw[COUNT(services)];
    unsigned refused = 0;

    memset(raw, 0, sizeof raw);
    for (size_t i = 0; i < COUNT(services); i++) {
        raw[i].name = span_of(arena_printf(a, "%s.%s", services[i].label, t->search->s->domain));
        raw[i].type = DNS_SRV;
    }
    dns_query(t->dns, raw, COUNT(raw), t->search->until, a); /* both at once; then from the cache */
    for (size_t i = 0; i < COUNT(services); i++) {
        struct dns_srv_list l = {0};

        if (raw[i].status.result != DNS_OK ||
            dns_srv(t->dns, raw[i].name, t->search->until, a, &l) != DNS_OK)
            continue;
        refused += l.count == 1 && !l.srv[0].host.len;
        take_services(t, &l, &services[i]);
    }
    t->refused = refused == COUNT(services);
    arena_free(&a);
}

/* ---- the provider's settings file ---- */

size_t discover_lookup(void *arg, const char *host, int64_t deadline, struct sockaddr_storage *out,
                       size_t max)
{
    struct arena *a = arena_new();
    struct dns_address_list found = {0};
    size_t n = 0;

    if (dns_address(arg, span_of(host), deadline, a, &found) == DNS_OK)
        for (; n < found.count && n < max; n++)
            out[n] = found.address[n];
    arena_free(&a);
    return n;
}

/* An address in a URL (RFC 3986, section 2.3). */
static void add_escaped(struct text *to, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';

        if (plain)
            text_addc(to, c);
        else
            text_addf(to, "%%%02X", (unsigned char)c);
    }
}

static void take_file(struct discover_task *t, struct span file)
{
    const struct discover_settings *s = t->search->s;
    struct autoconfig *found = memory_alloc(sizeof *found);

    if (autoconfig_parse(file, s->address, span_of(s->domain), found))
        t->how = t->ask == ASK_WEB ? "the provider's settings file (autoconfig)"
                                   : "the provider's settings file (.well-known/autoconfig)";
    for (size_t i = 0; i < found->count; i++) {
        struct discover_door *d = add_door(t, span_of(found->server[i].host), SOURCE_AUTOCONFIG);

        if (!d)
            continue;
        d->port = found->server[i].port;
        d->sealing = found->server[i].sealing;
        d->login = found->server[i].login;
        snprintf(d->user, sizeof d->user, "%s", found->server[i].user);
    }
    snprintf(t->provider_name, sizeof t->provider_name, "%s", found->name);
    free(found);
}

void discover_ask_web(struct discover_task *t)
{
    const struct discover_settings *s = t->search->s;
    struct text url = TEXT_INIT(FETCH_URL_MAX - 1);
    struct fetch_answer answer;

    if (t->ask == ASK_WEB)
        text_addf(&url, "https://autoconfig.%s/mail/config-v1.1.xml", s->domain);
    else
        text_addf(&url, "https://%s/.well-known/autoconfig/mail/config-v1.1.xml", s->domain);
    if (t->ask == ASK_WEB && s->address.len) {
        text_adds(&url, "?emailaddress=");
        add_escaped(&url, s->address);
    }
    if (fetch_run(t->fetch,
                  &(struct fetch_call){
                      .url = text_cstr(&url), .max = AUTOCONFIG_MAX, .deadline = t->search->until},
                  &answer, NULL) == 0 &&
        answer.status == 200)
        take_file(t, text_span(&answer.body));
    fetch_answer_free(&answer);
    text_free(&url);
}

/* ---- the table ---- */

static void take_row(struct discover_task *t, const struct providers_row *r,
                     enum discover_source source)
{
    struct span address = t->search->s->address;
    ptrdiff_t at = span_rfind(address, '@');

    t->provider = r;
    for (size_t i = 0; i < PROVIDERS_DOORS && r->doors[i].port; i++) {
        struct discover_door *d = add_door(t, span_of(r->host), source);

        if (!d)
            continue;
        d->port = r->doors[i].port;
        d->sealing = r->doors[i].sealing;
        d->login = r->login;
        if (r->user == USER_ADDRESS)
            observe_text(d->user, sizeof d->user, address);
        else if (r->user == USER_LOCAL_PART && at > 0)
            observe_text(d->user, sizeof d->user, span_head(address, (size_t)at));
    }
}

void discover_ask_table(struct discover_task *t)
{
    struct span domain = span_of(t->search->s->domain);
    const struct providers_row *r = providers_of_domain(domain);
    const struct providers_isp *isp = providers_isp_of(domain);
    struct discover_door *d;

    t->how = "the table of providers";
    if (r) {
        take_row(t, r, SOURCE_TABLE);
    } else if (isp && isp->host && (d = add_door(t, span_of(isp->host), SOURCE_TABLE))) {
        d->port = isp->door.port;
        d->sealing = isp->door.sealing;
        d->login = LOGIN_PASSWORD;
        snprintf(t->provider_name, sizeof t->provider_name, "%s", isp->name);
    }
}

void discover_ask_mx(struct discover_task *t)
{
    struct arena *a = arena_new();
    struct dns_mx_list l = {0};
    enum dns_result r = dns_mx(t->dns, span_of(t->search->s->domain), t->search->until, a, &l);

    t->no_domain = r == DNS_NXDOMAIN;
    t->no_answer = r == DNS_TEMPORARY || r == DNS_BOGUS;
    for (size_t i = 0; r == DNS_OK && i < l.count && !t->provider; i++) {
        const struct providers_row *row = providers_of_mx(l.mx[i].host);

        if (row)
            take_row(t, row, SOURCE_MX);
    }
    t->how = "whose servers take the domain's mail (MX)";
    arena_free(&a);
}

/* ---- customary names ---- */

void discover_ask_names(struct discover_task *t)
{
    struct arena *a = arena_new();
    struct dns_address_list found[COUNT(guesses)];
    struct span names[COUNT(guesses)];

    memset(found, 0, sizeof found);
    for (size_t i = 0; i < COUNT(guesses); i++)
        names[i] = span_of(arena_printf(a, "%s%s", guesses[i].prefix, t->search->s->domain));
    dns_addresses(t->dns, names, COUNT(guesses), t->search->until, a, found);
    for (size_t i = 0; i < COUNT(guesses); i++) {
        if (found[i].status.result != DNS_OK)
            continue;
        add_door(t, names[i], SOURCE_GUESS);
        if (!t->how)
            t->how = guesses[i].how;
    }
    arena_free(&a);
}
