/* inspection: mail from outside, before it is accepted: what rspamd says of it, where the settings
 * name one. In the keeper; a courier asks (scanner.h). */
#ifndef PORT26_SERVE_INSPECTION_H
#define PORT26_SERVE_INSPECTION_H

#include "post/letter.h"
#include "serve/house.h"

/* Is this one to be looked at? */
bool inspection_wanted(const struct house *h, const struct letter_accept *l);
/* On a fiber: code 0, and what was found out stands in the message's prefix (in the arena); or the
 * refusal. */
struct reply inspection_run(struct house *h, struct letter_accept *l, struct arena *a);

#endif
