/* page: an offer as a page that people read in a browser, and the page that asks for their address.
 * Static HTML without scripts; every word of others is escaped. */
#ifndef PORT26_CLIENTS_PAGE_H
#define PORT26_CLIENTS_PAGE_H

#include "clients/page_texts.h"

/* Both name this as their style sheet, and /settings as the place of the form. */
#define PAGE_STYLE_PATH "/settings.css"
extern const char page_style[];

/* The first language of an Accept-Language field (RFC 9110 12.5.4) that the pages have. */
enum page_language page_language(struct span accepted);

/* Why they are asked again. */
enum page_trouble { PAGE_FINE, PAGE_NO_ADDRESS, PAGE_FOREIGN };
/* Asks for an address. `domain`: of the one before, for PAGE_FOREIGN. */
bool page_ask(enum page_language l, enum page_trouble trouble, struct span domain,
              struct text *out);
/* The settings. `profile` is a link to the profile for Apple's devices, ready to stand in quotes,
 * or NULL. False when it does not fit. */
bool page_settings(const struct clients_offer *o, enum page_language l, const char *profile,
                   struct text *out);

#endif
