/* dead: addresses that did not answer a short while ago, so that a queue full of mail for them does
 * not hammer them, nor wait for each in turn (HOSTILE fault 31). Bounded; the oldest is forgotten.
 */
#ifndef PORT26_DELIVER_DEAD_H
#define PORT26_DELIVER_DEAD_H

#include "base/span.h"

enum {
    DEAD_LAST_TIME = 60 * 1000, /* tried after all others for so long */
    DEAD_SKIP_TIME = 5 * 1000,  /* not tried at all for so long */
    DEAD_MAX = 256,
    DEAD_DOMAINS = 4, /* so many of whose hosts none answered: it is the network, not they */
    DEAD_PROBE_TIME = 30 * 1000, /* then one attempt in so long finds out whether it still is */
};

struct dead;

enum dead_state { DEAD_NOT, DEAD_LAST, DEAD_SKIP };

struct dead *dead_new(void);
void dead_free(struct dead **d);
/* It did not answer, just now. `address` as path_address writes it. */
void dead_mark(struct dead *d, struct span address);
/* It answered. */
void dead_clear(struct dead *d, struct span address);
/* None of this domain's hosts answered. */
void dead_domain(struct dead *d, struct span domain);
/* Does this network let nothing out to other domains' hosts? Nobody has answered since several
 * domains in a row were silent. False now and then, for one that asks: it shall try. */
bool dead_everywhere(struct dead *d);
enum dead_state dead_look(const struct dead *d, struct span address);

#endif
