/* zone_view: how `port26 domain dns` and `domain check` show records, to people and as JSON. */
#ifndef PORT26_CLI_ZONE_VIEW_H
#define PORT26_CLI_ZONE_VIEW_H

#include "zone/zone.h"

#include <stdio.h>

/* Lines of a zone file; with `notes` as comments above them. */
void zone_view_lines(const struct zone *z, bool notes, FILE *to);
void zone_view_json(const struct zone *z, struct span domain, FILE *to);
/* What was found: a table, and below it what to publish; then the server itself. */
struct zone_view {
    const struct zone *zone;
    const struct zone_verdict *verdicts; /* zone->count */
    const struct zone_server *server;
    size_t server_count;
};
void zone_view_check(const struct zone_view *v, FILE *to);
void zone_view_check_json(const struct zone_view *v, struct span domain, FILE *to);

#endif
