#include "queue/bundle.h"

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "mail/dsn.h"
#include "queue/inside.h"
#include "queue/report_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { DUE_MAX = 500 };

/* The reports to one sender that rest. */
struct batch {
    char *sender;
    struct id *id;
    size_t count, cap;
    int64_t due; /* clock_now() */
};

struct bundle {
    struct queue *queue;
    struct report_counts *counts; /* the store thread's alone */
    struct map *batches;          /* sender -> struct batch: the loop's alone */
};

int bundle_over(struct bundle *b, struct store *st, struct span sender, struct error *e)
{
    unsigned per_hour = b->queue->reports.per_hour;

    return per_hour ? report_counts_take(b->counts, st, sender, per_hour, inside_clock(b->queue), e)
                    : 0;
}

/* ---- making one mail: store thread ---- */

enum fate { FATE_LEFT, FATE_TAKEN, FATE_ITS_OWN };

struct joint {
    struct queue *queue;
    struct arena *arena;
    struct span sender;
    size_t count, taken;
    struct id *id;
    enum fate *fate;
    struct dsn_part *part; /* taken of them */
    uint64_t octets;
    struct message message;
};

static int read_file(int fd, char *to, size_t size, struct error *e)
{
    for (size_t have = 0; have < size;) {
        ssize_t got = pread(fd, to + have, size - have, (off_t)have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_sys(e, got ? errno : EIO, "a report can not be read");
        have += (size_t)got;
    }
    return 0;
}

/* The fields put in front are for the report as a mail of its own. */
static int add_part(struct joint *j, const struct store_head *head, const struct content *c,
                    struct error *e)
{
    struct span body = c->body;

    if (c->fd >= 0) {
        char *at = arena_alloc(j->arena, (size_t)c->size);

        if (read_file(c->fd, at, (size_t)c->size, e) < 0)
            return -1;
        body = (struct span){at, (size_t)c->size};
    }
    j->part[j->taken++] = (struct dsn_part){.whole = body, .need = head->envelope.need};
    j->octets += body.len;
    return 0;
}

/* A person may have removed or stopped it by now, or it is damaged: then it goes its own way. */
static int take_one(struct store *st, struct joint *j, size_t n, struct error *e)
{
    struct store_head head;
    struct content c = {.fd = -1};
    int got = store_load(st, &j->id[n], j->arena, &head, &c, e);

    if (got == STORE_GOT && bundle_rests(&head) && head.state == STORE_LIVE) {
        j->fate[n] = FATE_TAKEN;
        got = add_part(j, &head, &c, e);
        if (!got)
            got = store_remove(st, &j->id[n], e);
    } else {
        j->fate[n] = FATE_ITS_OWN;
    }
    if (c.fd >= 0)
        close(c.fd);
    return got < 0 ? -1 : 0;
}

static int compose(struct joint *j, struct error *e)
{
    const struct queue *q = j->queue;
    struct text text = TEXT_INIT(3 * BUNDLE_OCTETS);
    struct recipient *to = arena_alloc(j->arena, sizeof *to);
    struct dsn_bundle b = {.language = q->reports.language,
                           .hostname = span_of(q->host),
                           .postmaster = span_of(q->postmaster),
                           .sender = j->sender,
                           .id = id_new(),
                           .now = clock_wall(),
                           .parts = j->part,
                           .count = j->taken};
    unsigned need = 0;
    bool good = dsn_bundle(&b, &text, &need);
    struct span body = arena_span(j->arena, text_span(&text));

    text_free(&text);
    *to = (struct recipient){.address = j->sender, .notify = NOTIFY_NEVER};
    j->message =
        (struct message){.envelope = {.id = b.id, .need = need, .recipients = to, .count = 1},
                         .origin = {.with = SPAN("local"), .door = SPAN("report")},
                         .content = {.fd = -1, .body = body, .size = body.len},
                         .arrived = b.now,
                         .header_size = (uint32_t)span_search(body, SPAN("\r\n\r\n")) + 4};
    return good ? 0 : error_set(e, ERROR_TEMPORARY, "the reports do not fit into one mail");
}

/* All or nothing: the reports go in the transaction in which the mail that holds them comes. */
static int join_work(struct store *st, void *arg, struct error *e)
{
    struct joint *j = arg;
    struct queue *q = j->queue;
    bool fresh;

    for (size_t n = 0; n < j->count && j->taken < BUNDLE_MOST && j->octets < BUNDLE_OCTETS; n++)
        if (take_one(st, j, n, e) < 0)
            return -1;
    if (!j->taken)
        return 0;
    if (compose(j, e) < 0)
        return -1;
    if (q->calls->own)
        q->calls->own(q->arg, st, &j->message, j->arena);
    return store_put(st, &j->message, inside_clock(q), &fresh, e);
}

/* ---- after the commit: loop ---- */

static void enter(const struct joint *j)
{
    struct queue *q = j->queue;
    struct store_recipient fresh = {0};
    struct store_head head = {.id = j->message.envelope.id,
                              .arrived = j->message.arrived,
                              .born = inside_clock(q),
                              .envelope = j->message.envelope,
                              .origin = j->message.origin,
                              .size = j->message.content.prefix.len + j->message.content.size,
                              .header_size = j->message.header_size,
                              .recipients = &fresh};
    struct item *i = inside_add(q, &head);

    inside_charge(q, &head, true, &i->charge, NULL);
    log_event(LOG_INFO, "reports.joined", LOG_ID(&head.id), LOG_NUM("reports", j->taken));
}

static void keep(struct bundle *b, struct span sender, const struct id *id, int64_t due);

/* Into the state a person gave it meanwhile, due at `at`. */
static void give_back(struct queue *q, struct item *i, int64_t at)
{
    i->joining = false;
    if (i->doomed)
        return; /* who removes it says what becomes of it */
    schedule_state(&q->schedule, i, (enum store_state)i->was, clock_now());
    if (i->slot[0].state == SLOT_WAITING)
        schedule_put(&q->schedule, &i->slot[0], at);
}

static void end_one(const struct joint *j, size_t n, bool good)
{
    struct queue *q = j->queue;
    struct item *i = schedule_find(&q->schedule, &j->id[n]);
    int64_t now = clock_now();

    if (!i)
        return;
    if (good && j->fate[n] == FATE_TAKEN) {
        inside_remove(q, i);
    } else if (good && j->fate[n] == FATE_LEFT) {
        give_back(q, i, now + BUNDLE_MARGIN_MS);
        keep(q->bundle, j->sender, &j->id[n], now);
    } else {
        give_back(q, i, now);
    }
}

/* What cannot become one goes out as it is: nothing may depend on a bundle. */
static void join_done(void *arg, int result, const struct error *e)
{
    struct joint *j = arg;
    struct queue *q = j->queue;

    if (result < 0)
        log_event(LOG_ERROR, "reports.unjoined", LOG_NUM("reports", j->count),
                  LOG_STR("words", e->words));
    else if (j->taken)
        enter(j);
    for (size_t n = 0; n < j->count; n++)
        end_one(j, n, result == 0);
    inside_turn(q);
    arena_free(&j->arena);
    free(j);
}

/* ---- batches: loop ---- */

static bool still_rests(const struct item *i)
{
    return i && i->state == STORE_LIVE && !i->doomed && !i->joining && i->slots == 1 &&
           i->slot[0].state == SLOT_WAITING && !i->slot[0].attempts;
}

/* From here until its end nobody leases them. */
static struct joint *new_joint(struct bundle *b, const struct batch *batch)
{
    struct queue *q = b->queue;
    struct joint *j = memory_alloc(sizeof *j);

    j->queue = q;
    j->arena = arena_new();
    j->sender = arena_span(j->arena, span_of(batch->sender));
    j->id = arena_alloc(j->arena, batch->count * sizeof *j->id);
    j->fate = arena_alloc(j->arena, batch->count * sizeof *j->fate);
    j->part = arena_alloc(j->arena, batch->count * sizeof *j->part);
    for (size_t n = 0; n < batch->count; n++) {
        struct item *i = schedule_find(&q->schedule, &batch->id[n]);

        if (!still_rests(i))
            continue;
        i->joining = true;
        i->was = STORE_LIVE;
        schedule_state(&q->schedule, i, STORE_HELD, clock_now());
        j->fate[j->count] = FATE_LEFT;
        j->id[j->count++] = i->id;
    }
    return j;
}

static void free_batch(struct span key, void *value, void *arg)
{
    struct batch *batch = value;

    (void)key;
    (void)arg;
    free(batch->sender);
    free(batch->id);
    free(batch);
}

/* One alone needs no bundle. */
static void close_batch(struct bundle *b, struct batch *batch)
{
    struct joint *j = new_joint(b, batch);

    map_take(b->batches, span_of(batch->sender));
    free_batch(SPAN_NONE, batch, NULL);
    if (j->count > 1) {
        commit_submit(b->queue->commit, COMMIT_OWN, join_work, join_done, j, 0);
        return;
    }
    if (j->count)
        give_back(b->queue, schedule_find(&b->queue->schedule, &j->id[0]), clock_now());
    inside_turn(b->queue);
    arena_free(&j->arena);
    free(j);
}

struct due {
    struct batch *batch[DUE_MAX];
    size_t count;
    int64_t now;
};

static void find_due(struct span key, void *value, void *arg)
{
    struct batch *batch = value;
    struct due *due = arg;

    (void)key;
    if ((batch->due <= due->now || batch->count >= BUNDLE_MOST) && due->count < DUE_MAX)
        due->batch[due->count++] = batch;
}

void bundle_tick(struct bundle *b)
{
    struct due due = {.now = clock_now()};

    map_each(b->batches, find_due, &due);
    for (size_t n = 0; n < due.count; n++)
        close_batch(b, due.batch[n]);
}

static void keep(struct bundle *b, struct span sender, const struct id *id, int64_t due)
{
    struct batch *batch = map_get(b->batches, sender);

    if (!batch) {
        batch = memory_alloc(sizeof *batch);
        *batch = (struct batch){.sender = span_dup(sender), .due = due};
        map_put(b->batches, sender, batch);
    }
    batch->due = due < batch->due ? due : batch->due;
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 8;
        batch->id = memory_grow(batch->id, batch->cap * sizeof *batch->id);
    }
    batch->id[batch->count++] = *id;
}

