/* quotas_parts: what the files of quotas.h share. For src/serve/quotas*.c only. */
#ifndef PORT26_SERVE_QUOTAS_PARTS_H
#define PORT26_SERVE_QUOTAS_PARTS_H

#include "io/loop.h"
#include "maildir/maildir.h"
#include "serve/quotas.h"

struct measure;
struct warning;

struct quotas {
    struct house *house;
    struct usage *usage;
    struct worker *worker; /* counts */
    struct worker *looker; /* looks whether there is something to count: nothing that takes long */
    struct map *seen;      /* Maildirs as they were counted: quotas_look.c */
    struct timer *turn;    /* warnings to send, accounts to count */
    struct measure *measures;
    struct warning *warnings, **last_warning;
    bool started, ending;
    bool counting; /* one of the unsure, in the background */
};

/* quotas_measure.c: begins to count the next of those that are unsure. */
void quotas_count_next(struct quotas *q);
void quotas_measure_free(struct quotas *q);

/* quotas_look.c: which of these accounts' Maildirs somebody else changed since they were counted;
 * `names` live during the call. Those that were never counted are counted soon. False, and fn is
 * not called: there is nothing to look at (they have no quota, or it was looked a moment ago). */
typedef void quotas_looked_fn(void *arg, const struct span *names, size_t count);
bool quotas_look(struct quotas *q, const struct span *accounts, size_t count, quotas_looked_fn *fn,
                 void *arg);
/* It was counted, and looked so then; NULL: it was changing. */
void quotas_look_counted(struct quotas *q, struct span account, const struct maildir_stamp *stamp);
void quotas_look_free(struct quotas *q);

/* quotas_warn.c: notes a level in the middle of a change; sends what was noted. */
void quotas_note_level(struct quotas *q, const struct usage_view *v, struct span account,
                       unsigned percent, bool rose);
void quotas_send_warnings(struct quotas *q);
void quotas_warn_free(struct quotas *q);

#endif
