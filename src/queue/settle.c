/* settle: what came back becomes the record.
 *
 * P3 is kept here: the ends of recipients, the story, and the reports about them go to the store as
 * one operation, so either all of it is true or none. The memory follows only after the commit; a
 * settle that could not be stored is tried again until it can (the far side has the mail: giving it
 * out again would be a duplicate, P4), and is lost only with the process, which the log then cannot
 * tell: the start after it delivers again. */
#include "queue/inside.h"

#include "account/usage_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "queue/reporting.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AGAIN_MS = 2000, /* first wait after a settle that could not be stored */
    AGAIN_MAX_MS = 60000,
    WORDS_MAX = 1500,   /* last words about a recipient */
    OVERDUE_MAX = 1000, /* slots reported per minute, so that others get their turn */
    MISMATCH_MS = 300000,
    ASKED_WAIT_MAX = 60 * 60 * 1000, /* that a server may ask for */
    TOLD = 8,                        /* of the tries in vain the first ones are told, */
    TOLD_LATER = 32                  /* and then each of so many */
};

/* What one recipient's attempt led to. */
struct end {
    struct store_recipient state; /* as it will be stored */
    struct outcome outcome;
    enum report_kind report;
    bool touched; /* a file more in the mailbox of an account, */
    bool counts;  /* and the store has counted it */
};

struct settle {
    struct settle *next;
    struct queue *queue;
    struct arena *arena;
    uint64_t lease;
    struct id id;
    size_t count;
    struct end *ends;
    struct store_event event;
    struct span account; /* of the sender; known when `refused` */
    unsigned refused;    /* recipients that another server refused for good */
    struct reporting report[REPORT_KINDS];
    int64_t began;    /* clock_now() */
    bool in_vain;     /* it did not get past a closed network */
    struct span held; /* outcome.held of any, */
    bool soon;        /* and it is asked again soon */
    bool tell;        /* it belongs into the story: of many that were in vain only some */
    bool tried;       /* a courier has tried; false: the place as a whole is why */
    bool remove;      /* nothing waits any more: the message goes */
    bool gone;        /* it was not there (a person removed it) */
    bool broken;      /* its content does not prove itself any more */
    int64_t due;      /* clock_now() of the next try */
    int64_t wait;     /* before this is stored again */
    struct timer *again;
    bool repeated; /* an earlier attempt may have delivered, or counted, the same */
    void (*then)(void *arg);
    void *then_arg;
};

/* ---- deciding: loop thread, pure but for the queue's settings ---- */

static struct span last_words(struct arena *a, const struct outcome *o)
{
    struct text t = TEXT_INIT(WORDS_MAX);
    struct span words;

    text_add(&t, span_head(o->words, WORDS_MAX / 2));
    if (o->reply.code) {
        text_addf(&t, "%s%.*s said: %u ", t.len ? " " : "", SPAN_ARG(span_head(o->host, 255)),
                  o->reply.code);
        text_add(&t, span_head(o->reply.text, WORDS_MAX / 4));
    }
    words = arena_span(a, text_span(&t));
    text_free(&t);
    return words;
}

/* RFC 3463 4.4.7 "delivery time expired", with what kept it. */
static void expire(struct settle *s, struct outcome *o)
{
    long long hours = (long long)(s->queue->set.lifetime / CLOCK_HOUR);

    o->kind = OUTCOME_NEVER;
    o->status = (struct enhanced){4, 4, 7};
    o->words = span_of(arena_printf(s->arena,
                                    "It was tried for %lld hours and is not tried any more. The "
                                    "last try: %.*s",
                                    hours, SPAN_ARG(o->words)));
}

/* P6: only the end of the lifetime turns "later" into "never". */
static void decide_later(struct settle *s, const struct item *i, struct end *end, int64_t age)
{
    const struct queue *q = s->queue;
    const struct post *post = &i->post[end->state.number];

    if (age >= q->set.lifetime) {
        expire(s, &end->outcome);
        return;
    }
    end->state.delay_told = post->delay_told || age >= q->set.delay_after;
    if (end->state.delay_told && !post->delay_told)
        end->report = report_for(REPORT_FACT_WAITS, post->notify, i->bounce);
}

