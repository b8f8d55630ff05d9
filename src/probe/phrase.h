/* phrase: what mail programs and servers say by themselves, when no other server said anything: the
 * windows of mail programs, their error numbers, the reasons a mail server gives for a connection
 * that failed. One table; the first that fits holds. */
#ifndef PORT26_PROBE_PHRASE_H
#define PORT26_PROBE_PHRASE_H

#include "mail/cause.h"
#include "mail/outcome.h"

struct phrase {
    const char *words; /* lower case, as reading_says takes them */
    const char *form;  /* where such words come from, for people */
    const char *id;    /* of the diagnosis; NULL: that of the cause */
    enum cause cause;
    enum stage stage; /* told by it, also for a reply that stands beside it and knows better what is
                         wrong */
};

/* `plain` is of said_plain. NULL when none fits; *word is the one that was found. */
const struct phrase *phrase_find(struct span plain, struct span *word);

#endif
