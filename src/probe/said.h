/* said: finds what a server said in a text of any kind: a bare reply, several lines of one, a log
 * line, a bounce, the window of a mail program. */
#ifndef PORT26_PROBE_SAID_H
#define PORT26_PROBE_SAID_H

#include "base/arena.h"
#include "mail/outcome.h"
#include "mail/reply.h"

struct said {
    struct reply reply; /* code 0: no server is quoted; text in the arena, escaped, one line */
    enum stage stage;   /* as told around it; STAGE_NONE when it is not */
    struct span host;   /* who said it, escaped; empty when it is not told */
    bool made_up;       /* there was an enhanced code only: the code is made from it */
};

enum { SAID_TEXT_MAX = 4096 }; /* of the reply */

/* `text` may be of any size. True when something was found. */
bool said_find(struct span text, struct said *out, struct arena *a);
/* The stage that the words around a failure tell ("in reply to RCPT TO"); STAGE_NONE: none. */
enum stage said_stage(struct span text, struct arena *a);
/* The server a text speaks of: "host mx.example.org[192.0.2.1] said", "server (SMTP) x timed out";
 * escaped, or empty. */
struct span said_host(struct span text, struct arena *a);
/* Lower case (ASCII), and line ends as blanks, runs of blanks as one. */
struct span said_plain(struct span text, struct arena *a);

#endif
