/* house: a queue with a store of its own and a courier that does what the test says. */
#ifndef PORT26_TESTS_QUEUE_HOUSE_H
#define PORT26_TESTS_QUEUE_HOUSE_H

#include "../store/fixture.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/inside.h"

struct house;
/* What the courier does with a job: fills the outcome of all its recipients; false: keeps the job
 * for ever (the test settles, or loses it). */
typedef bool house_courier_fn(struct house *h, const struct job *j, struct outcome *o);

struct house_job {
    uint64_t lease;
    unsigned attempt;
    size_t count;
    char sender[80], first[80], destination[80];
    enum route_kind kind;
};

struct house {
    struct fixture *fixture;
    struct loop *loop;
    struct timer *poll;
    struct queue *queue;
    struct queue_settings set;
    house_courier_fn *courier;
    bool refuse; /* no courier has room */
    struct house_job job[400000 / 100];
    unsigned jobs;
    struct text content, report; /* of the last job, of the last one from <> */
    unsigned accepted, refused, code;
    char enhanced[12];
    unsigned courier_id, beats;
    bool (*until)(struct house *h);
    int64_t give_up;
};

static inline void house_route(void *arg, struct span sender, struct span recipient,
                               struct arena *a, struct route *out)
{
    struct span domain = span_from(recipient, (size_t)span_rfind(recipient, '@') + 1);

    (void)arg;
    (void)sender;
    *out = (struct route){.kind = ROUTE_MX, .domain = domain};
    out->destination = span_of(arena_printf(a, "mx:%.*s", SPAN_ARG(domain)));
    if (span_is(domain, "here.example")) {
        out->kind = ROUTE_INBOX;
        out->destination = SPAN("inbox");
    }
}

struct house_result {
    struct house *house;
    struct job *job;
    struct outcome outcome;
};

/* As the one who was given the job. */
static inline void house_settle_as_given(struct house *h, const struct job_result *r)
{
    const struct lease *l = runner_find(h->queue, r->lease);

    queue_settle(h->queue, l ? l->courier : 0, r);
}

static inline void house_settle(struct house *h, uint64_t lease, size_t count,
                                const struct outcome *o)
{
    struct outcome *all = memory_array(count, sizeof *all);
    struct job_try one = {.at = clock_wall(), .host = SPAN("mx.test"), .words = SPAN("a try")};
    struct job_result r = {
        .lease = lease, .count = count, .outcomes = all, .try_count = 1, .tries = &one};

    for (size_t i = 0; i < count; i++)
        all[i] = *o;
    house_settle_as_given(h, &r);
    free(all);
}

static inline void house_bring(void *arg)
{
    struct house_result *r = arg;

    if (r->house->queue)
        house_settle(r->house, r->job->lease, r->job->envelope.count, &r->outcome);
    queue_job_free(&r->job);
    free(r);
}

static inline bool house_take(struct house *h, struct job *j)
{
    struct house_result *r;
    struct house_job *seen = &h->job[h->jobs % COUNT(h->job)];

    if (h->refuse)
        return false;
    h->jobs++;
    *seen = (struct house_job){
        .lease = j->lease, .attempt = j->attempt, .kind = j->kind, .count = j->envelope.count};
    span_cstr(j->envelope.sender, seen->sender, sizeof seen->sender);
    span_cstr(j->envelope.recipients[0].address, seen->first, sizeof seen->first);
    span_cstr(j->destination, seen->destination, sizeof seen->destination);
    text_clear(&h->content);
    text_add(&h->content, j->content.prefix);
    text_add(&h->content, j->content.body);
    if (!j->envelope.sender.len) {
        text_clear(&h->report);
        text_add(&h->report, j->content.body);
    }
    r = memory_alloc(sizeof *r);
    r->house = h;
    r->job = j;
    if (h->courier(h, j, &r->outcome)) {
        loop_later(h->loop, house_bring, r);
    } else {
        queue_job_free(&r->job);
        free(r);
    }
    return true;
}

static inline bool house_dispatch(void *arg, struct job *j, unsigned *courier)
{
    *courier = ((struct house *)arg)->courier_id;
    return house_take(arg, j);
}