static enum report_fact fact_of(const struct outcome *o, enum route_kind kind)
{
    if (o->kind == OUTCOME_NEVER)
        return REPORT_FACT_FAILED;
    if (o->kind == OUTCOME_RELAYED)
        return REPORT_FACT_RELAYED;
    return kind == ROUTE_INBOX ? REPORT_FACT_FINAL : REPORT_FACT_PASSED;
}

static void decide(struct settle *s, const struct slot *slot, struct end *end,
                   const struct outcome *o, int64_t age)
{
    static const enum store_end ends[] = {[OUTCOME_DELIVERED] = STORE_DELIVERED,
                                          [OUTCOME_RELAYED] = STORE_RELAYED,
                                          [OUTCOME_LATER] = STORE_WAITING,
                                          [OUTCOME_NEVER] = STORE_FAILED};
    const struct item *i = slot->item;

    outcome_copy(s->arena, o, &end->outcome);
    if (o->kind == OUTCOME_LATER)
        decide_later(s, i, end, age);
    if (end->outcome.kind != OUTCOME_LATER)
        end->report = report_for(fact_of(&end->outcome, slot->place->kind),
                                 i->post[end->state.number].notify, i->bounce);
    end->state.end = ends[end->outcome.kind];
    end->state.attempts = slot->attempts + (s->tried ? 1U : 0U);
    end->state.next_try = inside_clock(s->queue) + (s->due - clock_now());
    end->state.waits_for_network = o->waits_for_network;
    end->state.status = end->outcome.status;
    end->state.words = last_words(s->arena, &end->outcome);
}

static void add_line(struct settle *s, const struct end *end, enum report_fact fact)
{
    struct report *r = &s->report[end->report].report;

    if (!r->count) {
        reporting_begin(s->queue, end->report, r);
        r->lines = arena_alloc(s->arena, s->count * sizeof *r->lines);
    }
    r->lines[r->count++] = (struct report_line){.number = end->state.number,
                                                .attempts = end->state.attempts,
                                                .fact = fact,
                                                .outcome = end->outcome};
}

static void collect_reports(struct settle *s, const struct slot *slot)
{
    int64_t left = s->queue->set.lifetime - (inside_clock(s->queue) - slot->item->born);

    for (size_t n = 0; n < s->count; n++)
        if (s->ends[n].report != REPORT_NONE)
            add_line(s, &s->ends[n],
                     s->ends[n].outcome.kind == OUTCOME_LATER
                         ? REPORT_FACT_WAITS
                         : fact_of(&s->ends[n].outcome, slot->place->kind));
    s->report[REPORT_DELAYED].report.until = clock_wall() + (left > 0 ? left : 0);
}

/* By a far server, as itself or by what the DNS says of it; not by our own inboxes and limits. */
static bool is_refused(const struct end *end, const struct place *p)
{
    return end->outcome.kind == OUTCOME_NEVER && end->outcome.status.class == 5 &&
           p->kind != ROUTE_INBOX;
}

static unsigned count_refused(const struct settle *s, const struct place *p)
{
    unsigned count = 0;

    for (size_t n = 0; n < s->count && s->queue->calls->refused; n++)
        count += is_refused(&s->ends[n], p);
    return count;
}

/* Will anything of the message wait after this? */
static bool all_ended(const struct settle *s, const struct slot *slot)
{
    const struct item *i = slot->item;
    uint32_t waiting = 0, ending = 0;

    for (uint32_t n = 0; n < i->slots; n++)
        waiting += i->slot[n].waiting;
    for (size_t n = 0; n < s->count; n++)
        ending += s->ends[n].state.end != STORE_WAITING;
    return waiting == ending && i->state != STORE_DAMAGED;
}

