/* conclude: from what was seen to what is wrong. A pure function: no clock, no network, no files.
 * Each rule is a row of one table in conclude.c, from what is nearest to the user to what is
 * farthest; each names the cause of docs/check.md it stands for.
 *
 * Two errors are worse than not knowing: "blocked" while the server is down (people change settings
 * for nothing), and "wrong password" where a stranger picks up (people hand the password to him).
 * So a block needs a second host or a router as a witness, and a stranger needs two signs. */
#ifndef PORT26_PROBE_CONCLUDE_H
#define PORT26_PROBE_CONCLUDE_H

#include "mail/cause.h"
#include "probe/findings.h"

enum { CONCLUDE_MAX = 9, CONCLUDE_PORTS = 8, CONCLUDE_DOUBTS = 8 };

struct conclusion {
    const char *id;                 /* "N8"; "OK"; "unknown" */
    const char *rule;               /* name of the row that fired */
    enum cause cause;               /* where the words of a server decided; else CAUSE_NONE */
    unsigned ports[CONCLUDE_PORTS]; /* the doors it is about; 0 ends */
    char other[FINDINGS_TEXT];      /* who picked up, which router, which name is right; or "" */
    struct findings_reply reply;    /* the server's words, code 0: none */
};

struct conclusions {
    struct conclusion at[CONCLUDE_MAX]; /* the verdict, then the others */
    size_t count;                       /* at least 1 */
    const char *doubt[CONCLUDE_DOUBTS]; /* what could not be ruled out; sentences */
    size_t doubt_count;
    const struct findings_door *best; /* where sending works from here, or NULL */
};

void conclude(const struct findings *f, struct conclusions *out);

#endif
