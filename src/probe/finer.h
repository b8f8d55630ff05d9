/* finer: the same class of reply asks for different steps, by where it was said and in which words:
 * "535" because of a wrong password (A3), of the form of the user name (A4), or because the login
 * is that of the access provider (A5). One table for check and explain. */
#ifndef PORT26_PROBE_FINER_H
#define PORT26_PROBE_FINER_H

#include "mail/cause.h"

/* The id of the diagnosis (static), or NULL: that of the cause's own row. `plain` is the reply's
 * text in lower case (said_plain). */
const char *finer_id(enum cause cause, enum stage stage, unsigned code, struct span plain);
/* What else the words tell about a diagnosis, as one sentence without its full stop (static); ""
 * when nothing. */
const char *finer_more(const char *id, struct span plain);

#endif
