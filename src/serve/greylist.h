/* greylist: puts a first message off, because most senders of junk never come again. Who came again
 * in time is known from then on: his network together with the sender's domain. In memory; the
 * known ones also in the store, the others start anew after a restart. Bounded (P9). */
#ifndef PORT26_SERVE_GREYLIST_H
#define PORT26_SERVE_GREYLIST_H

#include "base/clock.h"
#include "base/error.h"
#include "queue/commit.h"

struct greylist;

enum { GREYLIST_MAX = 200 * 1000 }; /* of those that wait, and of those that are known */
/* For how long a second try counts, and how long the known ones are remembered without mail. */
#define GREYLIST_PATIENCE (2 * CLOCK_DAY)
#define GREYLIST_MEMORY   (36 * CLOCK_DAY)

struct greylist *greylist_new(void);
/* Reads the known ones; no other thread may use the store yet. 0, or -1 and *e. */
int greylist_load(struct greylist *g, struct store *s, struct error *e);
/* From now on the known ones are kept in the store; must come to its end before greylist_free. */
void greylist_keep(struct greylist *g, struct commit *c);
void greylist_free(struct greylist **g);
/* Milliseconds until this sender (his address) may come again for this recipient; 0: he may now. */
int64_t greylist_wait(struct greylist *g, struct span peer, struct span sender,
                      struct span recipient, int64_t delay);

#endif
