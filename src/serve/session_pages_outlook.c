/* Autodiscover, as Outlook asks for it. */
#include "serve/session_pages_parts.h"

#include "base/clock.h"
#include "clients/outlook.h"
#include "clients/request.h"
#include "http/http_query.h"

static const char json[] = "application/json; charset=utf-8";

/* ---- XML ---- */

static bool refuse(struct asking *q, enum outlook_error code)
{
    struct text text = TEXT_INIT(SESSION_PAGES_MAX);

    outlook_refuse(code, clock_wall(), &text);
    return session_pages_give(q, clients_forms[CLIENTS_OUTLOOK].type, &text);
}

/* Without an address: Outlook looks for a redirection to the place for its POST, to a name for
 * which the certificate is good. */
bool session_pages_outlook(struct asking *q)
{
    struct span address, domain;
    int known = session_pages_address(q, &address, &domain);
    const char *https = session_pages_https(q);

    if (known < 0)
        return false;
    if (known)
        return session_pages_form(q, CLIENTS_OUTLOOK, domain, address);
    if (!session_pages_domain(q, "autodiscover.", false, &domain) ||
        session_is_ours(q->pages->session, q->request->arena, domain) <= 0)
        return false;
    if (session_pages_secure(q) || !https)
        return refuse(q, OUTLOOK_INVALID);
    *q->out = (struct http_server_answer){.status = 302};
    session_pages_extra(
        q, "Location",
        span_of(arena_printf(q->request->arena, "%s/autodiscover/autodiscover.xml", https)));
    return true;
}

bool session_pages_outlook_posted(struct asking *q, struct span body, int failed)
{
    struct span address, domain;
    struct arena *a = q->request->arena;
    struct request asked;

    if (failed || !request_parse(body, &asked) ||
        clients_address(arena_span(a, span_of(asked.address)), a, &address, &domain) < 0)
        return refuse(q, OUTLOOK_INVALID);
    if (asked.other)
        return refuse(q, OUTLOOK_UNAVAILABLE);
    return session_pages_form(q, CLIENTS_OUTLOOK, domain, address);
}

/* ---- JSON ---- */

/* The address is the last part of the path, or stands in the query. As session_pages_address. */
static int json_address(const struct asking *q, struct span *address, struct span *domain)
{
    static const struct span before = SPAN("/autodiscover/autodiscover.json/v1.0/");
    struct text typed = TEXT_INIT(REQUEST_ADDRESS);
    int result;

    if (!span_istarts(q->request->path, before))
        return session_pages_address(q, address, domain);
    result = http_query_decode(span_from(q->request->path, before.len), &typed) ? 1 : -1;
    if (result > 0 && clients_address(arena_span(q->request->arena, text_span(&typed)),
                                      q->request->arena, address, domain) < 0)
        result = -1;
    text_free(&typed);
    return result;
}

static bool refuse_json(struct asking *q, enum outlook_json_error code)
{
    struct text text = TEXT_INIT(SESSION_PAGES_MAX);

    outlook_json_refuse(code, &text);
    session_pages_give(q, json, &text);
    q->out->status = 400;
    return true;
}

static bool answer_json(struct asking *q)
{
    const char *https = session_pages_https(q);
    struct text protocol = TEXT_INIT(100), text = TEXT_INIT(SESSION_PAGES_MAX);
    int given = http_query_value(q->request->query, "Protocol", &protocol);
    bool known = given > 0 && span_iis(text_span(&protocol), OUTLOOK_JSON_PROTOCOL);

    given = given > 0 && !protocol.len ? 0 : given;
    text_free(&protocol);
    if (!known)
        return refuse_json(q, given ? OUTLOOK_PROTOCOL_UNKNOWN : OUTLOOK_PROTOCOL_MISSING);
    if (!https)
        return false;
    outlook_json(https, &text);
    return session_pages_give(q, json, &text);
}

/* Where the first version is asked: the second is no more than that to who has no Exchange. */
bool session_pages_outlook_json(struct asking *q)
{
    struct span address, domain;
    int known = json_address(q, &address, &domain), ours;

    if (known < 0 || (!known && !session_pages_domain(q, "autodiscover.", false, &domain)))
        return false;
    ours = session_is_ours(q->pages->session, q->request->arena, domain);
    if (ours < 0)
        return session_pages_busy(q);
    if (!ours)
        return false;
    return known ? answer_json(q) : refuse_json(q, OUTLOOK_ADDRESS_MISSING);
}
