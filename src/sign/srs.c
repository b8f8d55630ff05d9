#include "sign/srs.h"

#include "mail/address.h"
#include "tls/digest.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

enum {
    TAG = 4,      /* "SRS0" */
    STAMP = 2,    /* characters of the day */
    CYCLE = 1024, /* days until it comes again */
    AHEAD = 1,    /* another host's clock may be a day before ours */
    DATA_MAX = 1024
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* An address in its parts: what stands in a quoted local part, without the quotes. */
struct parts {
    struct span local, domain;
    bool quoted;
};

static bool split(struct span address, struct parts *p)
{
    ptrdiff_t at = span_rfind(address, '@');

    if (at <= 0)
        return false;
    p->local = span_head(address, (size_t)at);
    p->domain = span_from(address, (size_t)at + 1);
    p->quoted = p->local.len >= 2 && p->local.at[0] == '"';
    if (p->quoted)
        p->local = (struct span){p->local.at + 1, p->local.len - 2};
    return p->local.len && p->domain.len;
}

static bool is_separator(char c)
{
    return c == '=' || c == '-' || c == '+';
}

static bool has_tag(struct span local, char digit)
{
    return local.len > TAG && span_istarts(local, SPAN("SRS")) && local.at[TAG - 1] == digit &&
           is_separator(local.at[TAG]);
}

bool srs_is(struct span address)
{
    struct parts p;

    return split(address, &p) && (has_tag(p.local, '0') || has_tag(p.local, '1'));
}

/* ---- hash and day ---- */

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static void hash(struct span secret, const struct span *data, size_t count, char out[SRS_HASH])
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct text t = TEXT_INIT(DATA_MAX);
    unsigned char mac[DIGEST_SHA1];

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < data[i].len; k++)
            text_addc(&t, lower(data[i].at[k]));
    digest_hmac_sha1(secret, text_span(&t), mac);
    text_free(&t);
    for (unsigned i = 0; i < SRS_HASH; i++) {
        unsigned bit = 6 * i, two = (unsigned)mac[bit / 8] << 8 | mac[bit / 8 + 1];

        out[i] = base64[two >> (10 - bit % 8) & 63];
    }
}

/* In one time for all that are wrong. */
static bool is_hash(struct span given, const char right[SRS_HASH])
{
    int differ = 0;

    if (given.len != SRS_HASH)
        return false;
    for (size_t i = 0; i < SRS_HASH; i++)
        differ |= lower(given.at[i]) ^ lower(right[i]);
    return !differ;
}

static bool is_ours(const struct srs_secrets *s, struct span given, const struct span *data,
                    size_t count)
{
    char right[SRS_HASH];
    bool ours = false;

    for (size_t i = 0; i < s->count; i++) {
        hash(s->at[i], data, count, right);
        ours |= is_hash(given, right);
    }
    return ours;
}

static void stamp(int64_t wall, char out[STAMP])
{
    unsigned day = (unsigned)(wall / DAY_MS % CYCLE);

    out[0] = base32[day / 32];
    out[1] = base32[day % 32];
}

static bool is_young(struct span given, int64_t wall)
{
    int64_t day = 0, age;

    for (size_t i = 0; i < STAMP; i++) {
        char c = given.at[i];
        const char *found = strchr(base32, c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);

        if (!c || !found)
            return false;
        day = 32 * day + (found - base32);
    }
    age = (wall / DAY_MS - day + AHEAD) % CYCLE;
    return age >= 0 && age <= SRS_DAYS + AHEAD;
}

/* ---- forward ---- */

/* A name that an address can have: of what another wrote into his local part that is not said. */
static bool is_name(struct span domain)
{
    struct text whole = TEXT_INIT(DATA_MAX);
    struct address a;
    bool good;

    text_addf(&whole, "x@%.*s", SPAN_ARG(domain));
    good = !whole.full && address_parse(text_span(&whole), true, &a) == PATH_OK &&
           address_domain_ok(domain, true);
    text_free(&whole);
    return good;
}

static bool add_srs1(const struct srs_secrets *s, struct span first, struct span rest,
                     struct text *out)
{
    const struct span data[] = {first, rest};
    char h[SRS_HASH];

    hash(s->at[0], data, 2, h);
    text_addf(out, "SRS1=%.*s=%.*s=%.*s", SRS_HASH, h, SPAN_ARG(first), SPAN_ARG(rest));
    return is_name(first);
}

