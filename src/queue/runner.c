/* runner: leases what is due. P5: a slot is leased to one owner; its number is good until the
 * result is in the store, the time runs out, or the courier dies, and is never given again. */
#include "queue/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOSSES_MAX = 5,  /* couriers one message may cost before it is held (fault 12) */
    AGAIN_MS = 2000, /* ask couriers for room again */
    UNREADABLE_MS = 60 * 1000
};

/* ---- leases ---- */

struct lease *runner_find(struct queue *q, uint64_t number)
{
    struct lease *l = q->leases;

    while (l && l->number != number)
        l = l->next;
    return l;
}

/* The recipients of the slot that still wait. */
static void fill_numbers(struct lease *l)
{
    const struct item *i = l->slot->item;
    size_t index = (size_t)(l->slot - i->slot);

    l->numbers = memory_array(l->slot->waiting, sizeof *l->numbers);
    for (uint32_t n = 0; n < i->posts; n++)
        if (i->post[n].end == STORE_WAITING && i->post[n].slot == index)
            l->numbers[l->count++] = n;
    assert(l->count == l->slot->waiting);
}

struct lease *runner_lease(struct queue *q, struct slot *slot)
{
    struct lease *l = memory_alloc(sizeof *l);

    l->number = ++q->last_lease;
    l->slot = slot;
    l->queue = q;
    l->until = CLOCK_NEVER;
    fill_numbers(l);
    slot->lease = l;
    l->next = q->leases;
    q->leases = l;
    return l;
}

static void end_lease(struct queue *q, struct lease *l)
{
    struct lease **link = &q->leases;

    while (*link != l)
        link = &(*link)->next;
    *link = l->next;
    l->slot->lease = NULL;
    if (l->job) {
        struct job *job = &l->job->job;

        queue_job_free(&job);
    }
    free(l->numbers);
    free(l);
}

void runner_return(struct queue *q, struct lease *l, int64_t at)
{
    struct slot *slot = l->slot;

    end_lease(q, l);
    schedule_put(&q->schedule, slot, at);
    inside_turn(q);
}

void runner_free(struct queue *q)
{
    while (q->leases)
        end_lease(q, q->leases);
}

/* The lease ended without a result: the far side may have taken the mail, so that a second copy may
 * reach it (P4). First at once, then ever later, in the end a person has to look: it may be this
 * very message that kills couriers. */
static void lose(struct queue *q, struct lease *l, const char *why)
{
    static const int64_t waits[LOSSES_MAX] = {0, CLOCK_MINUTE, 5 * CLOCK_MINUTE, 20 * CLOCK_MINUTE,
                                              2 * CLOCK_HOUR};
    struct slot *slot = l->slot;
    struct item *i = slot->item;
    unsigned losses = ++slot->losses;

    i->read = true; /* the next attempt may be a repeated one */

    log_event(LOG_WARNING, "lease.lost", LOG_ID(&i->id), LOG_NUM("lease", l->number),
              LOG_STR("why", why), LOG_NUM("times", losses),
              LOG_SPAN("destination", slot->place->key));
    runner_return(q, l, clock_now() + waits[losses < LOSSES_MAX ? losses - 1 : LOSSES_MAX - 1]);
    if (losses >= LOSSES_MAX && i->state == STORE_LIVE) {
        struct queue_order hold = {QUEUE_HOLD, &i->id, SPAN("port26"),
                                   SPAN("couriers died or went silent several times while they had "
                                        "this message")};

        queue_act(q, &hold, NULL, NULL);
    }
}

void runner_lost(struct queue *q, unsigned courier)
{
    for (struct lease *l = q->leases, *next; l; l = next) {
        next = l->next;
        if (l->until != CLOCK_NEVER && l->courier == courier)
            lose(q, l, "the courier died");
    }
}

void runner_expire(struct queue *q)
{
    int64_t now = clock_now();

    for (struct lease *l = q->leases, *next; l; l = next) {
        next = l->next;
        if (l->until <= now)
            lose(q, l, "it ran out");
    }
}

/* ---- jobs ---- */

void queue_job_free(struct job **j)
{
    struct queue_job *own = (struct queue_job *)*j;

    if (!own)
        return;
    if (own->job.content.fd >= 0)
        close(own->job.content.fd);
    if (own->job.password.len)
        memory_wipe((char *)own->job.password.at, own->job.password.len);
    arena_free(&own->arena);
    free(own);
    *j = NULL;
}

/* Only the recipients of this lease. */
static void fill_envelope(struct queue_job *j, const struct lease *l, const struct envelope *whole)
{
    struct job *job = &j->job;

    job->envelope = *whole;
    job->envelope.count = l->count;
    job->envelope.recipients = arena_alloc(j->arena, l->count * sizeof(struct recipient));
    job->numbers = arena_alloc(j->arena, l->count * sizeof *job->numbers);
    for (uint32_t n = 0; n < l->count; n++) {
        job->numbers[n] = l->numbers[n];
        job->envelope.recipients[n] = whole->recipients[l->numbers[n]];
    }
}

