/* zone_compare: does what stands in the DNS do the work of a record that should? One function for
 * each purpose; the table is at the end. */
#include "zone/zone.h"

#include "base/memory.h"
#include "zone/tags.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN = 400 };

struct look {
    const struct zone_record *record;
    const struct zone_found *found;
    struct arena *arena;
    struct zone_verdict *out;
};

static void wrong(struct look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct look *l, const char *fmt, ...)
{
    char words[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    l->out->state = ZONE_WRONG;
    l->out->words = arena_span(l->arena, span_of(words));
}

static void show(struct look *l, struct span data)
{
    struct text t = TEXT_INIT(3 * SHOWN + 1000);

    text_add(&t, l->out->there);
    if (t.len)
        text_adds(&t, ", ");
    text_add_safe(&t, span_head(data, SHOWN));
    if (l->out->there.len < SHOWN)
        l->out->there = arena_span(l->arena, text_span(&t));
    text_free(&t);
}

/* The one TXT record that begins with this version, or none: then the verdict is made. */
static bool only_one(struct look *l, const char *version, struct span *one)
{
    size_t count = 0;

    for (size_t i = 0; i < l->found->count; i++) {
        if (!tags_version(l->found->data[i], version))
            continue;
        show(l, l->found->data[i]);
        *one = l->found->data[i];
        count++;
    }
    if (count > 1)
        wrong(l, "there are %zu of them, and others then use none: keep one", count);
    else if (!count)
        l->out->state = ZONE_MISSING;
    return count == 1;
}

static void show_all(struct look *l)
{
    for (size_t i = 0; i < l->found->count; i++)
        show(l, l->found->data[i]);
}

/* What is there already with our mechanisms in front of its own: it goes on to allow the others. */
static struct span merged(struct look *l, struct span there)
{
    struct span ours = l->record->data, all = SPAN(" ~all");
    struct text t = TEXT_INIT(2 * ZONE_TEXT_MAX);
    struct span out;

    if (span_ends(ours, all))
        ours.len -= all.len;
    text_add(&t, ours);
    text_add(&t, span_from(there, SPAN("v=spf1").len));
    out = t.len <= ZONE_TEXT_MAX ? arena_span(l->arena, text_span(&t)) : l->record->data;
    text_free(&t);
    return out;
}

static void see_spf(struct look *l)
{
    struct spf_record parsed;
    struct span one = SPAN_NONE;

    if (!only_one(l, "v=spf1", &one))
        return;
    if (!spf_parse(one, &parsed)) {
        wrong(l, "it breaks the rules of SPF, so others take it as an error");
        return;
    }
    if (!l->found->address.len || l->found->spf == SPF_PASS)
        return;
    l->out->publish = merged(l, one);
    if (l->found->spf != SPF_UNKNOWN) {
        wrong(l, "it does not allow this server: %.*s gets \"%s\"", SPAN_ARG(l->found->address),
              spf_result_name(l->found->spf));
        return;
    }
    l->out->state = ZONE_UNKNOWN;
    l->out->words = SPAN("whether it allows this server can not be told: it uses macros, or names "
                         "that the DNS does not answer");
}

/* Is `word` among the parts of a list in a tag ("sha1:sha256", RFC 6376 3.6.1)? */
static bool lists(struct span list, const char *word)
{
    struct span part;

    while (list.len && span_cut(&list, ':', &part))
        if (span_iis(span_trim(part), word) || span_is(span_trim(part), "*"))
            return true;
    return false;
}

/* What makes a key one that others do not use for our signatures; NULL: nothing. */
static const char *limits_of(struct span key)
{
    struct span value;

    if (tags_get(key, "v", &value) &&
        (!span_is(span_trim(value), "DKIM1") || span_search(key, SPAN("v")) != 0))
        return "v=DKIM1 must be its first tag, or none";
    if (tags_get(key, "h", &value) && !lists(value, "sha256"))
        return "it does not allow sha256 (h=)";
    if (tags_get(key, "s", &value) && !lists(value, "email"))
        return "it is not for mail (s=)";
    return NULL;
}

static void see_dkim(struct look *l)
{
    struct span there = SPAN_NONE, ours = SPAN_NONE, kind;

    if (!l->found->count) {
        l->out->state = ZONE_MISSING;
        return;
    }
    show_all(l);
    tags_get(l->record->data, "p", &ours);
    if (l->found->count > 1)
        wrong(l, "there are %zu texts under this name: only the key may be", l->found->count);
    else if (!tags_get(l->found->data[0], "p", &there))
        wrong(l, "it is no key");
    else if (!span_trim(there).len)
        wrong(l, "it says that the key is revoked");
    else if (!tags_same(there, ours))
        wrong(l, "it is another key");
    else if (tags_get(l->found->data[0], "k", &kind) &&
             span_search(l->record->data, SPAN("k=ed25519")) >= 0 &&
             !span_iis(span_trim(kind), "ed25519"))
        wrong(l, "k=%.*s is not the kind of this key", SPAN_ARG(span_head(kind, 20)));
    else if (!tags_get(l->found->data[0], "k", &kind) &&
             span_search(l->record->data, SPAN("k=ed25519")) >= 0)
        wrong(l, "k=ed25519 is not in it");
    else if (limits_of(l->found->data[0]))
        wrong(l, "%s", limits_of(l->found->data[0]));
}

static void see_dmarc(struct look *l)
{
    struct span one = SPAN_NONE;

    if (only_one(l, "v=DMARC1", &one) && !*spf_dmarc_policy(one))
        wrong(l, "it has no policy: p=none, p=quarantine or p=reject");
}

static bool id_fine(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= '0' && s.at[i] <= '9') ||
              ((s.at[i] | 32) >= 'a' && (s.at[i] | 32) <= 'z')))
            return false;
    return s.len && s.len <= 32;
}

