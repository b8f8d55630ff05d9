#include "zone/zone_ask.h"

#include "dns/rdata.h"
#include "dns/reverse.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

enum { ADDRESSES_MAX = 32 };

struct asking {
    struct dns *dns;
    int64_t deadline;
    struct arena *arena;
    struct sockaddr_storage address[ADDRESSES_MAX]; /* ours */
    size_t address_count;
};

static struct span without_dot(struct span s)
{
    return s.len && s.at[s.len - 1] == '.' ? span_head(s, s.len - 1) : s;
}

/* ---- records as text ---- */

static bool add_mx(struct span rdata, struct text *out)
{
    struct rdata_mx mx;

    return rdata_mx(rdata, &mx) && text_addf(out, "%u %s.", mx.preference, mx.host);
}

static bool add_srv(struct span rdata, struct text *out)
{
    struct rdata_srv s;

    return rdata_srv(rdata, &s) &&
           text_addf(out, "%u %u %u %s.", s.priority, s.weight, s.port, s.host);
}

static void take(struct asking *k, const struct dns_lookup *l, struct zone_found *out)
{
    bool (*add)(struct span rdata, struct text * out) = l->type == DNS_MX    ? add_mx
                                                        : l->type == DNS_SRV ? add_srv
                                                                             : rdata_txt;
    struct text t = TEXT_INIT(65536);

    *out = (struct zone_found){.result = l->status.result, .why = l->status.why};
    out->data = arena_alloc(k->arena, (l->count ? l->count : 1) * sizeof *out->data);
    for (size_t i = 0; i < l->count; i++) {
        text_clear(&t);
        if (add(l->rdata[i], &t))
            out->data[out->count++] = arena_span(k->arena, text_span(&t));
    }
    text_free(&t);
}

/* ---- addresses ---- */

static struct span address_text(struct arena *a, const struct sockaddr_storage *s)
{
    char buf[INET6_ADDRSTRLEN] = "";
    const void *at = s->ss_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)s)->sin_addr
                         : (const void *)&((const struct sockaddr_in6 *)s)->sin6_addr;

    inet_ntop(s->ss_family, at, buf, sizeof buf);
    return arena_span(a, span_of(buf));
}

static bool among(struct span s, const struct span *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(s, list[i]))
            return true;
    return false;
}

static size_t texts(struct asking *k, const struct dns_address_list *l, struct span **out)
{
    *out = arena_alloc(k->arena, (l->count ? l->count : 1) * sizeof **out);
    for (size_t i = 0; i < l->count; i++)
        (*out)[i] = address_text(k->arena, &l->address[i]);
    return l->count;
}

/* A CNAME and the same addresses are equally good. */
static void ask_host(struct asking *k, const struct zone_record *r, struct zone_found *out)
{
    struct dns_address_list theirs, ours;
    struct span *meant;
    size_t count;

    dns_address(k->dns, r->name, k->deadline, k->arena, &theirs);
    dns_address(k->dns, without_dot(r->data), k->deadline, k->arena, &ours);
    *out = (struct zone_found){.result = theirs.status.result, .why = theirs.status.why};
    out->count = texts(k, &theirs, &out->data);
    count = texts(k, &ours, &meant);
    out->same = out->count > 0;
    for (size_t i = 0; i < out->count; i++)
        out->same = out->same && among(out->data[i], meant, count);
}

static bool read_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    out->ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(out->ss_family, text,
                     out->ss_family == AF_INET ? (void *)&four->sin_addr
                                               : (void *)&six->sin6_addr) == 1;
}

/* From where our mail comes, as others see it; none when all of it goes by relays. */
static void our_addresses(struct asking *k, const struct config *c)
{
    const struct config_texts *source = &c->delivery.source_address;
    struct dns_address_list l;

    if (zone_all_by_relay(c))
        return;
    for (size_t i = 0; i < source->count && k->address_count < ADDRESSES_MAX; i++)
        if (zone_public(source->at[i]) &&
            read_address(source->at[i], &k->address[k->address_count]))
            k->address_count++;
    if (k->address_count)
        return;
    dns_address(k->dns, span_of(c->hostname), k->deadline, k->arena, &l);
    for (size_t i = 0; i < l.count && i < ADDRESSES_MAX; i++)
        k->address[k->address_count++] = l.address[i];
}

static void ask_spf(struct asking *k, const struct zone_record *r, struct zone_found *out)
{
    out->spf = SPF_PASS;
    for (size_t i = 0; i < k->address_count && out->spf == SPF_PASS; i++) {
        out->spf = spf_check(k->dns, r->name, &k->address[i], 1, k->deadline);
        out->address = address_text(k->arena, &k->address[i]);
    }
}

void zone_ask(struct dns *d, const struct config *c, const struct zone *z, int64_t deadline,
              struct arena *a, struct zone_found *out)
{
    struct dns_lookup lookup[ZONE_RECORDS_MAX] = {{.name = SPAN_NONE}};
    struct asking k = {.dns = d, .deadline = deadline, .arena = a};
    size_t n = 0;

