#include "serve/session_pages.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "clients/clients.h"
#include "clients/mta_sts.h"
#include "clients/outlook.h"
#include "clients/request.h"
#include "http/http_query.h"
#include "mail/address.h"
#include "tls/cms.h"

#include <errno.h>

enum { HTTPS_PORT = 443, HOST_MAX = 512, ANSWER_MAX = CLIENTS_TEXT_MAX };

/* One question under way. */
struct asking {
    struct session_pages *pages;
    const struct http_server_request *request;
    struct http_server_answer *out;
};

static const struct config *config_of(const struct asking *q)
{
    return q->pages->session->house->config;
}

static void extra(struct http_server_answer *a, const char *name, struct span value)
{
    a->extra[a->extra_count++] = (struct http_server_field){span_of(name), value};
}

/* Takes what stands in `text` for the answer. */
static bool give(struct asking *q, const char *type, struct text *text)
{
    *q->out = (struct http_server_answer){
        .status = 200, .type = type, .body = arena_span(q->request->arena, text_span(text))};
    text_free(text);
    return true;
}

/* Later may do; 404 would be believed for days. */
static bool busy(struct asking *q)
{
    *q->out = (struct http_server_answer){.status = 503,
                                          .type = "text/plain; charset=utf-8",
                                          .body = SPAN("503 Service Unavailable\n")};
    extra(q->out, "Retry-After", SPAN("60"));
    return true;
}

/* ---- for whom ---- */

/* The domain that the Host field names, behind `prefix` when it begins with that; false: nonsense.
 */
static bool host_domain(const struct asking *q, const char *prefix, bool needed, struct span *out)
{
    struct span host = http_server_field(q->request, "Host"), before = span_of(prefix);
    ptrdiff_t colon = span_rfind(host, ':');
    struct text canon = TEXT_INIT(HOST_MAX);
    bool ok;

    if (colon >= 0)
        host = span_head(host, (size_t)colon);
    ok = span_istarts(host, before) || !needed;
    if (span_istarts(host, before))
        host = span_from(host, before.len);
    ok = ok && address_domain_ok(host, false) && address_domain_canon(host, &canon);
    if (ok)
        *out = arena_span(q->request->arena, text_span(&canon));
    text_free(&canon);
    return ok;
}

/* The address in the query: 1, 0 when there is none, -1 when it is no address. */
static int query_address(const struct asking *q, struct span *address, struct span *domain)
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

/* Writes the form for a domain, if it is ours. False: there is no such page. */
static bool give_form(struct asking *q, size_t form, struct span domain, struct span address)
{
    const struct clients_form *f = &clients_forms[form];
    struct session *self = q->pages->session;
    struct text text = TEXT_INIT(ANSWER_MAX);
    struct clients_offer offer;
    int ours = session_is_ours(self, q->request->arena, domain);

    if (ours < 0)
        return busy(q);
    if (!ours || !clients_offer_of(config_of(q), domain, address, q->request->arena, &offer) ||
        !f->write(&offer, &text)) {
        text_free(&text);
        return false;
    }
    log_event(LOG_INFO, "settings.given", LOG_STR("form", f->name), LOG_SPAN("domain", domain),
              LOG_STR("peer", self->peer), LOG_STR("door", self->door->config->name));
    return give(q, f->type, &text);
}

/* ---- the pages ---- */

static bool mozilla_page(struct asking *q)
{
    struct span address = SPAN_NONE, domain = SPAN_NONE;
    int known = query_address(q, &address, &domain);

    if (known < 0 || (!known && !host_domain(q, "autoconfig.", false, &domain)) ||
        !give_form(q, CLIENTS_MOZILLA, domain, address))
        return false;
    extra(q->out, "Access-Control-Allow-Origin", SPAN("*")); /* for mail programs in a browser */
    return true;
}

/* Signs the answer; without a signature it serves as well, but the device warns of it. */
static void sign(struct asking *q)
{
    struct session *self = q->pages->session;
    struct text text = TEXT_INIT(ANSWER_MAX + CMS_ROOM);
    struct error e = {0};

    if (self->house->signer && cms_sign(self->house->signer, q->out->body, &text, &e) == 0)
        q->out->body = arena_span(q->request->arena, text_span(&text));
    if (*e.words)
        log_event(LOG_WARNING, "profile.unsigned", LOG_STR("why", e.words));
    text_free(&text);
}

