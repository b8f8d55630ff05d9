#include "serve/expansion.h"

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "mail/utf8.h"
#include "mail/xtext.h"
#include "serve/forwarding.h"

#include <stdlib.h>

bool expansion_postmaster(struct span recipient)
{
    ptrdiff_t at = span_rfind(recipient, '@');
    struct span local = at < 0 ? recipient : span_head(recipient, (size_t)at);

    return span_iis(local, "postmaster") || (at > 0 && span_iis(local, "abuse"));
}

enum { WORK_MAX = 5 * EXPANSION_MAX };

/* The list as it grows. */
struct list {
    const struct house *house;
    const struct message *message;
    struct arena *arena;
    struct map *seen; /* canonical address -> struct number */
    struct recipient *at;
    size_t count, cap;
    size_t work; /* addresses found, also those that were there already: lists that many recipients
                    stand for are looked through again and again, while all others wait */
    bool full;
    bool away;                  /* an alias leads to another host */
    struct error later;         /* the store could not say who is behind one of them */
    struct recipient *expanded; /* room for all of the message's */
    size_t expanded_count;
};

struct number {
    size_t index;
};

static struct span canonical(struct arena *a, struct span address)
{
    struct text t = TEXT_INIT(1024);
    struct span s = address;

    if (directory_name(address, &t))
        s = arena_span(a, text_span(&t));
    text_free(&t);
    return s;
}

/* Two who meet in one address: what either wants to be told is told. */
static unsigned merge(unsigned a, unsigned b)
{
    unsigned usual = NOTIFY_FAILURE | NOTIFY_DELAY;

    if (a == b)
        return a;
    a = a ? a : usual;
    b = b ? b : usual;
    return (a | b) == NOTIFY_NEVER ? NOTIFY_NEVER : (a | b) & ~(unsigned)NOTIFY_NEVER;
}

static void add(struct list *l, const struct recipient *r)
{
    struct span key = canonical(l->arena, r->address);
    struct number *n = map_get(l->seen, key);

    if (n) {
        l->at[n->index].notify = merge(l->at[n->index].notify, r->notify);
        l->at[n->index].forwarded &= r->forwarded;
        return;
    }
    l->full |= l->count >= EXPANSION_MAX;
    if (l->full)
        return;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->at = memory_grow(l->at, l->cap * sizeof *l->at);
    }
    n = arena_alloc(l->arena, sizeof *n);
    n->index = l->count;
    map_put(l->seen, key, n);
    l->at[l->count++] = *r;
}

/* The address as the sender wrote it, for reports; what is there already stays. */
static struct span original(struct arena *a, const struct recipient *r)
{
    struct text t = TEXT_INIT(1024);
    struct span s = r->orcpt;

    if (!s.len && utf8_high(r->address) && text_adds(&t, "utf-8;") && xtext_utf8(r->address, &t))
        s = arena_span(a, text_span(&t));
    else if (!s.len && text_adds(&t, "rfc822;") && xtext_encode(r->address, &t))
        s = arena_span(a, text_span(&t));
    text_free(&t);
    return s;
}

/* Will it bounce for certain? */
static bool is_nobody(const struct list *l, const struct directory_target *t)
{
    struct route route;

    if (!t->ours || t->account || expansion_postmaster(t->address))
        return false;
    house_route(l->house, SPAN_NONE, t->address, l->arena, &route);
    return route.kind == ROUTE_INBOX;
}

/* What those behind an alias of several are to be asked; the success was to stand for it. */
static unsigned after_expansion(struct list *l, const struct recipient *r)
{
    unsigned rest = r->notify & ~(unsigned)NOTIFY_SUCCESS;

    if (rest == r->notify || !l->message->envelope.sender.len)
        return r->notify;
    l->expanded[l->expanded_count++] = *r;
    return rest ? rest : NOTIFY_NEVER; /* without any it would mean failures */
}

static void replace(struct list *l, const struct recipient *r, const struct directory_target *t,
                    size_t count)
{
    bool stranger = forwarding_wanted(l->house->forwarding, l->message->envelope.sender);
    struct recipient to = *r;
    size_t added = 0, good = 0;

    to.orcpt = original(l->arena, r);
    to.asked = r->address;
    for (size_t i = 0; i < count; i++)
        good += !is_nobody(l, &t[i]);
    if (good > 1)
        to.notify = after_expansion(l, r);
    for (size_t i = 0; i < count; i++) {
        if (is_nobody(l, &t[i])) {
            log_event(LOG_WARNING, "alias.nobody", LOG_ID(&l->message->envelope.id),
                      LOG_SPAN("alias", r->address), LOG_SPAN("target", t[i].address));
            continue;
        }
        to.address = arena_span(l->arena, t[i].address);
        to.forwarded = stranger && !t[i].ours;
        l->away |= !t[i].ours;
        add(l, &to);
        added++;
    }
    if (!added)
        add(l, r); /* the report then names the address that the sender knows */
    else
        log_event(LOG_INFO, "alias.expanded", LOG_ID(&l->message->envelope.id),
                  LOG_SPAN("alias", r->address), LOG_NUM("targets", added));
}

