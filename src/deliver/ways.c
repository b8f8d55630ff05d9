#include "deliver/ways.h"

#include "base/log.h"
#include "base/memory.h"
#include "http/http_proxy.h"
#include "route/mx.h"
#include "route/relay.h"
#include "sasl/ntlm.h"
#include "tls/tls.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_ADDRESSES = 64, SOURCES = 8 };

struct ways {
    const struct config *config;
    struct dns *dns;
    struct relay_memory *memory;
    struct tls_context *world;  /* the system's authorities */
    struct tls_context **relay; /* of each relay with a file of its own, else NULL */
    struct http_proxy **proxy;  /* of each relay: of each of its doors */
    struct span own_name[2];
    struct sockaddr_storage own_address[OWN_ADDRESSES];
    size_t own_addresses;
    struct sockaddr_storage source[SOURCES];
    size_t sources;
    struct ntlm_ready *ntlm;
};

static bool is_exchange(const struct config *c)
{
    for (size_t i = 0; i < c->door_count; i++)
        if (c->doors[i].role == CONFIG_ROLE_EXCHANGE)
            return true;
    return false;
}

static void add_own(struct ways *w, const struct sockaddr *address)
{
    size_t size;

    if (!address || w->own_addresses == OWN_ADDRESSES)
        return;
    if (address->sa_family == AF_INET)
        size = sizeof(struct sockaddr_in);
    else if (address->sa_family == AF_INET6)
        size = sizeof(struct sockaddr_in6);
    else
        return;
    memcpy(&w->own_address[w->own_addresses++], address, size);
}

/* Mail whose exchange is this machine would come back to us. A machine that only submits has no
 * door where it could. */
static void learn_own(struct ways *w)
{
    struct ifaddrs *list = NULL;

    w->own_name[0] = span_of(w->config->hostname);
    w->own_name[1] = span_of(w->config->delivery.helo);
    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        add_own(w, i->ifa_addr);
    freeifaddrs(list);
}

static void learn_sources(struct ways *w)
{
    const struct config_texts *t = &w->config->delivery.source_address;

    for (size_t i = 0; i < t->count && w->sources < SOURCES; i++)
        if (path_literal(span_of(t->at[i]), &w->source[w->sources]))
            w->sources++;
}

static bool needs_authorities(const struct config *c)
{
    for (size_t i = 0; i < c->relay_count; i++)
        for (size_t k = 0; k < c->relays[i].door_count; k++)
            if (c->relays[i].verify && c->relays[i].doors[k].tls != CONFIG_TLS_NONE &&
                !c->relays[i].ca_file[0])
                return true;
    return false;
}

/* Delivery to MX hosts encrypts whatever the certificate, so it can do without authorities; a relay
 * that must be verified cannot. */
static int open_world(struct ways *w, struct error *e)
{
    w->world = tls_client_new(NULL, e);
    if (!w->world && !needs_authorities(w->config))
        w->world = tls_client_pem(SPAN_NONE, e);
    return w->world ? 0 : -1;
}

/* "[IPv6:2001:db8::1]" in the configuration is the address. */
static struct span bare_host(struct span host)
{
    struct span six = SPAN("IPv6:");

    if (host.len <= 2 || host.at[0] != '[' || host.at[host.len - 1] != ']')
        return host;
    host = (struct span){host.at + 1, host.len - 2};
    return span_istarts(host, six) ? span_from(host, six.len) : host;
}

/* The environment is read here, once. A proxy of a kind that mail cannot take is gone round. */
static void find_proxies(struct ways *w)
{
    const struct config *c = w->config;

    w->proxy = memory_array(c->relay_count + 1, sizeof(struct http_proxy *));
    for (size_t i = 0; i < c->relay_count; i++) {
        const struct config_relay *r = &c->relays[i];

        w->proxy[i] = memory_array(r->door_count + 1, sizeof(struct http_proxy));
        for (size_t k = 0; k < r->door_count; k++) {
            struct span host = bare_host(span_of(r->doors[k].host));
            struct error e = {0};

            if (r->doors[k].tls == CONFIG_TLS_HTTPS &&
                http_proxy_find(c->delivery.proxy, host, (unsigned)r->doors[k].port,
                                &w->proxy[i][k], &e) < 0)
                log_event(LOG_WARNING, "proxy.unusable", LOG_STR("relay", r->name),
                          LOG_STR("why", e.words));
        }
    }
}

