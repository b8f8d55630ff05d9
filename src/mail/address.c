#include "mail/address.h"

#include "base/memory.h"
#include "mail/utf8.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL_MAX = 64,   /* RFC 5321 4.5.3.1.1 */
    DOMAIN_MAX = 255, /* 4.5.3.1.2 */
    PATH_MAX_LEN = 256,
    LABEL_MAX = 63,
};

static bool alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 5322 3.2.3. */
static bool atext(char c)
{
    return alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Code points that look like nothing, turn a line around, or look like the separators of an
 * address: two addresses that differ only in them cannot be told apart by a person (HOSTILE 68,
 * 69). */
static bool deceptive(uint32_t code)
{
    static const struct {
        uint32_t from, to;
    } rows[] = {
        {0x80, 0xa0},        {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},
        {0x17b4, 0x17b5},    {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2024, 0x2024}, {0x2028, 0x202f},
        {0x205f, 0x206f},    {0x3000, 0x3000}, {0x3002, 0x3002}, {0x3164, 0x3164}, {0xe000, 0xf8ff},
        {0xfdd0, 0xfdef},    {0xfe00, 0xfe0f}, {0xfe52, 0xfe52}, {0xfe6b, 0xfe6b}, {0xfeff, 0xfeff},
        {0xff0e, 0xff0e},    {0xff20, 0xff20}, {0xff61, 0xff61}, {0xffa0, 0xffa0}, {0xfff0, 0xffff},
        {0xe0000, 0x10ffff},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (code >= rows[i].from && code <= rows[i].to)
            return true;
    return (code & 0xfffe) == 0xfffe;
}

/* Length of one acceptable character beyond ASCII at the front of s, 0 when there is none. */
static size_t beyond_ascii(struct span s)
{
    uint32_t code;
    size_t n = utf8_decode(s, &code);

    return n > 1 && !deceptive(code) ? n : 0;
}

/* Dot-string = Atom *("." Atom); returns its length, 0 when there is none. */
static size_t dot_string(struct span s)
{
    size_t i = 0;
    bool atom = false; /* something stands since the last dot */

    while (i < s.len) {
        size_t n = atext(s.at[i]) ? 1 : beyond_ascii(span_from(s, i));

        if (!n && s.at[i] == '.' && atom) {
            atom = false;
            i++;
            continue;
        }
        if (!n)
            break;
        atom = true;
        i += n;
    }
    return atom ? i : 0;
}

/* Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE; the length with both quotes, or 0.
 */
static size_t quoted_string(struct span s)
{
    size_t i = 1;

    while (i < s.len && s.at[i] != '"') {
        if (s.at[i] == '\\')
            i++;
        if (i >= s.len)
            return 0;
        if (s.at[i] >= ' ' && s.at[i] <= '~') {
            i++;
        } else {
            size_t n = beyond_ascii(span_from(s, i));

            if (!n)
                return 0;
            i += n;
        }
    }
    return i < s.len ? i + 1 : 0;
}

static size_t local_part(struct span s)
{
    if (!s.len)
        return 0;
    return s.at[0] == '"' ? quoted_string(s) : dot_string(s);
}

/* sub-domain = Let-dig [Ldh-str] */
static bool label_ok(struct span label)
{
    if (!label.len || label.len > LABEL_MAX)
        return false;
    if (label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!alnum(label.at[i]) && label.at[i] != '-')
            return false;
    return true;
}

/* "10", "0x7f": such a last label makes resolvers read the name as an IP address, which is then one
 * that no rule about names or literals has seen (HOSTILE 74). */
static bool label_number(struct span label)
{
    bool hex = span_istarts(label, SPAN("0x"));

    for (size_t i = hex ? 2 : 0; i < label.len; i++) {
        char c = lower(label.at[i]);

        if (!(c >= '0' && c <= '9') && !(hex && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static bool ascii_domain_ok(struct span domain)
{
    struct span label = SPAN_NONE;

    if (!domain.len || domain.len > DOMAIN_MAX)
        return false;
    while (span_cut(&domain, '.', &label))
        if (!label_ok(label))
            return false;
    return !label_number(label);
}

/* U-labels to A-labels. The dots that IDNA would take for "." are refused before, so it can never
 * make two labels out of one. */
static bool to_alabels(struct span domain, struct text *out)
{
    char name[DOMAIN_MAX * 4 + 1];
    char *alabels = NULL;
    bool ok = false;

    for (size_t i = 0; i < domain.len;) {
        size_t n = (unsigned char)domain.at[i] < 128 ? 1 : beyond_ascii(span_from(domain, i));

        if (!n)
            return false;
        i += n;
    }
    if (!span_cstr(domain, name, sizeof name))
        return false;
    if (idn2_to_ascii_8z(name, &alabels,
                         IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT | IDN2_USE_STD3_ASCII_RULES) ==
            IDN2_OK &&
        ascii_domain_ok(span_of(alabels)))
        ok = text_adds(out, alabels);
    idn2_free(alabels);
    return ok;
}

static struct span no_trailing_dot(struct span domain)
{
    if (domain.len > 1 && domain.at[domain.len - 1] == '.')
        domain.len--;
    return domain;
}

bool address_domain_ok(struct span domain, bool utf8)
{
    struct text alabels = TEXT_INIT(DOMAIN_MAX + 1);
    bool ok;

    domain = no_trailing_dot(domain);
    if (!utf8_high(domain))
        return ascii_domain_ok(domain);
    if (!utf8 || domain.len > DOMAIN_MAX)
        return false;
    ok = to_alabels(domain, &alabels);
    text_free(&alabels);
    return ok;
}

static bool add_lower(struct span s, struct text *out)
{
    char *room = text_room(out, s.len);

    if (!room)
        return false;
    for (size_t i = 0; i < s.len; i++)
        room[i] = lower(s.at[i]);
    out->len += s.len;
    out->at[out->len] = '\0';
    return true;
}

bool address_domain_canon(struct span domain, struct text *out)
{
    char host[INET6_ADDRSTRLEN];
    int family;

    if (address_literal(domain, &family, host, sizeof host))
        return add_lower(domain, out);
    domain = no_trailing_dot(domain);
    if (utf8_high(domain))
        return domain.len <= DOMAIN_MAX && to_alabels(domain, out);
    return ascii_domain_ok(domain) && add_lower(domain, out);
}

bool address_literal(struct span domain, int *family, char *buf, size_t cap)
{
    static const struct span tag = SPAN("IPv6:");
    unsigned char binary[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];
    struct span host;

    if (domain.len < 2 || domain.at[0] != '[' || domain.at[domain.len - 1] != ']')
        return false;
    host = span_head(span_from(domain, 1), domain.len - 2);
    *family = span_istarts(host, tag) ? AF_INET6 : AF_INET;
    if (*family == AF_INET6)
        host = span_from(host, tag.len);
    return span_cstr(host, copy, sizeof copy) && inet_pton(*family, copy, binary) == 1 &&
           span_cstr(host, buf, cap);
}

/* What can stand in a domain or a literal: up to here it belongs to the address. */
static size_t domain_extent(struct span s)
{
    size_t i = 0;

    if (s.len && s.at[0] == '[') {
        ptrdiff_t close = span_find(s, ']');

        return close < 0 ? 0 : (size_t)close + 1;
    }
    while (i < s.len &&
           (alnum(s.at[i]) || s.at[i] == '-' || s.at[i] == '.' || (unsigned char)s.at[i] > 127))
        i++;
    return i;
}

static enum path_result check_domain(struct address *a)
{
    char host[INET6_ADDRSTRLEN];
    int family;

    if (a->domain.len > DOMAIN_MAX)
        return PATH_TOO_LONG;
    a->literal = a->domain.len && a->domain.at[0] == '[';
    if (a->literal)
        return address_literal(a->domain, &family, host, sizeof host) ? PATH_OK : PATH_SYNTAX;
    if (span_ends(a->domain, SPAN("."))) /* one was taken off already */
        return PATH_SYNTAX;
    return address_domain_ok(a->domain, true) ? PATH_OK : PATH_SYNTAX;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ), off the front of *rest. */
static enum path_result mailbox(struct span *rest, struct address *out)
{
    size_t local = local_part(*rest), domain;
    struct span after;

    if (!local || local >= rest->len || rest->at[local] != '@')
        return PATH_SYNTAX;
    after = span_from(*rest, local + 1);
    domain = domain_extent(after);
    *out = (struct address){.local = span_head(*rest, local),
                            .domain = no_trailing_dot(span_head(after, domain))};
    out->whole = span_head(*rest, local + 1 + out->domain.len);
    out->utf8 = utf8_high(out->whole);
    *rest = span_from(after, domain);
    if (local > LOCAL_MAX)
        return PATH_TOO_LONG;
    return check_domain(out);
}

/* A-d-l ":" in front of the mailbox: read for its syntax, then forgotten (RFC 5321 appendix C). */
static bool skip_source_route(struct span *rest)
{
    while (rest->len && rest->at[0] == '@') {
        struct span after = span_from(*rest, 1);
        size_t n = domain_extent(after);
        char next = n < after.len ? after.at[n] : '\0';

        if (!address_domain_ok(span_head(after, n), true))
            return false;
        *rest = span_from(after, n + 1);
        if (next == ':')
            return true;
        if (next != ',' || !rest->len || rest->at[0] != '@')
            return false;
    }
    return true;
}

static enum path_result path_inside(struct span *rest, enum path_kind kind, struct address *out)
{
    static const struct span postmaster = SPAN("postmaster>");

    if (kind == PATH_REVERSE && span_starts(*rest, SPAN(">")))
        return PATH_OK;
    if (kind == PATH_FORWARD && span_istarts(*rest, postmaster)) {
        out->local = out->whole = span_head(*rest, postmaster.len - 1);
        *rest = span_from(*rest, postmaster.len - 1);
        return PATH_OK;
    }
    if (!skip_source_route(rest))
        return PATH_SYNTAX;
    return mailbox(rest, out);
}

enum path_result address_path(struct span *rest, enum path_kind kind, bool utf8,
                              struct address *out)
{
    struct span s = *rest;
    enum path_result result;

    *out = (struct address){0};
    if (!span_starts(s, SPAN("<")))
        return PATH_SYNTAX;
    s = span_from(s, 1);
    result = path_inside(&s, kind, out);
    if (result != PATH_OK)
        return result;
    if (!span_starts(s, SPAN(">")))
        return PATH_SYNTAX;
    s = span_from(s, 1);
    if (rest->len - s.len > PATH_MAX_LEN)
        return PATH_TOO_LONG;
    if (out->utf8 && !utf8)
        return PATH_NEEDS_UTF8;
    *rest = s;
    return PATH_OK;
}

enum path_result address_parse(struct span s, bool utf8, struct address *out)
{
    size_t len = s.len;
    enum path_result result;

    *out = (struct address){0};
    result = mailbox(&s, out);
    if (result != PATH_OK)
        return result;
    if (s.len)
        return PATH_SYNTAX;
    if (len > PATH_MAX_LEN - 2)
        return PATH_TOO_LONG;
    return out->utf8 && !utf8 ? PATH_NEEDS_UTF8 : PATH_OK;
}

/* "a\"b" in quotes and a\"b without are one mailbox (RFC 5321 4.1.2). */
static bool add_unquoted(struct span local, bool fold, struct text *out)
{
    bool ok = true;

    if (!local.len || local.at[0] != '"')
        return fold ? add_lower(local, out) : text_add(out, local);
    for (size_t i = 1; i + 1 < local.len; i++) {
        if (local.at[i] == '\\')
            i++;
        ok = text_addc(out, fold ? lower(local.at[i]) : local.at[i]) && ok;
    }
    return ok;
}

bool address_canon(const struct address *a, bool fold, struct text *out)
{
    if (!add_unquoted(a->local, fold, out))
        return false;
    if (!a->domain.len)
        return true;
    return text_addc(out, '@') && address_domain_canon(a->domain, out);
}

bool address_claim_canon(struct span claim, struct text *out)
{
    struct address a;

    text_clear(out);
    if (claim.len > 1 && claim.at[0] == '@')
        return text_addc(out, '@') && address_domain_canon(span_from(claim, 1), out);
    return address_parse(claim, true, &a) == PATH_OK && address_canon(&a, true, out);
}
