/* observe_parts: what the files of observe.h share. For this folder only. */
#ifndef PORT26_PROBE_OBSERVE_PARTS_H
#define PORT26_PROBE_OBSERVE_PARTS_H

#include "dns/dns.h"
#include "io/fiber.h"
#include "io/reach.h"
#include "probe/observe.h"

struct observe {
    struct loop *loop;
    const struct observe_settings *s;
    struct findings *f;
    struct dns *dns, *second;
    int64_t began, until; /* clock_now() */
    struct fiber *root;   /* woken when something ends */
    unsigned under_way;   /* fibers that must end before the root may */
    unsigned unknown;     /* doors whose state is not known yet */
};

/* Starts fn(arg) as part of o; it ends with observe_ended(o). */
void observe_start(struct observe *o, void (*fn)(void *arg), void *arg);
void observe_ended(struct observe *o);

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
