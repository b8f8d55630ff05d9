#include "zone/zone.h"

#include "base/memory.h"
#include "clients/clients.h"
#include "clients/mta_sts.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

enum { TTL = 3600, STRING = 255 };

const char *zone_purpose_name(enum zone_purpose p)
{
#define X(id, name, type) [id] = name,
    static const char *const names[] = {ZONE_PURPOSES(X)};
#undef X
    return names[p];
}

const char *zone_need_name(enum zone_need n)
{
    static const char *const names[] = {"required", "advised", "optional"};

    return names[n];
}

const char *zone_state_name(enum zone_state s)
{
#define X(id, name) [id] = name,
    static const char *const names[] = {ZONE_STATES(X)};
#undef X
    return names[s];
}

const char *zone_server_kind_name(enum zone_server_kind k)
{
#define X(id, name) [id] = name,
    static const char *const names[] = {ZONE_SERVER_KINDS(X)};
#undef X
    return names[k];
}

const char *zone_type_name(enum dns_type t)
{
    static const struct {
        enum dns_type type;
        const char *name;
    } rows[] = {{DNS_MX, "MX"}, {DNS_TXT, "TXT"}, {DNS_SRV, "SRV"}, {DNS_CNAME, "CNAME"}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].type == t)
            return rows[i].name;
    return "?";
}

/* ---- making ---- */

struct maker {
    const struct config *config;
    struct span domain;
    struct arena *arena;
    struct zone *out;
};

static void add(struct maker *m, enum zone_purpose purpose, enum zone_need need, const char *name,
                const char *data, const char *note)
{
#define X(id, name, type) [id] = type,
    static const enum dns_type types[] = {ZONE_PURPOSES(X)};
#undef X
    if (m->out->count < ZONE_RECORDS_MAX)
        m->out->record[m->out->count++] = (struct zone_record){.purpose = purpose,
                                                               .type = types[purpose],
                                                               .need = need,
                                                               .name = span_of(name),
                                                               .data = span_of(data),
                                                               .note = span_of(note)};
}

/* "_dmarc" and the domain; "" is the domain itself. */
static const char *below(struct maker *m, const char *label)
{
    return arena_printf(m->arena, "%s%s%.*s", label, *label ? "." : "", SPAN_ARG(m->domain));
}

static bool takes_mail(const struct config *c)
{
    for (size_t i = 0; i < c->door_count; i++)
        if (c->doors[i].role == CONFIG_ROLE_EXCHANGE)
            return true;
    return false;
}

/* The port of a door for HTTPS; 0: there is none. */
static unsigned web_port(const struct config *c)
{
    unsigned port = 0;

    for (size_t i = 0; i < c->door_count; i++) {
        bool web = c->doors[i].https ||
                   (c->doors[i].role == CONFIG_ROLE_WEB && c->doors[i].tls == CONFIG_TLS_IMPLICIT);

        if (web && (!port || c->doors[i].port == 443))
            port = (unsigned)c->doors[i].port;
    }
    return port;
}

static bool has_plain_web(const struct config *c)
{
    for (size_t i = 0; i < c->door_count; i++)
        if (c->doors[i].role == CONFIG_ROLE_WEB && c->doors[i].port == 80)
            return true;
    return false;
}

static bool is_everybody(const struct config_texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->at[i], "*") == 0)
            return true;
    return t->count == 0;
}

bool zone_all_by_relay(const struct config *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].kind == CONFIG_VIA_RELAY && is_everybody(&c->routes[i].to) &&
            is_everybody(&c->routes[i].from) && !c->routes[i].then_texts.count)
            return true;
    return false;
}

/* What is above a host's name; where its provider is likely to keep its SPF record. */
static const char *above(const char *host)
{
    const char *dot = strchr(host, '.');

    return dot && strchr(dot + 1, '.') ? dot + 1 : host;
}

