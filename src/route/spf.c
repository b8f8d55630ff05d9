#include "route/spf.h"

#include "base/memory.h"
#include "route/path.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define X(id, name) name,
static const char *const results[] = {SPF_RESULT_LIST(X)};
#undef X

const char *spf_result_name(enum spf_result r)
{
    return (unsigned)r < COUNT(results) ? results[r] : "";
}

/* ---- one record ---- */

static const struct {
    const char *word;
    enum spf_kind kind;
    bool domain, must; /* may, or must, name one */
} mechanisms[] = {
    {"all", SPF_ALL, false, false}, {"include", SPF_INCLUDE, true, true},
    {"a", SPF_A, true, false},      {"mx", SPF_MX, true, false},
    {"ptr", SPF_PTR, true, false},  {"ip4", SPF_IP4, true, true},
    {"ip6", SPF_IP6, true, true},   {"exists", SPF_EXISTS, true, true},
};

static enum spf_result qualifier(struct span *word)
{
    static const struct {
        char sign;
        enum spf_result result;
    } signs[] = {{'+', SPF_PASS}, {'-', SPF_FAIL}, {'~', SPF_SOFTFAIL}, {'?', SPF_NEUTRAL}};

    for (size_t i = 0; word->len && i < COUNT(signs); i++) {
        if (word->at[0] != signs[i].sign)
            continue;
        *word = span_from(*word, 1);
        return signs[i].result;
    }
    return SPF_PASS;
}

