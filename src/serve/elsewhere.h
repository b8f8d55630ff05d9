/* elsewhere: accounts whose passwords another server keeps (a Dovecot). The first good login makes
 * the account here, so that it has an inbox, quota and limits like any other; its password is asked
 * anew at each login. */
#ifndef PORT26_SERVE_ELSEWHERE_H
#define PORT26_SERVE_ELSEWHERE_H

#include "serve/house.h"

/* Makes sure that whoever of the other server's users is meant by `recipient` has an account here:
 * itself, or those behind an alias. answer(arg, sure) is called once, maybe at once; not sure: the
 * other server does not answer, and who is unknown here may exist. */
typedef void elsewhere_answer_fn(void *arg, bool sure);
void elsewhere_reach(struct house *h, struct span recipient, elsewhere_answer_fn *answer,
                     void *arg);
/* As the settings say; again when they change. */
void elsewhere_configure(struct house *h, const struct config *c);
void elsewhere_close(struct house *h);

#endif