struct load {
    struct queue *queue;
    uint64_t lease;
    struct id id;
    struct arena *arena;
    struct store_head head;
    struct content content;
    int got;
    struct error why;
};

static struct queue_job *make_job(struct lease *l, struct load *load)
{
    struct queue_job *j = memory_alloc(sizeof *j);
    const struct place *p = l->slot->place;

    j->arena = load->arena;
    load->arena = NULL;
    j->job.lease = l->number;
    j->job.attempt = l->slot->attempts + 1U;
    fill_envelope(j, l, &load->head.envelope);
    if (l->slot->forwarded && p->kind != ROUTE_INBOX && l->queue->calls->leaving)
        j->job.envelope.sender =
            l->queue->calls->leaving(l->queue->arg, j->job.envelope.sender, j->arena);
    j->job.content = load->content;
    load->content.fd = -1;
    j->job.kind = p->kind;
    j->job.destination = arena_span(j->arena, p->key);
    j->job.domain = arena_span(j->arena, p->domain);
    j->job.relay = arena_span(j->arena, p->relay);
    j->job.held = arena_span(j->arena, schedule_held(l->slot, clock_now()));
    return j;
}

/* Offers a loaded job. It may be settled, and the lease gone, before dispatch returns. */
static bool offer(struct queue *q, struct lease *l)
{
    struct queue_job *j = l->job;
    uint64_t number = l->number;
    unsigned courier = 0;
    bool taken;

    l->job = NULL;
    l->until = clock_now() + q->set.lease;
    taken = j->job.kind == ROUTE_INBOX ? q->calls->inbox(q->arg, &j->job)
                                       : q->calls->dispatch(q->arg, &j->job, &courier);
    if (taken) {
        l = runner_find(q, number);
        if (l)
            l->courier = courier;
        return true;
    }
    l->job = j;
    l->until = CLOCK_NEVER;
    q->full = true;
    timer_set(q->again, AGAIN_MS);
    return false;
}

static int load_work(struct store *s, void *arg, struct error *e)
{
    struct load *load = arg;

    load->got = store_load(s, &load->id, load->arena, &load->head, &load->content, &load->why);
    if (load->got < 0)
        *e = load->why;
    return load->got < 0 ? -1 : 0;
}

static void loaded(struct queue *q, struct lease *l, struct load *load)
{
    struct item *i = l->slot->item;

    if (load->got == STORE_GOT) {
        l->job = make_job(l, load);
        if (!q->full && !q->paused && !q->ending)
            offer(q, l);
        return;
    }
    log_event(LOG_ERROR, "message.damaged", LOG_ID(&i->id), LOG_STR("words", load->why.words));
    schedule_state(&q->schedule, i, STORE_DAMAGED, clock_now());
    runner_return(q, l, clock_now());
}

static void load_done(void *arg, int result, const struct error *e)
{
    struct load *load = arg;
    struct queue *q = load->queue;
    struct lease *l = runner_find(q, load->lease);

    assert(l);
    if (result == 0) {
        loaded(q, l, load);
    } else {
        log_event(LOG_WARNING, "message.unreadable", LOG_ID(&load->id), LOG_STR("words", e->words));
        runner_return(q, l, clock_now() + UNREADABLE_MS);
    }
    if (load->content.fd >= 0)
        close(load->content.fd);
    arena_free(&load->arena);
    free(load);
    inside_turn(q);
}

static void start_load(struct queue *q, struct slot *slot)
{
    struct lease *l = runner_lease(q, slot);
    struct load *load = memory_alloc(sizeof *load);

    load->queue = q;
    load->lease = l->number;
    load->id = slot->item->id;
    load->arena = arena_new();
    load->content.fd = -1;
    commit_submit(q->commit, COMMIT_OWN, load_work, load_done, load, 0);
}

/* Jobs that were refused for lack of room come first. */
static void offer_waiting(struct queue *q)
{
    for (struct lease *l = q->leases; l && !q->full;) {
        if (l->job) {
            offer(q, l);
            l = q->leases; /* the list may have changed */
        } else {
            l = l->next;
        }
    }
}

void runner_turn(struct queue *q)
{
    int64_t now = clock_now(), when;
    struct slot *slot;

    if (q->paused || q->ending)
        return;
    offer_waiting(q);
    while (!q->full && q->schedule.leased < q->set.jobs &&
           (slot = schedule_take(&q->schedule, now)))
        start_load(q, slot);
    when = schedule_when(&q->schedule);
    if (!q->full && q->schedule.leased < q->set.jobs && when != CLOCK_NEVER)
        timer_set(q->turn, when > now ? when - now : 1);
}