    static_assert((int)ZONE_RECORDS_MAX <= (int)DNS_BATCH_MAX, "all are asked at once");
    for (size_t i = 0; i < z->count; i++)
        if (z->record[i].purpose != ZONE_HOST)
            lookup[n++] = (struct dns_lookup){.name = z->record[i].name, .type = z->record[i].type};
    if (n)
        dns_query(d, lookup, n, deadline, a);
    n = 0;
    for (size_t i = 0; i < z->count; i++) {
        if (z->record[i].purpose == ZONE_HOST)
            ask_host(&k, &z->record[i], &out[i]);
        else
            take(&k, &lookup[n++], &out[i]);
        if (z->record[i].purpose == ZONE_SPF) {
            our_addresses(&k, c);
            ask_spf(&k, &z->record[i], &out[i]);
        }
    }
}

void zone_ask_aliases(struct dns *d, const struct zone *z, int64_t deadline, struct arena *a,
                      struct zone_found *out)
{
    struct dns_lookup lookup[ZONE_RECORDS_MAX] = {{.name = SPAN_NONE}};
    char host[RDATA_NAME];
    size_t n = 0;

    for (size_t i = 0; i < z->count; i++)
        if (z->record[i].purpose != ZONE_HOST)
            lookup[n++] = (struct dns_lookup){.name = z->record[i].name, .type = DNS_CNAME};
    if (n)
        dns_query(d, lookup, n, deadline, a);
    n = 0;
    for (size_t i = 0; i < z->count; i++) {
        if (z->record[i].purpose == ZONE_HOST)
            continue;
        if (lookup[n].count && rdata_host(lookup[n].rdata[0], host))
            out[i].alias = arena_span(a, span_of(host));
        n++;
    }
}

/* ---- the server itself ---- */

static void put(struct zone_server *out, enum zone_state state, struct span words)
{
    out->state = state;
    out->words = words;
}

static void judge_host(struct asking *k, const struct config *c, struct zone_server *out)
{
    struct dns_lookup alias = {.name = span_of(c->hostname), .type = DNS_CNAME};
    struct dns_address_list l;
    struct text there = TEXT_INIT(ADDRESSES_MAX * 50);
    char host[RDATA_NAME];
    struct span *texts_of;
    bool seen = false;
    size_t count;

    *out = (struct zone_server){.kind = ZONE_ADDRESS, .name = span_of(c->hostname)};
    dns_address(k->dns, out->name, k->deadline, k->arena, &l);
    dns_query(k->dns, &alias, 1, k->deadline, k->arena);
    count = texts(k, &l, &texts_of);
    for (size_t i = 0; i < count && i < ADDRESSES_MAX; i++) {
        text_addf(&there, "%s%.*s", i ? ", " : "", SPAN_ARG(texts_of[i]));
        seen |= zone_public(arena_cstr(k->arena, texts_of[i]));
    }
    out->there = arena_span(k->arena, text_span(&there));
    text_free(&there);
    if (alias.count && rdata_host(alias.rdata[0], host))
        put(out, ZONE_WRONG,
            span_of(arena_printf(k->arena,
                                 "it is an alias (CNAME) of %s, and an MX record must not name an "
                                 "alias: give it A and AAAA records of its own",
                                 host)));
    else if (!count && (l.status.result == DNS_TEMPORARY || l.status.result == DNS_BOGUS))
        put(out, ZONE_UNKNOWN, l.status.why);
    else if (!count)
        put(out, ZONE_MISSING,
            SPAN("the name of this server (hostname) has no address, so nobody finds it: publish "
                 "A and AAAA records with its public addresses"));
    else if (!seen)
        put(out, ZONE_WRONG, SPAN("only private addresses, which others cannot reach"));
}

static void judge_name(struct asking *k, const struct config *c, struct zone_server *out,
                       const struct sockaddr_storage *address)
{
    struct reverse r;

    *out = (struct zone_server){.kind = ZONE_REVERSE, .name = address_text(k->arena, address)};
    if (!zone_public(arena_cstr(k->arena, out->name))) {
        put(out, ZONE_UNKNOWN,
            SPAN("a private address: under which one others see this server is "
                 "not known here"));
        return;
    }
    reverse_look(k->dns, address, k->deadline, k->arena, &r);
    out->there = r.name;
    if (r.confirmed && span_iis(r.name, c->hostname))
        return;
    if (r.confirmed)
        put(out, ZONE_WRONG,
            span_of(arena_printf(k->arena,
                                 "its name is not the one this server says it has (%s): most "
                                 "servers do not mind, some do; who gave you the address can "
                                 "change its name (PTR)",
                                 c->hostname)));
    else if (r.status.result == DNS_TEMPORARY || r.status.result == DNS_BOGUS)
        put(out, ZONE_UNKNOWN, r.status.why);
    else
        put(out, r.name.len ? ZONE_WRONG : ZONE_MISSING,
            span_of(arena_printf(
                k->arena,
                "%s, and many servers refuse mail from such an address: ask who "
                "gave you the address to set its name (PTR) to %s",
                r.name.len ? "its name does not lead back to it" : "it has no name", c->hostname)));
}

size_t zone_ask_server(struct dns *d, const struct config *c, int64_t deadline, struct arena *a,
                       struct zone_server *out)
{
    struct asking k = {.dns = d, .deadline = deadline, .arena = a};
    size_t n = 0;

    judge_host(&k, c, &out[n++]);
    our_addresses(&k, c);
    for (size_t i = 0; i < k.address_count && n < ZONE_SERVER_MAX; i++)
        judge_name(&k, c, &out[n++], &k.address[i]);
    return n;
}