static inline bool house_inbox(void *arg, struct job *j)
{
    return house_take(arg, j);
}

/* Everybody at here.example has a mailbox under that name. */
static inline struct span house_mailbox(void *arg, struct span sender, struct span recipient)
{
    (void)arg;
    (void)sender;
    return span_ends(recipient, SPAN("@here.example")) ? recipient : SPAN_NONE;
}

static const struct queue_calls house_calls = {.route = house_route,
                                               .dispatch = house_dispatch,
                                               .inbox = house_inbox,
                                               .mailbox = house_mailbox};

static inline void house_open(struct house *h)
{
    struct error e = {0};

    h->queue = queue_new(h->loop, h->fixture->store, &h->set, &house_calls, h, &e);
    if (!h->queue)
        fail_msg("%s", e.words);
}

static inline void house_poll(void *arg)
{
    struct house *h = arg;

    if (h->until(h) || clock_now() > h->give_up)
        loop_stop(h->loop);
    else
        timer_set(h->poll, 1);
}

/* Runs the loop until it is true; fails after 20 seconds. */
static inline void house_run(struct house *h, bool (*until)(struct house *h))
{
    h->until = until;
    timer_stop(h->poll);
    h->give_up = clock_now() + 20000;
    timer_set(h->poll, 0);
    loop_run(h->loop);
    assert_true(until(h));
}

static inline bool house_idle(struct house *h)
{
    struct queue_counts n;

    queue_counts(h->queue, &n);
    return commit_load(queue_commit(h->queue)) == 0 && n.leased == 0 &&
           (h->queue->paused || h->queue->full ||
            schedule_when(&h->queue->schedule) > clock_now() + 2);
}

static inline void house_run_idle(struct house *h)
{
    house_run(h, house_idle);
}

/* Lets time pass: the timers beneath run on the machine's clock and are moved here. */
static inline void house_shift(struct house *h, int64_t ms)
{
    clock_shift(ms);
    timer_stop(h->queue->turn);
    timer_stop(h->queue->minute);
    timer_set(h->queue->turn, 0);
    timer_set(h->queue->minute, 0);
}

static inline bool house_beat(struct house *h)
{
    return h->beats++ > 3;
}

/* Lets time pass, and all that is due then happen. */
static inline void house_pass(struct house *h, int64_t ms)
{
    house_shift(h, ms);
    h->beats = 0;
    house_run(h, house_beat);
    house_run_idle(h);
}

static inline void house_accepted(void *arg, const struct reply *r)
{
    struct house *h = arg;

    h->code = r->code;
    enhanced_text(r->enhanced, h->enhanced);
    h->accepted += r->code == 250;
    h->refused += r->code != 250;
}

static inline bool house_answered(struct house *h)
{
    return h->accepted + h->refused == 1;
}

/* Accepts a message and waits for the answer. */
static inline void house_accept(struct house *h, const struct message *m)
{
    h->accepted = h->refused = 0;
    queue_accept(h->queue, m, house_accepted, h);
    house_run(h, house_answered);
}

static inline struct house *house_new(const char *driver)
{
    struct house *h = memory_alloc(sizeof *h);

    log_open("test", LOG_TO_STDERR, LOG_KEYVALUE, (enum log_level)0);
    h->fixture = fixture_new(driver);
    h->loop = loop_new();
    h->poll = timer_new(h->loop, house_poll, h);
    h->set.host = "mail.test";
    text_init(&h->content, 1 << 20);
    text_init(&h->report, 1 << 20);
    house_open(h);
    return h;
}

/* Ends the queue and, on a disk, the store, and starts both again. */
static inline void house_restart(struct house *h)
{
    queue_free(&h->queue);
    if (strcmp(h->fixture->driver, "memory") != 0)
        fixture_reopen(h->fixture);
    house_open(h);
}

static inline void house_free(struct house *h)
{
    queue_free(&h->queue);
    timer_free(&h->poll);
    loop_free(&h->loop);
    fixture_free(h->fixture);
    text_free(&h->content);
    text_free(&h->report);
    free(h);
}

#endif
