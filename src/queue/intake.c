/* intake: P1 and P2 for the client: `answered` is the only place that makes a 250, and it runs
 * after the commit. The risk of a 250 anywhere else: mail that its sender believes sent and that is
 * not on the disk. */
#include "queue/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "queue/reporting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE_MS = 1000, RECIPIENTS_MAX = 50000 };

struct accept {
    struct queue *queue;
    const struct message *message;
    queue_accepted_fn *done;
    void *arg;
    int64_t born;
    bool fresh;
    size_t added;     /* octets put in front of it (calls.own) */
    struct id id;     /* what the client is told: of the first time */
    struct error why; /* refused before it came to the store */
    bool known_only;  /* refused, unless it was handed over before */
    struct usage_charge *charge;
    void *ticket[QUEUE_TOLLS_MAX];
    size_t charged;   /* tolls, from the first */
    struct span hold; /* words to hold it with; at NULL: it is not held */
    struct reporting expanded;
    struct arena *arena; /* of that report; NULL: none */
};

/* ---- store thread ---- */

/* P12: in the transaction of the put, and only for a message that is new. */
static int write_tolls(struct store *s, const struct accept *a, struct error *e)
{
    for (size_t i = 0; i < a->charged; i++) {
        const struct queue_toll *t = &a->queue->set.toll[i];

        if (t->write && t->write(s, a->ticket[i], e) < 0)
            return -1;
    }
    return 0;
}

/* Was it handed over before under this key? 0: no, 1: yes, and a->id is the message it became. */
static int handed_over(struct store *s, struct accept *a, struct error *e)
{
    const struct message *m = a->message;
    struct store_once once;
    int got = m->once.len ? store_once_get(s, m->origin.account, m->once, a->born, &once, e)
                          : STORE_ABSENT;

    if (got != STORE_GOT)
        return got < 0 ? -1 : 0;
    if (once.digest != m->once_digest && m->once_loose)
        return 0;
    if (once.digest != m->once_digest)
        return error_mail(e, ERROR_PERMANENT, "5.5.4", OWNER_YOU,
                          "another message was handed over under this idempotency key; give each "
                          "message its own");
    a->id = once.id;
    return 1;
}

/* What nobody handed over is our own. */
static int put(struct store *s, struct accept *a, struct error *e)
{
    const struct queue *q = a->queue;
    struct message m = *a->message;
    struct arena *arena = arena_new();
    int rc;

    if (q->calls->own && !m.origin.account.len && !m.origin.peer.len)
        q->calls->own(q->arg, s, &m, arena);
    rc = store_put(s, &m, a->born, &a->fresh, e);
    a->added = m.content.prefix.len - a->message->content.prefix.len;
    arena_free(&arena);
    return rc;
}

/* RFC 3461 5.2.7: about aliases that gave way to several recipients, in the transaction of the
 * accept, since nobody else will tell of them. */
static int tell_expanded(struct store *s, struct accept *a, struct error *e)
{
    const struct message *m = a->message;
    struct store_head head = intake_head(m);
    struct report *r = &a->expanded.report;

    head.envelope.recipients = m->expanded;
    head.envelope.count = m->expanded_count;
    a->arena = arena_new();
    reporting_begin(a->queue, REPORT_DONE, r);
    r->lines = arena_alloc(a->arena, m->expanded_count * sizeof *r->lines);
    for (size_t i = 0; i < m->expanded_count; i++) {
        if (report_for(REPORT_FACT_EXPANDED, m->expanded[i].notify, !m->envelope.sender.len))
            r->lines[r->count++] =
                (struct report_line){.number = (uint32_t)i, .fact = REPORT_FACT_EXPANDED};
    }
    return r->count ? reporting_store(a->queue, s, &a->expanded, &head, &m->content, a->arena, e)
                    : 0;
}

