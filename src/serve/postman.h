/* postman: short letters of the house itself to one person: notices, warnings. They come from the
 * postmaster, say that no person wrote them (Auto-Submitted, RFC 3834), and a failure of theirs is
 * told to nobody (the reverse-path is <>). */
#ifndef PORT26_SERVE_POSTMAN_H
#define PORT26_SERVE_POSTMAN_H

#include "conf/config.h"
#include "queue/queue.h"

struct postman_letter {
    struct span to;      /* a mail address */
    struct span subject; /* UTF-8, one line */
    struct span text;    /* UTF-8, lines end in LF */
};

/* What we say to people in English, in the language of the settings (`reports { language }`), line
 * by line, as mail/finding_texts.h knows it; blanks and a dash before a line stay. False, and
 * nothing in *out: a line is known in English only, or English is the language. */
bool postman_say(const struct config *c, struct span english, struct text *out);
/* Puts it into the queue, in the language of the settings when all of it is known in it; all is
 * copied. What can not be sent is logged. */
void postman_send(struct queue *q, const struct config *c, const struct postman_letter *l);
/* The address under which an account's owner reads mail: its name, or for a bare login that in the
 * first of our domains; empty when there is none. */
struct span postman_address(const struct config *c, struct span account, struct arena *a);

#endif
