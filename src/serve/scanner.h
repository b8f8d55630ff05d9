/* scanner: asks rspamd about a message, by HTTP. In the courier, which is the one that talks to
 * others (docs/why/incoming.md). */
#ifndef PORT26_SERVE_SCANNER_H
#define PORT26_SERVE_SCANNER_H

#include "conf/config.h"
#include "io/loop.h"
#include "post/letter.h"

struct scanner;

struct dns;

/* `d` tells the names of clients' addresses, and outlives it. NULL and *e. */
struct scanner *scanner_new(struct loop *l, const struct config *c, struct dns *d, struct error *e);
/* None may be under way. */
void scanner_free(struct scanner **s);
/* Asks and waits, on a fiber; the content's fd is read, and stays the caller's. Spans live in the
 * arena. */
void scanner_ask(struct scanner *s, const struct letter_accept *l, struct arena *a,
                 struct letter_scanned *out);

#endif
