/* policy: the house's decisions about mail, in words that help. Pure look-ups in memory; the
 * listener asks by letter. */
#ifndef PORT26_SERVE_POLICY_H
#define PORT26_SERVE_POLICY_H

#include "post/letter.h"
#include "serve/house.h"

/* At MAIL: may this login use that reverse-path (553 5.7.1 tells which it may), is there room
 * (452), and has it reached a sending limit (452)? Code 0: yes; then *recipients (never NULL) is
 * how many RCPT need not ask about limits. */
struct reply policy_may_send(struct house *h, const struct letter_may_send *q, struct arena *a,
                             uint32_t *recipients);
/* What follows when there is room for it as well. Code 0: nothing to say; or 250 with what should
 * be known: the account's mail is held. */
struct reply policy_sender(struct house *h, const struct letter_may_send *q, struct arena *a);
/* At RCPT: does the recipient exist here, or may this client send to other hosts, and to so many?
 * 250, or a refusal. */
struct reply policy_may_reach(struct house *h, const struct letter_may_reach *q, struct arena *a);
/* A failure of store or queue as the answer to a client: 452 for space, 451 else. */
struct reply policy_refusal(struct arena *a, const struct error *e);

#endif
