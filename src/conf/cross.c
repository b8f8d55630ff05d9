#include "conf/cross.h"

#include "base/memory.h"
#include "conf/notes.h"
#include "conf/suggest.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

struct cross {
    struct config *c;
    struct config_notes *notes;
};

static struct notes_place place(const struct cross *x, const void *field, const void *block)
{
    unsigned line = config_line(x->c, field);

    return (struct notes_place){x->c->file, line || !block ? line : config_line(x->c, block)};
}

/* Do two doors want the same address? The wildcard of a family is all of it. */
static bool same_address(const char *a, const char *b)
{
    bool six = strchr(a, ':') != NULL;
    const char *any = six ? "::" : "0.0.0.0";

    if (six != (strchr(b, ':') != NULL))
        return false;
    return strcmp(a, b) == 0 || strcmp(a, any) == 0 || strcmp(b, any) == 0;
}

static const char *shared_address(const struct config_door *a, const struct config_door *b)
{
    for (size_t i = 0; i < a->address.count; i++)
        for (size_t j = 0; j < b->address.count; j++)
            if (same_address(a->address.at[i], b->address.at[j]))
                return b->address.at[j];
    return NULL;
}

static void check_overlap(struct cross *x, size_t at)
{
    const struct config_door *d = &x->c->doors[at];

    for (size_t i = 0; i < at; i++) {
        const struct config_door *other = &x->c->doors[i];
        const char *address = other->port == d->port ? shared_address(other, d) : NULL;

        if (address)
            notes_add(x->notes, NOTES_ERROR, place(x, &d->port, d),
                      "door '%s' wants port %u at %s, which door '%s' has: change one of them",
                      d->name, (unsigned)d->port, address, other->name);
    }
}

static bool loopback_text(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool only_loopback(const struct config_door *d)
{
    for (size_t i = 0; i < d->address.count; i++)
        if (!loopback_text(d->address.at[i]))
            return false;
    return true;
}

static void check_trust(struct cross *x, const struct config_door *d)
{
    for (size_t i = 0; i < d->trust.count; i++) {
        if (d->trust.at[i].bits || only_loopback(d))
            continue;
        notes_add(x->notes, NOTES_ERROR, place(x, &d->trust, d),
                  "door '%s' trusts everybody and would be an open relay: name the networks of "
                  "your own clients",
                  d->name);
        return;
    }
}

static void check_certificate(struct cross *x, const struct config_certificate *cert,
                              const void *block)
{
    if (*cert->key && !*cert->certificate)
        notes_add(x->notes, NOTES_ERROR, place(x, &cert->key, block),
                  "there is a key without a certificate: add certificate = FILE");
}

static void check_folder(struct cross *x)
{
    const struct config_tls_files *t = &x->c->tls;

    if (*t->folder && !*t->cert.certificate)
        notes_add(x->notes, NOTES_ERROR, place(x, &t->folder, NULL),
                  "there is a folder of certificates, but none for clients that ask for no name or "
                  "another: add certificate = FILE");
}

static bool has_login(const struct config_door *d)
{
    return d->role == CONFIG_ROLE_SUBMISSION || d->role == CONFIG_ROLE_POP3;
}

static void check_pop3(struct cross *x, const struct config_door *d)
{
    if (d->role == CONFIG_ROLE_POP3 && (d->trust.count || d->trust_users.count))
        notes_add(x->notes, NOTES_WARNING,
                  place(x, d->trust.count ? (const void *)&d->trust : &d->trust_users, d),
                  "door '%s' has the role pop3, where everybody logs in: leave out trust and "
                  "trust-users",
                  d->name);
}

static void check_web(struct cross *x, const struct config_door *d)
{
    if (d->role != CONFIG_ROLE_WEB)
        return;
    if (d->https)
        notes_add(x->notes, NOTES_ERROR, place(x, &d->https, d),
                  "door '%s' has the role web, which takes no mail: leave out https, or write role "
                  "= submission",
                  d->name);
    if (d->tls == CONFIG_TLS_STARTTLS)
        notes_add(x->notes, NOTES_ERROR, place(x, &d->tls, d),
                  "door '%s' has the role web, where there is no STARTTLS: write tls = implicit or "
                  "none",
                  d->name);
}

/* Doors that stand in the file. */
static void check_door(struct cross *x, const struct config_door *d)
{
    bool bare = !*d->cert.certificate;

    check_trust(x, d);
    check_web(x, d);
    check_pop3(x, d);
    if (d->https && d->role != CONFIG_ROLE_WEB &&
        (d->tls != CONFIG_TLS_IMPLICIT || d->role != CONFIG_ROLE_SUBMISSION))
        notes_add(x->notes, NOTES_ERROR, place(x, &d->https, d),
                  "door '%s' speaks HTTPS: write tls = implicit and role = submission, or https = "
                  "false",
                  d->name);
    if (config_line(x->c, &d->cert.key))
        check_certificate(x, &d->cert, d);
    if (d->tls == CONFIG_TLS_IMPLICIT && bare && !*d->cert.key)
        notes_add(x->notes, NOTES_WARNING, place(x, &d->tls, d),
                  "door '%s' speaks TLS but has no certificate, so it stays shut: add tls { "
                  "certificate = FILE key = FILE }, or tls = none",
                  d->name);
    else if (has_login(d) && (d->tls == CONFIG_TLS_NONE || bare) &&
             !d->login_without_tls_on_loopback && !d->trust.count && !d->trust_users.count)
        notes_add(x->notes, NOTES_WARNING, place(x, &d->tls, d),
                  "nobody can log in at door '%s', which has no TLS: give it a certificate%s",
                  d->name, d->role == CONFIG_ROLE_SUBMISSION ? ", or networks in trust" : "");
    if (d->role == CONFIG_ROLE_EXCHANGE && !x->c->domains.count)
        notes_add(x->notes, NOTES_NO_DOMAINS, place(x, &d->role, d),
                  "door '%s' takes mail for our domains, but there are none in this file: add "
                  "domains = { ... }, or use `port26 domain add`",
                  d->name);
}

static void check_doors(struct cross *x)
{
    bool ours = false;

    for (size_t i = 0; i < x->c->door_count; i++) {
        if (!config_line(x->c, &x->c->doors[i]))
            continue;
        ours = true;
        check_door(x, &x->c->doors[i]);
        check_overlap(x, i);
    }
    if (!ours && !*x->c->tls.cert.certificate)
        notes_add(x->notes, NOTES_WARNING, place(x, x->c, NULL),
                  "there is no certificate, so nobody can log in with TLS: add tls { certificate = "
                  "FILE key = FILE }");
}

static bool local_host(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "[127.", 5) == 0 ||
           strcasecmp(host, "[IPv6:::1]") == 0;
}

