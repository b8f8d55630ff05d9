/* inside: what the files of this folder share of a running queue. Loop thread only. */
#ifndef PORT26_QUEUE_INSIDE_H
#define PORT26_QUEUE_INSIDE_H

#include "base/arena.h"
#include "queue/bundle.h"
#include "queue/qclock.h"
#include "queue/queue.h"
#include "queue/report.h"
#include "queue/schedule.h"

#include <stdatomic.h>

/* A slot given away: from the moment its content is asked of the store until its result is in the
 * store. P5: `number` is good once. */
struct lease {
    struct lease *next;
    uint64_t number;
    struct slot *slot;
    struct queue *queue;
    struct queue_job *job; /* loaded, and no courier has had room yet */
    unsigned courier;
    int64_t until; /* runs out; CLOCK_NEVER until a courier has it */
    uint32_t count;
    uint32_t *numbers; /* recipients, in the order of the job */
};

struct queue_job {
    struct job job; /* first member */
    struct arena *arena;
};

struct queue {
    struct loop *loop;
    struct store *store;
    struct commit *commit;
    struct queue_settings set;
    char *host, *postmaster;
    const struct queue_calls *calls;
    void *arg;
    struct schedule schedule;
    struct qclock clock;
    struct lease *leases;
    struct settle *settles; /* results on their way into the store */
    struct bundle *bundle;  /* reports that rest */
    struct {
        _Atomic enum dsn_language language;
        _Atomic unsigned per_hour; /* to one sender as mails of their own; 0: all of them */
    } reports;                     /* the loop sets them, the store thread reads them too */
    uint64_t last_lease;
    struct timer *turn;   /* the next slot is due */
    struct timer *minute; /* heartbeat */
    struct timer *again;  /* couriers had no room: ask again */
    struct arena *scratch;
    bool paused, full, ending;
    int64_t space_asked; /* when the free space was asked */
    uint64_t space_size;
    int space_result;
    struct error space_error;
    struct queue_counts counts;
};

/* Queue time of now. Any thread: the clock's base never changes. */
int64_t inside_clock(const struct queue *q);
/* Chooses the routes of all recipients of a message; lives in the scratch arena. */
struct route *inside_routes(struct queue *q, const struct envelope *v);
/* Puts a message that is in the store into the schedule. */
struct item *inside_add(struct queue *q, const struct store_head *head);
/* Charges the quotas with what of it is still to go: its sender's account with its size, and the
 * mailboxes here with what it may need there. Without recipients' states all of them are to go. By
 * force nobody is refused. 0 with *out (NULL: no quotas are kept), or -1 and *e. */
int inside_charge(struct queue *q, const struct store_head *head, bool force,
                  struct usage_charge **out, struct error *e);
/* Out of the schedule, and off the quotas. */
void inside_remove(struct queue *q, struct item *i);
/* Something may be due: looks in the next turn of the loop, or when it is. */
void inside_turn(struct queue *q);
/* A slot of it came back: removes the message when nothing waits any more, or when a person dropped
 * it meanwhile. */
void inside_check(struct queue *q, struct item *i);

/* runner.c */
void runner_turn(struct queue *q);
void runner_expire(struct queue *q);
/* Ends a lease and gives its slot back, due at `at`. */
void runner_return(struct queue *q, struct lease *l, int64_t at);
struct lease *runner_find(struct queue *q, uint64_t number);
struct lease *runner_lease(struct queue *q, struct slot *slot);
void runner_lost(struct queue *q, unsigned courier);
void runner_free(struct queue *q);

/* settle.c */
void settle_result(struct queue *q, const struct job_result *r, void (*then)(void *arg), void *arg);
/* Reports what waited too long while its place was failing as a whole, so that its own turn did not
 * come (delay notice, end of the lifetime). */
void settle_overdue(struct queue *q);
void settle_free(struct queue *q);

/* intake.c */
void intake_accept(struct queue *q, const struct message *m, queue_accepted_fn *done, void *arg);
/* The message as it will be in the store: live, all of it to go. */
struct store_head intake_head(const struct message *m);
int intake_room(struct queue *q, uint64_t size, struct error *e);

/* admin.c */
void admin_list(struct queue *q, const struct id *after, size_t max, queue_list_fn *fn, void *arg);
void admin_show(struct queue *q, const struct id *id, queue_list_fn *fn, void *arg);
void admin_act(struct queue *q, const struct queue_order *o, queue_action_fn *done, void *arg);
/* Takes a message that is not leased out of store and schedule; what still waits of it is dropped.
 */
void admin_drop(struct queue *q, struct item *i);

#endif