static void free_proxies(struct ways *w)
{
    for (size_t i = 0; w->proxy && i < w->config->relay_count; i++) {
        for (size_t k = 0; k < w->config->relays[i].door_count; k++)
            http_proxy_free(&w->proxy[i][k]);
        free(w->proxy[i]);
    }
    free(w->proxy);
}

static int open_relays(struct ways *w, struct error *e)
{
    const struct config *c = w->config;

    w->relay = memory_array(c->relay_count + 1, sizeof(struct tls_context *));
    for (size_t i = 0; i < c->relay_count; i++) {
        if (!c->relays[i].ca_file[0])
            continue;
        w->relay[i] = tls_client_new(c->relays[i].ca_file, e);
        if (!w->relay[i])
            return -1;
    }
    return 0;
}

/* Some old relay may offer nothing else. */
static bool may_need_ntlm(const struct config *c)
{
    for (size_t i = 0; i < c->relay_count; i++)
        if (*c->relays[i].password_file)
            return true;
    return false;
}

struct ways *ways_open(const struct config *c, struct dns *d, struct error *e)
{
    struct ways *w = memory_alloc(sizeof *w);

    w->config = c;
    w->dns = d;
    w->memory = relay_memory_new();
    learn_sources(w);
    find_proxies(w);
    if (is_exchange(c))
        learn_own(w);
    if (may_need_ntlm(c))
        w->ntlm = ntlm_prepare();
    if (open_relays(w, e) < 0 || open_world(w, e) < 0)
        ways_close(&w);
    return w;
}

void ways_close(struct ways **w)
{
    if (!*w)
        return;
    for (size_t i = 0; (*w)->relay && i < (*w)->config->relay_count; i++)
        tls_context_free(&(*w)->relay[i]);
    tls_context_free(&(*w)->world);
    ntlm_unprepare(&(*w)->ntlm);
    relay_memory_free(&(*w)->memory);
    free_proxies(*w);
    free((*w)->relay);
    free(*w);
    *w = NULL;
}

/* The job's relay among the configured ones, or NULL after a reload without it. */
static const struct config_relay *relay_of(const struct ways *w, const struct job *job)
{
    for (size_t i = 0; job->kind == ROUTE_RELAY && i < w->config->relay_count; i++)
        if (span_is(job->relay, w->config->relays[i].name))
            return &w->config->relays[i];
    return NULL;
}

struct tls_context *ways_context(const struct ways *w, const struct job *job)
{
    const struct config_relay *r = relay_of(w, job);
    struct tls_context *own = r ? w->relay[r - w->config->relays] : NULL;

    return own ? own : w->world;
}

struct span ways_mechanisms(const struct ways *w, const struct job *job, struct arena *a)
{
    const struct config_relay *r = relay_of(w, job);
    struct text all = TEXT_INIT(1024);
    struct span out;

    for (size_t i = 0; r && i < r->mechanisms.count; i++)
        text_addf(&all, "%s%s", i ? " " : "", r->mechanisms.at[i]);
    out = arena_span(a, text_span(&all));
    text_free(&all);
    return out;
}

bool ways_token(const struct ways *w, const struct job *job)
{
    const struct config_relay *r = relay_of(w, job);

    return r && *r->token_command;
}

const struct sockaddr_storage *ways_source(const struct ways *w, int family)
{
    for (size_t i = 0; i < w->sources; i++)
        if (w->source[i].ss_family == family)
            return &w->source[i];
    return NULL;
}