/* The first door that leads away from this machine, or one there that does not demand TLS. */
static const struct config_relay_door *far_door(const struct config_relay *r, bool open)
{
    for (size_t i = 0; i < r->door_count; i++) {
        enum config_tls tls = r->doors[i].tls;

        if (!local_host(r->doors[i].host) &&
            (!open || tls == CONFIG_TLS_NONE || tls == CONFIG_TLS_OPPORTUNISTIC))
            return &r->doors[i];
    }
    return NULL;
}

/* A password goes only over TLS to the host the certificate names (promise P7), or stays on this
 * machine. */
static void check_login(struct cross *x, const struct config_relay *r)
{
    const void *said = r->door_texts.count ? (const void *)&r->door_texts : &r->tls;

    if (!far_door(r, false))
        return;
    if (far_door(r, true))
        notes_add(x->notes, NOTES_ERROR, place(x, said, r),
                  "relay '%s' would get a password without TLS: write tls = starttls or implicit",
                  r->name);
    else if (!r->verify)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->verify, r),
                  "relay '%s' would get a password without proof who it is: leave out verify = "
                  "false, and name its authority in ca-file",
                  r->name);
}

/* "127.0.0.1:11333", "[::1]:11333": couriers look no name up for it. */
static bool address_and_port(const char *s)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(s, ':');
    struct span port = span_of(colon ? colon + 1 : "");
    unsigned char raw[16];
    uint64_t number;
    size_t n;

    if (!span_cstr((struct span){s, colon ? (size_t)(colon - s) : 0}, host, sizeof host) ||
        !span_u64(port, 65535, &number) || !number)
        return false;
    n = strlen(host);
    if (host[0] != '[')
        return inet_pton(AF_INET, host, raw) == 1;
    if (host[n - 1] != ']')
        return false;
    host[n - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, raw) == 1;
}

static void check_rspamd(struct cross *x)
{
    const char *url = x->c->incoming.rspamd;

    if (*url && (strncmp(url, "http://", 7) != 0 || !address_and_port(url + 7)))
        notes_add(x->notes, NOTES_ERROR, place(x, &x->c->incoming.rspamd, NULL),
                  "'%s' in rspamd of incoming is no address with a port: write "
                  "http://127.0.0.1:11333",
                  url);
}

/* What stands in the file is printed and logged: no place for a password. */
static void check_proxy(struct cross *x)
{
    const char *proxy = x->c->delivery.proxy;
    bool ok = !*proxy || strcmp(proxy, "none") == 0 ||
              (strncmp(proxy, "http://", 7) == 0 && proxy[7] && !strchr(proxy, '@'));

    if (!ok)
        notes_add(x->notes, NOTES_ERROR, place(x, &x->c->delivery.proxy, NULL),
                  "the proxy of delivery must be http://HOST:PORT, or none; a login for it belongs "
                  "into https_proxy in the environment");
}

