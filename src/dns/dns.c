#include "dns/dns.h"

#include "dns/driver.h"
#include "dns/rdata.h"
#include "dns/resolver.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Of one TXT record: what SPF or MTA-STS could say fits many times over. */
enum { TXT_MAX = 8192 };

const char *dns_result_name(enum dns_result r)
{
#define X(id, name) [id] = (name),
    static const char *const names[] = {DNS_RESULT_LIST(X)};
#undef X

    return names[r];
}

struct dns *dns_new(struct loop *l, const struct dns_settings *s, struct error *e)
{
    return resolver_new(l, s, e);
}

void dns_free(struct dns **d)
{
    if (!*d)
        return;
    (*d)->driver->free(*d);
    *d = NULL;
}

void dns_query(struct dns *d, struct dns_lookup *lookups, size_t count, int64_t deadline,
               struct arena *a)
{
    struct dns_lookup *good[DNS_BATCH_MAX];
    size_t n = 0;

    assert(count <= DNS_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        struct dns_lookup *l = &lookups[i];

        *l = (struct dns_lookup){.name = l->name, .type = l->type};
        if (rdata_name_ok(l->name)) {
            good[n++] = l;
        } else {
            l->status.result = DNS_NXDOMAIN;
            l->status.why = SPAN("this is not a domain name");
        }
    }
    if (n > 0)
        d->driver->query(d, good, n, deadline, a);
}

static struct dns_lookup ask(struct dns *d, struct span name, enum dns_type type, int64_t deadline,
                             struct arena *a)
{
    struct dns_lookup l = {.name = name, .type = type};

    dns_query(d, &l, 1, deadline, a);
    return l;
}

/* The status of a list of which `kept` records could be used. Rubbish is temporary: the zone's
 * owner may be in the middle of a mistake. */
static enum dns_result conclude(struct dns_status *s, size_t kept)
{
    if (s->result == DNS_OK && kept == 0) {
        s->result = DNS_TEMPORARY;
        s->why = SPAN("the answer holds no usable record");
    }
    return s->result;
}

enum dns_result dns_mx(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                       struct dns_mx_list *out)
{
    struct dns_lookup l = ask(d, name, DNS_MX, deadline, a);
    struct rdata_mx mx;

    *out = (struct dns_mx_list){.status = l.status};
    out->mx = arena_alloc(a, (l.count + 1) * sizeof *out->mx);
    for (size_t i = 0; i < l.count; i++)
        if (rdata_mx(l.rdata[i], &mx))
            out->mx[out->count++] = (struct dns_mx){mx.preference, arena_span(a, span_of(mx.host))};
    return conclude(&out->status, out->count);
}

enum dns_result dns_srv(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                        struct dns_srv_list *out)
{
    struct dns_lookup l = ask(d, name, DNS_SRV, deadline, a);
    struct rdata_srv srv;

    *out = (struct dns_srv_list){.status = l.status};
    out->srv = arena_alloc(a, (l.count + 1) * sizeof *out->srv);
    for (size_t i = 0; i < l.count; i++)
        if (rdata_srv(l.rdata[i], &srv))
            out->srv[out->count++] = (struct dns_srv){srv.priority, srv.weight, srv.port,
                                                      arena_span(a, span_of(srv.host))};
    return conclude(&out->status, out->count);
}

enum dns_result dns_txt(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                        struct dns_text_list *out)
{
    struct dns_lookup l = ask(d, name, DNS_TXT, deadline, a);
    struct text joined = TEXT_INIT(TXT_MAX);

    *out = (struct dns_text_list){.status = l.status};
    out->text = arena_alloc(a, (l.count + 1) * sizeof *out->text);
    for (size_t i = 0; i < l.count; i++) {
        text_clear(&joined);
        if (rdata_txt(l.rdata[i], &joined))
            out->text[out->count++] = arena_span(a, text_span(&joined));
    }
    text_free(&joined);
    return conclude(&out->status, out->count);
}

/* "1.2.0.192.in-addr.arpa", or 32 nibbles below ip6.arpa (RFC 3596 2.5). False for other families.
 */