/* The record of the key stands in the transaction of the message: there are both or none. */
static int accept_work(struct store *s, void *arg, struct error *e)
{
    struct accept *a = arg;
    const struct message *m = a->message;
    struct store_once once = {m->envelope.id, m->once_digest};
    int before = handed_over(s, a, e);

    if (before)
        return before < 0 ? -1 : 0;
    if (a->known_only) {
        *e = a->why;
        return -1;
    }
    if (put(s, a, e) < 0)
        return -1;
    if (m->once.len && store_once_put(s, m->origin.account, m->once, a->born, &once, e) < 0)
        return -1;
    if (!a->fresh)
        return 0;
    if (a->hold.at && store_state_set(s, &m->envelope.id, STORE_HELD, a->hold, e) < 0)
        return -1;
    if (m->expanded_count && tell_expanded(s, a, e) < 0)
        return -1;
    return write_tolls(s, a, e);
}

/* ---- loop thread ---- */

/* Codes of RFC 5321 4.2.3: 452 for space and limits, 451 for all else of ours, 554 for what will
 * not be better the next time. */
static void refuse(struct accept *a, const struct error *e)
{
    static const char *const limits[] = {"4.3.1", "4.7.1", "4.5.3", "4.2.2"};
    struct arena *arena = arena_new();
    struct reply r;
    bool never = e->enhanced[0] == '5';
    unsigned code = never ? 554 : 451;

    for (size_t i = 0; i < COUNT(limits); i++)
        if (strcmp(e->enhanced, limits[i]) == 0)
            code = 452;
    if (strcmp(e->enhanced, "5.2.2") == 0)
        code = 552;
    r = reply_make(arena, code, never || e->enhanced[0] == '4' ? e->enhanced : "4.3.0", "%s",
                   e->words);
    log_event(LOG_WARNING, "message.refused", LOG_ID(&a->message->envelope.id),
              LOG_NUM("code", code), LOG_SPAN("account", a->message->origin.account),
              LOG_STR("words", e->words));
    a->done(a->arg, &r);
    arena_free(&arena);
}

struct store_head intake_head(const struct message *m)
{
    return (struct store_head){.id = m->envelope.id,
                               .arrived = m->arrived,
                               .size = m->content.prefix.len +
                                       (m->content.fd < 0 ? m->content.body.len : m->content.size),
                               .header_size = m->header_size,
                               .envelope = m->envelope,
                               .origin = m->origin};
}

static void schedule_accepted(struct accept *a)
{
    const struct message *m = a->message;
    struct store_recipient *states = memory_array(m->envelope.count, sizeof *states);
    struct store_head head = intake_head(m);
    struct item *item;

    for (size_t i = 0; i < m->envelope.count; i++)
        states[i].number = (uint32_t)i;
    head.state = a->hold.at ? STORE_HELD : STORE_LIVE;
    head.born = a->born;
    head.size += a->added;
    head.recipients = states;
    if (a->added) { /* our own: larger than it was, and nobody refuses it */
        usage_release(a->queue->set.usage, &a->charge);
        inside_charge(a->queue, &head, true, &a->charge, NULL);
    }
    item = inside_add(a->queue, &head);
    item->charge = a->charge;
    a->charge = NULL;
    a->queue->counts.accepted++;
    log_event(LOG_INFO, "message.accepted", LOG_ID(&head.id),
              LOG_SPAN("sender", m->envelope.sender), LOG_NUM("recipients", m->envelope.count),
              LOG_NUM("size", head.size), LOG_SPAN("account", m->origin.account),
              LOG_SPAN("peer", m->origin.peer), LOG_SPAN("door", m->origin.door),
              LOG_SPAN("with", m->origin.with), LOG_SPAN("held", a->hold));
    free(states);
}

static void end_tolls(struct accept *a, bool kept)
{
    for (size_t i = 0; i < a->charged; i++)
        a->queue->set.toll[i].end(a->queue->set.toll[i].arg, a->ticket[i], kept);
    a->charged = 0;
    usage_release(a->queue->set.usage, &a->charge); /* unless the item has it */
}

static int charge_all(struct accept *a, struct error *e)
{
    struct store_head head = intake_head(a->message);

    if (inside_charge(a->queue, &head, a->message->own, &a->charge, e) < 0)
        return -1;
    for (size_t i = 0; i < a->queue->set.toll_count; i++) {
        const struct queue_toll *t = &a->queue->set.toll[i];

        if (t->charge(t->arg, a->message, &a->ticket[i], &a->hold, e) < 0) {
            end_tolls(a, false);
            return -1;
        }
        a->charged++;
    }
    return 0;
}

