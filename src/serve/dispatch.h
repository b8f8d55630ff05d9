/* dispatch: which courier gets a job: the one with the least to do. But while no door of a relay is
 * known to be open in this network, all mail for that relay goes to one courier, so that one look
 * for a door serves all of it (deliver/gate.h). Where the couriers are replaced because the network
 * has other name servers, the new ones get none of it before the old ones have ended their looks,
 * or have had the time for it. */
#ifndef PORT26_SERVE_DISPATCH_H
#define PORT26_SERVE_DISPATCH_H

#include "mail/job.h"
#include "serve/crew.h"

enum {
    DISPATCH_NAMES_TIME = 5 * 1000, /* ms in which a courier that knows new name servers is ready */
    DISPATCH_LOOK_TIME = 10 * 1000, /* ms for the looks of those before it */
};

struct dispatch {
    const struct member *first; /* all members of the crew */
    unsigned concurrency;       /* jobs of one courier */
    int64_t names_at;           /* when the name servers changed; 0: never */
    int64_t now;                /* both as clock_now() */
    bool open;                  /* a door of the job's relay is sure to be open here */
};

/* NULL: nobody just now. */
struct member *dispatch_choose(const struct dispatch *d, const struct job *job);

#endif
