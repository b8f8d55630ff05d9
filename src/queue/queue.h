/* queue: what was accepted and has not ended. Lives in the keeper, on the loop thread; the disk
 * work runs on the store thread (queue/commit.h).
 *
 * Promises kept here (DESIGN section 5); tests quote the number:
 *  P1  The reply of queue_accept is 250 only after the commit of body, envelope and recipients.
 *  P2  Anything that failed on the way is 451 or 452, and nothing of the message remains.
 *  P3  A recipient leaves the queue only with a recorded end, in one transaction with its report.
 *  P4  A duplicate is possible only between the far 250 and our commit; the log then says so.
 *  P5  A lease has one owner until it runs out.
 *  P6  Temporary stays temporary until the lifetime has run out.
 *
 * The queue clock: milliseconds of real time the queue has lived through, kept in the store. It
 * goes on while the machine sleeps and is blind to a calendar that jumps (HOSTILE fault 22). */
#ifndef PORT26_QUEUE_QUEUE_H
#define PORT26_QUEUE_QUEUE_H

#include "account/usage.h"
#include "mail/dsn.h"
#include "mail/job.h"
#include "queue/commit.h"
#include "route/choose.h"

struct queue;

enum { QUEUE_RETRIES_MAX = 32, QUEUE_DESTINATION_MAX = 300, QUEUE_TOLLS_MAX = 4 };

/* What the house charges for an accept: limits, quotas. Those of a message are charged in order;
 * when one refuses, those before it end at once. */
struct queue_toll {
    /* Loop thread, before the message goes to the store: check and charge. 0, or -1 with *e, the
     * answer to the client, and nothing charged. *ticket is the toll's own, for write and end. With
     * words in *hold, good until end, the message is accepted and held. */
    int (*charge)(void *arg, const struct message *m, void **ticket, struct span *hold,
                  struct error *e);
    /* Store thread, in the transaction of the message, only when it is new (P12); may be NULL. */
    int (*write)(struct store *s, void *ticket, struct error *e);
    /* Loop thread, once for each charge that was 0. kept false: the message did not come into the
     * queue, or was there already: take the charge back. */
    void (*end)(void *arg, void *ticket, bool kept);
    void *arg;
};

struct queue_settings {
    const char *host;                 /* our name in reports; copied */
    const char *postmaster;           /* whom people may write to, told in reports; NULL: the
                                         postmaster of host; copied */
    unsigned jobs;                    /* leased at the same time; 0: 100 */
    unsigned jobs_per_place;          /* of these to one destination; 0: 10 */
    unsigned recipients;              /* in one job; 0: 100 */
    int64_t lifetime;                 /* milliseconds; 0: 5 days */
    int64_t delay_after;              /* milliseconds until the delay notice; 0: 4 hours */
    int64_t lease;                    /* milliseconds a courier may keep a job; 0: 2 hours */
    int64_t retry[QUEUE_RETRIES_MAX]; /* wait after the 1st, 2nd... attempt, the last for all later
                                         ones; all 0: 5, 10, 20, 40 min, 1, 2, 3, 4 h */
    enum dsn_language language;       /* of reports */
    unsigned reports_hour;            /* to one sender as mails of their own; 0: all of them */
    struct queue_toll toll[QUEUE_TOLLS_MAX];
    size_t toll_count;
    struct usage *usage; /* quotas: charged and released here; NULL: none; must outlive the queue */
    struct commit_settings commit;
};

struct queue_calls {
    /* choose_route with the present rules: pure and quick; loop thread. */
    void (*route)(void *arg, struct span sender, struct span recipient, struct arena *a,
                  struct route *out);
    /* Gives a job (ROUTE_MX, ROUTE_RELAY) to a courier. True: taken, it was sent or is owned by the
     * callee, who ends it with queue_job_free; *courier names who has it, for queue_lost. False: no
     * courier has room; the queue keeps the job and asks again after queue_kick or some seconds. */
    bool (*dispatch)(void *arg, struct job *job, unsigned *courier);
    /* Takes a ROUTE_INBOX job; the same contract; end it by queue_settle_then. */
    bool (*inbox)(void *arg, struct job *job);
    /* Another server refused so many recipients for good (5.x.x), of mail this account sent; they
     * have ended. May be NULL. */
    void (*refused)(void *arg, struct span account, unsigned count);
    /* The same for the store, before that: on the store thread, inside the transaction of their
     * ends. 0, or -1 with *e. May be NULL. */
    int (*note_refused)(void *arg, struct store *s, struct span account, unsigned count,
                        struct error *e);
    /* A report, or another message of nobody but ourselves (without account and peer), is about to
     * be stored: may put header fields in front of its content.prefix, which then lives in `a`. On
     * the store thread, inside the transaction. NULL: nothing. */
    void (*own)(void *arg, struct store *s, struct message *m, struct arena *a);
    /* The reverse-path with which a message of `sender` leaves for a host that an alias here leads
     * to; lives in `a`. NULL: the sender's own. */
    struct span (*leaving)(void *arg, struct span sender, struct arena *a);
    /* Whose mailbox here will take a recipient's mail by the present rules; empty: it goes
     * elsewhere. Good until the loop's next turn. NULL: nobody's. */
    struct span (*mailbox)(void *arg, struct span sender, struct span recipient);
};

/* Reads the queue from the store and starts to deliver when the loop runs. Start-up accounts for
 * every message: counts are logged. NULL with *e when the store cannot be read. `calls` must
 * outlive the queue; `store` stays the caller's. */
