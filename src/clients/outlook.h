/* outlook: the answers of Autodiscover in its first form ("POX", MS-OXDSCLI), which Outlook and
 * some phones ask for by POST. */
#ifndef PORT26_CLIENTS_OUTLOOK_H
#define PORT26_CLIENTS_OUTLOOK_H

#include "clients/clients.h"

/* The settings for o->address, all doors, best first. False when it does not fit. */
bool outlook_write(const struct clients_offer *o, struct text *out);
/* The answer to a question that is none of ours (codes of MS-OXDSCLI): 600 for one that cannot be
 * read, 601 for another kind of settings than we have. */
enum outlook_error { OUTLOOK_INVALID = 600, OUTLOOK_UNAVAILABLE = 601 };
bool outlook_refuse(enum outlook_error code, int64_t wall_ms, struct text *out);

#endif
