/* http_proxy: the HTTP proxy on the way to a web server, by setting or environment, and how it is
 * asked to connect us (CONNECT, RFC 9110 section 9.3.6). */
#ifndef PORT26_HTTP_HTTP_PROXY_H
#define PORT26_HTTP_HTTP_PROXY_H

#include "base/error.h"
#include "base/text.h"
#include "io/stream.h"

enum { HTTP_PROXY_HOST = 256 };

struct http_proxy {
    char host[HTTP_PROXY_HOST]; /* name or address, without brackets; "": go straight */
    unsigned port;
    char *login; /* the line "Proxy-Authorization: ..." with CR LF, or NULL; secret */
};

/* The proxy for this host and port: `setting` is "http://host:port", "none", or "" for the one that
 * the environment names (https_proxy, all_proxy, but for the hosts in no_proxy). 0 and *out, or -1
 * and *e, which tells no password; *out says straight then. Free it by http_proxy_free. */
int http_proxy_find(const char *setting, struct span host, unsigned port, struct http_proxy *out,
                    struct error *e);
void http_proxy_free(struct http_proxy *p);

/* Over a stream to the proxy: asks it for a connection to `through` ("host:port"), so that the
 * stream leads there. 0; else *status is its answer (407, 403...), 0 when it gave none, with a
 * negative errno. On a fiber. */
int http_proxy_connect(struct stream **s, struct span through, struct span login, int64_t until,
                       unsigned *status);

#endif