struct queue *queue_new(struct loop *l, struct store *s, const struct queue_settings *set,
                        const struct queue_calls *calls, void *arg, struct error *e);
/* Stops leasing, waits for the store thread, frees all; nulls the pointer. What is leased is due
 * again at the next start. */
void queue_free(struct queue **q);
/* The store thread, for account/ and others: all use of the store goes through it. */
struct commit *queue_commit(struct queue *q);
/* The queue clock: milliseconds, see above. Any thread. */
int64_t queue_clock(const struct queue *q);
/* No new leases (drain at the end); accepts and settles go on. */
void queue_pause(struct queue *q, bool paused);
/* A courier has room again. */
void queue_kick(struct queue *q);
/* The settings of reports changed: holds for those composed from now on. per_hour: to one sender as
 * mails of their own; 0: all of them. */
void queue_reports(struct queue *q, enum dsn_language language, unsigned per_hour);
/* The routes in the settings changed: chooses anew for all that waits. */
void queue_reroute(struct queue *q);

/* ---- intake ---- */

/* Is there room for a message of `size` octets (0: unknown)? For MAIL FROM. 0, or -1 with *e
 * (452 4.3.1, 451 4.3.0). The free space is asked at most every second. */
int queue_room(struct queue *q, uint64_t size, struct error *e);
/* An unnamed file for a listener's large body; the caller owns it. -1 with *e. */
int queue_body_file(struct queue *q, struct error *e);
/* The answer to the client: 250 2.0.0 only when it is safe (P1). */
typedef void queue_accepted_fn(void *arg, const struct reply *r);
/* Accepts a message. It, all it points to, and content.fd stay the caller's and must stay unchanged
 * until done(arg, ...) is called, which happens exactly once, later, from the loop. The same id
 * again is 250 and changes nothing; so is the same account and key (message.once), with the id of
 * the first time in the reply. A key that was used for something else is 554. */
void queue_accept(struct queue *q, const struct message *m, queue_accepted_fn *done, void *arg);

/* What the quotas would be asked for this message; the posts live in `a`. */
void queue_want(struct queue *q, const struct message *m, struct arena *a, struct usage_want *out);

/* ---- work ---- */

/* Frees a job taken by dispatch or inbox: closes its file, wipes its login. Nulls the pointer. */
void queue_job_free(struct job **j);
/* A job came back from a courier, as dispatch named it. All is copied. A lease that ran out or was
 * lost is ignored and logged (P4, P5), and so is one that this courier never had. */
void queue_settle(struct queue *q, unsigned courier, const struct job_result *r);
/* Of a job that inbox took; and done(arg) from the loop, perhaps at once, when it is in the store
 * and counted, or when it will never be (a late result, the end of the queue). */
void queue_settle_then(struct queue *q, const struct job_result *r, void (*done)(void *arg),
                       void *arg);
/* A courier died: its leases are due again at once. */
void queue_lost(struct queue *q, unsigned courier);
/* The network changed: what waits for it is due now, unless there is none. */
void queue_network(struct queue *q, bool offline);

/* ---- admin ---- */

struct queue_counts {
    unsigned messages, held, damaged; /* messages counts all three kinds */
    unsigned recipients;              /* still waiting */
    unsigned destinations, failing;   /* known, and of these in back-off */
    unsigned leased;
    uint64_t octets;
    uint64_t accepted, delivered, relayed, failed, dropped, reports; /* since the start */
};
void queue_counts(const struct queue *q, struct queue_counts *out);

/* A destination that has mail waiting. */
struct queue_place {
    struct span destination;
    unsigned waiting, leased;
    unsigned failures; /* in a row; 0: it works */
    bool waits_for_network;
    int64_t until;     /* wall clock: not tried before; 0: may be tried now */
    int64_t next;      /* wall clock: the next try of any of it; 0: none is due */
    struct span words; /* of the last failure */
};
/* Calls fn for each destination, in no order. */
void queue_places(const struct queue *q, void (*fn)(void *arg, const struct queue_place *p),
                  void *arg);

struct queue_entry {
    const struct store_head *head; /* next_try of its recipients is on the wall clock here */
    bool leased;                   /* a courier has some of it now */
    size_t event_count;            /* queue_show only */
    const struct store_event *events;
};
/* Called on the loop, once per entry, then once with NULL; *e is NULL unless reading failed. */
typedef void queue_list_fn(void *arg, const struct queue_entry *entry, const struct error *e);
/* Lists at most `max` messages, oldest first, that come after `after` (NULL: from the start). */
void queue_list(struct queue *q, const struct id *after, size_t max, queue_list_fn *fn, void *arg);
/* One message with its story; only the NULL call when there is none. */
void queue_show(struct queue *q, const struct id *id, queue_list_fn *fn, void *arg);

/* The result of an action: how many messages it touched, or *e. Called later, from the loop; may be
 * NULL. */
typedef void queue_action_fn(void *arg, unsigned touched, const struct error *e);
enum queue_action { QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_REMOVE };
/* Who does what to which message, and why. */
struct queue_order {
    enum queue_action action;
    const struct id *id;        /* NULL: all; RETRY only */
    struct span person, reason; /* for the log and, for HOLD, into the message */
};
/* Does it. REMOVE needs person and reason: it is the named person who drops the recipients (P3). A
 * message that is leased is removed when its job has come back; what was delivered by then stays
 * delivered. */
void queue_act(struct queue *q, const struct queue_order *o, queue_action_fn *done, void *arg);

#endif
