/* page: an offer as a page that people read in a browser, and the page that asks for their address.
 * Static HTML without scripts; every word of others is escaped. */
#ifndef PORT26_CLIENTS_PAGE_H
#define PORT26_CLIENTS_PAGE_H

#include "clients/clients.h"

/* Both name this as their style sheet, and /settings as the place of the form. */
#define PAGE_STYLE_PATH "/settings.css"
extern const char page_style[];

/* Asks for an address. `trouble`: what was wrong with the one before, or empty. */
bool page_ask(struct span trouble, struct text *out);
/* The settings. `profile` is a link to the profile for Apple's devices, ready to stand in quotes,
 * or NULL. False when it does not fit. */
bool page_settings(const struct clients_offer *o, const char *profile, struct text *out);

#endif
