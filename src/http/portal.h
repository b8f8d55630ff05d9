/* portal: does this network want a login first? A page whose answer is known (204, empty) is asked
 * for in the clear; a network with a login page answers in its place. */
#ifndef PORT26_HTTP_PORTAL_H
#define PORT26_HTTP_PORTAL_H

#include "base/span.h"
#include "io/stream.h"

enum { PORTAL_PORT = 80, PORTAL_WORDS = 256 };

enum portal_answer {
    PORTAL_SAYS_NOTHING, /* no answer, or one that tells nothing */
    PORTAL_SAYS_FREE,
    PORTAL_SAYS_LOGIN,
};

/* Asks over *stream, which stays the caller's; on a fiber, until clock_now() milliseconds. `words`:
 * where the login page is, or the first line that came, safe to show, "" when nothing did. */
enum portal_answer portal_ask(struct stream **stream, struct span host, int64_t until,
                              char words[PORTAL_WORDS]);

#endif
