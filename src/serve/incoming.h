/* incoming: what is held against senders outside, who need no login: how many recipients that do
 * not exist they asked for (harvesting of addresses, HOSTILE 80). It looks at what policy says to a
 * recipient and may say something else instead. In the keeper, so it holds over all listeners and
 * all connections of an address (IPv4, or IPv6 /64). */
#ifndef PORT26_SERVE_INCOMING_H
#define PORT26_SERVE_INCOMING_H

#include "conf/config.h"
#include "post/letter.h"

struct incoming;

struct incoming *incoming_new(const struct config *c);
void incoming_free(struct incoming **in);
/* Another configuration; what is known of senders stays. */
void incoming_configure(struct incoming *in, const struct config *c);
/* `said` is the policy's reply to a recipient. Returns it, or a 421 instead; *wait are milliseconds
 * to hold it back, the same for those that exist and those that do not. */
struct reply incoming_judge(struct incoming *in, const struct letter_may_reach *q,
                            struct reply said, struct arena *a, uint32_t *wait);

#endif