static void copy_event(struct settle *s, const struct job_result *r)
{
    struct job_try *tries;
    size_t count = r->try_count < STORE_TRIES_MAX ? r->try_count : STORE_TRIES_MAX;

    tries = arena_alloc(s->arena, count * sizeof *tries);
    for (size_t n = 0; n < count; n++) {
        tries[n] = r->tries[n];
        tries[n].host = arena_span(s->arena, r->tries[n].host);
        tries[n].address = arena_span(s->arena, r->tries[n].address);
        tries[n].tls = arena_span(s->arena, r->tries[n].tls);
        tries[n].words = arena_span(s->arena, r->tries[n].words);
        tries[n].reply = reply_copy(s->arena, &r->tries[n].reply);
    }
    s->event = (struct store_event){.at = clock_wall(),
                                    .recipient = s->ends[0].state.number,
                                    .count = (uint32_t)s->count,
                                    .words = s->ends[0].state.words,
                                    .try_count = count,
                                    .tries = tries};
}

/* Nothing was learnt but that the network is closed. */
static bool is_in_vain(const struct place *p, const struct job_result *r)
{
    for (size_t n = 0; n < r->count; n++)
        if (r->outcomes[n].kind != OUTCOME_LATER || !r->outcomes[n].waits_for_network)
            return false;
    return p->kind == ROUTE_RELAY;
}

/* How long its server asked to be left alone, in ms: bounded, for a stranger said so. */
static int64_t wait_of(const struct outcome *o)
{
    int64_t wait = o->kind == OUTCOME_LATER ? o->reply.wait * CLOCK_SECOND : 0;

    return wait < ASKED_WAIT_MAX ? wait : ASKED_WAIT_MAX;
}

static struct span held_of(struct arena *a, const struct job_result *r)
{
    for (size_t n = 0; n < r->count; n++)
        if (r->outcomes[n].kind == OUTCOME_LATER && r->outcomes[n].held.len)
            return arena_span(a, r->outcomes[n].held);
    return SPAN_NONE;
}

static int64_t next_due(const struct settle *s, const struct slot *slot, const struct job_result *r)
{
    const struct schedule *all = &s->queue->schedule;
    int64_t now = clock_now(), wait;

    if (!s->tried)
        return slot->due.at;
    wait = s->in_vain ? schedule_network_wait(all, slot->place, now)
                      : schedule_wait(all, slot->attempts + 1U - slot->in_vain);
    if (s->soon && wait > schedule_network_wait(all, slot->place, now))
        wait = schedule_network_wait(all, slot->place, now);
    for (size_t n = 0; n < r->count; n++)
        if (wait_of(&r->outcomes[n]) > wait)
            wait = wait_of(&r->outcomes[n]);
    return now + wait;
}

static struct settle *new_settle(struct queue *q, const struct lease *l, const struct job_result *r,
                                 bool tried)
{
    struct settle *s = memory_alloc(sizeof *s);
    const struct slot *slot = l->slot;
    int64_t age = inside_clock(q) - slot->item->born;

    s->queue = q;
    s->arena = arena_new();
    s->lease = l->number;
    s->id = slot->item->id;
    s->count = l->count;
    s->tried = tried;
    s->began = clock_now();
    s->in_vain = tried && is_in_vain(slot->place, r);
    s->held = held_of(s->arena, r);
    s->soon = tried && schedule_holds(slot, s->held, s->began);
    s->due = next_due(s, slot, r);
    s->tell = tried && (!s->in_vain || slot->in_vain < TOLD || slot->in_vain % TOLD_LATER == 0);
    s->wait = AGAIN_MS;
    s->repeated = slot->item->read || slot->attempts > 0;
    s->next = q->settles;
    q->settles = s;
    s->ends = arena_alloc(s->arena, s->count * sizeof *s->ends);
    for (size_t n = 0; n < s->count; n++) {
        s->ends[n].state.number = l->numbers[n];
        decide(s, slot, &s->ends[n], &r->outcomes[n], age);
    }
    s->refused = count_refused(s, slot->place);
    collect_reports(s, slot);
    copy_event(s, r);
    s->remove = all_ended(s, slot);
    return s;
}

