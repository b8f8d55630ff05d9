/* quotas_parts: what the files of quotas.h share. For src/serve/quotas*.c only. */
#ifndef PORT26_SERVE_QUOTAS_PARTS_H
#define PORT26_SERVE_QUOTAS_PARTS_H

#include "io/loop.h"
#include "serve/quotas.h"

struct measure;
struct warning;

struct quotas {
    struct house *house;
    struct usage *usage;
    struct worker *worker;
    struct timer *turn; /* warnings to send, accounts to count */
    struct measure *measures;
    struct warning *warnings, **last_warning;
    bool started, ending;
    bool counting; /* one of the unsure, in the background */
};

/* quotas_measure.c: begins to count the next of those that are unsure. */
void quotas_count_next(struct quotas *q);
void quotas_measure_free(struct quotas *q);

/* quotas_warn.c: notes a level in the middle of a change; sends what was noted. */
void quotas_note_level(struct quotas *q, const struct usage_view *v, struct span account,
                       unsigned percent, bool rose);
void quotas_send_warnings(struct quotas *q);
void quotas_warn_free(struct quotas *q);

#endif
