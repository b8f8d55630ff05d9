/* fetch: a bounded HTTPS client for fibers, over libcurl: autoconfiguration, tokens, and mail by
 * POST. Everything waits on our loop: libcurl gets addresses that were looked up by the caller's
 * resolver, so it starts no thread and never blocks.
 *
 * What answers is a stranger: the time is bounded as a whole, headers and body by their size,
 * redirects by their number. Certificates are always checked, TLS 1.2 is the least; nothing is
 * unpacked (HOSTILE: answers that grow when unpacked). */
#ifndef PORT26_HTTP_FETCH_H
#define PORT26_HTTP_FETCH_H

#include "base/error.h"
#include "base/text.h"
#include "io/loop.h"

#include <sys/socket.h>

struct fetch;

enum { FETCH_URL_MAX = 2048, FETCH_HEADERS_MAX = 65536, FETCH_REDIRECTS_MAX = 3 };

struct fetch_settings {
    const char *cafile; /* trusted authorities, NULL: the system's */
    bool no_proxy;      /* go without the proxy that the environment names (https_proxy, ...) */
    bool plain;         /* http:// is allowed as well, also after a redirect */
    /* Fills at most `max` addresses of a host (port 0), from inside the fiber that fetches, and
     * returns how many; 0: there are none. NULL: only addresses may stand in a URL. */
    size_t (*lookup)(void *arg, const char *host, int64_t deadline, struct sockaddr_storage *out,
                     size_t max);
    void *lookup_arg;
};

#define FETCH_WHY_LIST(X)                                                                          \
    X(FETCH_OK, "ok")             /* an answer came, whatever its status */                        \
    X(FETCH_INPUT, "input")       /* the URL or the proxy's is none, or not allowed */             \
    X(FETCH_NO_NAME, "no-name")   /* the host has no address */                                    \
    X(FETCH_SHUT, "shut")         /* no connection */                                              \
    X(FETCH_PROXY, "proxy")       /* the proxy refused */                                          \
    X(FETCH_TLS, "tls")           /* no TLS came about */                                          \
    X(FETCH_STRANGER, "stranger") /* the certificate is not the host's */                          \
    X(FETCH_SLOW, "slow")         /* the deadline passed */                                        \
    X(FETCH_BIG, "big")           /* headers or body beyond the maximum */                         \
    X(FETCH_LOST, "lost")         /* it hung up, or what came is no HTTP */                        \
    X(FETCH_AROUND, "around")     /* too many redirects, or one to where we do not go */           \
    X(FETCH_CANCELED, "canceled")
#define X(id, name) id,
enum fetch_why { FETCH_WHY_LIST(X) };
#undef X
const char *fetch_why_name(enum fetch_why w);

struct fetch_call {
    const char *url;            /* https://host[:port]/path */
    const struct span *headers; /* "Name: value"; not given to another host after a redirect */
    size_t header_count;
    /* With `post` the body goes out; such a call follows no redirect. */
    bool post;
    struct span body;
    /* Or from here when not NULL: up to n of the body's bytes from `offset` on, of `size` in all;
     * called from the loop, so it must not wait for anybody. 0 or less breaks the call off. */
    ssize_t (*read)(void *arg, uint64_t offset, char *buf, size_t n);
    void *read_arg;
    uint64_t size;
    size_t max;       /* octets of the answer's body */
    int64_t deadline; /* for all of it, clock_now() ms */
};

struct fetch_answer {
    enum fetch_why why;
    unsigned status;  /* 200, 404; 0 when none came */
    unsigned retry_s; /* Retry-After in seconds, 0: none */
    char type[96];    /* Content-Type without parameters, lower case, or "" */
    char url[256];    /* where the answer came from in the end, without what stands behind '?' */
    struct text body; /* free it by fetch_answer_free */
    struct sockaddr_storage peer; /* who answered, of family 0 when not connected */
};

/* NULL and *e. `s` is copied, the texts in it too. */
struct fetch *fetch_new(struct loop *l, const struct fetch_settings *s, struct error *e);
/* No call may be under way. Nulls the pointer; NULL is fine. */
void fetch_free(struct fetch **f);
/* Asks and waits, from inside a fiber; several may do so at once. Fills *out always. Returns 0 when
 * an answer came, else -1 and *e in words (without what stands behind the '?' of the URL). */
int fetch_run(struct fetch *f, const struct fetch_call *c, struct fetch_answer *out,
              struct error *e);
void fetch_answer_free(struct fetch_answer *a);

#endif
