/* handover: gives one message to the house: envelope and bytes in, the house's reply out. What
 * "send", "sendmail" and "sendmail -bs" have in common. */
#ifndef PORT26_CLI_HANDOVER_H
#define PORT26_CLI_HANDOVER_H

#include "cli/remote.h"
#include "io/loop.h"
#include "serve/body.h"

/* The way to the house, opened at the first need: a person who is still typing holds up nobody. */
struct handover_way {
    const struct config *config;
    struct loop *loop; /* NULL: the way makes its own */
    struct remote *remote;
};

/* 0, or -1 and *e. */
int handover_reach(struct handover_way *w, struct error *e);
void handover_leave(struct handover_way *w);
/* May mail go to this recipient? 2xx, or a refusal (451 when the house can not be asked). The text
 * lives in the arena. */
struct reply handover_may_reach(struct handover_way *w, struct span recipient, struct arena *a);

/* Who sends, for a From field the message may lack. */
struct handover_author {
    struct span name, address; /* address empty: add none */
};

struct handover {
    struct handover_way *way;
    struct arena *arena;
    struct body body;
};

/* `way` and the arena must outlive it. */
void handover_open(struct handover *h, struct handover_way *way, struct arena *a);
/* Bytes with CR LF at line ends. 0, or a negative errno which then stands (-EFBIG: bigger than
 * message-size). */
int handover_add(struct handover *h, struct span bytes);
/* All is there. 250 only after the durable commit (P1). The reply lives in the arena. */
struct reply handover_finish(struct handover *h, const struct envelope *envelope,
                             const struct handover_author *author);
/* Fine on one that is not open. */
void handover_close(struct handover *h);

/* The exit status (sysexits.h) that a reply means to a program. */
int handover_status(const struct reply *r);

#endif