static void free_settle(struct settle *s)
{
    struct settle **link = &s->queue->settles;

    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    if (s->then)
        s->then(s->then_arg);
    timer_free(&s->again);
    arena_free(&s->arena);
    free(s);
}

/* ---- storing: store thread, inside the transaction ---- */

static int store_reports(struct store *st, struct settle *s, struct error *e)
{
    struct store_head head;
    struct content c = {.fd = -1};
    int bad = 0, got;

    for (int kind = REPORT_FAILED; kind < REPORT_KINDS; kind++)
        s->report[kind].stored = false; /* of a try before, undone */
    got = store_load(st, &s->id, s->arena, &head, &c, e);
    if (got < 0)
        return -1;
    s->gone = got == STORE_ABSENT;
    s->broken = got == STORE_BROKEN;
    if (s->broken)
        s->remove = false; /* R3: it stays, and shows itself */
    if (got == STORE_BROKEN && store_find(st, &s->id, s->arena, &head, e) != STORE_GOT)
        return 0; /* not even its sender is known: a person sees it in the queue */
    for (int kind = REPORT_FAILED; !s->gone && !bad && kind < REPORT_KINDS; kind++)
        if (s->report[kind].report.count)
            bad = reporting_store(s->queue, st, &s->report[kind], &head, &c, s->arena, e);
    if (c.fd >= 0)
        close(c.fd);
    return bad;
}

static bool has_reports(const struct settle *s)
{
    for (int kind = REPORT_FAILED; kind < REPORT_KINDS; kind++)
        if (s->report[kind].report.count)
            return true;
    return false;
}

static int is_gone(struct settle *s, const struct error *e)
{
    s->gone = e->class == ERROR_INPUT;
    return s->gone ? 0 : -1;
}

/* Who sent it stands in the store only; a user of this machine is no account. */
static int note_refused(struct store *st, struct settle *s, struct error *e)
{
    const struct queue *q = s->queue;
    struct store_head head;
    int got = store_find(st, &s->id, s->arena, &head, e);

    s->account = SPAN_NONE;
    if (got == STORE_GOT && !span_is(head.origin.with, "local"))
        s->account = head.origin.account;
    if (s->account.len && q->calls->note_refused)
        return q->calls->note_refused(q->arg, st, s->account, s->refused, e);
    return got < 0 ? -1 : 0;
}

/* P12: the file that is there now, in the transaction that says so, whatever became of the message
 * meanwhile. */
static int count_files(struct store *st, struct settle *s, struct error *e)
{
    for (size_t n = 0; n < s->count; n++) {
        const struct outcome *o = &s->ends[n].outcome;
        struct usage_record file = {
            .octets = (int64_t)o->stored, .messages = 1, .unsure = s->repeated};
        int got = s->ends[n].touched ? usage_store_add(st, o->account, &file, e) : STORE_ABSENT;

        if (got < 0)
            return -1;
        s->ends[n].counts = got == STORE_GOT;
    }
    return 0;
}

static int work(struct store *st, void *arg, struct error *e)
{
    struct settle *s = arg;

    if (count_files(st, s, e) < 0 || (s->refused && note_refused(st, s, e) < 0))
        return -1;
    if (has_reports(s) && store_reports(st, s, e) < 0)
        return -1;
    if (s->gone)
        return 0;
    if (s->remove) /* the end and its report are in this one transaction (P3) */
        return store_remove(st, &s->id, e) < 0 ? is_gone(s, e) : 0;
    for (size_t n = 0; n < s->count; n++)
        if (store_recipient_set(st, &s->id, &s->ends[n].state, e) < 0)
            return is_gone(s, e);
    return s->tell ? store_event_add(st, &s->id, &s->event, e) : 0;
}

