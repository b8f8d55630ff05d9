/* moment: the times of answers, which stand there in UTC, as people read them on this host. */
#ifndef PORT26_CLI_MOMENT_H
#define PORT26_CLI_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { MOMENT_SIZE = 32 };

/* "2026-11-22T22:37:50.097Z", or without the thousandths, to *out. False: it is no such time. */
bool moment_read(const char *iso, time_t *out);
/* The same moment in local time with its zone, "2026-11-22T23:37:50+01:00": one word, which
 * programs can read too (RFC 3339). In `buf`, of at least MOMENT_SIZE octets, and returned; "" when
 * it is no time. */
const char *moment_local(const char *iso, char *buf, size_t cap);

#endif
