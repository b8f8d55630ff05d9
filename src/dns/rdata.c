#include "dns/rdata.h"

#include <netinet/in.h>
#include <string.h>

enum { LABEL_MAX = 63 };

/* A reader of bytes: every step checks what is left. */
static bool take_byte(struct span *rest, unsigned char *out)
{
    if (rest->len == 0)
        return false;
    *out = (unsigned char)rest->at[0];
    *rest = span_from(*rest, 1);
    return true;
}

static bool take_u16(struct span *rest, uint16_t *out)
{
    unsigned char high, low;

    if (!take_byte(rest, &high) || !take_byte(rest, &low))
        return false;
    *out = (uint16_t)(high << 8 | low);
    return true;
}

static bool take_bytes(struct span *rest, size_t n, struct span *out)
{
    if (rest->len < n)
        return false;
    *out = span_head(*rest, n);
    *rest = span_from(*rest, n);
    return true;
}

/* The byte as it may stand in a host name, lower case; 0 when it may not. Underscores are no host
 * name's (RFC 952), but hosts are found behind them. */
static char host_byte(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
        return c;
    return 0;
}

bool rdata_name(struct span *rest, char host[RDATA_NAME])
{
    size_t n = 0;
    unsigned char length;
    struct span label;

    /* Each turn but the last adds a byte to the name, so a full name ends the work. */
    for (;;) {
        if (!take_byte(rest, &length))
            return false;
        if (length == 0)
            break;
        if (length > LABEL_MAX || !take_bytes(rest, length, &label))
            return false;
        if (n + (n > 0) + length > RDATA_NAME - 1)
            return false;
        if (n > 0)
            host[n++] = '.';
        for (size_t i = 0; i < label.len; i++)
            if ((host[n++] = host_byte(label.at[i])) == 0)
                return false;
    }
    host[n] = '\0';
    return true;
}

bool rdata_host(struct span rdata, char host[RDATA_NAME])
{
    return rdata_name(&rdata, host) && rdata.len == 0;
}

bool rdata_mx(struct span rdata, struct rdata_mx *out)
{
    return take_u16(&rdata, &out->preference) && rdata_host(rdata, out->host);
}

bool rdata_srv(struct span rdata, struct rdata_srv *out)
{
    return take_u16(&rdata, &out->priority) && take_u16(&rdata, &out->weight) &&
           take_u16(&rdata, &out->port) && rdata_host(rdata, out->host);
}

bool rdata_txt(struct span rdata, struct text *out)
{
    unsigned char length;
    struct span string;

    if (rdata.len == 0)
        return false; /* RFC 1035 3.3.14: one or more strings */
    while (rdata.len > 0)
        if (!take_byte(&rdata, &length) || !take_bytes(&rdata, length, &string) ||
            !text_add(out, string))
            return false;
    return true;
}

bool rdata_address(struct span rdata, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (rdata.len == sizeof v4->sin_addr) {
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, rdata.at, rdata.len);
        return true;
    }
    if (rdata.len == sizeof v6->sin6_addr) {
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, rdata.at, rdata.len);
        return true;
    }
    return false;
}

static bool label_ok(struct span label)
{
    if (label.len == 0 || label.len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!host_byte(label.at[i]))
            return false;
    return true;
}

bool rdata_name_ok(struct span name)
{
    struct span label;

    if (name.len > 0 && name.at[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > RDATA_NAME - 1)
        return false;
    while (span_cut(&name, '.', &label))
        if (!label_ok(label))
            return false;
    return true;
}
