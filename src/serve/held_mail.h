/* held_mail: the mail of an account whose password looks stolen, in the queue: all of it is held,
 * owner and administrator read of it, and a person lets it go, or removes what is foreign. Whether
 * an account is held stands in account/sending.h; loop thread. */
#ifndef PORT26_SERVE_HELD_MAIL_H
#define PORT26_SERVE_HELD_MAIL_H

#include "serve/house.h"

/* Holds what waits; done(arg, ...) once, from the loop, when that is so; may be NULL. */
void held_mail_hold(struct house *h, struct span account, queue_action_fn *done, void *arg);
/* Owner and administrator; `signs` are those of account/burst.h, and where it came from. */
void held_mail_tell(struct house *h, struct span account, struct span signs);

/* What became of it. */
struct held_mail_result {
    unsigned released, removed;
};
typedef void held_mail_fn(void *arg, const struct held_mail_result *r, const struct error *e);
/* Lets go what is held for that reason; what came from the network of `foreign` (an IP address; may
 * be empty) is removed, in the name of `person`. done is called once, from the loop. */
struct held_mail_order {
    struct span account, person, foreign;
};
void held_mail_release(struct house *h, const struct held_mail_order *o, held_mail_fn *done,
                       void *arg);

#endif
