#include "serve/policy.h"

#include "base/memory.h"
#include "serve/expansion.h"
#include "serve/sendings.h"

#include <string.h>

struct reply policy_refusal(struct arena *a, const struct error *e)
{
    static const struct {
        const char *enhanced;
        unsigned code;
    } rows[] = {{"4.3.1", 452}, {"4.7.1", 452}, {"4.2.2", 452}, {"5.2.2", 552}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(e->enhanced, rows[i].enhanced) == 0)
            return reply_error(a, rows[i].code, e);
    return reply_error(a, 451, e);
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

/* What the store could not say is no answer for ever (P6). */
static struct reply unless_trouble(const struct house *h, unsigned troubles, struct reply r,
                                   struct arena *a)
{
    return directory_troubles(h->directory) == troubles
               ? r
               : policy_refusal(a, directory_trouble(h->directory));
}

static struct reply may_send(struct house *h, const struct letter_may_send *q, struct arena *a,
                             uint32_t *recipients)
{
    struct sendings_from from = {q->account, q->peer, q->sender};
    struct error e = {0};
    const struct account *acc;

    *recipients = UINT32_MAX;
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
    if (sendings_may(h->sendings, &from, 1, &e) < 0)
        return policy_refusal(a, &e);
    *recipients = sendings_room(h->sendings, &from);
    return (struct reply){0};
}

struct reply policy_may_send(struct house *h, const struct letter_may_send *q, struct arena *a,
                             uint32_t *recipients)
{
    unsigned troubles = directory_troubles(h->directory);

    return unless_trouble(h, troubles, may_send(h, q, a, recipients), a);
}

struct reply policy_sender(struct house *h, const struct letter_may_send *q, struct arena *a)
{
    if (!sendings_held(h->sendings, q->account))
        return (struct reply){0};
    return reply_make(a, 250, "2.1.0",
                      "Sender ok, but the mail of %.*s is held: its password looks stolen. Change "
                      "it; your host can let the mail go.",
                      SPAN_ARG(span_head(q->account, 100)));
}

/* ---- recipients ---- */

static struct reply good(struct arena *a)
{
    return reply_make(a, 250, "2.1.5", "Recipient ok");
}

/* One inbox here. Locked is the whole hosting account, by a person who may unlock it: its mail
 * waits at the sender. */
static struct reply reach_inbox(struct house *h, const struct directory_target *t,
                                struct span asked, struct arena *a)
{
    const struct hosting *host = t->account ? directory_host_of(h->directory, t->account) : NULL;

    if (host && host->locked)
        return reply_make(a, 450, "4.2.1",
                          "The mailbox <%.*s> is closed for now: its provider has locked the "
                          "hosting account. Nothing is lost; try again later.",
                          SPAN_ARG(asked));
    if (t->account || expansion_postmaster(t->address))
        return good(a);
    return reply_make(a, 550, "5.1.1",
                      "There is no mailbox <%.*s> here. Check the spelling of the address.",
                      SPAN_ARG(asked));
}

/* One address that stands for itself; `anywhere`: also elsewhere. A refusal names the address that
 * was asked for: where an alias leads is nobody's business. */
static struct reply reach(struct house *h, const struct directory_target *t, bool anywhere,
                          struct span asked, struct arena *a)
{
    struct route route;

    house_route(h, SPAN_NONE, t->address, a, &route);
    if (route.kind == ROUTE_INBOX)
        return reach_inbox(h, t, asked, a);
    if (anywhere || directory_domain(h->directory, route.domain)) /* kept by another server */
        return good(a);
    return reply_make(a, 550, "5.7.1",
                      "Mail to other servers (<%.*s>) is accepted after a login only. In your mail "
                      "program switch on \"my outgoing server requires authentication\", with the "
                      "same name and password as for receiving, on port 587 or 465.",
                      SPAN_ARG(asked));
}

/* An alias takes mail as long as one of those behind it does; where it leads was the
 * administrator's to say. */
static struct reply may_reach(struct house *h, const struct letter_may_reach *q, struct arena *a)
{
    struct sendings_from from = {q->account, q->peer, q->sender};
    struct directory_target *t;
    struct reply first = {0};
    struct error e = {0};
    size_t count;

    if (q->count && sendings_may(h->sendings, &from, q->count, &e) < 0)
        return policy_refusal(a, &e);
    if (directory_expand(h->directory, q->recipient, EXPANSION_MAX, a, &t, &count, &e) < 0)
        return reply_error(a, 550, &e);
    for (size_t i = 0; i < count; i++) {
        bool itself = t[i].address.at == q->recipient.at;
        struct reply r = reach(h, &t[i], q->anywhere || !itself, q->recipient, a);

        if (reply_class(&r) == 2)
            return r;
        if (!i)
            first = r;
    }
    return first;
}

struct reply policy_may_reach(struct house *h, const struct letter_may_reach *q, struct arena *a)
{
    unsigned troubles = directory_troubles(h->directory);

    return unless_trouble(h, troubles, may_reach(h, q, a), a);
}