static void check_relay_doors(struct cross *x, const struct config_relay *r)
{
    const void *other = config_line(x->c, &r->tls) ? (const void *)&r->tls : &r->port;

    if (r->door_texts.count && config_line(x->c, other))
        notes_add(x->notes, NOTES_ERROR, place(x, other, r),
                  "relay '%s' has doors, and port or tls besides: write it into doors, or leave "
                  "out doors",
                  r->name);
    if (r->door_count > CONFIG_RELAY_DOORS)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->door_texts, r),
                  "relay '%s' has %zu doors: at most %d", r->name, r->door_count,
                  CONFIG_RELAY_DOORS);
}

static void check_relay(struct cross *x, const struct config_relay *r)
{
    check_relay_doors(x, r);
    if (*r->password_file && *r->token_command)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->token_command, r),
                  "relay '%s' has both a password and a token-command: keep one of them", r->name);
    else if (*r->user && !*r->password_file && !*r->token_command)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->user, r),
                  "relay '%s' has a user without password: add password-file = FILE", r->name);
    else if (!*r->user && *r->token_command)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->token_command, r),
                  "relay '%s' has a token-command without user: add user = NAME", r->name);
    else if (!*r->user && *r->password_file)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->password_file, r),
                  "relay '%s' has a password without user: add user = NAME", r->name);
    else if (*r->user)
        check_login(x, r);
}

/* All that a route may go by, for a suggestion. */
static const char *meant_via(const struct cross *x, const char *via)
{
    size_t count = x->c->relay_count + 2;
    const char **names = arena_alloc(x->c->arena, count * sizeof *names);

    names[0] = "mx";
    names[1] = "inbox";
    for (size_t i = 2; i < count; i++)
        names[i] = arena_printf(x->c->arena, "relay:%s", x->c->relays[i - 2].name);
    return suggest_name(span_of(via), names, count);
}

/* Says what is wrong with this word; false: it is none of the ways. */
static bool read_way(struct cross *x, const struct config_route *r, const char *word,
                     const void *field, struct config_way *out)
{
    struct span via = span_of(word), relay = SPAN("relay:");
    const char *near;

    *out = (struct config_way){.kind = span_is(via, "inbox") ? CONFIG_VIA_INBOX : CONFIG_VIA_MX};
    if (span_starts(via, relay)) {
        out->kind = CONFIG_VIA_RELAY;
        out->relay = config_relay(x->c, word + relay.len);
    }
    if (out->relay || span_is(via, "mx") || span_is(via, "inbox"))
        return true;
    near = meant_via(x, word);
    if (near)
        notes_add(x->notes, NOTES_ERROR, place(x, field, r),
                  "route '%s' goes via '%s', which is unknown: did you mean '%s'?", r->name, word,
                  near);
    else if (span_starts(via, relay))
        notes_add(x->notes, NOTES_ERROR, place(x, field, r),
                  "route '%s' goes via '%s', but there is no such relay: add relay \"%s\" { ... }",
                  r->name, word, word + relay.len);
    else
        notes_add(x->notes, NOTES_ERROR, place(x, field, r),
                  "route '%s' goes via '%s': write mx, inbox or relay:NAME", r->name, word);
    return false;
}

static void check_then(struct cross *x, struct config_route *r)
{
    size_t count = r->then_texts.count;

    r->then = arena_alloc(x->c->arena, (count + 1) * sizeof *r->then);
    if (count && r->kind != CONFIG_VIA_RELAY)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->then_texts, r),
                  "route '%s' has further ways in then, which only a route via a relay may have: "
                  "leave them out",
                  r->name);
    if (count > CONFIG_ROUTE_THEN)
        notes_add(x->notes, NOTES_ERROR, place(x, &r->then_texts, r),
                  "route '%s' has %zu further ways: at most %d", r->name, count, CONFIG_ROUTE_THEN);
    for (size_t i = 0; i < count; i++)
        if (read_way(x, r, r->then_texts.at[i], &r->then_texts, &r->then[i]) &&
            r->then[i].kind == CONFIG_VIA_INBOX)
            notes_add(x->notes, NOTES_ERROR, place(x, &r->then_texts, r),
                      "route '%s' has the inbox as a further way: write mx or relay:NAME", r->name);
}

static void check_route(struct cross *x, struct config_route *r)
{
    struct config_way way;

    read_way(x, r, r->via, &r->via, &way);
    r->kind = way.kind;
    r->relay = way.relay;
    check_then(x, r);
}

