/* zone_view: how `port26 domain dns` and `domain check` show records, to people and as JSON. */
#ifndef PORT26_CLI_ZONE_VIEW_H
#define PORT26_CLI_ZONE_VIEW_H

#include "zone/zone.h"

#include <stdio.h>

/* Lines of a zone file; with `notes` as comments above them. */
void zone_view_lines(const struct zone *z, bool notes, FILE *to);
void zone_view_json(const struct zone *z, struct span domain, FILE *to);
/* What was found: a table, and below it what to publish. `verdicts`: z->count of them. */
void zone_view_check(const struct zone *z, const struct zone_verdict *verdicts, FILE *to);
void zone_view_check_json(const struct zone *z, const struct zone_verdict *verdicts,
                          struct span domain, FILE *to);

#endif