static bool apple_page(struct asking *q)
{
    struct span address, domain;

    if (query_address(q, &address, &domain) <= 0 || !give_form(q, CLIENTS_APPLE, domain, address))
        return false;
    sign(q);
    extra(q->out, "Content-Disposition",
          span_of(arena_printf(q->request->arena, "attachment; filename=\"%.*s.mobileconfig\"",
                               SPAN_ARG(domain))));
    return true;
}

static bool sts_page(struct asking *q)
{
    struct text text = TEXT_INIT(ANSWER_MAX);
    struct span domain;
    int ours;

    if (!q->pages->secure || config_of(q)->mta_sts.mode == CONFIG_STS_OFF ||
        !host_domain(q, "mta-sts.", true, &domain))
        return false;
    ours = session_is_ours(q->pages->session, q->request->arena, domain);
    if (ours < 0)
        return busy(q);
    if (ours && mta_sts_write(&config_of(q)->mta_sts, &text))
        return give(q, "text/plain; charset=utf-8", &text);
    text_free(&text);
    return false;
}

/* Is there a door at which the same page is had over HTTPS, without a port in the address? */
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

static bool refuse_outlook(struct asking *q, enum outlook_error code)
{
    struct text text = TEXT_INIT(ANSWER_MAX);

    outlook_refuse(code, clock_wall(), &text);
    return give(q, clients_forms[CLIENTS_OUTLOOK].type, &text);
}

/* Without an address: Outlook looks for a redirection to the place for its POST, to a name for
 * which the certificate is good. */
static bool outlook_page(struct asking *q)
{
    struct span address, domain;
    int known = query_address(q, &address, &domain);

    if (known < 0)
        return false;
    if (known)
        return give_form(q, CLIENTS_OUTLOOK, domain, address);
    if (!host_domain(q, "autodiscover.", false, &domain) ||
        session_is_ours(q->pages->session, q->request->arena, domain) <= 0)
        return false;
    if (q->pages->secure || !has_https(config_of(q)))
        return refuse_outlook(q, OUTLOOK_INVALID);
    *q->out = (struct http_server_answer){.status = 302};
    extra(q->out, "Location",
          span_of(arena_printf(q->request->arena, "https://%s/autodiscover/autodiscover.xml",
                               config_of(q)->clients.host)));
    return true;
}

/* Every page of its own path; false from `give`: it is not there. */
static const struct page {
    struct span path;
    bool any_case, suffix, post;
    bool (*give)(struct asking *q);
} pages[] = {
    {SPAN("/mail/config-v1.1.xml"), false, false, false, mozilla_page},
    {SPAN("/.well-known/autoconfig/mail/config-v1.1.xml"), false, false, false, mozilla_page},
    {SPAN("/autodiscover/autodiscover.xml"), true, false, true, outlook_page},
    {SPAN("/.well-known/mta-sts.txt"), false, false, false, sts_page},
    {SPAN(".mobileconfig"), true, true, false, apple_page},
};

static bool is_page(const struct page *g, struct span path)
{
    if (g->suffix && path.len > g->path.len)
        path = span_from(path, path.len - g->path.len);
    return g->any_case ? span_ieq(path, g->path) : span_eq(path, g->path);
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
    if (!g->post || !span_is(r->method, "POST"))
        return false;
    p->posting = true;
    p->body = TEXT_INIT(REQUEST_MAX);
    *out = (struct http_server_answer){0};
    return true;
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
    struct span address, domain;
    struct request asked;

    if (failed || !request_parse(text_span(&p->body), &asked) ||
        clients_address(arena_span(r->arena, span_of(asked.address)), r->arena, &address, &domain) <
            0)
        refuse_outlook(&q, OUTLOOK_INVALID);
    else if (asked.other)
        refuse_outlook(&q, OUTLOOK_UNAVAILABLE);
    else if (!give_form(&q, CLIENTS_OUTLOOK, domain, address))
        out = missing;
    session_pages_reset(p);
    return out;
}

void session_pages_reset(struct session_pages *p)
{
    text_free(&p->body);
    p->posting = false;
}