static void check_times(struct cross *x)
{
    const struct config_delivery *d = &x->c->delivery;

    if (d->delay_notice >= d->lifetime)
        notes_add(x->notes, NOTES_WARNING, place(x, &d->delay_notice, &d->lifetime),
                  "delay-notice is not shorter than lifetime, so it is never sent: shorten it, or "
                  "write 0");
    if (x->c->limits.connections_per_address > x->c->limits.connections)
        notes_add(x->notes, NOTES_WARNING,
                  place(x, &x->c->limits.connections_per_address, &x->c->limits.connections),
                  "connections-per-address is more than connections: one address can keep all "
                  "others out");
}

static void check_notices(struct cross *x)
{
    const char *mail = x->c->notices.mail, *at = strrchr(mail, '@');

    if (*mail && (!at || at == mail || !at[1] || strpbrk(mail, " <>\"\\,;")))
        notes_add(x->notes, NOTES_ERROR, place(x, &x->c->notices.mail, NULL),
                  "'%s' in mail of notices is no address: write you@example.org", mail);
}

/* The doors of other servers that mail programs are told of: passwords go there. */
static void check_foreign(struct cross *x, const struct config_texts *texts,
                          const struct config_relay_door *doors, size_t count)
{
    bool bad = texts->count != count; /* "auto" */

    for (size_t i = 0; i < count; i++)
        bad = bad || (doors[i].tls != CONFIG_TLS_IMPLICIT && doors[i].tls != CONFIG_TLS_STARTTLS) ||
              doors[i].host[0] == '[';
    if (bad)
        notes_add(x->notes, NOTES_ERROR, place(x, texts, &x->c->clients),
                  "mail programs need a host name, a port and TLS: write doors such as "
                  "\"imap.example.org:993 implicit\" or \"imap.example.org:143 starttls\"");
}

static bool mx_ok(const char *pattern)
{
    return !strchr(pattern, '@') && strcmp(pattern, "*") != 0 && strcmp(pattern, "<>") != 0;
}

static void check_clients(struct cross *x)
{
    const struct config_clients *k = &x->c->clients;
    const struct config_texts *mx = &x->c->mta_sts.mx;

    check_foreign(x, &k->imap_texts, k->imap, k->imap_count);
    check_foreign(x, &k->pop3_texts, k->pop3, k->pop3_count);
    for (size_t i = 0; i < mx->count; i++)
        if (!mx_ok(mx->at[i]))
            notes_add(x->notes, NOTES_ERROR, place(x, mx, &x->c->mta_sts),
                      "'%s' in mx of mta-sts is no name of a server: write mx1.example.org or "
                      "*.example.org",
                      mx->at[i]);
}

static void check_quota(struct cross *x)
{
    const struct config_numbers *warn = &x->c->quota.warn;
    bool good = warn->count <= CONFIG_WARN_MAX;

    for (size_t i = 0; i < warn->count; i++)
        good = good && warn->at[i] >= 1 && (i == 0 || warn->at[i] > warn->at[i - 1]);
    if (!good)
        notes_add(x->notes, NOTES_ERROR, place(x, warn, NULL),
                  "warn of quota is at most %d rising numbers from 1 to 100: write { 80, 95 }",
                  CONFIG_WARN_MAX);
}

/* An exchange door of the file has told it. */
static bool told_no_domains(const struct config_notes *n)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->at[i].no_domains)
            return true;
    return false;
}

static void check_names(struct cross *x)
{
    const struct config *c = x->c;

    if (!strchr(c->hostname, '.'))
        notes_add(x->notes, NOTES_WARNING, place(x, &c->hostname, NULL),
                  "hostname '%s' is no full name and many servers will refuse it: write hostname = "
                  "mail.example.org",
                  c->hostname);
    if (!c->domains.count && !c->relay_count && !told_no_domains(x->notes))
        notes_add(x->notes, NOTES_NO_DOMAINS, place(x, c, NULL),
                  "there are neither domains nor a relay: add domains = { ... } or use `port26 "
                  "domain add` if mailboxes are here, or a relay if all mail goes through one");
    if (strlen(c->control) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        notes_add(x->notes, NOTES_ERROR, place(x, &c->store.path, NULL),
                  "the path of the control socket is too long: write control = a shorter path");
}

int cross_check(struct config *c, struct config_notes *notes)
{
    struct cross x = {c, notes};
    size_t before = notes->errors;

    check_certificate(&x, &c->tls.cert, NULL);
    check_folder(&x);
    check_doors(&x);
    check_names(&x);
    for (size_t i = 0; i < c->relay_count; i++)
        check_relay(&x, &c->relays[i]);
    for (size_t i = 0; i < c->route_count; i++)
        check_route(&x, &c->routes[i]);
    check_proxy(&x);
    check_rspamd(&x);
    check_notices(&x);
    check_quota(&x);
    check_clients(&x);
    check_times(&x);
    return notes->errors == before ? 0 : -1;
}
