#include "serve/session_pages_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "clients/mta_sts.h"
#include "clients/page.h"
#include "clients/request.h"
#include "http/http_query.h"
#include "mail/address.h"
#include "serve/challenge.h"
#include "tls/cms.h"
#include "tls/tls_sni.h"

#include <errno.h>
#include <string.h>

enum { HTTPS_PORT = 443, HOST_MAX = 512, CHALLENGE_TIME = 10 * 1000 };

const struct config *session_pages_config(const struct asking *q)
{
    return q->pages->session->house->config;
}

void session_pages_extra(struct asking *q, const char *name, struct span value)
{
    q->out->extra[q->out->extra_count++] = (struct http_server_field){span_of(name), value};
}

bool session_pages_give(struct asking *q, const char *type, struct text *text)
{
    *q->out = (struct http_server_answer){
        .status = 200, .type = type, .body = arena_span(q->request->arena, text_span(text))};
    /* They hold addresses, and change when the doors do. */
    session_pages_extra(q, "Cache-Control", SPAN("no-store"));
    session_pages_extra(q, "X-Content-Type-Options", SPAN("nosniff"));
    text_free(text);
    return true;
}

bool session_pages_busy(struct asking *q)
{
    *q->out = (struct http_server_answer){.status = 503,
                                          .type = "text/plain; charset=utf-8",
                                          .body = SPAN("503 Service Unavailable\n")};
    session_pages_extra(q, "Retry-After", SPAN("60"));
    return true;
}

/* ---- for whom ---- */

struct span session_pages_host(const struct asking *q)
{
    struct span host = http_server_field(q->request, "Host");
    ptrdiff_t colon = span_rfind(host, ':');

    return colon >= 0 ? span_head(host, (size_t)colon) : host;
}

bool session_pages_domain(const struct asking *q, const char *prefix, bool needed, struct span *out)
{
    struct span host = session_pages_host(q), before = span_of(prefix);
    struct text canon = TEXT_INIT(HOST_MAX);
    bool ok = span_istarts(host, before) || !needed;

    if (span_istarts(host, before))
        host = span_from(host, before.len);
    ok = ok && address_domain_ok(host, false) && address_domain_canon(host, &canon);
    if (ok)
        *out = arena_span(q->request->arena, text_span(&canon));
    text_free(&canon);
    return ok;
}

int session_pages_address(const struct asking *q, struct span *address, struct span *domain)
{
    static const char *const names[] = {"emailaddress", "email"};
    int result = 0;

    for (size_t i = 0; i < COUNT(names) && !result; i++) {
        struct text typed = TEXT_INIT(REQUEST_ADDRESS);

        result = http_query_value(q->request->query, names[i], &typed);
        if (result > 0 && clients_address(arena_span(q->request->arena, text_span(&typed)),
                                          q->request->arena, address, domain) < 0)
            result = -1;
        text_free(&typed);
    }
    return result;
}

int session_pages_offer(struct asking *q, const char *form, struct span domain, struct span address,
                        struct clients_offer *out)
{
    struct session *self = q->pages->session;
    int ours = session_is_ours(self, q->request->arena, domain);

    if (ours <= 0)
        return ours;
    if (!clients_offer_of(session_pages_config(q), domain, address, q->request->arena, out))
        return 0;
    log_event(LOG_INFO, "settings.given", LOG_STR("form", form), LOG_SPAN("domain", domain),
              LOG_STR("peer", self->peer), LOG_STR("door", self->door->config->name));
    return 1;
}

bool session_pages_form(struct asking *q, size_t form, struct span domain, struct span address)
{
    const struct clients_form *f = &clients_forms[form];
    struct text text = TEXT_INIT(SESSION_PAGES_MAX);
    struct clients_offer offer;
    int ours = session_pages_offer(q, f->name, domain, address, &offer);

    if (ours < 0)
        return session_pages_busy(q);
    if (ours && f->write(&offer, &text))
        return session_pages_give(q, f->type, &text);
    text_free(&text);
    return false;
}

/* Is there a door on the port that needs no mention? */
static bool has_https(const struct config *c)
{
    for (size_t i = 0; i < c->door_count; i++) {
        const struct config_door *d = &c->doors[i];

        if (d->port == HTTPS_PORT && d->tls == CONFIG_TLS_IMPLICIT && *d->cert.certificate &&
            (d->https || d->role == CONFIG_ROLE_WEB))
            return true;
    }
    return false;
}