/* ---- after the commit: loop thread ---- */

static void log_end(struct settle *s, const struct end *end, const struct place *p)
{
    char status[12];

    enhanced_text(end->outcome.status, status);
    log_event(end->outcome.kind == OUTCOME_NEVER ? LOG_NOTICE : LOG_INFO,
              end->state.end == STORE_WAITING ? "recipient.later" : "recipient.ended",
              LOG_ID(&s->id), LOG_NUM("recipient", end->state.number),
              LOG_STR("end", store_end_name(end->state.end)), LOG_STR("status", status),
              LOG_SPAN("destination", p->key), LOG_SPAN("host", end->outcome.host),
              LOG_SPAN("address", end->outcome.address), LOG_SPAN("tls", end->outcome.tls),
              LOG_NUM("attempt", end->state.attempts), LOG_SPAN("words", end->state.words),
              LOG_NUM("reported", end->report));
    if (end->outcome.maybe_delivered)
        log_event(LOG_WARNING, "recipient.maybe_delivered", LOG_ID(&s->id),
                  LOG_NUM("recipient", end->state.number), LOG_SPAN("host", end->outcome.host),
                  LOG_STR("words", "the connection ended after the last dot; the next try may "
                                   "bring a second copy"));
    if (end->state.end == STORE_FAILED && end->report == REPORT_NONE)
        log_event(LOG_NOTICE, "report.none", LOG_ID(&s->id),
                  LOG_NUM("recipient", end->state.number),
                  LOG_STR("words", "nobody is told of this failure: the mail is itself a report, "
                                   "or its sender asked for none"));
}

static void count_end(struct queue *q, enum store_end end)
{
    uint64_t *const counters[] = {[STORE_DELIVERED] = &q->counts.delivered,
                                  [STORE_RELAYED] = &q->counts.relayed,
                                  [STORE_FAILED] = &q->counts.failed,
                                  [STORE_DROPPED] = &q->counts.dropped};

    if (end != STORE_WAITING)
        ++*counters[end];
}

/* It failed in a network where we are not any more. */
static bool overtaken(const struct settle *s)
{
    return s->in_vain && s->queue->schedule.arrived > s->began && !s->queue->schedule.offline;
}

/* A failure of the path or the route says something about the place, not about the message. */
static void judge_place(struct settle *s, struct place *p)
{
    const struct end *first = &s->ends[0];
    bool whole = first->outcome.kind == OUTCOME_LATER || first->outcome.kind == OUTCOME_NEVER;

    if (!s->tried || overtaken(s))
        return;
    if (whole && first->outcome.status.class == 4 &&
        (first->outcome.scope == SCOPE_PATH || first->outcome.scope == SCOPE_ROUTE))
        schedule_failed(&s->queue->schedule, p, clock_now(),
                        &(struct schedule_trouble){
                            .status = first->outcome.status,
                            .words = first->state.words,
                            .waits_for_network = first->outcome.waits_for_network,
                            .soon = s->soon,
                            .wait = wait_of(&first->outcome),
                            .outcome = &first->outcome,
                        });
    else
        schedule_works(&s->queue->schedule, p);
}

static void apply_quota(struct settle *s, struct item *i, const struct end *end)
{
    struct usage *u = s->queue->set.usage;

    if (!u)
        return;
    if (!end->counts) {
        usage_release_post(u, i->charge, end->state.number);
        return;
    }
    usage_delivered(u, i->charge, end->state.number, end->outcome.account, end->outcome.stored);
    if (s->repeated)
        usage_doubt(u, end->outcome.account);
}

