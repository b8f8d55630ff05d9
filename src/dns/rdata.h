/* rdata: the bytes of DNS records. Pure: no allocation but into *out, no look beyond the span. The
 * bytes are a stranger's; compression was already undone, so a pointer here is an error (HOSTILE
 * 118). Each returns false on anything that is not exactly one record of its kind. */
#ifndef PORT26_DNS_RDATA_H
#define PORT26_DNS_RDATA_H

#include "base/span.h"
#include "base/text.h"

#include <sys/socket.h>

/* Text of a name with its NUL: at most 253 octets and one more. */
enum { RDATA_NAME = 254 };

struct rdata_mx {
    uint16_t preference;
    char host[RDATA_NAME]; /* "" is the root */
};

struct rdata_srv {
    uint16_t priority, weight, port;
    char host[RDATA_NAME];
};

/* Reads a name off the front of *rest: lower case, no last dot, "" for the root. Only letters,
 * digits, hyphens and underscores may stand in a label, so a name can go into logs, replies and
 * TLS without more ado. */
bool rdata_name(struct span *rest, char host[RDATA_NAME]);
/* One name and nothing after it (PTR, CNAME). */
bool rdata_host(struct span rdata, char host[RDATA_NAME]);
bool rdata_mx(struct span rdata, struct rdata_mx *out);
bool rdata_srv(struct span rdata, struct rdata_srv *out);
/* Adds the record's strings, joined, to *out. */
bool rdata_txt(struct span rdata, struct text *out);
/* 4 octets are A, 16 are AAAA; the port is 0. */
bool rdata_address(struct span rdata, struct sockaddr_storage *out);
/* Is this text a name that rdata_name could have given (a last dot is allowed here)? */
bool rdata_name_ok(struct span name);

#endif