static void see_mta_sts(struct look *l)
{
    struct span one = SPAN_NONE, id = SPAN_NONE;

    if (only_one(l, "v=STSv1", &one) && !(tags_get(one, "id", &id) && id_fine(span_trim(id))))
        wrong(l, "it has no id of 1 to 32 letters and digits");
}

static void see_tls_report(struct look *l)
{
    struct span one = SPAN_NONE, rua;

    if (only_one(l, "v=TLSRPTv1", &one) && !tags_get(one, "rua", &rua))
        wrong(l, "it does not say to whom (rua=)");
}

/* The host at the end of "10 host." or "0 1 465 host."; and what stands before it. */
static struct span host_of(struct span data, struct span *before)
{
    ptrdiff_t at = span_rfind(data, ' ');
    struct span host = span_from(data, (size_t)(at + 1));

    *before = span_head(data, at < 0 ? 0 : (size_t)at);
    if (host.len && host.at[host.len - 1] == '.')
        host.len--;
    return host;
}

static void see_mx(struct look *l)
{
    struct span before, ours = host_of(l->record->data, &before);

    show_all(l);
    if (!l->found->count)
        l->out->state = ZONE_MISSING;
    for (size_t i = 0; i < l->found->count; i++)
        if (span_ieq(host_of(l->found->data[i], &before), ours))
            return;
    if (l->found->count == 1 && !host_of(l->found->data[0], &before).len)
        wrong(l, "it says that the domain takes no mail at all (null MX)");
    else if (l->found->count)
        wrong(l, "it names other servers: mail for the domain does not come here");
}

/* Priority and weight are for their owner to say. */
static void see_service(struct look *l)
{
    struct span a, b, ours = host_of(l->record->data, &a);

    show_all(l);
    if (!l->found->count)
        l->out->state = ZONE_MISSING;
    for (size_t i = 0; i < l->found->count; i++) {
        bool host = span_ieq(host_of(l->found->data[i], &b), ours);
        struct span port = span_from(b, (size_t)(span_rfind(b, ' ') + 1));

        if (host && span_eq(port, span_from(a, (size_t)(span_rfind(a, ' ') + 1))))
            return;
    }
    if (l->found->count)
        wrong(l, "it names other doors");
}

static void see_host(struct look *l)
{
    show_all(l);
    if (!l->found->count)
        l->out->state = ZONE_MISSING;
    else if (!l->found->same)
        wrong(l, "it is another machine");
}

static void blame_alias(struct look *l)
{
    struct text safe = TEXT_INIT(4 * SHOWN);

    text_add_safe(&safe, span_head(l->found->alias, SHOWN));
    wrong(l,
          "the name is an alias (CNAME) of %s, beside which nothing else can stand: take the alias "
          "out first, or publish this there",
          text_cstr(&safe));
    text_free(&safe);
}

void zone_compare(const struct zone_record *r, const struct zone_found *found, struct arena *a,
                  struct zone_verdict *out)
{
    static void (*const rows[ZONE_PURPOSE_COUNT])(struct look * l) = {
        [ZONE_MX] = see_mx,           [ZONE_SPF] = see_spf,
        [ZONE_DKIM] = see_dkim,       [ZONE_DMARC] = see_dmarc,
        [ZONE_HOST] = see_host,       [ZONE_SERVICE] = see_service,
        [ZONE_MTA_STS] = see_mta_sts, [ZONE_TLS_REPORT] = see_tls_report};
    struct look l = {r, found, a, out};

    *out = (struct zone_verdict){.state = ZONE_RIGHT, .publish = r->data};
    if (found->result == DNS_TEMPORARY || found->result == DNS_BOGUS) {
        out->state = ZONE_UNKNOWN;
        out->words = found->why;
        return;
    }
    rows[r->purpose](&l);
    if (out->state != ZONE_RIGHT && out->state != ZONE_UNKNOWN && found->alias.len)
        blame_alias(&l);
}