static void answered(void *arg, int result, const struct error *e)
{
    struct accept *a = arg;
    struct arena *arena;
    char id[ID_TEXT + 1];
    struct reply r;

    if (result < 0) {
        end_tolls(a, false);
        refuse(a, e);
        arena_free(&a->arena);
        free(a);
        return;
    }
    if (a->fresh) {
        schedule_accepted(a);
        reporting_enter(a->queue, &a->expanded);
    } else
        log_event(LOG_INFO, "message.again", LOG_ID(&a->id),
                  LOG_SPAN("account", a->message->origin.account));
    end_tolls(a, a->fresh);
    arena = arena_new();
    id_text(&a->id, id);
    r = reply_make(arena, 250, "2.0.0", "queued as %s", id);
    a->done(a->arg, &r); /* safe since the commit: P1 */
    arena_free(&arena);
    arena_free(&a->arena);
    free(a);
}

static void refuse_later(void *arg)
{
    struct accept *a = arg;

    refuse(a, &a->why);
    free(a);
}

/* The listener has checked this; the keeper trusts no neighbour. */
static int check(const struct message *m, struct error *e)
{
    if (m->once.len > STORE_ONCE_KEY_MAX)
        return error_mail(e, ERROR_PERMANENT, "5.5.4", OWNER_YOU,
                          "an idempotency key has at most %d octets", STORE_ONCE_KEY_MAX);
    if (m->envelope.count && m->envelope.count <= RECIPIENTS_MAX)
        return 0;
    return error_mail(e, ERROR_TEMPORARY, "4.5.3", OWNER_YOU,
                      "a message has 1 to %d recipients, this one has %zu", RECIPIENTS_MAX,
                      m->envelope.count);
}

void intake_accept(struct queue *q, const struct message *m, queue_accepted_fn *done, void *arg)
{
    struct accept *a = memory_alloc(sizeof *a);
    size_t held = m->content.prefix.len + (m->content.fd < 0 ? m->content.body.len : 0);
    int bad;

    *a = (struct accept){.queue = q,
                         .message = m,
                         .done = done,
                         .arg = arg,
                         .id = m->envelope.id,
                         .born = inside_clock(q)};
    bad = check(m, &a->why);
    if (!bad && charge_all(a, &a->why) < 0) {
        a->known_only = m->once.len > 0;
        bad = !a->known_only;
    }
    if (!bad) {
        if (commit_submit(q->commit, COMMIT_GUEST, accept_work, answered, a, held))
            return;
        end_tolls(a, false);
        error_mail(&a->why, ERROR_TEMPORARY, "4.3.2", OWNER_PROVIDER,
                   "too much mail waits for the disk; please try again in some minutes");
    }
    loop_later(q->loop, refuse_later, a);
}

/* The last answer holds for a second: "yes" for what is not larger, "no" for what is not smaller.
 * So one who announces a huge message does not shut out the others. */
static bool space_known(const struct queue *q, uint64_t size, int64_t now)
{
    bool holds = q->space_result < 0 ? size >= q->space_size : size <= q->space_size;

    return holds && now - q->space_asked < SPACE_MS && now >= q->space_asked;
}

int intake_room(struct queue *q, uint64_t size, struct error *e)
{
    int64_t now = clock_now();

    if (store_failed(q->store))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the mail store does not work at the moment; please try again later");
    if (!commit_has_room(q->commit, 0))
        return error_mail(e, ERROR_TEMPORARY, "4.3.2", OWNER_PROVIDER,
                          "too much mail waits for the disk; please try again in some minutes");
    size = size > (1 << 20) ? size : (1 << 20);
    if (!space_known(q, size, now)) {
        q->space_asked = now;
        q->space_size = size;
        q->space_result = store_space(q->store, q->space_size, &q->space_error);
    }
    if (q->space_result < 0 && e)
        *e = q->space_error;
    return q->space_result;
}
