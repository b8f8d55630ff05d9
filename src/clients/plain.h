/* plain: an offer as JSON for programs and as text for people. */
#ifndef PORT26_CLIENTS_PLAIN_H
#define PORT26_CLIENTS_PLAIN_H

#include "clients/clients.h"

/* {"domain", "address", "display_name", "user", "incoming": [...], "outgoing": [{"protocol",
 * "host", "port", "encryption": "implicit"|"starttls", "authentication": "password"}]}, the best
 * first. "address" is empty and "user" holds the word "address" or "local-part" in `<>` while no
 * address is known. False when it does not fit. */
bool plain_json(const struct clients_offer *o, struct text *out);
bool plain_write(const struct clients_offer *o, struct text *out);

#endif
