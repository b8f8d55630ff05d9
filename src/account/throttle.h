/* throttle: slows down guessing of passwords, by name and by address, the same for names that do
 * not exist. Nobody is locked out for ever: waits have an end, and the owner's own address is
 * judged apart from the guesser's. */
#ifndef PORT26_ACCOUNT_THROTTLE_H
#define PORT26_ACCOUNT_THROTTLE_H

#include "base/span.h"

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle **t);
/* Milliseconds this login must wait for its answer, whatever the answer will be; more than
 * THROTTLE_PATIENCE: refuse it as temporary without looking at the password. */
enum { THROTTLE_PATIENCE = 8000 };
uint32_t throttle_wait(struct throttle *t, struct span name, struct span peer);
/* How it went. */
void throttle_note(struct throttle *t, struct span name, struct span peer, bool good);

#endif
