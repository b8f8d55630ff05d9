#include "route/path.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *path_tls_name(enum path_tls t)
{
#define X(id, name) [id] = (name),
    static const char *const names[] = {PATH_TLS_LIST(X)};
#undef X

    return names[t];
}

/* The address in network order, IPv4-mapped IPv6 as the IPv4 it means (HOSTILE 74). Empty for other
 * families. */
static struct span bytes_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET)
        return (struct span){(const char *)&v4->sin_addr, 4};
    if (address->ss_family != AF_INET6)
        return SPAN_NONE;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return (struct span){(const char *)&v6->sin6_addr.s6_addr[12], 4};
    return (struct span){(const char *)&v6->sin6_addr, 16};
}

enum place { PLACE_ELSEWHERE, PLACE_NOWHERE, PLACE_LOOPBACK, PLACE_LINK };

struct prefix {
    unsigned char byte[16];
    unsigned bits;
    enum place place;
};

static bool has_prefix(struct span bytes, const struct prefix *p)
{
    size_t whole = p->bits / 8;
    unsigned rest = p->bits % 8;

    if (memcmp(bytes.at, p->byte, whole) != 0)
        return false;
    return rest == 0 || ((unsigned char)bytes.at[whole] ^ p->byte[whole]) >> (8 - rest) == 0;
}

static enum place place_of(const struct sockaddr_storage *address)
{
    static const struct prefix v4[] = {
        {{0}, 8, PLACE_NOWHERE}, /* this network; Linux takes 0.0.0.0 for itself */
        {{127}, 8, PLACE_LOOPBACK},
        {{169, 254}, 16, PLACE_LINK}, /* also where clouds tell their guests secrets */
        {{224}, 4, PLACE_NOWHERE},    /* multicast */
        {{240}, 4, PLACE_NOWHERE},    /* reserved, broadcast */
    };
    static const struct prefix v6[] = {
        {{[15] = 1}, 128, PLACE_LOOPBACK},
        {{0}, 96, PLACE_NOWHERE}, /* :: and the old IPv4-compatible addresses */
        {{0xfe, 0x80}, 10, PLACE_LINK},
        {{0xff}, 8, PLACE_NOWHERE}, /* multicast */
    };
    struct span bytes = bytes_of(address);
    const struct prefix *rows = bytes.len == 4 ? v4 : v6;
    size_t count = bytes.len == 4 ? COUNT(v4) : COUNT(v6);

    if (bytes.len == 0)
        return PLACE_NOWHERE;
    for (size_t i = 0; i < count; i++)
        if (has_prefix(bytes, &rows[i]))
            return rows[i].place;
    return PLACE_ELSEWHERE;
}

bool path_is_local(const struct sockaddr_storage *address)
{
    return place_of(address) != PLACE_ELSEWHERE;
}

bool path_is_nowhere(const struct sockaddr_storage *address)
{
    return place_of(address) == PLACE_NOWHERE;
}

bool path_is_loopback(const struct sockaddr_storage *address)
{
    return place_of(address) == PLACE_LOOPBACK;
}

bool path_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    struct span x = bytes_of(a);

    return x.len > 0 && span_eq(x, bytes_of(b));
}

bool path_literal(struct span text, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    char copy[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof *out);
    if (!span_cstr(text, copy, sizeof copy))
        return false;
    if (inet_pton(AF_INET, copy, &v4->sin_addr) == 1)
        out->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, copy, &v6->sin6_addr) == 1)
        out->ss_family = AF_INET6;
    return out->ss_family != AF_UNSPEC;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                    : ((const struct sockaddr_in *)a)->sin_port;
}

bool path_same_door(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return path_same_address(a, b) && port_of(a) == port_of(b);
}

void path_door(const struct path *p, char buf[PATH_DOOR_TEXT])
{
    bool six = span_find(p->host, ':') >= 0;

    snprintf(buf, PATH_DOOR_TEXT, "%s%.*s%s:%u %s", six ? "[" : "",
             (int)(p->host.len < 255 ? p->host.len : 255), p->host.at, six ? "]" : "",
             (unsigned)p->port, path_tls_name(p->tls));
}

void path_set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

void path_address(const struct path *p, char buf[PATH_ADDRESS_TEXT])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&p->address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&p->address;
    bool six = p->address.ss_family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "?";

    inet_ntop(p->address.ss_family, six ? (const void *)&v6->sin6_addr : &v4->sin_addr, text,
              sizeof text);
    snprintf(buf, PATH_ADDRESS_TEXT, six ? "[%s]:%u" : "%s:%u", text,
             p->through.len ? ntohs(six ? v6->sin6_port : v4->sin_port) : p->port);
}

/* The next address of this family at or after *at; NULL when there is none. */
static const struct sockaddr_storage *next_of(const struct sockaddr_storage *all, size_t count,
                                              sa_family_t family, size_t *at)
{
    while (*at < count) {
        const struct sockaddr_storage *one = &all[(*at)++];

        if (one->ss_family == family)
            return one;
    }
    return NULL;
}

size_t path_order(struct sockaddr_storage *address, size_t count, enum path_family family)
{
    bool four_first = family == PATH_IPV4_FIRST || family == PATH_IPV4_ONLY;
    bool both = family == PATH_IPV4_FIRST || family == PATH_IPV6_FIRST;
    sa_family_t families[2] = {four_first ? AF_INET : AF_INET6, four_first ? AF_INET6 : AF_INET};
    struct sockaddr_storage *all = memory_array(count, sizeof *all);
    size_t at[2] = {0, both ? 0 : count}, n = 0;

    if (count)
        memcpy(all, address, count * sizeof *all);
    while (at[0] < count || at[1] < count)
        for (int i = 0; i < 2; i++) {
            const struct sockaddr_storage *one = next_of(all, count, families[i], &at[i]);

            if (one)
                address[n++] = *one;
        }
    free(all);
    return n;
}
