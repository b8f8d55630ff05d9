#include "serve/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { V1_MAX = 107, V2_HEAD = 16 };

static const char signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                   '\n', 'Q',  'U',  'I',  'T',  '\n'};

static bool v1_address(struct span text, struct span port, int family, struct sockaddr_storage *out)
{
    char host[INET6_ADDRSTRLEN];
    uint64_t number;

    if (!span_cstr(text, host, sizeof host) || !span_u64(port, 65535, &number))
        return false;
    *out = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (void *)out;

        v4->sin_port = htons((uint16_t)number);
        return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
    }
    ((struct sockaddr_in6 *)out)->sin6_port = htons((uint16_t)number);
    return inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)out)->sin6_addr) == 1;
}

/* PROXY SP ("TCP4" / "TCP6") SP source SP destination SP source-port SP destination-port CR LF, or
 * PROXY SP "UNKNOWN" ... CR LF */
static enum proxy_result v1(struct span bytes, size_t *used, struct sockaddr_storage *from,
                            bool *local)
{
    ptrdiff_t end = span_search(span_head(bytes, V1_MAX), SPAN("\r\n"));
    struct span rest, family, source, destination, port;
    struct sockaddr_storage ignored;
    uint64_t number;
    int af;

    if (end < 0)
        return bytes.len >= V1_MAX ? PROXY_BROKEN : PROXY_MORE;
    *used = (size_t)end + 2;
    rest = span_head(span_from(bytes, 6), (size_t)end - 6);
    if (!span_cut(&rest, ' ', &family))
        return PROXY_BROKEN;
    if (span_is(family, "UNKNOWN")) {
        *local = true;
        return PROXY_DONE;
    }
    af = span_is(family, "TCP4") ? AF_INET : span_is(family, "TCP6") ? AF_INET6 : AF_UNSPEC;
    if (af == AF_UNSPEC || !span_cut(&rest, ' ', &source) || !span_cut(&rest, ' ', &destination) ||
        !span_cut(&rest, ' ', &port) || !span_u64(rest, 65535, &number) ||
        !v1_address(destination, port, af, &ignored) || !v1_address(source, port, af, from))
        return PROXY_BROKEN;
    return PROXY_DONE;
}

static enum proxy_result v2_address(const unsigned char *body, size_t length, unsigned family,
                                    struct sockaddr_storage *from)
{
    struct sockaddr_in *v4 = (void *)from;
    struct sockaddr_in6 *v6 = (void *)from;

    *from = (struct sockaddr_storage){0};
    if (family == 0x11 && length >= 12) {
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, body, 4);
        memcpy(&v4->sin_port, body + 8, 2);
        return PROXY_DONE;
    }
    if (family == 0x21 && length >= 36) {
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, body, 16);
        memcpy(&v6->sin6_port, body + 32, 2);
        return PROXY_DONE;
    }
    return PROXY_BROKEN;
}

static enum proxy_result v2(struct span bytes, size_t *used, struct sockaddr_storage *from,
                            bool *local)
{
    const unsigned char *u = (const unsigned char *)bytes.at;
    size_t length;

    if (bytes.len < V2_HEAD)
        return PROXY_MORE;
    length = (size_t)u[14] << 8 | u[15];
    if (u[12] >> 4 != 2 || (u[12] & 15) > 1 || V2_HEAD + length > PROXY_MAX)
        return PROXY_BROKEN;
    if (bytes.len < V2_HEAD + length)
        return PROXY_MORE;
    *used = V2_HEAD + length;
    *local = (u[12] & 15) == 0;
    return *local ? PROXY_DONE : v2_address(u + V2_HEAD, length, u[13], from);
}

enum proxy_result proxy_parse(struct span bytes, size_t *used, struct sockaddr_storage *from,
                              bool *local)
{
    struct span start = SPAN("PROXY "), magic = {signature, sizeof signature};

    *used = 0;
    *local = false;
    if (span_eq(span_head(bytes, magic.len), span_head(magic, bytes.len)))
        return bytes.len < magic.len ? PROXY_MORE : v2(bytes, used, from, local);
    if (span_eq(span_head(bytes, start.len), span_head(start, bytes.len)))
        return bytes.len < start.len ? PROXY_MORE : v1(bytes, used, from, local);
    return PROXY_BROKEN;
}
