/* admission: is what a neighbour hands over a mail at all? The listener's engine and the command
 * line see to that, but behind the control socket may be any program of any user, and a listener
 * may have been taken over. What passes here can stand in an SMTP dialogue, a log and a record. */
#ifndef PORT26_SERVE_ADMISSION_H
#define PORT26_SERVE_ADMISSION_H

#include "mail/message.h"
#include "mail/reply.h"

/* Code 0: it is. Else a refusal whose text lives in the arena. `size_max`: octets of the body, 0:
 * not looked at. */
struct reply admission_check(const struct message *m, uint64_t size_max, struct arena *a);

#endif
