/* elsewhere: accounts whose passwords another server keeps (a Dovecot). The first good login makes
 * the account here, so that it has an inbox, quota and limits like any other; its password is asked
 * anew at each login. */
#ifndef PORT26_SERVE_ELSEWHERE_H
#define PORT26_SERVE_ELSEWHERE_H

#include "serve/house.h"

/* As the settings say; again when they change. */
void elsewhere_configure(struct house *h, const struct config *c);
void elsewhere_close(struct house *h);

#endif