static bool reverse_name(const struct sockaddr *address, struct text *out)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const unsigned char *byte;

    if (address->sa_family == AF_INET) {
        byte = (const unsigned char *)&v4->sin_addr;
        return text_addf(out, "%u.%u.%u.%u.in-addr.arpa", byte[3], byte[2], byte[1], byte[0]);
    }
    if (address->sa_family != AF_INET6)
        return false;
    byte = v6->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return text_addf(out, "%u.%u.%u.%u.in-addr.arpa", byte[15], byte[14], byte[13], byte[12]);
    for (int i = 15; i >= 0; i--)
        text_addf(out, "%x.%x.", byte[i] & 15, byte[i] >> 4);
    return text_adds(out, "ip6.arpa");
}

enum dns_result dns_ptr(struct dns *d, const struct sockaddr *address, int64_t deadline,
                        struct arena *a, struct dns_text_list *out)
{
    struct text name = TEXT_INIT(DNS_NAME_MAX);
    char host[RDATA_NAME];
    struct dns_lookup l = {.status = {.result = DNS_NXDOMAIN, .why = SPAN("not an IP address")}};

    if (reverse_name(address, &name))
        l = ask(d, arena_span(a, text_span(&name)), DNS_PTR, deadline, a);
    text_free(&name);
    *out = (struct dns_text_list){.status = l.status};
    out->text = arena_alloc(a, (l.count + 1) * sizeof *out->text);
    for (size_t i = 0; i < l.count; i++)
        if (rdata_host(l.rdata[i], host) && host[0])
            out->text[out->count++] = arena_span(a, span_of(host));
    return conclude(&out->status, out->count);
}

/* Which of two families' results tells more when neither has an address: a failure may hide one. */
static int weight(enum dns_result r)
{
    static const int weights[] = {
        [DNS_OK] = 4, [DNS_BOGUS] = 3, [DNS_TEMPORARY] = 2, [DNS_NONE] = 1, [DNS_NXDOMAIN] = 0};

    return weights[r];
}

static void add_addresses(const struct dns_lookup *l, size_t size, struct dns_address_list *out)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rdata[i].len == size && rdata_address(l->rdata[i], &out->address[out->count]))
            out->count++;
}

static void join_families(const struct dns_lookup *v6, const struct dns_lookup *v4, struct arena *a,
                          struct dns_address_list *out)
{
    bool first = weight(v6->status.result) >= weight(v4->status.result);
    uint32_t ttl = v6->status.ttl < v4->status.ttl ? v6->status.ttl : v4->status.ttl;

    *out = (struct dns_address_list){.status = first ? v6->status : v4->status};
    out->status.secure = v6->status.secure && v4->status.secure;
    out->status.cut = v6->status.cut || v4->status.cut;
    if (v6->status.result == v4->status.result)
        out->status.ttl = ttl;
    out->address = arena_alloc(a, (v6->count + v4->count + 1) * sizeof *out->address);
    add_addresses(v6, sizeof(struct in6_addr), out);
    add_addresses(v4, sizeof(struct in_addr), out);
    conclude(&out->status, out->count);
}

void dns_addresses(struct dns *d, const struct span *names, size_t count, int64_t deadline,
                   struct arena *a, struct dns_address_list *out)
{
    struct dns_lookup *l;

    assert(count <= DNS_BATCH_MAX / 2);
    l = arena_alloc(a, (2 * count + 1) * sizeof *l);
    for (size_t i = 0; i < count; i++) {
        l[2 * i] = (struct dns_lookup){.name = names[i], .type = DNS_AAAA};
        l[2 * i + 1] = (struct dns_lookup){.name = names[i], .type = DNS_A};
    }
    dns_query(d, l, 2 * count, deadline, a);
    for (size_t i = 0; i < count; i++)
        join_families(&l[2 * i], &l[2 * i + 1], a, &out[i]);
}

enum dns_result dns_address(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                            struct dns_address_list *out)
{
    dns_addresses(d, &name, 1, deadline, a, out);
    return out->status.result;
}
