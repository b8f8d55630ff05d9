/* observe: looks at the network from where we stand: all doors of the user's server and of one or
 * two others at once, in both address families, with DNS by two resolvers and the web as controls.
 * Sends no mail. It tells what it saw and concludes nothing (conclude.h). */
#ifndef PORT26_PROBE_OBSERVE_H
#define PORT26_PROBE_OBSERVE_H

#include "base/error.h"
#include "probe/findings.h"

enum { OBSERVE_TIMEOUT_MS = 4000, OBSERVE_SEND_MS = 30000, OBSERVE_PORTS_MAX = 12 };

struct observe_settings {
    const char *host;        /* the user's server: name or address */
    const char *control;     /* another provider's server, or NULL */
    const char *isp;         /* mail server of the network's operator; NULL: guessed when needed */
    const char *nowhere;     /* an address where no server can be, or NULL */
    const char *portal;      /* a web host whose /generate_204 answers 204, or NULL */
    const char *second;      /* second resolver, an address or "root", or NULL */
    const char *resolv_conf; /* NULL: the system's */
    const char *root;        /* where /sys and /proc are read, for tests; NULL: "" */
    const char *resolver;    /* an address instead of the system's resolvers, or NULL */
    unsigned port;           /* the user's setting, 0: not said */
    /* Further doors of the user's server that the provider lists; 0 is none. */
    unsigned extra_ports[OBSERVE_PORTS_MAX];
    enum findings_mode mode;
    int64_t timeout;         /* for all of it, ms; 0: OBSERVE_TIMEOUT_MS */
    struct tls_context *tls; /* trusted authorities */
    /* Login, MAIL and RCPT at the best verified door; empty: not wanted. The password is not kept.
     */
    struct span user, password, from, to;
    uint64_t size; /* octets of a message that MAIL tells of (RFC 1870); 0: none */
    /* A whole message, lines ended by CR LF, really sent from `from` to `to` after the login, but
     * only when nothing was found wrong before; empty: none. It has OBSERVE_SEND_MS more. */
    struct span message;
    /* Told of each row that is complete, for the live board; may be NULL. */
    void (*seen)(void *arg, const struct findings_door *d);
    void *seen_arg;
    /* Told whenever a row got further: it began, opened, greeted, encrypted, logged in. What is not
     * known yet is zero in it. May be NULL. */
    void (*progress)(void *arg, const struct findings_door *d);
    void *progress_arg;
};

/* Runs l until all is seen or the time is over; *out need not be initialised. Call it outside of
 * fibers. 0, or -1 and *e when a setting is bad. */
int observe_run(struct loop *l, const struct observe_settings *s, struct findings *out,
                struct error *e);

#endif