static bool read_bits(struct span s, unsigned max, unsigned *out)
{
    uint64_t v;

    if (!span_u64(s, max, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

/* Cuts "/24", "//64" or "/24//64" off the end. */
static bool cut_bits(struct span *s, struct spf_term *t)
{
    ptrdiff_t slash = span_find(*s, '/'), two;
    struct span bits;

    if (slash < 0)
        return true;
    bits = span_from(*s, (size_t)slash);
    *s = span_head(*s, (size_t)slash);
    if (t->kind == SPF_IP6)
        return read_bits(span_from(bits, 1), 128, &t->bits6);
    two = span_search(bits, SPAN("//"));
    if (two >= 0) {
        if (t->kind == SPF_IP4 || !read_bits(span_from(bits, (size_t)two + 2), 128, &t->bits6))
            return false;
        bits = span_head(bits, (size_t)two);
    }
    return !bits.len || read_bits(span_from(bits, 1), 32, &t->bits4);
}

static bool read_mechanism(struct span word, struct spf_term *t)
{
    size_t end = 0, i = 0;
    struct span name, rest;

    *t = (struct spf_term){.result = qualifier(&word), .bits4 = 32, .bits6 = 128};
    while (end < word.len && word.at[end] != ':' && word.at[end] != '/')
        end++;
    name = span_head(word, end);
    rest = span_from(word, end);
    while (i < COUNT(mechanisms) && !span_iis(name, mechanisms[i].word))
        i++;
    if (i == COUNT(mechanisms))
        return false;
    t->kind = mechanisms[i].kind;
    if (rest.len && rest.at[0] == ':') {
        rest = span_from(rest, 1);
        if (!mechanisms[i].domain || !rest.len || rest.at[0] == '/')
            return false;
    } else if (mechanisms[i].must || (rest.len && t->kind != SPF_A && t->kind != SPF_MX)) {
        return false;
    }
    if (t->kind != SPF_INCLUDE && t->kind != SPF_EXISTS && !cut_bits(&rest, t))
        return false;
    t->domain = rest;
    t->macro = span_find(rest, '%') >= 0;
    return true;
}

/* "name=value": a name we do not know is passed over. */
static bool is_modifier(struct span word, struct span *name, struct span *value)
{
    ptrdiff_t is = span_find(word, '=');

    if (is <= 0)
        return false;
    *name = span_head(word, (size_t)is);
    *value = span_from(word, (size_t)is + 1);
    return span_find(*name, ':') < 0 && span_find(*name, '/') < 0;
}

bool spf_parse(struct span text, struct spf_record *out)
{
    struct span version = SPAN("v=spf1"), word, name, value;

    memset(out, 0, sizeof *out);
    if (text.len > SPF_RECORD_MAX || !span_istarts(text, version) ||
        (text.len > version.len && text.at[version.len] != ' '))
        return false;
    text = span_from(text, version.len);
    while (span_cut(&text, ' ', &word)) {
        if (!word.len)
            continue;
        if (is_modifier(word, &name, &value)) {
            if (!span_iis(name, "redirect"))
                continue;
            if (out->redirect.len || !value.len)
                return false;
            out->redirect = value;
            out->redirect_macro = span_find(value, '%') >= 0;
        } else if (out->count == SPF_TERMS || !read_mechanism(word, &out->term[out->count++])) {
            return false;
        }
    }
    return true;
}

/* ---- a domain's word ---- */

struct check {
    struct dns *dns;
    struct arena *arena;
    int64_t deadline;
    const struct sockaddr_storage *address;
    unsigned questions, voids;
    bool broken; /* too much, or DNS failed */
};

static const unsigned char *octets(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6
               ? ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr
               : (const unsigned char *)&((const struct sockaddr_in *)a)->sin_addr;
}

static bool inside(const struct sockaddr_storage *a, const struct sockaddr_storage *net,
                   const struct spf_term *t)
{
    unsigned bits = a->ss_family == AF_INET6 ? t->bits6 : t->bits4;
    unsigned whole = bits / 8, mask = 0xffU & ~(0xffU >> bits % 8);

    if (a->ss_family != net->ss_family || memcmp(octets(a), octets(net), whole) != 0)
        return false;
    return bits % 8 == 0 || ((octets(a)[whole] ^ octets(net)[whole]) & mask) == 0;
}

static void count_void(struct check *c, enum dns_result r)
{
    if (r == DNS_TEMPORARY || r == DNS_BOGUS)
        c->broken = true;
    else if (r != DNS_OK && ++c->voids > SPF_VOIDS)
        c->broken = true;
}

static bool at_host(struct check *c, struct span name, const struct spf_term *t)
{
    struct dns_address_list l;

    count_void(c, dns_address(c->dns, name, c->deadline, c->arena, &l));
    for (size_t i = 0; i < l.count && l.status.result == DNS_OK; i++)
        if (inside(c->address, &l.address[i], t))
            return true;
    return false;
}

static bool at_mx(struct check *c, struct span domain, const struct spf_term *t)
{
    struct dns_mx_list l;

    count_void(c, dns_mx(c->dns, domain, c->deadline, c->arena, &l));
    if (l.status.result != DNS_OK)
        return false;
    if (l.count > SPF_HOSTS)
        c->broken = true;
    for (size_t i = 0; i < l.count && !c->broken; i++)
        if (l.mx[i].host.len && at_host(c, l.mx[i].host, t))
            return true;
    return false;
}

static enum spf_result ask(struct check *c, struct span domain);

static bool is_included(struct check *c, struct span domain)
{
    enum spf_result r = ask(c, domain);

    if (r == SPF_NONE || r == SPF_UNKNOWN)
        c->broken = true;
    return r == SPF_PASS;
}

static bool asks(enum spf_kind k)
{
    return k != SPF_ALL && k != SPF_IP4 && k != SPF_IP6;
}

static bool matches(struct check *c, const struct spf_term *t, struct span own)
{
    struct span domain = t->domain.len ? t->domain : own;
    struct sockaddr_storage net;

    if (t->macro || (asks(t->kind) && ++c->questions > SPF_QUESTIONS)) {
        c->broken = true;
        return false;
    }
    switch (t->kind) {
    case SPF_ALL:
        return true;
    case SPF_INCLUDE:
        return is_included(c, domain);
    case SPF_A:
        return at_host(c, domain, t);
    case SPF_MX:
        return at_mx(c, domain, t);
    case SPF_IP4:
    case SPF_IP6:
        if (!path_literal(t->domain, &net))
            c->broken = true;
        return !c->broken && inside(c->address, &net, t);
    case SPF_EXISTS: {
        struct dns_address_list l;

        count_void(c, dns_address(c->dns, domain, c->deadline, c->arena, &l));
        return l.status.result == DNS_OK;
    }
    case SPF_PTR: /* nobody should use it (RFC 7208 5.5), and few receivers look */
        break;
    }
    return false;
}

/* The one record of a domain. */
static enum spf_result fetch(struct check *c, struct span domain, struct spf_record *out)
{
    struct dns_text_list l;
    enum dns_result r = dns_txt(c->dns, domain, c->deadline, c->arena, &l);
    enum spf_result found = SPF_NONE;

    if (r == DNS_TEMPORARY || r == DNS_BOGUS)
        return SPF_UNKNOWN;
    for (size_t i = 0; i < l.count && r == DNS_OK; i++) {
        struct span word = SPAN("v=spf1"), s = l.text[i];

        if (!span_istarts(s, word) || (s.len > word.len && s.at[word.len] != ' '))
            continue;
        if (found != SPF_NONE || !spf_parse(s, out))
            return SPF_UNKNOWN;
        found = SPF_PASS;
    }
    return found;
}

static enum spf_result ask(struct check *c, struct span domain)
{
    struct spf_record *r = arena_alloc(c->arena, sizeof *r);
    enum spf_result found = fetch(c, domain, r);

    if (found != SPF_PASS)
        return found;
    for (size_t i = 0; i < r->count; i++) {
        bool match = matches(c, &r->term[i], domain);

        if (c->broken)
            return SPF_UNKNOWN;
        if (match)
            return r->term[i].result;
    }
    if (!r->redirect.len)
        return SPF_NEUTRAL;
    if (r->redirect_macro || ++c->questions > SPF_QUESTIONS)
        return SPF_UNKNOWN;
    found = ask(c, r->redirect);
    return found == SPF_NONE ? SPF_UNKNOWN : found;
}

enum spf_result spf_check(struct dns *d, struct span domain, const struct sockaddr_storage *address,
                          size_t count, int64_t deadline)
{
    static const unsigned char goodness[] = {[SPF_FAIL] = 1,    [SPF_SOFTFAIL] = 2, [SPF_NONE] = 3,
                                             [SPF_UNKNOWN] = 4, [SPF_NEUTRAL] = 5,  [SPF_PASS] = 6};
    enum spf_result best = SPF_UNKNOWN;

    for (size_t i = 0; i < count && i < SPF_HOSTS && best != SPF_PASS; i++) {
        struct check c = {
            .dns = d, .arena = arena_new(), .deadline = deadline, .address = &address[i]};
        enum spf_result r = ask(&c, domain);

        if (i == 0 || goodness[r] > goodness[best])
            best = r;
        arena_free(&c.arena);
    }
    return best;
}

/* ---- DMARC ---- */

const char *spf_dmarc_policy(struct span record)
{
    static const char *const policies[] = {"none", "quarantine", "reject"};
    struct span part, name;
    bool first = true;

    while (record.len <= SPF_RECORD_MAX && span_cut(&record, ';', &part)) {
        ptrdiff_t is = span_find(part, '=');
        struct span value = span_trim(span_from(part, (size_t)(is + 1)));

        if (is < 0)
            continue;
        name = span_trim(span_head(part, (size_t)is));
        if (first && !(span_iis(name, "v") && span_is(value, "DMARC1")))
            return "";
        first = false;
        for (size_t i = 0; span_iis(name, "p") && i < COUNT(policies); i++)
            if (span_iis(value, policies[i]))
                return policies[i];
    }
    return "";
}

/* The domain itself, then the ones above it that have a dot. */
const char *spf_dmarc(struct dns *d, struct span domain, int64_t deadline)
{
    struct arena *a = arena_new();
    const char *policy = "";

    for (int i = 0; i < 4 && !*policy && span_find(domain, '.') > 0; i++) {
        struct span name = span_of(arena_printf(a, "_dmarc.%.*s", SPAN_ARG(domain)));
        struct dns_text_list l;

        if (dns_txt(d, name, deadline, a, &l) == DNS_OK)
            for (size_t k = 0; k < l.count && !*policy; k++)
                policy = spf_dmarc_policy(l.text[k]);
        domain = span_from(domain, (size_t)span_find(domain, '.') + 1);
    }
    arena_free(&a);
    return policy;
}
