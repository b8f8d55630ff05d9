/* What people see who come with a browser: where to type their address, and the settings for it. */
#include "serve/session_pages_parts.h"

#include "clients/page.h"
#include "http/http_query.h"

static const char html[] = "text/html; charset=utf-8";

/* No script, nothing from elsewhere, no frame around it, and no address told to other sites. */
static bool give(struct asking *q, unsigned status, struct text *text)
{
    session_pages_give(q, html, text);
    q->out->status = status;
    session_pages_extra(q, "Content-Security-Policy",
                        SPAN("default-src 'none'; style-src 'self'; form-action 'self'; "
                             "base-uri 'none'; frame-ancestors 'none'"));
    session_pages_extra(q, "Referrer-Policy", SPAN("no-referrer"));
    return true;
}

/* Did they come by a name that is ours? 1, 0, or -1: the keeper cannot tell now. */
static int is_our_name(const struct asking *q)
{
    const struct config *c = session_pages_config(q);
    struct span host = session_pages_host(q), domain;

    if (span_iis(host, c->clients.host) || span_iis(host, c->hostname))
        return 1;
    if (!session_pages_domain(q, "autoconfig.", false, &domain))
        return 0;
    return session_is_ours(q->pages->session, q->request->arena, domain);
}

static enum page_language language(const struct asking *q)
{
    return page_language(http_server_field(q->request, "Accept-Language"));
}

/* `domain`: of the address before, for PAGE_FOREIGN. */
static bool ask(struct asking *q, unsigned status, enum page_trouble trouble, struct span domain)
{
    struct text text = TEXT_INIT(SESSION_PAGES_MAX);
    int ours = is_our_name(q);

    if (ours < 0)
        return session_pages_busy(q);
    if (!ours)
        return false;
    page_ask(language(q), trouble, domain, &text);
    return give(q, status, &text);
}

bool session_pages_root(struct asking *q)
{
    int ours = is_our_name(q);

    return ours > 0 &&
           (session_pages_to_https(q, "/", SPAN_NONE) || ask(q, 200, PAGE_FINE, SPAN_NONE));
}

bool session_pages_style(struct asking *q)
{
    *q->out = (struct http_server_answer){
        .status = 200, .type = "text/css; charset=utf-8", .body = span_of(page_style)};
    session_pages_extra(q, "X-Content-Type-Options", SPAN("nosniff"));
    session_pages_extra(q, "Cache-Control", SPAN("max-age=3600"));
    return true;
}

static bool show(struct asking *q, const struct clients_offer *o)
{
    struct text link = TEXT_INIT(2048), text = TEXT_INIT(SESSION_PAGES_MAX);
    bool apple = clients_best(o, CLIENTS_SUBMISSION) &&
                 (clients_best(o, CLIENTS_IMAP) || clients_best(o, CLIENTS_POP3));
    bool ok;

    text_adds(&link, "/mail.mobileconfig?email=");
    http_query_encode(o->address, &link);
    ok = page_settings(o, language(q), apple ? text_cstr(&link) : NULL, &text);
    text_free(&link);
    if (ok)
        return give(q, 200, &text);
    text_free(&text);
    return false;
}

bool session_pages_settings(struct asking *q)
{
    struct span address, domain;
    struct clients_offer offer;
    int known = session_pages_address(q, &address, &domain), ours;

    if (known < 0)
        return ask(q, 404, PAGE_NO_ADDRESS, SPAN_NONE);
    if (!known)
        return ask(q, 200, PAGE_FINE, SPAN_NONE);
    ours = session_pages_offer(q, "page", domain, address, &offer);
    if (ours < 0)
        return session_pages_busy(q);
    if (!ours)
        return ask(q, 404, PAGE_FOREIGN, domain);
    return session_pages_to_https(q, "/settings", address) || show(q, &offer);
}
