/* The way of RFC 5321 section 5.1: MX hosts, or the domain itself when it has none; sorted; those
 * no better than ourselves cut off; resolved all at once; and made into paths. */
#include "route/mx.h"

#include "base/id.h"
#include "mail/address.h"

#include <stdlib.h>

enum { SHOWN_MAX = 100, LEAST_PER_HOST = 4 };

/* One candidate. */
struct host {
    uint16_t preference;
    uint64_t lot; /* order among equals */
    struct span name;
};

/* One search, from domain to paths. */
struct search {
    struct dns *dns;
    const struct mx_settings *settings;
    int64_t deadline;
    struct path_list *out;
    struct span domain; /* canonical */
    bool implicit;      /* no MX records: the domain is its own host */
    bool secure;
    struct host *host;
    size_t count;
};

/* For words of bounded length: most of a name is enough to know it. */
static struct span shown(struct span s)
{
    return span_head(s, SHOWN_MAX);
}

static bool is_own_name(const struct mx_settings *s, struct span name)
{
    for (size_t i = 0; i < s->own_name_count; i++)
        if (span_ieq(s->own_names[i], name))
            return true;
    return false;
}

static bool is_own_address(const struct mx_settings *s, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < s->own_address_count; i++)
        if (path_same_address(&s->own_addresses[i], address))
            return true;
    return false;
}

/* ---- failures ---- */

static int fail_name(struct span domain, struct error *e)
{
    return error_mail(
        e, ERROR_PERMANENT, "5.1.2", OWNER_YOU,
        "\"%.*s\" is not a domain name, so there is nowhere to send this mail. Correct "
        "the part of the address behind the @ and send again.",
        SPAN_ARG(shown(domain)));
}

static int fail_loop(struct span domain, struct error *e)
{
    return error_mail(e, ERROR_PERMANENT, "5.4.6", OWNER_YOU,
                      "DNS says that this very machine receives the mail of %.*s, but it is not "
                      "one of its domains: the mail would come back for ever. Add the domain to "
                      "those with inboxes here or to a route, or correct its MX records.",
                      SPAN_ARG(shown(domain)));
}

static int fail_null(struct span domain, struct error *e)
{
    return error_mail(e, ERROR_PERMANENT, "5.1.10", OWNER_RECIPIENT,
                      "The domain %.*s says in DNS that it takes no mail at all (null MX). Check "
                      "the spelling of the address or reach the person another way.",
                      SPAN_ARG(shown(domain)));
}

static int fail_domain(struct span domain, struct error *e)
{
    return error_mail(e, ERROR_PERMANENT, "5.1.2", OWNER_YOU,
                      "There is no domain %.*s in DNS. Check the spelling of the part behind the "
                      "@ and send again.",
                      SPAN_ARG(shown(domain)));
}

static int fail_dns(struct span what, const struct dns_status *s, struct error *e)
{
    if (s->result == DNS_BOGUS)
        return error_mail(e, ERROR_TEMPORARY, "4.4.3", OWNER_RECIPIENT,
                          "DNS gave an answer about %.*s that cannot be trusted: %.*s. It is tried "
                          "again; if it lasts, the domain's owner has to repair its DNSSEC.",
                          SPAN_ARG(shown(what)), SPAN_ARG(shown(s->why)));
    return error_mail(e, ERROR_TEMPORARY, "4.4.3", OWNER_NETWORK,
                      "DNS could not tell the way to %.*s: %.*s. It is tried again; if it lasts "
                      "for all domains, check this machine's network and resolver.",
                      SPAN_ARG(shown(what)), SPAN_ARG(shown(s->why)));
}

/* ---- candidates ---- */

