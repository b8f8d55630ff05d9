/* settings: one reading of the configuration and of all it names: certificates, keys and relay
 * passwords, read while we may. A reload makes a second one, and keeps the first when the second is
 * bad. */
#ifndef PORT26_SERVE_SETTINGS_H
#define PORT26_SERVE_SETTINGS_H

#include "conf/config.h"
#include "serve/certificates.h"

struct settings {
    struct config *config;
    struct text file; /* the configuration as read, for the children */
    struct certificates certificates;
    struct text *passwords; /* of each relay, by its place in config->relays; empty: none */
};

/* Reads it all; `before` (may be NULL) are those in force, from which certificates that did not
 * change are taken as checked. 0, or -1 with what is wrong in `notes`, which begin as {0} and are
 * the caller's to free; warnings come with either. */
int settings_load(const char *file, const struct settings *before, struct settings **out,
                  struct config_notes *notes);
/* Wipes secrets; nulls the pointer; NULL is fine. */
void settings_free(struct settings **s);

#endif
