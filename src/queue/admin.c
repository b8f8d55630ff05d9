/* admin: what people see of the queue and do to it. Every action is logged with the person. */
#include "queue/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 10000, EVENTS_MAX = 500, HOLD_WORDS_MAX = 1000 };

/* ---- list and show ---- */

struct list {
    struct queue *queue;
    queue_list_fn *fn;
    void *arg;
    struct arena *arena;
    bool has_after, one;
    struct id after;
    size_t max, count;
    struct store_head *heads;
    struct store_event *events;
    size_t event_count;
};

static void copy_head(struct arena *a, const struct store_head *from, struct store_head *to)
{
    *to = *from;
    to->words = arena_span(a, from->words);
    envelope_copy(a, &from->envelope, &to->envelope);
    to->origin = (struct origin){.account = arena_span(a, from->origin.account),
                                 .peer = arena_span(a, from->origin.peer),
                                 .helo = arena_span(a, from->origin.helo),
                                 .door = arena_span(a, from->origin.door),
                                 .with = arena_span(a, from->origin.with)};
    to->recipients = arena_alloc(a, from->envelope.count * sizeof *to->recipients);
    for (size_t i = 0; i < from->envelope.count; i++) {
        to->recipients[i] = from->recipients[i];
        to->recipients[i].words = arena_span(a, from->recipients[i].words);
    }
}

static bool list_one(void *arg, const struct store_head *head)
{
    struct list *l = arg;

    if (l->has_after && memcmp(head->id.byte, l->after.byte, ID_BYTES) <= 0)
        return true;
    copy_head(l->arena, head, &l->heads[l->count++]);
    return l->count < l->max;
}

static int list_work(struct store *s, void *arg, struct error *e)
{
    struct list *l = arg;

    return l->max ? store_walk(s, list_one, l, e) : 0;
}

static int show_work(struct store *s, void *arg, struct error *e)
{
    struct list *l = arg;
    int got = store_find(s, &l->after, l->arena, &l->heads[0], e);

    if (got == STORE_ABSENT || got < 0)
        return got < 0 ? -1 : 0;
    l->count = 1;
    return store_events(s, &l->after, EVENTS_MAX, l->arena, &l->events, &l->event_count, e);
}

/* The schedule knows better than the store when a recipient is tried next: jitter, back-off of its
 * place, a wake. */
static bool fill_times(const struct queue *q, struct store_head *head)
{
    const struct item *i = schedule_find(&q->schedule, &head->id);
    int64_t now = clock_now(), wall = clock_wall();

    for (size_t n = 0; n < head->envelope.count; n++) {
        struct store_recipient *r = &head->recipients[n];
        const struct slot *slot;

        r->next_try = 0;
        if (!i || r->end != STORE_WAITING || n >= i->posts)
            continue;
        slot = &i->slot[i->post[n].slot];
        if (slot->state != SLOT_WAITING)
            continue;
        r->next_try = slot->due.at > slot->place->until ? slot->due.at : slot->place->until;
        r->next_try = wall + (r->next_try > now ? r->next_try - now : 0);
    }
    return i && schedule_is_leased(i);
}

static void list_done(void *arg, int result, const struct error *e)
{
    struct list *l = arg;

    for (size_t n = 0; result == 0 && n < l->count; n++) {
        struct queue_entry entry = {
            .head = &l->heads[n], .events = l->events, .event_count = l->event_count};

        entry.leased = fill_times(l->queue, &l->heads[n]);
        l->fn(l->arg, &entry, NULL);
    }
    l->fn(l->arg, NULL, result < 0 ? e : NULL);
    arena_free(&l->arena);
    free(l);
}

static struct list *new_list(struct queue *q, const struct id *id, size_t max, queue_list_fn *fn,
                             void *arg)
{
    struct list *l = memory_alloc(sizeof *l);

    *l = (struct list){.queue = q,
                       .fn = fn,
                       .arg = arg,
                       .arena = arena_new(),
                       .max = max < LIST_MAX ? max : LIST_MAX,
                       .has_after = id != NULL};
    if (id)
        l->after = *id;
    l->heads = arena_alloc(l->arena, (l->max + 1) * sizeof *l->heads);
    return l;
}

void admin_list(struct queue *q, const struct id *after, size_t max, queue_list_fn *fn, void *arg)
{
    struct list *l = new_list(q, after, max, fn, arg);

    commit_submit(q->commit, COMMIT_OWN, list_work, list_done, l, 0);
}

void admin_show(struct queue *q, const struct id *id, queue_list_fn *fn, void *arg)
{
    struct list *l = new_list(q, id, 1, fn, arg);

    commit_submit(q->commit, COMMIT_OWN, show_work, list_done, l, 0);
}

/* ---- act ---- */

struct act {
    struct queue *queue;
    queue_action_fn *done;
    void *arg;
    enum queue_action action;
    struct id id;
    char *words; /* for the store */
    unsigned touched;
    struct error error;
};

static const struct {
    const char *event;
    enum store_state state; /* for HOLD and RELEASE */
} actions[] = {
    [QUEUE_RETRY] = {"queue.retry", STORE_LIVE},
    [QUEUE_HOLD] = {"queue.hold", STORE_HELD},
    [QUEUE_RELEASE] = {"queue.release", STORE_LIVE},
    [QUEUE_REMOVE] = {"queue.remove", STORE_LIVE},
};

static void finish(struct act *a)
{
    if (a->done)
        a->done(a->arg, a->touched, a->error.class == ERROR_NONE ? NULL : &a->error);
    free(a->words);
    free(a);
}

static void finish_later(void *arg)
{
    finish(arg);
}

static int state_work(struct store *s, void *arg, struct error *e)
{
    struct act *a = arg;

    return store_state_set(s, &a->id, actions[a->action].state, span_of(a->words), e);
}