/* A small generator is enough: the order only spreads load. */
static uint64_t next_lot(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int by_preference(const void *a, const void *b)
{
    const struct host *x = a, *y = b;

    if (x->preference != y->preference)
        return x->preference < y->preference ? -1 : 1;
    return x->lot < y->lot ? -1 : x->lot > y->lot;
}

static bool has_host(const struct search *f, struct span name)
{
    for (size_t i = 0; i < f->count; i++)
        if (span_eq(f->host[i].name, name))
            return true;
    return false;
}

/* Fills the candidates from the MX records, best first, each host once. */
static void take_hosts(struct search *f, const struct dns_mx_list *list)
{
    struct host *all = arena_alloc(f->out->arena, (list->count + 1) * sizeof *all);
    uint64_t seed = f->settings->seed;
    size_t n = 0;

    while (seed == 0)
        id_random(&seed, sizeof seed);
    for (size_t i = 0; i < list->count; i++)
        if (list->mx[i].host.len > 0)
            all[n++] = (struct host){list->mx[i].preference, next_lot(&seed), list->mx[i].host};
    qsort(all, n, sizeof *all, by_preference);
    f->host = arena_alloc(f->out->arena, (n + 1) * sizeof *f->host);
    for (size_t i = 0; i < n; i++)
        if (!has_host(f, all[i].name))
            f->host[f->count++] = all[i];
}

static void take_domain_itself(struct search *f)
{
    f->implicit = true;
    f->host = arena_alloc(f->out->arena, sizeof *f->host);
    f->host[0] = (struct host){.name = f->domain};
    f->count = 1;
}

static int find_hosts(struct search *f, struct error *e)
{
    struct dns_mx_list list;

    switch (dns_mx(f->dns, f->domain, f->deadline, f->out->arena, &list)) {
    case DNS_OK:
        take_hosts(f, &list);
        if (f->count == 0) /* nothing but "." */
            return fail_null(f->domain, e);
        break;
    case DNS_NONE:
        take_domain_itself(f);
        break;
    case DNS_NXDOMAIN:
        return fail_domain(f->domain, e);
    case DNS_TEMPORARY:
    case DNS_BOGUS:
        return fail_dns(f->domain, &list.status, e);
    }
    f->secure = list.status.secure;
    return 0;
}

/* Keeps only what is better than the candidate `at`, which is ourselves (RFC 5321 5.1). */
static void cut_at(struct search *f, size_t at)
{
    uint16_t limit = f->host[at].preference;

    f->count = 0;
    while (f->count < at && f->host[f->count].preference < limit)
        f->count++;
}

static void cut_own_names(struct search *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (is_own_name(f->settings, f->host[i].name)) {
            cut_at(f, i);
            return;
        }
}

static bool leads_here(const struct mx_settings *s, const struct dns_address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_own_address(s, &list->address[i]))
            return true;
    return false;
}

static void cut_own_addresses(struct search *f, const struct dns_address_list *found)
{
    if (f->settings->allow_loopback)
        return;
    for (size_t i = 0; i < f->count; i++)
        if (leads_here(f->settings, &found[i])) {
            cut_at(f, i);
            return;
        }
}

/* ---- paths ---- */

static bool may_connect(const struct mx_settings *s, const struct sockaddr_storage *address)
{
    if (s->allow_loopback)
        return !path_is_nowhere(address);
    return !path_is_local(address);
}

static void add_path(struct search *f, const struct host *h, const struct sockaddr_storage *address,
                     struct span why)
{
    const struct mx_settings *s = f->settings;
    struct path *p = &f->out->path[f->out->count++];

    *p = (struct path){
        .host = h->name,
        .address = *address,
        .port = s->port ? s->port : 25,
        .preference = h->preference,
        .tls = s->tls,
        .must_encrypt = s->must_encrypt || s->must_verify,
        .must_verify = s->must_verify,
        .verify = h->name,
        .secure = f->secure,
        .why = why,
    };
    path_set_port(&p->address, p->port);
}

static struct span reason(const struct search *f, const struct host *h)
{
    struct arena *a = f->out->arena;

    if (f->implicit)
        return span_of(arena_printf(a, "address of %.*s, which has no MX", SPAN_ARG(f->domain)));
    return span_of(arena_printf(a, "MX %u of %.*s", h->preference, SPAN_ARG(f->domain)));
}

/* Adds one host's paths, at most `most`. */
static void add_host(struct search *f, const struct host *h, struct dns_address_list *found,
                     size_t most)
{
    struct span why = reason(f, h);
    bool secure = f->secure;
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++)
        if (may_connect(f->settings, &found->address[i]))
            found->address[kept++] = found->address[i];
    kept = path_order(found->address, kept, f->settings->family);
    f->secure = secure && found->status.secure;
    for (size_t i = 0; i < kept && i < most && f->out->count < PATH_MAX_COUNT; i++)
        add_path(f, h, &found->address[i], why);
    f->secure = secure;
}