static void apply(struct settle *s, struct lease *l)
{
    struct queue *q = s->queue;
    struct slot *slot = l->slot;
    struct item *i = slot->item;

    if (s->tried && slot->attempts < UINT16_MAX) {
        slot->attempts++;
        slot->in_vain += s->in_vain;
    }
    slot->losses = 0;
    slot->waits_for_network = false;
    for (size_t n = 0; n < s->count; n++) {
        const struct end *end = &s->ends[n];

        log_end(s, end, slot->place);
        count_end(q, end->state.end);
        i->post[end->state.number].delay_told = end->state.delay_told;
        if (end->state.end != STORE_WAITING) {
            apply_quota(s, i, end);
            schedule_end(&q->schedule, i, end->state.number, end->state.end);
        } else
            slot->waits_for_network |= end->state.waits_for_network;
    }
    if (s->refused && s->account.len)
        q->calls->refused(q->arg, s->account, s->refused);
    if (s->tried)
        schedule_hold(slot, s->held, !s->in_vain, clock_now());
    judge_place(s, slot->place);
    if (s->broken)
        schedule_state(&q->schedule, i, STORE_DAMAGED, clock_now());
    runner_return(q, l, overtaken(s) ? clock_now() : s->due);
    if (s->remove || s->gone) {
        if (!schedule_is_leased(i))
            inside_remove(q, i);
    } else {
        inside_check(q, i);
    }
}

static void store_again(void *arg);

static void try_later(struct settle *s, const struct error *e)
{
    struct queue *q = s->queue;

    log_event(LOG_ERROR, "settle.failed", LOG_ID(&s->id), LOG_STR("words", e->words));
    if (q->ending)
        return; /* settle_free tells it */
    if (!s->again)
        s->again = timer_new(q->loop, store_again, s);
    timer_set(s->again, s->wait);
    s->wait = s->wait * 2 < AGAIN_MAX_MS ? s->wait * 2 : AGAIN_MAX_MS;
}

static void done(void *arg, int result, const struct error *e)
{
    struct settle *s = arg;
    struct queue *q = s->queue;
    struct lease *l = runner_find(q, s->lease);

    assert(l);
    if (result < 0) {
        try_later(s, e);
        return;
    }
    apply(s, l);
    for (int kind = REPORT_FAILED; kind < REPORT_KINDS; kind++)
        reporting_enter(q, &s->report[kind]);
    free_settle(s);
    inside_turn(q);
}

/* Which of them are files more in the mailbox of an account; what is known of that account is in
 * memory then, as usage.h wants it before the transaction begins. */
static int touch_accounts(struct settle *s, struct error *e)
{
    struct usage *u = s->queue->set.usage;

    for (size_t n = 0; u && n < s->count; n++) {
        const struct outcome *o = &s->ends[n].outcome;
        int there = o->kind == OUTCOME_DELIVERED ? usage_touch(u, o->account, e) : 0;

        if (there < 0)
            return -1;
        s->ends[n].touched = there;
    }
    return 0;
}

static void store_result(struct settle *s)
{
    struct error e = {0};

    if (touch_accounts(s, &e) < 0)
        try_later(s, &e);
    else
        commit_submit(s->queue->commit, COMMIT_OWN, work, done, s, 0);
}

static void store_again(void *arg)
{
    store_result(arg);
}

/* From here until its end the lease cannot run out or be lost: the result is ours. */
static void submit(struct lease *l, struct settle *s)
{
    l->until = CLOCK_NEVER;
    store_result(s);
}

/* ---- entries ---- */

static void end_now(void (*then)(void *arg), void *arg)
{
    if (then)
        then(arg);
}

static bool is_sound(const struct job_result *r, const struct lease *l)
{
    for (size_t n = 0; n < r->count; n++)
        if ((unsigned)r->outcomes[n].kind > OUTCOME_NEVER)
            return false;
    return r->count == l->count;
}

