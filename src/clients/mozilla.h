/* mozilla: the file that Thunderbird and many others look for ("config-v1.1.xml",
 * draft-ietf-mailmaint-autoconfig). All doors, best first; user names as placeholders, so it is the
 * same for every address of the domain. */
#ifndef PORT26_CLIENTS_MOZILLA_H
#define PORT26_CLIENTS_MOZILLA_H

#include "clients/clients.h"

/* False when it does not fit into out's maximum. */
bool mozilla_write(const struct clients_offer *o, struct text *out);

#endif
