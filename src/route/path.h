/* path: one concrete try out of a route: which address, how private, who must be there, and why we
 * try it. Plain data; spans point into the arena of whoever asked. */
#ifndef PORT26_ROUTE_PATH_H
#define PORT26_ROUTE_PATH_H

#include "base/arena.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define PATH_TLS_LIST(X)                                                                           \
    X(PATH_TLS_NONE, "none")                   /* plain text, whatever is offered */               \
    X(PATH_TLS_OPPORTUNISTIC, "opportunistic") /* STARTTLS when offered */                         \
    X(PATH_TLS_STARTTLS, "starttls")           /* STARTTLS or not at all */                        \
    X(PATH_TLS_IMPLICIT, "implicit")           /* TLS from the first byte */                       \
    X(PATH_TLS_HTTPS, "https")                 /* the same, and then SMTP or HTTP, as ALPN tells */
#define X(id, name) id,
enum path_tls { PATH_TLS_LIST(X) };
#undef X
const char *path_tls_name(enum path_tls t);

enum path_family { PATH_IPV6_FIRST, PATH_IPV4_FIRST, PATH_IPV4_ONLY, PATH_IPV6_ONLY };

/* At most so many tries come out of one route. */
enum { PATH_MAX_COUNT = 20, PATH_ADDRESS_TEXT = 64 };

struct path {
    struct span host; /* name to say and show; the literal's text when there is none */
    struct sockaddr_storage address; /* with port */
    uint16_t port;
    uint16_t preference; /* of its MX, or the place in the relay's list of doors: less is better */
    enum path_tls tls;
    /* The floor: what must hold before mail or a login may pass (P7). */
    bool must_encrypt;
    bool must_verify;   /* certificate good for `verify`; implies must_encrypt */
    struct span verify; /* DNS name, or address without brackets, to check the certificate against
                           (tls/ sends SNI for names only) */
    bool needs_login;
    /* Empty: straight. Else `address` is that of an HTTP proxy, which shall connect to this
     * "host:port"; and the lines with its login, "Proxy-Authorization: ...", secret. */
    struct span through, proxy_login;
    bool secure;     /* found through DNSSEC all the way */
    struct span why; /* "MX 10 of example.com", "relay provider" */
};

/* Where a look-up puts its paths: the caller sets the arena, the rest is filled. */
struct path_list {
    struct arena *arena;
    struct path *path; /* best first; at most PATH_MAX_COUNT */
    size_t count;
};

/* "192.0.2.1:25", "[2001:db8::1]:25": for outcomes and logs. */
void path_address(const struct path *p, char buf[PATH_ADDRESS_TEXT]);
/* Loopback, unspecified, link-local, multicast, broadcast, in either family and also as
 * IPv4-mapped IPv6: no MX of somebody else may lead there (HOSTILE 74). */
bool path_is_local(const struct sockaddr_storage *address);
/* 127.0.0.0/8, ::1: this machine. */
bool path_is_loopback(const struct sockaddr_storage *address);
/* 0.0.0.0, ::, multicast, broadcast: nothing can be connected to there at all. */
bool path_is_nowhere(const struct sockaddr_storage *address);
/* Same address, ports apart, IPv4-mapped IPv6 taken as IPv4? */
bool path_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* Same address and port. */
bool path_same_door(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* "mail.example.com:587 starttls": a door's name for people and for the memory of places. */
enum { PATH_DOOR_TEXT = 300 };
void path_door(const struct path *p, char buf[PATH_DOOR_TEXT]);
void path_set_port(struct sockaddr_storage *address, uint16_t port);
/* Reads "192.0.2.1" or "2001:db8::1" (no brackets); false on a name. */
bool path_literal(struct span text, struct sockaddr_storage *out);
/* Orders one host's addresses in place: families take turns, the preferred one first; unwanted ones
 * are dropped. Returns how many are left. */
size_t path_order(struct sockaddr_storage *address, size_t count, enum path_family family);

#endif
