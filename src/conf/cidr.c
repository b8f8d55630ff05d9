#include "conf/cidr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool tail_clear(const struct cidr *c, unsigned width)
{
    for (unsigned i = c->bits; i < width; i++)
        if (c->byte[i / 8] & (0x80u >> (i % 8)))
            return false;
    return true;
}

/* ::ffff:192.0.2.0/120 says the same as 192.0.2.0/24: keep one form, so that one compare is
 * enough. */
static void unmap(struct cidr *c)
{
    if (c->family != AF_INET6 || c->bits < 96 || memcmp(c->byte, mapped, sizeof mapped) != 0)
        return;
    memmove(c->byte, c->byte + 12, 4);
    memset(c->byte + 4, 0, 12);
    c->family = AF_INET;
    c->bits -= 96;
}

bool cidr_parse(struct span s, struct cidr *out)
{
    struct span host = s;
    char buf[INET6_ADDRSTRLEN];
    ptrdiff_t slash = span_find(s, '/');
    uint64_t bits;
    unsigned width;

    if (slash >= 0)
        host = span_head(s, (size_t)slash);
    *out = (struct cidr){.family = span_find(host, ':') >= 0 ? AF_INET6 : AF_INET};
    width = out->family == AF_INET6 ? 128 : 32;
    bits = width;
    if (!host.len || !span_cstr(host, buf, sizeof buf) ||
        inet_pton(out->family, buf, out->byte) != 1)
        return false;
    if (slash >= 0 && !span_u64(span_from(s, (size_t)slash + 1), width, &bits))
        return false;
    out->bits = (unsigned)bits;
    if (!tail_clear(out, width))
        return false;
    unmap(out);
    return true;
}

void cidr_text(const struct cidr *c, char buf[CIDR_TEXT])
{
    char host[INET6_ADDRSTRLEN];
    const char *made = inet_ntop(c->family, c->byte, host, sizeof host);

    assert(made);
    if (c->bits == (c->family == AF_INET6 ? 128 : 32))
        snprintf(buf, CIDR_TEXT, "%s", made);
    else
        snprintf(buf, CIDR_TEXT, "%s/%u", made, c->bits);
}

/* The bare address as a block of one host; false for other families. */
static bool from_sockaddr(const struct sockaddr_storage *a, struct cidr *out)
{
    *out = (struct cidr){.family = a->ss_family};
    if (a->ss_family == AF_INET) {
        out->bits = 32;
        memcpy(out->byte, &((const struct sockaddr_in *)a)->sin_addr, 4);
    } else if (a->ss_family == AF_INET6) {
        out->bits = 128;
        memcpy(out->byte, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
    } else {
        return false;
    }
    unmap(out);
    return true;
}

static bool holds(const struct cidr *c, const struct cidr *host)
{
    unsigned whole = c->bits / 8, rest = c->bits % 8;
    unsigned mask = 0xffu & ~(0xffu >> rest);

    if (c->family != host->family || memcmp(c->byte, host->byte, whole) != 0)
        return false;
    return !rest || (host->byte[whole] & mask) == c->byte[whole];
}

bool cidr_any(const struct cidr *list, size_t count, const struct sockaddr_storage *address)
{
    struct cidr host;

    if (!from_sockaddr(address, &host))
        return false;
    for (size_t i = 0; i < count; i++)
        if (holds(&list[i], &host))
            return true;
    return false;
}
