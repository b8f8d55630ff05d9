/* relay_door: one way into a relay as it stands in the file: "[HOST:]PORT [MODE]", such as
 * "465 implicit", "smtp2.example.com:587" or "[2001:db8::1]:25 opportunistic". */
#ifndef PORT26_CONF_RELAY_DOOR_H
#define PORT26_CONF_RELAY_DOOR_H

#include "conf/config.h"

/* A door taken apart; host is empty where the relay's own is meant. Without a mode: implicit on
 * ports 465, 993 and 995, https on 443, else starttls. */
struct relay_door {
    struct span host;
    uint64_t port;
    enum config_tls tls;
};
/* False when it is none. */
bool relay_door_split(struct span s, struct relay_door *out);

/* "smtp.example.com:587 starttls", "[2001:db8::1]:25 none": the name under which people and the
 * memory of places know it. */
enum { RELAY_DOOR_NAME = 300 };
void relay_door_name(const struct config_relay_door *d, char buf[RELAY_DOOR_NAME]);

/* The doors that providers open, in the order in which networks let them through; host is NULL. */
const struct config_relay_door *relay_door_usual(size_t *count);

/* Fills relay->doors: those of the setting, or the one that port and tls mean, or the usual
 * ones. Sets port and tls to those of the first. */
void relay_door_complete(struct config *c, struct config_relay *relay);

#endif