static void look(struct list *l, const struct recipient *r)
{
    struct directory_target *t;
    struct error e = {0};
    size_t count;
    int bad =
        directory_expand(l->house->directory, r->address, EXPANSION_MAX, l->arena, &t, &count, &e);

    if (bad && e.class == ERROR_TEMPORARY)
        l->later = e;
    if (bad || (count == 1 && t[0].address.at == r->address.at))
        add(l, r);
    else
        replace(l, r, t, count);
    l->work += count;
    l->full |= l->work > WORK_MAX;
}

/* Reports on forwarded mail go on to its sender. Nothing is changed unless all is well. */
static struct reply take_back(const struct house *h, struct envelope *v, struct arena *a)
{
    struct span *to = arena_alloc(a, v->count * sizeof *to);
    struct reply refusal;

    for (size_t i = 0; i < v->count; i++) {
        struct span asked = v->recipients[i].address;
        enum forwarding_way way = forwarding_back(h->forwarding, asked, a, &to[i], &refusal);

        if (way == FORWARDING_REFUSED)
            return refusal;
        if (way == FORWARDING_BACK && v->sender.len)
            return forwarding_no_report(asked, a);
        if (way == FORWARDING_NONE)
            to[i] = asked;
    }
    for (size_t i = 0; i < v->count; i++)
        v->recipients[i].address = to[i];
    return (struct reply){0};
}

enum { PREFIX_MAX = 64 << 10 };

/* Of one recipient only: the others need not know of him. What can not stand in a header is left to
 * the number of Received fields. */
static struct reply mark(struct message *m, const struct list *l, bool again)
{
    struct text prefix = TEXT_INIT(PREFIX_MAX);
    struct span asked;

    if (m->envelope.count != 1 || !l->away || utf8_high(m->envelope.recipients[0].address))
        return (struct reply){0};
    asked = m->envelope.recipients[0].address;
    if (again)
        return reply_make(l->arena, 554, "5.4.6",
                          "This message was sent on from <%.*s> before, as its Delivered-To field "
                          "says, and has come back: it runs in a circle. Look where <%.*s> leads, "
                          "and where mail goes from there. To send a copy of it on purpose, "
                          "forward it as a new message.",
                          SPAN_ARG(asked), SPAN_ARG(asked));
    text_addf(&prefix, "Delivered-To: %.*s\r\n", SPAN_ARG(asked));
    text_add(&prefix, m->content.prefix);
    if (!prefix.full)
        m->content.prefix = arena_span(l->arena, text_span(&prefix));
    text_free(&prefix);
    return (struct reply){0};
}

struct reply expansion_replace(const struct house *h, struct message *m, bool again,
                               struct arena *a)
{
    struct list l = {.house = h, .message = m, .arena = a};
    struct envelope *v = &m->envelope;
    struct reply r = take_back(h, v, a);

    if (r.code || !directory_stands_for_others(h->directory))
        return r;
    l.seen = map_new();
    l.expanded = arena_alloc(a, v->count * sizeof *l.expanded);
    for (size_t i = 0; i < v->count && !l.full; i++)
        look(&l, &v->recipients[i]);
    if (!l.full)
        r = mark(m, &l, again);
    if (!l.full && !r.code) {
        v->recipients = arena_alloc(a, l.count * sizeof *v->recipients);
        v->count = l.count;
        for (size_t i = 0; i < l.count; i++)
            v->recipients[i] = l.at[i];
        m->expanded = l.expanded;
        m->expanded_count = l.expanded_count;
    }
    map_free(&l.seen);
    free(l.at);
    if (l.later.class == ERROR_TEMPORARY)
        return reply_error(a, 451, &l.later);
    if (!l.full)
        return r;
    return reply_make(a, 452, "4.5.3",
                      "With all that the aliases among them stand for, these are more than %d "
                      "recipients. Send it to fewer at a time.",
                      EXPANSION_MAX);
}
