/* remedy: from a cause to the one setting to change, the sentence for the person, and the steps.
 * One row per diagnosis id, finer where one id has several causes. */
#ifndef PORT26_PROBE_REMEDY_H
#define PORT26_PROBE_REMEDY_H

#include "probe/steps.h"
#include "probe/verdict.h"

/* What is known of this person's case; all may be empty. Texts of strangers must be escaped. */
struct remedy_case {
    enum steps_program program;
    struct steps_settings best; /* a door that works, or that the provider documents */
    struct span host;           /* the server spoken of */
    unsigned port;              /* its door, 0: unknown */
    struct span other;          /* {other} in the words: who picked up, which name is right, ... */
    struct span provider;       /* "Gmail", for {provider} */
};

/* Fills all of *v for an id of the tables ("N8") and a cause (CAUSE_NONE: the id alone tells).
 * v->rule is left alone. An id that has no row gives VERDICT_UNKNOWN. */
void remedy_fill(struct verdict *v, const char *id, enum cause c, const struct remedy_case *k,
                 struct arena *a);
/* The same by the cause alone: its id stands in cause_row(). */
void remedy_of_cause(struct verdict *v, enum cause c, const struct remedy_case *k, struct arena *a);
/* True when the id is of the tables. */
bool remedy_known(const char *id);

#endif
