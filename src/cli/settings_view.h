/* settings_view: shows the settings for sending, to people and to programs. */
#ifndef PORT26_CLI_SETTINGS_VIEW_H
#define PORT26_CLI_SETTINGS_VIEW_H

#include "cli/settings_find.h"

#include <stdio.h>

void settings_view_print(const struct settings *s, const struct verdict_set *set, FILE *to);
/* The object of check (verdict_view.h) with "settings", "candidates", "provider" and "programs"
 * beside it. */
void settings_view_json(const struct settings *s, const struct verdict_set *set, FILE *to);

#endif