bool zone_public(const char *text)
{
    struct in_addr four;
    uint32_t n;

    if (strchr(text, ':'))
        return strncasecmp(text, "fc", 2) != 0 && strncasecmp(text, "fd", 2) != 0 &&
               strncasecmp(text, "fe80", 4) != 0 && strcmp(text, "::1") != 0 &&
               strcmp(text, "::") != 0;
    if (inet_pton(AF_INET, text, &four) != 1)
        return false;
    n = ntohl(four.s_addr);
    return n >> 24 != 0 && n >> 24 != 10 && n >> 24 != 127 && n >> 20 != 0xac1 &&
           n >> 16 != 0xc0a8 && n >> 16 != 0xa9fe;
}

/* Each relay once. */
static bool relay_known(const struct config *c, size_t route)
{
    for (size_t i = 0; i < route; i++)
        if (c->routes[i].relay == c->routes[route].relay)
            return true;
    return false;
}

static void add_spf(struct maker *m)
{
    const struct config *c = m->config;
    const struct config_texts *source = &c->delivery.source_address;
    struct text t = TEXT_INIT(ZONE_TEXT_MAX);
    bool relays = false, direct = !zone_all_by_relay(c), named = false;

    text_adds(&t, "v=spf1");
    for (size_t i = 0; direct && i < source->count; i++) {
        if (!zone_public(source->at[i]))
            continue;
        text_addf(&t, " %s:%s", strchr(source->at[i], ':') ? "ip6" : "ip4", source->at[i]);
        named = true;
    }
    if (direct && !named)
        text_addf(&t, " a:%s", c->hostname);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_relay *r = c->routes[i].relay;

        if (c->routes[i].kind != CONFIG_VIA_RELAY || relay_known(c, i) || r->host[0] == '[')
            continue;
        text_addf(&t, " include:%s", above(r->host));
        relays = true;
    }
    text_adds(&t, " ~all");
    add(m, ZONE_SPF, ZONE_REQUIRED, below(m, ""), arena_cstr(m->arena, text_span(&t)),
        relays ? "Who may send mail of the domain. Ask the relay's provider whether its include is "
                 "this one."
               : "Who may send mail of the domain.");
    text_free(&t);
}

static void add_keys(struct maker *m, const struct zone_key *keys, size_t count)
{
    static const char *const notes[] = {
        [ZONE_KEY_SIGNS] = "A key that signs mail of the domain.",
        [ZONE_KEY_NEW] = "A new key: it signs once it was seen in the DNS.",
        [ZONE_KEY_OLD] = "An old key: mail that it signed may still be on its way."};

    for (size_t i = 0; i < count; i++)
        add(m, ZONE_DKIM, keys[i].state == ZONE_KEY_SIGNS ? ZONE_REQUIRED : ZONE_ADVISED,
            arena_cstr(m->arena, keys[i].name), arena_cstr(m->arena, keys[i].text),
            notes[keys[i].state]);
}

static void add_reports(struct maker *m)
{
    add(m, ZONE_DMARC, ZONE_ADVISED, below(m, "_dmarc"),
        arena_printf(m->arena, "v=DMARC1; p=none; rua=mailto:postmaster@%.*s", SPAN_ARG(m->domain)),
        "What others shall do with mail that is not proven to be from the domain. When the reports "
        "show all of it is yours, p=quarantine, later p=reject.");
    if (takes_mail(m->config))
        add(m, ZONE_TLS_REPORT, ZONE_OPTIONAL, below(m, "_smtp._tls"),
            arena_printf(m->arena, "v=TLSRPTv1; rua=mailto:postmaster@%.*s", SPAN_ARG(m->domain)),
            "Who hears of mail to the domain for which TLS failed.");
}

static void add_services(struct maker *m)
{
    static const char *const services[][2] = {
        [CLIENTS_IMAP] = {"_imap", "_imaps"},
        [CLIENTS_POP3] = {"_pop3", "_pop3s"},
        [CLIENTS_SUBMISSION] = {"_submission", "_submissions"}};
    unsigned priority[COUNT(services)][2] = {{0}};
    struct clients_offer offer;

    if (!clients_offer_of(m->config, m->domain, SPAN_NONE, m->arena, &offer))
        return;
    for (size_t i = 0; i < offer.count; i++) {
        const struct clients_door *d = &offer.doors[i];
        const char *service = services[d->kind][d->implicit];
        unsigned at = priority[d->kind][d->implicit]++;

        add(m, ZONE_SERVICE, ZONE_ADVISED, below(m, arena_printf(m->arena, "%s._tcp", service)),
            arena_printf(m->arena, "%u 1 %u %s.", at, d->port, d->host),
            "A door for mail programs.");
    }
}