void bundle_rest(const struct bundle *b, struct store_recipient *state)
{
    *state = (struct store_recipient){.next_try = inside_clock(b->queue) + BUNDLE_REST_MS +
                                                  BUNDLE_MARGIN_MS,
                                      .words = SPAN(BUNDLE_WORDS)};
}

bool bundle_rests(const struct store_head *head)
{
    const struct store_recipient *to = head->recipients;

    return head->envelope.count == 1 && !head->envelope.sender.len &&
           span_is(head->origin.door, "report") && to->end == STORE_WAITING && !to->attempts &&
           span_is(to->words, BUNDLE_WORDS);
}

void bundle_note(struct bundle *b, const struct store_head *head)
{
    int64_t rest = head->recipients->next_try - inside_clock(b->queue) - BUNDLE_MARGIN_MS;

    if (b->queue->reports.per_hour && head->state == STORE_LIVE && bundle_rests(head))
        keep(b, head->envelope.recipients[0].address, &head->id, clock_now() + rest);
}

struct bundle *bundle_new(struct queue *q)
{
    struct bundle *b = memory_alloc(sizeof *b);

    *b = (struct bundle){.queue = q, .counts = report_counts_new(), .batches = map_new()};
    return b;
}

int bundle_read(struct bundle *b, struct store *st, struct error *e)
{
    return report_counts_read(b->counts, st, inside_clock(b->queue), e);
}

void bundle_free(struct bundle **b)
{
    if (!*b)
        return;
    map_each((*b)->batches, free_batch, NULL);
    report_counts_free(&(*b)->counts);
    map_free(&(*b)->batches);
    free(*b);
    *b = NULL;
}
