/* once: the key under which a message may be handed over again to the same people without a second
 * copy: by HTTPS as the Idempotency-Key, by SMTP within the envelope id (http/submission.h), so
 * that a provider that is port26 knows it again whichever way it comes (P4). */
#ifndef PORT26_DELIVER_ONCE_H
#define PORT26_DELIVER_ONCE_H

#include "mail/envelope.h"

enum { ONCE_KEY = ID_TEXT + 18 };
/* The same for every try of the same message to the first `count` of its recipients. */
void once_key(const struct envelope *e, size_t count, char out[ONCE_KEY]);

#endif
