#include "serve/policy.h"

#include <string.h>

struct reply policy_refusal(struct arena *a, const struct error *e)
{
    bool space = strcmp(e->enhanced, "4.3.1") == 0;

    return reply_error(a, space ? 452 : 451, e);
}

static struct reply not_yours(struct house *h, const struct account *acc, struct span sender,
                              struct arena *a)
{
    struct text may = TEXT_INIT(400);
    struct reply r;

    directory_addresses(h->directory, acc, &may);
    r = reply_make(
        a, 553, "5.7.1",
        "The login %.*s is not allowed to send as <%.*s>. It may use: %s. Choose one of these as "
        "the sender in your mail program, or ask the administrator to add the address.",
        SPAN_ARG(acc->name), SPAN_ARG(sender), text_cstr(&may));
    text_free(&may);
    return r;
}

struct reply policy_may_send(struct house *h, const struct letter_may_send *q, struct arena *a)
{
    struct error e = {0};
    const struct account *acc;

    if (queue_room(h->queue, q->size, &e) < 0)
        return policy_refusal(a, &e);
    if (!q->account.len)
        return (struct reply){0};
    acc = directory_find(h->directory, q->account);
    if (!acc || directory_locked(h->directory, acc))
        return reply_make(a, 535, "5.7.8",
                          "The account %.*s was closed meanwhile; ask the administrator.",
                          SPAN_ARG(q->account));
    if (!directory_may_send(h->directory, acc, q->sender))
        return not_yours(h, acc, q->sender, a);
    return (struct reply){0};
}

static bool is_postmaster(struct span recipient)
{
    ptrdiff_t at = span_rfind(recipient, '@');

    return span_iis(at < 0 ? recipient : span_head(recipient, (size_t)at), "postmaster");
}

struct reply policy_may_reach(struct house *h, const struct letter_may_reach *q, struct arena *a)
{
    struct route route;

    house_route(h, SPAN_NONE, q->recipient, a, &route);
    if (route.kind == ROUTE_INBOX) {
        if (is_postmaster(q->recipient) || directory_owner(h->directory, q->recipient))
            return reply_make(a, 250, "2.1.5", "Recipient ok");
        return reply_make(a, 550, "5.1.1",
                          "There is no mailbox <%.*s> here. Check the spelling of the address.",
                          SPAN_ARG(q->recipient));
    }
    if (directory_domain(h->directory, route.domain)) /* ours, but kept by another server */
        return reply_make(a, 250, "2.1.5", "Recipient ok");
    if (q->anywhere)
        return reply_make(a, 250, "2.1.5", "Recipient ok");
    return reply_make(a, 550, "5.7.1",
                      "Mail to other servers (<%.*s>) is accepted after a login only. In your mail "
                      "program switch on \"my outgoing server requires authentication\", with the "
                      "same name and password as for receiving, on port 587 or 465.",
                      SPAN_ARG(q->recipient));
}
