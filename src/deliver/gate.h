/* gate: one set of connection attempts serves all mail that waits for the same route. The first who
 * comes leads: it looks for an open door while the others wait. Then all of them follow through the
 * door it found, or turn back with what it learned: 500 messages for a closed network cause one
 * round of attempts and not 500. */
#ifndef PORT26_DELIVER_GATE_H
#define PORT26_DELIVER_GATE_H

#include "route/path.h"
#include "smtp/smtp_client.h"

enum {
    GATE_ROUTES = 512,          /* remembered; then the oldest is forgotten */
    GATE_SHUT_TIME = 2 * 1000,  /* ms in which others turn back without a look of their own */
    GATE_OPEN_TIME = 60 * 1000, /* ms in which others follow without a look of their own */
};

enum gate_pass {
    GATE_LEAD,   /* look yourself, then say gate_opened, gate_failed or gate_nothing */
    GATE_FOLLOW, /* go where news->address and news->tls say */
    GATE_SHUT,   /* no door was open: news->failure */
    GATE_ENDED,  /* cancelled while waiting */
};

struct gate_news {
    struct sockaddr_storage address; /* with port */
    enum path_tls tls;
    struct smtp_client_failure failure;
    struct span host, place, words; /* where it failed: name, address, TLS */
    bool dns_permanent;             /* as in struct judge_event */
};

struct gate;

struct gate *gate_new(void);
/* Nobody may be waiting. NULL is fine; nulls the pointer. */
void gate_free(struct gate **g);

/* On a fiber; waits while somebody leads. The texts of *news live in the arena. */
enum gate_pass gate_enter(struct gate *g, struct span key, struct arena *a, struct gate_news *news);
/* The leader's word. */
void gate_opened(struct gate *g, struct span key, const struct path *p);
void gate_failed(struct gate *g, struct span key, const struct gate_news *why);
/* It ended without learning anything: another one leads. */
void gate_nothing(struct gate *g, struct span key);
/* This door failed one who followed: it is not where to go any more. */
void gate_broke(struct gate *g, struct span key, const struct path *p);
/* The network is another one: all that is known is void. */
void gate_forget(struct gate *g);

#endif
