/* fetch_way: from a URL to whom to connect to: the host itself, or the proxy that the environment
 * names for it. For this folder only. */
#ifndef PORT26_HTTP_FETCH_WAY_H
#define PORT26_HTTP_FETCH_WAY_H

#include "http/fetch.h"

enum { FETCH_WAY_HOST = 256 };

struct fetch_way {
    char host[FETCH_WAY_HOST]; /* of the URL, lower case, an IPv6 address in brackets */
    unsigned port;
    bool tls;
    char proxy[FETCH_URL_MAX]; /* URL, or "" */
    char at[FETCH_WAY_HOST];   /* whom to connect to: host or proxy */
    unsigned at_port;
};

/* FETCH_OK, or FETCH_INPUT and *e. */
enum fetch_why fetch_way_find(const char *url, const struct fetch_settings *s,
                              struct fetch_way *out, struct error *e);
/* Is the host in this list ("example.com,.lan,*", as in no_proxy)? */
bool fetch_way_listed(struct span list, struct span host);

#endif
