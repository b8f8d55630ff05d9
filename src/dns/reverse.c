#include "dns/reverse.h"

#include <netinet/in.h>
#include <string.h>

/* A name from the owner of an address block, who may write anything into it. */
static bool is_host(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return s.len > 0 && s.len <= DNS_NAME_MAX;
}

static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

    if (a->ss_family != b->ss_family)
        return false;
    return a->ss_family == AF_INET
               ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
               : memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

/* Sockets of both families know IPv4 addresses as ::ffff:192.0.2.1. */
static struct sockaddr_storage plain(const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *six = (const void *)address;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_storage out = *address;

    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, sizeof four.sin_addr);
        memset(&out, 0, sizeof out);
        memcpy(&out, &four, sizeof four);
    }
    return out;
}

enum dns_result reverse_look(struct dns *d, const struct sockaddr_storage *address,
                             int64_t deadline, struct arena *a, struct reverse *out)
{
    struct sockaddr_storage meant = plain(address);
    struct dns_address_list back[REVERSE_NAMES_MAX];
    struct span names[REVERSE_NAMES_MAX];
    struct dns_text_list found;
    size_t count = 0;

    *out = (struct reverse){.name = SPAN_NONE};
    dns_ptr(d, (const struct sockaddr *)&meant, deadline, a, &found);
    out->status = found.status;
    for (size_t i = 0; i < found.count && count < REVERSE_NAMES_MAX; i++)
        if (is_host(found.text[i]))
            names[count++] = found.text[i];
    if (!count)
        return out->status.result;
    out->name = names[0];
    dns_addresses(d, names, count, deadline, a, back);
    for (size_t i = 0; i < count && !out->confirmed; i++) {
        for (size_t k = 0; k < back[i].count && !out->confirmed; k++)
            out->confirmed = same(&back[i].address[k], &meant);
        if (out->confirmed)
            out->name = names[i];
        else if (back[i].status.result == DNS_TEMPORARY || back[i].status.result == DNS_BOGUS)
            out->status = back[i].status;
    }
    if (out->confirmed)
        out->status = found.status;
    return out->status.result;
}