void settle_result(struct queue *q, const struct job_result *r, void (*then)(void *arg), void *arg)
{
    struct lease *l = runner_find(q, r->lease);
    struct settle *s;

    if (!l || l->until == CLOCK_NEVER) { /* P5: it has another owner by now */
        log_event(LOG_WARNING, "lease.late", LOG_NUM("lease", r->lease),
                  LOG_STR("words", "a result came for a lease that has ended; the mail may be "
                                   "delivered a second time"));
        end_now(then, arg);
        return;
    }
    if (!is_sound(r, l)) {
        log_event(LOG_ERROR, "lease.wrong", LOG_NUM("lease", r->lease),
                  LOG_NUM("recipients", l->count), LOG_NUM("results", r->count));
        runner_return(q, l, clock_now() + MISMATCH_MS);
        end_now(then, arg);
        return;
    }
    if (r->untried) {
        runner_return(q, l, clock_now());
        end_now(then, arg);
        return;
    }
    s = new_settle(q, l, r, true);
    s->then = then;
    s->then_arg = arg;
    submit(l, s);
}

void settle_free(struct queue *q)
{
    while (q->settles) {
        log_event(LOG_WARNING, "recipient.maybe_delivered", LOG_ID(&q->settles->id),
                  LOG_STR("words", "the result of a delivery could not be stored before the end; "
                                   "the next start tries again and may bring a second copy"));
        free_settle(q->settles);
    }
}

/* ---- what waits behind a failing place ---- */

struct overdue {
    struct queue *queue;
    int64_t queue_now;
    struct slot *slot[OVERDUE_MAX];
    size_t count;
};

static bool delay_to_tell(const struct slot *slot)
{
    const struct item *i = slot->item;
    size_t index = (size_t)(slot - i->slot);

    for (uint32_t n = 0; n < i->posts; n++)
        if (i->post[n].end == STORE_WAITING && i->post[n].slot == index && !i->post[n].delay_told)
            return true;
    return false;
}

/* Its place was tried and failed as a whole: that counts as a try of all that wait for it. What was
 * not tried at all never expires (P6). */
static bool is_overdue(const struct overdue *o, const struct slot *slot)
{
    int64_t age = o->queue_now - slot->item->born;

    if (slot->state != SLOT_WAITING || !slot->place->failures)
        return false;
    return age >= o->queue->set.lifetime ||
           (age >= o->queue->set.delay_after && delay_to_tell(slot));
}

static void find_overdue(struct span key, void *value, void *arg)
{
    struct item *i = value;
    struct overdue *o = arg;

    (void)key;
    for (uint32_t n = 0; n < i->slots && o->count < OVERDUE_MAX; n++)
        if (is_overdue(o, &i->slot[n]))
            o->slot[o->count++] = &i->slot[n];
}

/* What another message met there, which says nothing about this one. */
static struct outcome outcome_of_place(const struct slot *slot)
{
    const struct place *p = slot->place;
    struct outcome o = p->said;

    o.kind = OUTCOME_LATER;
    o.scope = SCOPE_ROUTE;
    o.status = p->status;
    o.waits_for_network = slot->waits_for_network;
    o.maybe_delivered = false;
    o.held = o.account = SPAN_NONE;
    if (!o.words.len) {
        o.stage = STAGE_CONNECT;
        o.words = p->words;
    }
    return o;
}

static void settle_one_overdue(struct queue *q, struct slot *slot)
{
    struct lease *l;
    struct outcome *outcomes;
    struct job_result r = {0};

    schedule_pull(&q->schedule, slot);
    l = runner_lease(q, slot);
    outcomes = memory_array(l->count, sizeof *outcomes);
    for (uint32_t n = 0; n < l->count; n++)
        outcomes[n] = outcome_of_place(slot);
    r.count = l->count;
    r.outcomes = outcomes;
    submit(l, new_settle(q, l, &r, false));
    free(outcomes);
}

void settle_overdue(struct queue *q)
{
    struct overdue *o = memory_alloc(sizeof *o);

    o->queue = q;
    o->queue_now = inside_clock(q);
    map_each(q->schedule.items, find_overdue, o);
    for (size_t n = 0; n < o->count; n++)
        settle_one_overdue(q, o->slot[n]);
    free(o);
}
