/* job: what the keeper leases to a courier: some recipients of one message that leave by one route;
 * and what comes back. */
#ifndef PORT26_MAIL_JOB_H
#define PORT26_MAIL_JOB_H

#include "mail/message.h"
#include "mail/outcome.h"

enum route_kind { ROUTE_MX, ROUTE_RELAY, ROUTE_INBOX };

enum { JOB_THEN = 8 };

/* A further way for the recipients of a job, when the network shuts the one before it. */
struct job_way {
    enum route_kind kind; /* ROUTE_MX or ROUTE_RELAY */
    struct span relay, user;
    struct span password; /* secret, as in the job */
};

struct job {
    uint64_t lease; /* names this job until its result is settled (P5) */
    unsigned attempt;
    struct envelope envelope; /* only the recipients of this job */
    uint32_t *numbers;        /* of each recipient within the whole message */
    struct content content;
    enum route_kind kind; /* the courier gets ROUTE_MX and ROUTE_RELAY; the inbox is the keeper's */
    struct span
        destination; /* key for grouping and connection reuse: "mx:example.com", "relay:provider" */
    struct span domain;   /* recipients' domain, for ROUTE_MX */
    struct span relay;    /* the relay's name, for ROUTE_RELAY */
    struct span user;     /* login of the relay, empty when it has none */
    struct span password; /* secret: wiped with the job (P8) */
    struct span held; /* outcome.held of an earlier try: while this door opens no other is asked */
    struct job_way *then; /* at most JOB_THEN */
    size_t then_count;
};

/* One try of one path on the way: the story that `port26 queue show` tells. */
struct job_try {
    int64_t at; /* wall-clock milliseconds */
    struct span host, address, tls;
    enum stage stage;   /* where it ended; STAGE_NONE: it worked */
    struct reply reply; /* far words, code 0: none */
    struct span words;  /* ours, empty when it worked */
};

struct job_result {
    uint64_t lease;
    size_t count; /* recipients, in the order of the job */
    struct outcome *outcomes;
    size_t try_count;
    struct job_try *tries;
    bool untried; /* given back: somebody else is to take it at once, and it counts as no attempt */
};

#endif
