/* explain: the verdict from a text alone: a server's reply, a bounce, a log line, the window of a
 * mail program. Uses the table that delivery and check use (mail/reading.h, mail/cause.h); nothing
 * here but finding the words and telling what they mean for a person. */
#ifndef PORT26_PROBE_EXPLAIN_H
#define PORT26_PROBE_EXPLAIN_H

#include "mail/outcome.h"
#include "mail/reply.h"
#include "probe/steps.h"
#include "probe/verdict.h"

enum { EXPLAIN_INPUT_MAX = 4 << 20, EXPLAIN_FINDINGS_MAX = 16 };

struct explain_request {
    enum stage stage; /* where the text comes from; STAGE_NONE: not known */
    enum steps_program program;
};

struct explain_finding {
    const char *name;  /* "form", "stage", "reply", "host", "recipient", "rule", ... */
    struct span words; /* escaped */
};

struct explain_result {
    struct verdict_set set; /* elapsed_ms is the caller's */
    struct explain_finding findings[EXPLAIN_FINDINGS_MAX];
    size_t finding_count;
};

/* All lives in the arena. Of a text beyond EXPLAIN_INPUT_MAX the rest is not read. Always gives a
 * verdict: VERDICT_UNKNOWN when nothing is known of it. */
void explain_text(struct span text, const struct explain_request *q, struct explain_result *out,
                  struct arena *a);

#endif
