/* apple: a configuration profile (.mobileconfig) for iOS and macOS: one mail account with the best
 * door of each direction, as that form knows no second ones. Without a password: the device asks
 * for it. Signed by whoever gives it (tls/cms.h). Its UUIDs come from domain and address, so that a
 * second installation replaces the first. */
#ifndef PORT26_CLIENTS_APPLE_H
#define PORT26_CLIENTS_APPLE_H

#include "clients/clients.h"

/* False when it does not fit, or when the address or an incoming or outgoing door is missing. */
bool apple_write(const struct clients_offer *o, struct text *out);

#endif