static void state_done(void *arg, int result, const struct error *e)
{
    struct act *a = arg;
    struct item *i = schedule_find(&a->queue->schedule, &a->id);

    if (result < 0)
        a->error = *e;
    a->touched = result == 0;
    if (result == 0 && i && i->joining)
        i->was = (uint8_t)actions[a->action].state; /* when it comes back */
    else if (result == 0 && i)
        schedule_state(&a->queue->schedule, i, actions[a->action].state, clock_now());
    inside_turn(a->queue);
    finish(a);
}

/* A damaged message stays damaged until a person removes it. */
static void change_state(struct act *a, const struct item *i)
{
    if (i->state == STORE_DAMAGED) {
        error_set(&a->error, ERROR_INPUT,
                  "the message is damaged: it can be looked at and removed, nothing else");
        loop_later(a->queue->loop, finish_later, a);
        return;
    }
    commit_submit(a->queue->commit, COMMIT_OWN, state_work, state_done, a, 0);
}

static int remove_work(struct store *s, void *arg, struct error *e)
{
    const struct act *a = arg;

    return store_remove(s, &a->id, e);
}

static void log_drops(struct queue *q, const struct item *i)
{
    for (uint32_t n = 0; n < i->posts; n++) {
        if (i->post[n].end != STORE_WAITING)
            continue;
        q->counts.dropped++;
        log_event(LOG_NOTICE, "recipient.ended", LOG_ID(&i->id), LOG_NUM("recipient", n),
                  LOG_STR("end", store_end_name(STORE_DROPPED)));
    }
}

static void remove_done(void *arg, int result, const struct error *e)
{
    struct act *a = arg;
    struct queue *q = a->queue;
    struct item *i = schedule_find(&q->schedule, &a->id);

    a->touched = result == 0;
    if (result < 0)
        a->error = *e;
    if (i && (result == 0 || e->class == ERROR_INPUT)) {
        log_drops(q, i);
        inside_remove(q, i);
    } else if (i) { /* it is still in the store: back to where it was */
        i->doomed = false;
        schedule_state(&q->schedule, i, i->was, clock_now());
        log_event(LOG_ERROR, "remove.failed", LOG_ID(&a->id), LOG_STR("words", e->words));
    }
    finish(a);
}

/* It rests while its end is stored, so that nobody leases it meanwhile. */
static void submit_remove(struct act *a, struct item *i)
{
    if (!i->joining)
        i->was = i->state;
    schedule_state(&a->queue->schedule, i, STORE_HELD, clock_now());
    commit_submit(a->queue->commit, COMMIT_OWN, remove_work, remove_done, a, 0);
}

void admin_drop(struct queue *q, struct item *i)
{
    struct act *a = memory_alloc(sizeof *a);

    a->queue = q;
    a->id = i->id;
    a->action = QUEUE_REMOVE;
    submit_remove(a, i);
}

static void remove_item(struct act *a, struct item *i, bool named)
{
    if (!named) {
        error_set(&a->error, ERROR_INPUT,
                  "to remove a message say who you are and why: it is written to the log");
    } else if (i->doomed) {
        a->touched = 1;
    } else {
        i->doomed = true;
        a->touched = 1;
        if (!schedule_is_leased(i)) {
            submit_remove(a, i);
            return;
        }
    }
    loop_later(a->queue->loop, finish_later, a);
}

static void act_on(struct act *a, struct item *i, bool named)
{
    char text[ID_TEXT + 1];

    if (i && a->action == QUEUE_REMOVE) {
        remove_item(a, i, named);
    } else if (i && a->action != QUEUE_RETRY) {
        change_state(a, i);
    } else {
        a->touched = 1;
        id_text(&a->id, text);
        if (!i)
            error_set(&a->error, ERROR_INPUT, "there is no message %s in the queue", text);
        else
            schedule_wake(&a->queue->schedule, i, clock_now());
        inside_turn(a->queue);
        loop_later(a->queue->loop, finish_later, a);
    }
}

static void act_on_all(struct act *a)
{
    if (a->action == QUEUE_RETRY) {
        a->touched = (unsigned)map_count(a->queue->schedule.items);
        schedule_wake(&a->queue->schedule, NULL, clock_now());
        inside_turn(a->queue);
    } else {
        error_set(&a->error, ERROR_INPUT, "only a retry can be asked for all messages");
    }
    loop_later(a->queue->loop, finish_later, a);
}

static char *hold_words(struct span person, struct span reason)
{
    struct text t = TEXT_INIT(HOLD_WORDS_MAX);
    char *words;

    text_add_safe(&t, span_head(person, HOLD_WORDS_MAX / 8));
    if (reason.len)
        text_adds(&t, ": ");
    text_add_safe(&t, span_head(reason, HOLD_WORDS_MAX / 8));
    words = memory_dup(text_cstr(&t));
    text_free(&t);
    return words;
}

void admin_act(struct queue *q, const struct queue_order *o, queue_action_fn *done, void *arg)
{
    struct act *a = memory_alloc(sizeof *a);

    *a = (struct act){.queue = q, .done = done, .arg = arg, .action = o->action};
    a->words = o->action == QUEUE_HOLD ? hold_words(o->person, o->reason) : memory_dup("");
    if (o->id)
        a->id = *o->id;
    log_event(LOG_NOTICE, actions[o->action].event, LOG_SPAN("person", o->person),
              LOG_SPAN("reason", o->reason), o->id ? LOG_ID(o->id) : LOG_STR("which", "all"));
    if (o->id)
        act_on(a, schedule_find(&q->schedule, o->id), o->person.len && o->reason.len);
    else
        act_on_all(a);
}