/* A web server before us that does TLS says so. Who lies about it harms nobody: no page is secret,
 * and none takes a login. */
static bool forwarded(const struct asking *q)
{
    return span_iis(http_server_field(q->request, "X-Forwarded-Proto"), "https");
}

bool session_pages_secure(const struct asking *q)
{
    return q->pages->secure || forwarded(q);
}

/* The name they came by, when it is a customer's with a certificate here; else the one that all are
 * told. */
static const char *https_host(const struct asking *q)
{
    struct span host = session_pages_host(q);

    if (address_domain_ok(host, false) && tls_sni_covers(q->pages->session->house->sni, host))
        return arena_cstr(q->request->arena, host);
    return session_pages_config(q)->clients.host;
}

const char *session_pages_https(const struct asking *q)
{
    const struct config *c = session_pages_config(q);

    if (forwarded(q)) /* which certificates the server before us has, we do not know */
        return arena_printf(q->request->arena, "https://%s", c->clients.host);
    if (has_https(c))
        return arena_printf(q->request->arena, "https://%s", https_host(q));
    if (q->pages->secure)
        return arena_printf(q->request->arena, "https://%s:%u", https_host(q),
                            (unsigned)q->pages->session->door->config->port);
    return NULL;
}

bool session_pages_to_https(struct asking *q, const char *path, struct span address)
{
    const char *https = session_pages_secure(q) ? NULL : session_pages_https(q);
    struct text where = TEXT_INIT(SESSION_PAGES_MAX);

    if (!https)
        return false;
    text_addf(&where, "%s%s%s", https, path, address.len ? "?email=" : "");
    http_query_encode(address, &where);
    *q->out = (struct http_server_answer){.status = 302};
    session_pages_extra(q, "Location", arena_span(q->request->arena, text_span(&where)));
    text_free(&where);
    return true;
}

/* ---- the pages ---- */

static bool mozilla_page(struct asking *q)
{
    struct span address = SPAN_NONE, domain = SPAN_NONE;
    int known = session_pages_address(q, &address, &domain);

    if (known < 0 || (!known && !session_pages_domain(q, "autoconfig.", false, &domain)) ||
        !session_pages_form(q, CLIENTS_MOZILLA, domain, address))
        return false;
    session_pages_extra(q, "Access-Control-Allow-Origin",
                        SPAN("*")); /* for mail programs in a browser */
    return true;
}

/* Signs the answer; without a signature it serves as well, but the device warns of it. */
static void sign(struct asking *q)
{
    struct session *self = q->pages->session;
    struct text text = TEXT_INIT(SESSION_PAGES_MAX + CMS_ROOM);
    struct error e = {0};

    if (self->house->signer && cms_sign(self->house->signer, q->out->body, &text, &e) == 0)
        q->out->body = arena_span(q->request->arena, text_span(&text));
    if (*e.words) { /* a key that cannot will not another time */
        log_event(LOG_WARNING, "profile.unsigned", LOG_STR("why", e.words));
        self->house->signer = NULL;
    }
    text_free(&text);
}

static bool apple_page(struct asking *q)
{
    struct span address, domain;

    if (session_pages_address(q, &address, &domain) <= 0 ||
        !session_pages_form(q, CLIENTS_APPLE, domain, address))
        return false;
    if (q->out->status != 200 || session_pages_to_https(q, "/mail.mobileconfig", address))
        return true;
    sign(q);
    session_pages_extra(
        q, "Content-Disposition",
        span_of(arena_printf(q->request->arena, "attachment; filename=\"%.*s.mobileconfig\"",
                             SPAN_ARG(domain))));
    return true;
}

static bool sts_page(struct asking *q)
{
    struct text text = TEXT_INIT(SESSION_PAGES_MAX);
    struct span domain;
    int ours;

    if (!session_pages_secure(q) || session_pages_config(q)->mta_sts.mode == CONFIG_STS_OFF ||
        !session_pages_domain(q, "mta-sts.", true, &domain))
        return false;
    ours = session_is_ours(q->pages->session, q->request->arena, domain);
    if (ours < 0)
        return session_pages_busy(q);
    if (ours && mta_sts_write(&session_pages_config(q)->mta_sts, &text))
        return session_pages_give(q, "text/plain; charset=utf-8", &text);
    text_free(&text);
    return false;
}

