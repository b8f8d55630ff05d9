/* expansion: who gets a message in the end. At the accept, aliases and catch-alls among the
 * recipients give way to those behind them, and the reverse-paths of forwarded mail to the sender
 * they stand for (forwarding.h). ORCPT and NOTIFY stay as the sender gave them; only who asks to
 * hear of success is told once that the address stood for several (RFC 3461 5.2.7), instead of by
 * each of these. */
#ifndef PORT26_SERVE_EXPANSION_H
#define PORT26_SERVE_EXPANSION_H

#include "mail/message.h"
#include "mail/reply.h"
#include "serve/house.h"

enum { EXPANSION_MAX = 10000 }; /* of one message, with all that aliases stand for */

/* Replaces m->envelope.recipients when an alias is among them, and fills m->expanded; the new lists
 * live in `a`, each address in the first one once. What an alias names but is not here is left out
 * (and logged) as long as another of its targets is. Code 0, or 452 when there are too many; or 550
 * for a reverse-path of forwarded mail that is not ours or old, or when the message is no report.
 *
 * A message for one recipient whom an alias sends on to another host gets a Delivered-To field with
 * his address. When such a field was there before (`again`) it runs in a circle: 554 5.4.6. */
struct reply expansion_replace(const struct house *h, struct message *m, bool again,
                               struct arena *a);
/* Mail for postmaster, and for abuse at a domain, is taken even when no account has this name (RFC
 * 5321 4.5.1, RFC 2142): it goes to the postmaster of the settings. */
bool expansion_postmaster(struct span address);

#endif