static bool add_local(const struct srs_secrets *s, const struct parts *p, int64_t wall,
                      struct text *out)
{
    char day[STAMP], h[SRS_HASH];
    const struct span data[] = {{day, STAMP}, p->domain, p->local};
    struct span rest = span_from(p->local, TAG + 1), skipped, first;

    if (has_tag(p->local, '0') && p->local.len > TAG + 1)
        return add_srs1(s, p->domain, span_from(p->local, TAG), out);
    if (has_tag(p->local, '1') && span_cut(&rest, '=', &skipped) && span_cut(&rest, '=', &first) &&
        first.len && rest.len > 1 && is_separator(rest.at[0]))
        return add_srs1(s, first, rest, out);
    stamp(wall, day);
    hash(s->at[0], data, 3, h);
    text_addf(out, "SRS0=%.*s=%.*s=%.*s=%.*s", SRS_HASH, h, STAMP, day, SPAN_ARG(p->domain),
              SPAN_ARG(p->local));
    return address_domain_ok(p->domain, true);
}

enum srs_result srs_forward(const struct srs_secrets *s, struct span sender, struct span domain,
                            int64_t wall, struct text *out)
{
    struct text local = TEXT_INIT(SRS_LOCAL);
    struct parts p;
    bool good = split(sender, &p);

    if (good && p.quoted)
        text_addc(&local, '"');
    good = good && add_local(s, &p, wall, &local);
    if (good && p.quoted)
        text_addc(&local, '"');
    good = good && !local.full;
    if (good)
        text_addf(out, "%.*s@%.*s", SPAN_ARG(text_span(&local)), SPAN_ARG(domain));
    text_free(&local);
    return good ? SRS_OK : SRS_LONG;
}

/* ---- back ---- */

static enum srs_result back_srs0(const struct srs_secrets *s, struct span rest, int64_t wall,
                                 struct text *local, struct span *domain)
{
    struct span given, data[3];

    if (!span_cut(&rest, '=', &given) || !span_cut(&rest, '=', &data[0]) ||
        !span_cut(&rest, '=', &data[1]) || data[0].len != STAMP || !data[1].len || !rest.len)
        return SRS_FORGED;
    data[2] = rest;
    if (!is_ours(s, given, data, 3))
        return SRS_FORGED;
    if (!is_young(data[0], wall))
        return SRS_OLD;
    *domain = data[1];
    text_add(local, rest);
    return SRS_OK;
}

static enum srs_result back_srs1(const struct srs_secrets *s, struct span rest, struct text *local,
                                 struct span *domain)
{
    struct span given, data[2];

    if (!span_cut(&rest, '=', &given) || !span_cut(&rest, '=', &data[0]) || !data[0].len ||
        rest.len < 2 || !is_separator(rest.at[0]))
        return SRS_FORGED;
    data[1] = rest;
    if (!is_ours(s, given, data, 2))
        return SRS_FORGED;
    *domain = data[0];
    text_adds(local, "SRS0");
    text_add(local, rest);
    return SRS_OK;
}

/* What another forwarder's address held may be anything. */
static enum srs_result add_whole(const struct parts *p, const struct text *local,
                                 struct span domain, struct text *out)
{
    struct text whole = TEXT_INIT(DATA_MAX);
    struct address a;
    bool good;

    text_addf(&whole, "%s%.*s%s@%.*s", p->quoted ? "\"" : "", SPAN_ARG(text_span(local)),
              p->quoted ? "\"" : "", SPAN_ARG(domain));
    good = !whole.full && address_parse(text_span(&whole), true, &a) == PATH_OK &&
           text_add(out, text_span(&whole));
    text_free(&whole);
    return good ? SRS_OK : SRS_FORGED;
}

enum srs_result srs_back(const struct srs_secrets *s, struct span address, int64_t wall,
                         struct text *out)
{
    struct text local = TEXT_INIT(DATA_MAX);
    enum srs_result r = SRS_NONE;
    struct span domain, rest;
    struct parts p;

    if (!srs_is(address) || !split(address, &p))
        return SRS_NONE;
    rest = span_from(p.local, TAG + 1);
    r = has_tag(p.local, '0') ? back_srs0(s, rest, wall, &local, &domain)
                              : back_srs1(s, rest, &local, &domain);
    if (r == SRS_OK)
        r = add_whole(&p, &local, domain, out);
    text_free(&local);
    return r;
}
