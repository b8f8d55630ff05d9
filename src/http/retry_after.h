/* retry_after: when a server wants to be asked again: the value of Retry-After (RFC 9110 section
 * 10.2.3), a number of seconds or a date in one of the three forms of HTTP. */
#ifndef PORT26_HTTP_RETRY_AFTER_H
#define PORT26_HTTP_RETRY_AFTER_H

#include "base/span.h"

enum { RETRY_AFTER_MAX = 24 * 60 * 60 };

/* Seconds from `wall` (wall clock, ms) on, at most RETRY_AFTER_MAX; 0: none, not now, or nonsense.
 * Pure. */
uint32_t retry_after(struct span value, int64_t wall);

#endif