/* A proof for an authority that issues certificates, asked for under any name that leads here. */
static bool challenge_page(struct asking *q)
{
    struct span token = span_from(q->request->path, strlen(CHALLENGE_PATH));
    struct text text = TEXT_INIT(CHALLENGE_MAX + 1);
    const struct letter_text asked = {token}, *said;
    struct parcel *p;

    if (!challenge_token_ok(token) || !*session_pages_config(q)->tls.acme_webroot)
        return false;
    p = session_ask(q->pages->session, LETTER_CHALLENGE, &asked, LETTER_CHALLENGE, CHALLENGE_TIME);
    if (!p)
        return session_pages_busy(q);
    said = p->letter;
    text_add(&text, said->text);
    parcel_free(&p);
    if (text.len)
        return session_pages_give(q, "application/octet-stream", &text);
    text_free(&text);
    return false;
}

/* Every page of its own path; false from `give`: it is not there. */
static const struct page {
    struct span path;
    enum { EXACT, BELOW, ANY_CASE, PREFIX, SUFFIX } match; /* the last two in any case as well */
    bool (*give)(struct asking *q);
    bool (*posted)(struct asking *q, struct span body, int failed); /* NULL: not by POST */
} pages[] = {
    {SPAN("/mail/config-v1.1.xml"), EXACT, mozilla_page, NULL},
    {SPAN("/.well-known/autoconfig/mail/config-v1.1.xml"), EXACT, mozilla_page, NULL},
    {SPAN("/autodiscover/autodiscover.xml"), ANY_CASE, session_pages_outlook,
     session_pages_outlook_posted},
    {SPAN("/autodiscover.xml"), ANY_CASE, session_pages_outlook, session_pages_outlook_posted},
    {SPAN("/autodiscover/autodiscover.json"), ANY_CASE, session_pages_outlook_json, NULL},
    {SPAN("/autodiscover/autodiscover.json/v1.0/"), PREFIX, session_pages_outlook_json, NULL},
    {SPAN("/.well-known/mta-sts.txt"), EXACT, sts_page, NULL},
    {SPAN(CHALLENGE_PATH), BELOW, challenge_page, NULL},
    {SPAN("/"), EXACT, session_pages_root, NULL},
    {SPAN("/settings"), EXACT, session_pages_settings, NULL},
    {SPAN(PAGE_STYLE_PATH), EXACT, session_pages_style, NULL},
    {SPAN(".mobileconfig"), SUFFIX, apple_page, NULL},
};

static bool is_page(const struct page *g, struct span path)
{
    if (g->match == BELOW)
        return span_starts(path, g->path);
    if (g->match == PREFIX)
        return span_istarts(path, g->path);
    if (g->match == SUFFIX && path.len > g->path.len)
        path = span_from(path, path.len - g->path.len);
    return g->match == EXACT ? span_eq(path, g->path) : span_ieq(path, g->path);
}

static const struct page *find(struct span path)
{
    for (size_t i = 0; i < COUNT(pages); i++)
        if (is_page(&pages[i], path))
            return &pages[i];
    return NULL;
}

bool session_pages_head(struct session_pages *p, const struct http_server_request *r,
                        struct http_server_answer *out)
{
    const struct page *g = find(r->path);
    struct asking q = {p, r, out};

    session_pages_reset(p);
    if (!g)
        return false;
    if (span_is(r->method, "GET") || span_is(r->method, "HEAD"))
        return g->give(&q);
    if (!g->posted || !span_is(r->method, "POST"))
        return false;
    if (r->length > REQUEST_MAX)
        return g->posted(&q, SPAN_NONE, -EMSGSIZE);
    p->posting = true;
    p->body = TEXT_INIT(REQUEST_MAX);
    *out = (struct http_server_answer){0};
    return true;
}

bool session_pages_takes(struct span path)
{
    const struct page *g = find(path);

    return g && g->posted;
}

int session_pages_body(struct session_pages *p, struct span bytes)
{
    return text_add(&p->body, bytes) ? 0 : -EMSGSIZE;
}

struct http_server_answer session_pages_end(struct session_pages *p,
                                            const struct http_server_request *r, int failed)
{
    static const struct http_server_answer missing = {
        .status = 404, .type = "text/plain; charset=utf-8", .body = SPAN("404 Not Found\n")};
    struct http_server_answer out = missing;
    struct asking q = {p, r, &out};

    if (!find(r->path)->posted(&q, text_span(&p->body), failed))
        out = missing;
    session_pages_reset(p);
    return out;
}

void session_pages_reset(struct session_pages *p)
{
    text_free(&p->body);
    p->posting = false;
}