static enum path_family family_of(const struct config *c)
{
    return c->delivery.ipv6 ? PATH_IPV6_FIRST : PATH_IPV4_ONLY;
}

static int find_mx(const struct ways *w, const struct job *job, int64_t deadline,
                   struct path_list *out, struct error *e)
{
    const struct config_delivery *d = &w->config->delivery;
    struct mx_settings s = {
        .port = (uint16_t)d->port,
        .family = family_of(w->config),
        .tls = PATH_TLS_OPPORTUNISTIC,
        .must_encrypt = d->tls == CONFIG_TLS_STARTTLS,
        .allow_loopback = d->allow_loopback,
        .allow_literals = true,
        .own_names = w->own_name,
        .own_name_count = w->own_name[0].len ? COUNT(w->own_name) : 0,
        .own_addresses = w->own_address,
        .own_address_count = w->own_addresses,
    };

    return mx_paths(w->dns, job->domain, &s, deadline, out, e);
}

static enum path_tls path_tls_of(enum config_tls t)
{
    static const enum path_tls tls[] = {[CONFIG_TLS_NONE] = PATH_TLS_NONE,
                                        [CONFIG_TLS_OPPORTUNISTIC] = PATH_TLS_OPPORTUNISTIC,
                                        [CONFIG_TLS_STARTTLS] = PATH_TLS_STARTTLS,
                                        [CONFIG_TLS_IMPLICIT] = PATH_TLS_IMPLICIT,
                                        [CONFIG_TLS_HTTPS] = PATH_TLS_HTTPS};

    return tls[t];
}

static struct relay_target target_of(const struct ways *w, const struct config_relay *r, size_t at)
{
    const struct config_relay_door *d = &r->doors[at];
    const struct http_proxy *proxy = &w->proxy[r - w->config->relays][at];

    return (struct relay_target){
        .name = span_of(r->name),
        .host = bare_host(span_of(d->host)),
        .port = (uint16_t)d->port,
        .tls = path_tls_of(d->tls),
        .verify = r->verify && d->tls != CONFIG_TLS_NONE && d->tls != CONFIG_TLS_OPPORTUNISTIC,
        .needs_login = r->user[0] != '\0',
        .family = family_of(w->config),
        .proxy = span_of(proxy->host),
        .proxy_port = (uint16_t)proxy->port,
        .proxy_login = span_of(proxy->login),
    };
}

static int find_relay(const struct ways *w, const struct job *job, int64_t deadline,
                      struct path_list *out, struct error *e)
{
    const struct config_relay *r = relay_of(w, job);
    struct relay_target t[CONFIG_RELAY_DOORS];

    if (!r)
        return error_mail(e, ERROR_TEMPORARY, "4.3.5", OWNER_YOU,
                          "The configuration has no relay named %.*s any more. Put it back, or "
                          "change the route; the mail waits here meanwhile.",
                          SPAN_ARG(job->relay));
    if (r->user[0] && (!job->user.len || !job->password.len))
        return error_mail(e, ERROR_TEMPORARY, "4.7.0", OWNER_YOU,
                          "The relay %s needs a login, and its password could not be read. Check "
                          "its password file; the mail waits here meanwhile.",
                          r->name);
    for (size_t i = 0; i < r->door_count; i++)
        t[i] = target_of(w, r, i);
    return relay_paths(w->dns, w->memory, t, r->door_count, deadline, out, e);
}

int ways_find(const struct ways *w, const struct job *job, int64_t deadline, struct path_list *out,
              struct error *e)
{
    if (job->kind == ROUTE_MX)
        return find_mx(w, job, deadline, out, e);
    if (job->kind == ROUTE_RELAY)
        return find_relay(w, job, deadline, out, e);
    return error_mail(e, ERROR_TEMPORARY, "4.3.5", OWNER_PROVIDER,
                      "Mail for an inbox came to the courier, which has none. This is a mistake in "
                      "port26: please report it.");
}
