/* id: message ids. 48 bits of wall-clock milliseconds and 80 random bits, so they sort by time
 * (within one process strictly), are unique without asking anybody, and are hard to guess. Text: 26
 * characters of lower-case Crockford base 32, safe in headers, file names and shells. */
#ifndef PORT26_BASE_ID_H
#define PORT26_BASE_ID_H

#include "base/span.h"

enum { ID_BYTES = 16, ID_TEXT = 26 };

struct id {
    unsigned char byte[ID_BYTES];
};

/* A fresh id; ends the process when the system has no randomness (HOSTILE fault 43). For the loop's
 * thread only: it remembers the id before. */
struct id id_new(void);
/* Writes 26 characters and a NUL. */
void id_text(const struct id *id, char buf[ID_TEXT + 1]);
/* Reads what id_text wrote (either case); false on anything else. */
bool id_parse(struct span s, struct id *out);
bool id_eq(const struct id *a, const struct id *b);
/* The id's bytes as a map key. */
struct span id_span(const struct id *id);
/* Random bytes; ends the process rather than giving weak ones. */
void id_random(void *at, size_t n);

#endif
