/* http_query: the part of a request's target behind '?', as forms write it: "name=value&name=value"
 * with %XX. A "+" stays one: it stands in mail addresses, where a blank cannot. */
#ifndef PORT26_HTTP_HTTP_QUERY_H
#define PORT26_HTTP_HTTP_QUERY_H

#include "base/text.h"

/* Adds the decoded value of the first field of that name (any case): 1. 0: there is none. -1: it is
 * not well formed (nor may it hold %00 to %1F or %7F), or does not fit. */
int http_query_value(struct span query, const char *name, struct text *out);
/* Adds what %XX and all else in a piece of a target mean. False: as -1 above. */
bool http_query_decode(struct span s, struct text *out);
/* Adds a value so that it may stand in a query, in a path and between quotes of markup. */
void http_query_encode(struct span value, struct text *out);

#endif
