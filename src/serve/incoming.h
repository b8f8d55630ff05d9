/* incoming: what is held against senders outside, who need no login: how many recipients that do
 * not exist they asked for (harvesting of addresses, HOSTILE 80), how often they connect, and,
 * where the settings say so, that nobody knows them (greylist.h). It looks at what policy says to a
 * recipient and may say something else instead. In the keeper, so it holds over all listeners and
 * all connections of an address (IPv4, or IPv6 /64). */
#ifndef PORT26_SERVE_INCOMING_H
#define PORT26_SERVE_INCOMING_H

#include "conf/config.h"
#include "post/letter.h"
#include "queue/commit.h"

struct incoming;

struct incoming *incoming_new(const struct config *c);
void incoming_free(struct incoming **in);
/* Reads what the store knows; no other thread may use it yet. 0, or -1 and *e. */
int incoming_load(struct incoming *in, struct store *s, struct error *e);
/* From now on what is learned goes into the store; `c` NULL: not any more. */
void incoming_keep(struct incoming *in, struct commit *c);
/* Another configuration; what is known of senders stays. */
void incoming_configure(struct incoming *in, const struct config *c);
/* Somebody connected who needs no login: code 0, and he is counted; or 421. */
struct reply incoming_arrived(struct incoming *in, struct span peer, struct arena *a);
/* That 421; `network` as in network_text. */
struct reply incoming_too_often(const char *network, struct arena *a);
/* `said` is the policy's reply to a recipient. Returns it, or a 421 or 451 instead; *wait are
 * milliseconds to hold it back, the same for those that exist and those that do not. */
struct reply incoming_judge(struct incoming *in, const struct letter_may_reach *q,
                            struct reply said, struct arena *a, uint32_t *wait);

#endif