/* No candidate gave a path: why, and is it for ever? */
static int fail_hosts(const struct search *f, const struct dns_address_list *found, struct error *e)
{
    size_t absent = 0, addresses = 0;

    for (size_t i = 0; i < f->count; i++) {
        enum dns_result r = found[i].status.result;

        if (r == DNS_TEMPORARY || r == DNS_BOGUS)
            return fail_dns(f->host[i].name, &found[i].status, e);
        /* A domain without MX and without address was asked for all it could have. */
        absent += r == DNS_NXDOMAIN || (r == DNS_NONE && f->implicit);
        addresses += r == DNS_OK;
    }
    if (absent == f->count)
        return error_mail(e, ERROR_PERMANENT, "5.4.4", OWNER_RECIPIENT,
                          f->implicit
                              ? "The domain %.*s has neither a mail host nor an address in "
                                "DNS, so it takes no mail. Check the spelling of the "
                                "address."
                              : "The mail hosts that DNS names for %.*s do not exist. Check "
                                "the spelling of the address; if it is right, the "
                                "domain's owner has to repair its MX records.",
                          SPAN_ARG(shown(f->domain)));
    if (addresses > 0)
        return error_mail(e, ERROR_TEMPORARY, "4.4.4", OWNER_RECIPIENT,
                          "The mail hosts of %.*s have no address this machine may send to: only "
                          "local ones, or only of an IP version that is switched off here. It is "
                          "tried again; the domain's owner can repair its DNS.",
                          SPAN_ARG(shown(f->domain)));
    return error_mail(e, ERROR_TEMPORARY, "4.4.4", OWNER_RECIPIENT,
                      "The mail hosts of %.*s have no address in DNS. It is tried again; if it "
                      "lasts, the domain's owner has to repair its MX records.",
                      SPAN_ARG(shown(f->domain)));
}

static int find_addresses(struct search *f, struct error *e)
{
    struct arena *a = f->out->arena;
    struct dns_address_list found[PATH_MAX_COUNT];
    struct span names[PATH_MAX_COUNT];
    size_t most;

    if (f->count > PATH_MAX_COUNT)
        f->count = PATH_MAX_COUNT;
    for (size_t i = 0; i < f->count; i++)
        names[i] = f->host[i].name;
    dns_addresses(f->dns, names, f->count, f->deadline, a, found);
    cut_own_addresses(f, found);
    if (f->count == 0)
        return fail_loop(f->domain, e);
    most = PATH_MAX_COUNT / f->count;
    for (size_t i = 0; i < f->count; i++)
        add_host(f, &f->host[i], &found[i], most < LEAST_PER_HOST ? LEAST_PER_HOST : most);
    return f->out->count > 0 ? 0 : fail_hosts(f, found, e);
}

/* ---- user@[192.0.2.1] ---- */

static int literal_path(struct search *f, struct span text, struct error *e)
{
    struct host h = {.name = text};
    struct sockaddr_storage address;

    if (!f->settings->allow_literals)
        return error_mail(e, ERROR_PERMANENT, "5.1.2", OWNER_YOU,
                          "This server does not send to bare IP addresses such as %.*s. Write the "
                          "domain's name behind the @, or allow address literals in the "
                          "configuration.",
                          SPAN_ARG(shown(f->domain)));
    if (!path_literal(text, &address))
        return fail_name(f->domain, e);
    if (!f->settings->allow_loopback && is_own_address(f->settings, &address))
        return fail_loop(f->domain, e);
    if (!may_connect(f->settings, &address))
        return error_mail(e, ERROR_PERMANENT, "5.1.2", OWNER_YOU,
                          "%.*s is an address that means the machine itself or its own link: mail "
                          "is not sent there. Correct the address and send again.",
                          SPAN_ARG(shown(f->domain)));
    add_path(f, &h, &address, SPAN("the address in the recipient's address"));
    return 0;
}

/* ---- entry ---- */

static bool canonical(struct span domain, struct arena *a, struct span *out)
{
    struct text t = TEXT_INIT(1024);
    bool good = domain.len > 0 && address_domain_canon(domain, &t);

    if (good)
        *out = arena_span(a, text_span(&t));
    text_free(&t);
    return good;
}

int mx_paths(struct dns *d, struct span domain, const struct mx_settings *s, int64_t deadline,
             struct path_list *out, struct error *e)
{
    struct search f = {.dns = d, .settings = s, .deadline = deadline, .out = out};
    char text[INET6_ADDRSTRLEN];
    int family;

    out->count = 0;
    out->path = arena_alloc(out->arena, PATH_MAX_COUNT * sizeof *out->path);
    if (!canonical(domain, out->arena, &f.domain))
        return fail_name(domain, e);
    if (address_literal(f.domain, &family, text, sizeof text))
        return literal_path(&f, arena_span(out->arena, span_of(text)), e);
    if (find_hosts(&f, e))
        return -1;
    cut_own_names(&f);
    return f.count > 0 ? find_addresses(&f, e) : fail_loop(f.domain, e);
}
