#include "route/choose.h"

#include "base/text.h"
#include "mail/address.h"

/* An address taken apart, its domain canonical. */
struct party {
    struct span whole; /* local@domain */
    struct span domain;
};

static struct span canonical(struct span domain, struct arena *a)
{
    struct text t = TEXT_INIT(1024);
    struct span s = domain;

    if (address_domain_canon(domain, &t))
        s = arena_span(a, text_span(&t));
    text_free(&t);
    return s;
}

/* The last "@" parts the address: a quoted local part may hold others. */
static struct party take_apart(struct span address, struct arena *a)
{
    ptrdiff_t at = span_rfind(address, '@');
    struct party p = {.whole = address};

    if (at < 0)
        return p;
    p.domain = canonical(span_from(address, (size_t)at + 1), a);
    p.whole = span_of(arena_printf(a, "%.*s@%.*s", (int)at, address.at, SPAN_ARG(p.domain)));
    return p;
}

/* ---- patterns ---- */

static bool matches_domain(struct span pattern, struct span domain)
{
    if (!span_starts(pattern, SPAN(".")))
        return domain.len > 0 && span_ieq(pattern, domain);
    if (span_ieq(span_from(pattern, 1), domain))
        return true;
    return domain.len > pattern.len &&
           span_ieq(span_from(domain, domain.len - pattern.len), pattern);
}

static bool matches(struct span pattern, const struct party *p)
{
    if (span_is(pattern, "*"))
        return true;
    if (span_find(pattern, '@') >= 0)
        return span_ieq(pattern, p->whole);
    return matches_domain(pattern, p->domain);
}

enum match { MATCH_NOT, MATCH_ANY, MATCH_NAMED };

/* MATCH_NAMED: by a pattern that names the domain or mailbox; MATCH_ANY: by "*" or an empty list.
 */
static enum match match_list(const struct span *patterns, size_t count, const struct party *p)
{
    enum match best = count == 0 ? MATCH_ANY : MATCH_NOT;

    for (size_t i = 0; i < count; i++) {
        if (!matches(patterns[i], p))
            continue;
        if (!span_is(patterns[i], "*"))
            return MATCH_NAMED;
        best = MATCH_ANY;
    }
    return best;
}

/* ---- choice ---- */

static bool is_local(const struct route_rules *rules, struct span canonical_domain)
{
    for (size_t i = 0; i < rules->local_count; i++)
        if (span_ieq(rules->local[i], canonical_domain))
            return true;
    return rules->also_local && rules->also_local(rules->arg, canonical_domain);
}

/* The index of the rule that decides, or -1. */
static ptrdiff_t find_rule(const struct route_rules *rules, const struct party *from,
                           const struct party *to, bool ours)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct route_rule *r = &rules->rule[i];
        enum match m = match_list(r->to, r->to_count, to);

        if (m == MATCH_NOT || (ours && m != MATCH_NAMED))
            continue;
        if (match_list(r->from, r->from_count, from) != MATCH_NOT)
            return (ptrdiff_t)i;
    }
    return -1;
}

static struct span destination(const struct route *r, struct span then, struct arena *a)
{
    switch (r->kind) {
    case ROUTE_MX:
        return span_of(arena_printf(a, "mx:%.*s", SPAN_ARG(r->domain)));
    case ROUTE_RELAY:
        return span_of(arena_printf(a, "relay:%.*s%s%.*s", SPAN_ARG(r->relay),
                                    then.len ? ", then " : "", SPAN_ARG(then)));
    case ROUTE_INBOX:
        break;
    }
    return SPAN("inbox");
}

void choose_route(const struct route_rules *rules, struct span sender, struct span recipient,
                  struct arena *a, struct route *out)
{
    struct party from = take_apart(sender, a), to = take_apart(recipient, a);
    bool ours = to.domain.len == 0 || is_local(rules, to.domain);

    *out = (struct route){.domain = to.domain, .rule = find_rule(rules, &from, &to, ours)};
    if (out->rule >= 0) {
        out->kind = rules->rule[out->rule].via;
        out->relay = out->kind == ROUTE_RELAY ? rules->rule[out->rule].relay : SPAN_NONE;
    } else {
        out->kind = ours ? ROUTE_INBOX : ROUTE_MX;
    }
    out->destination =
        destination(out, out->rule >= 0 ? rules->rule[out->rule].then : SPAN_NONE, a);
}
