/* observe_parts: what the files of observe.h share. For this folder only. */
#ifndef PORT26_PROBE_OBSERVE_PARTS_H
#define PORT26_PROBE_OBSERVE_PARTS_H

#include "dns/dns.h"
#include "io/fiber.h"
#include "io/reach.h"
#include "probe/observe.h"

enum { OBSERVE_DNS_MS = 2500, OBSERVE_HERE_MAX = 4 };

struct observe {
    struct loop *loop;
    const struct observe_settings *s;
    struct findings *f;
    struct dns *dns, *second;
    int64_t began, until; /* clock_now() */
    int64_t login_until;
    struct fiber *root;             /* woken when something ends */
    unsigned under_way;             /* fibers that must end before the root may */
    unsigned unknown;               /* doors whose state is not known yet */
    unsigned looking_up;            /* names that may give more doors */
    struct sockaddr_storage portal; /* where the known page was answered */
};

/* Starts fn(arg) as part of o; it ends with observe_ended(o). */
void observe_start(struct observe *o, void (*fn)(void *arg), void *arg);
void observe_ended(struct observe *o);

/* A door more, at an address; talked to in a fiber of its own. */
void observe_add(struct observe *o, enum findings_who who, unsigned port,
                 const struct sockaddr_storage *at);
/* The ports (0 ends) at each address, two of each family at most. */
void observe_add_all(struct observe *o, enum findings_who who, const struct findings_dns *n,
                     const unsigned *ports);

/* observe_names.c: fibers, arg is the struct observe: names become doors. */
void observe_server(void *arg), observe_second(void *arg), observe_control(void *arg),
    observe_isp(void *arg);
/* Reads an address; false when it is a name. */
bool observe_literal(const char *text, struct findings_dns *out);

/* observe_here.c */
struct observe_here {
    size_t domain_count, address_count;
    char domain[OBSERVE_HERE_MAX][FINDINGS_NAME];      /* that this network gave us */
    struct sockaddr_storage address[OBSERVE_HERE_MAX]; /* ours, the router's, the resolvers' */
};
void observe_here(const struct observe *o, struct observe_here *out);
/* Fills f->cloud. */
void observe_cloud(struct observe *o);

/* observe_door.c: connects to the door and talks to it as far as it goes; fills *d. */
void observe_door(struct observe *o, struct findings_door *d);
/* One login, MAIL and RCPT, and the message, as asked for, at that door; fills f->login, mail,
 * rcpt, sent. */
void observe_login(struct observe *o, const struct findings_door *d, bool send);
/* observe_hops.c: fills the hop_ fields of *d by connecting with small hop limits. */
void observe_hops(struct observe *o, struct findings_door *d);
/* observe_web.c: asks the portal's page; fills f->portal. */
void observe_web(struct observe *o);

/* The row got further: for the live board. */
void observe_progress(const struct observe *o, const struct findings_door *d);
/* Text of an address without port. */
void observe_address(const struct sockaddr_storage *a, char out[FINDINGS_NAME]);
/* Copies what a stranger said, escaped and cut. */
void observe_text(char *to, size_t cap, struct span words);

#endif