/* A host that is named as a mail program expects it needs no alias, least of all to itself. */
static void add_alias(struct maker *m, const char *label, const char *host, const char *note)
{
    const char *name = below(m, label);

    if (strncasecmp(name, host, strlen(name)) != 0 || host[strlen(name)] != '.')
        add(m, ZONE_HOST, ZONE_ADVISED, name, host, note);
}

/* Thunderbird's file is good over plain HTTP, Outlook's is not. */
static void add_hosts(struct maker *m)
{
    const char *host = arena_printf(m->arena, "%s.", m->config->clients.host);
    unsigned port = web_port(m->config);

    if (port || has_plain_web(m->config))
        add_alias(m, "autoconfig", host, "Where Thunderbird and others look for the settings.");
    if (!port)
        return;
    add_alias(m, "autodiscover", host, "Where Outlook looks for the settings.");
    add(m, ZONE_SERVICE, ZONE_OPTIONAL, below(m, "_autodiscover._tcp"),
        arena_printf(m->arena, "0 1 %u %s", port, host),
        "The same, for a certificate that does not name autodiscover.");
}

/* A new policy needs a new id (RFC 8461 3.1): it is a sum of what the policy says (FNV-1a). */
static void add_mta_sts(struct maker *m)
{
    struct text policy = TEXT_INIT(ZONE_TEXT_MAX);
    uint64_t sum = UINT64_C(14695981039346656037);

    if (mta_sts_write(&m->config->mta_sts, &policy)) {
        for (size_t i = 0; i < policy.len; i++)
            sum = (sum ^ (unsigned char)policy.at[i]) * UINT64_C(1099511628211);
        add(m, ZONE_MTA_STS, ZONE_ADVISED, below(m, "_mta-sts"),
            arena_printf(m->arena, "v=STSv1; id=%016" PRIx64, sum),
            "Says that there is a policy; the id changes with the policy.");
        add_alias(m, "mta-sts", arena_printf(m->arena, "%s.", m->config->clients.host),
                  "Where the policy is served; the certificate must name it.");
    }
    text_free(&policy);
}

void zone_make(const struct config *c, struct span domain, const struct zone_key *keys,
               size_t count, struct arena *a, struct zone *out)
{
    struct maker m = {c, domain, a, out};

    out->count = 0;
    if (takes_mail(c))
        add(&m, ZONE_MX, ZONE_REQUIRED, below(&m, ""), arena_printf(a, "10 %s.", c->hostname),
            "Where mail for the domain goes.");
    add_spf(&m);
    add_keys(&m, keys, count);
    add_reports(&m);
    add_services(&m);
    add_hosts(&m);
    add_mta_sts(&m);
}

/* ---- writing ---- */

/* RFC 1035 5.1, 3.3.14: strings of at most 255 octets, in quotes. */
static void add_strings(struct text *out, struct span s)
{
    size_t n = 0;

    text_adds(out, "\"");
    for (size_t i = 0; i < s.len; i++, n++) {
        unsigned char c = (unsigned char)s.at[i];

        if (n == STRING) {
            text_adds(out, "\" \"");
            n = 0;
        }
        if (c < 32 || c > 126)
            text_addf(out, "\\%03u", c);
        else
            text_addf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    text_adds(out, "\"");
}

bool zone_line(const struct zone_record *r, struct text *out)
{
    text_addf(out, "%.*s. %d IN %s ", SPAN_ARG(r->name), TTL, zone_type_name(r->type));
    if (r->type == DNS_TXT)
        add_strings(out, r->data);
    else
        text_add(out, r->data);
    return !out->full;
}
