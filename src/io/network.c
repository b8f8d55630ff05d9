#include "io/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void mask(unsigned char *bytes, size_t count, unsigned bits)
{
    for (size_t i = 0; i < count; i++) {
        unsigned kept = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * (unsigned)i : 0;

        bytes[i] &= (unsigned char)(0xff00U >> kept);
    }
}

bool network_text(struct span address, unsigned bits4, unsigned bits6, char out[NETWORK_TEXT])
{
    char text[NETWORK_TEXT] = "";
    struct in6_addr six;
    unsigned char *bytes = six.s6_addr;
    bool four;

    out[0] = '\0';
    if (!span_cstr(address, text, sizeof text))
        span_cstr(span_head(address, sizeof text - 1), text, sizeof text);
    snprintf(out, NETWORK_TEXT, "%s", text);
    four = inet_pton(AF_INET, text, bytes) == 1;
    if (!four && inet_pton(AF_INET6, text, &six) != 1)
        return false;
    if (!four && IN6_IS_ADDR_V4MAPPED(&six)) {
        four = true;
        bytes += 12;
    }
    mask(bytes, four ? 4 : 16, four ? bits4 : bits6);
    inet_ntop(four ? AF_INET : AF_INET6, bytes, text, sizeof text);
    return snprintf(out, NETWORK_TEXT, "%.45s/%u", text, four ? bits4 : bits6) > 0;
}
