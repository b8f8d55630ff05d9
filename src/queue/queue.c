#include "queue/queue.h"

#include "account/usage_words.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "queue/inside.h"

#include <stdlib.h>
#include <string.h>

enum {
    JOBS = 100,
    JOBS_PER_PLACE = 10,
    RECIPIENTS = 100,
    HEARTBEAT_MS = 60 * 1000,
    FILE_MORE = 64, /* octets that an inbox adds to a message, besides the two addresses */
};

/* Soon at first (greylisting, a restart), then ever more patient: RFC 5321 4.5.4.1. */
static const int64_t retries[] = {5 * CLOCK_MINUTE,  10 * CLOCK_MINUTE, 20 * CLOCK_MINUTE,
                                  40 * CLOCK_MINUTE, CLOCK_HOUR,        2 * CLOCK_HOUR,
                                  3 * CLOCK_HOUR,    4 * CLOCK_HOUR};

/* ---- shared inside ---- */

int64_t inside_clock(const struct queue *q)
{
    return qclock_at(&q->clock, clock_now());
}

struct route *inside_routes(struct queue *q, const struct envelope *v)
{
    struct route *list;

    arena_clear(q->scratch);
    list = arena_alloc(q->scratch, v->count * sizeof *list);
    for (size_t i = 0; i < v->count; i++) {
        q->calls->route(q->arg, v->sender, v->recipients[i].address, q->scratch, &list[i]);
        if (list[i].destination.len > QUEUE_DESTINATION_MAX) /* keys live in memory only */
            list[i].destination = span_of(arena_printf(
                q->scratch, "long:%016llx", (unsigned long long)map_hash(list[i].destination)));
    }
    return list;
}

struct item *inside_add(struct queue *q, const struct store_head *head)
{
    struct item *i = schedule_add(&q->schedule, head, inside_routes(q, &head->envelope),
                                  inside_clock(q), clock_now());

    inside_turn(q);
    return i;
}

/* An upper bound: line ends only become shorter there. */
static uint64_t file_octets(const struct store_head *head, struct span recipient)
{
    return head->size + head->envelope.sender.len + recipient.len + FILE_MORE;
}

static void want_posts(struct queue *q, const struct store_head *head, struct usage_post *posts,
                       struct usage_want *w)
{
    *w = (struct usage_want){.sender = head->origin.account, .octets = head->size, .local = true};
    for (size_t i = 0; i < head->envelope.count && q->calls->mailbox; i++) {
        struct span to = head->envelope.recipients[i].address, account;

        if (head->recipients && head->recipients[i].end != STORE_WAITING)
            continue;
        account = q->calls->mailbox(q->arg, head->envelope.sender, to);
        w->local &= account.len > 0;
        if (account.len)
            posts[w->count++] = (struct usage_post){account, (uint32_t)i, file_octets(head, to)};
    }
    w->posts = posts;
    w->local &= w->count > 0;
}

/* Strangers read it: the address they wrote is named, never the account that pays for it, as who is
 * behind an alias, or the postmaster, is nobody's business. */
static void name_asked(const struct store_head *head, const struct usage_want *w,
                       struct usage_full *full)
{
    bool unreadable = full->whose == USAGE_UNREADABLE;
    const struct recipient *r = NULL;

    if (full->whose == USAGE_SENDER || full->whose == USAGE_SENDER_HOST ||
        (unreadable && span_eq(full->account, w->sender)))
        return;
    for (size_t i = 0; i < w->count && !r; i++)
        if (span_eq(w->posts[i].account, full->account))
            r = &head->envelope.recipients[w->posts[i].number];
    if (!r)
        return;
    full->view.name = r->asked.len ? r->asked : r->address;
    if (!unreadable)
        full->whose = r->asked.len ? USAGE_BEHIND : USAGE_RECIPIENT;
}

int inside_charge(struct queue *q, const struct store_head *head, bool force,
                  struct usage_charge **out, struct error *e)
{
    struct usage_want w;
    struct usage_post *posts;
    struct usage_full full;
    int bad;

    *out = NULL;
    if (!q->set.usage)
        return 0;
    posts = memory_array(head->envelope.count, sizeof *posts);
    want_posts(q, head, posts, &w);
    bad = usage_charge(q->set.usage, &w, force, out, &full);
    if (bad)
        name_asked(head, &w, &full);
    free(posts);
    if (force && full.error.class && e)
        *e = full.error;
    return bad ? usage_words_full(&full, usage_never(q->set.usage), e) : 0;
}

void inside_remove(struct queue *q, struct item *i)
{
    usage_release(q->set.usage, &i->charge);
    schedule_remove(&q->schedule, i);
}

void inside_turn(struct queue *q)
{
    if (!q->ending && q->turn)
        timer_set(q->turn, 0);
}

static bool has_waiting(const struct item *i)
{
    for (uint32_t n = 0; n < i->slots; n++)
        if (i->slot[n].waiting)
            return true;
    return false;
}

void inside_check(struct queue *q, struct item *i)
{
    if (schedule_is_leased(i))
        return;
    if (i->doomed || (!has_waiting(i) && i->state != STORE_DAMAGED))
        admin_drop(q, i);
}

/* ---- start ---- */

static void settle_settings(struct queue *q, const struct queue_settings *set)
{
    q->set = *set;
    q->host = memory_dup(set->host ? set->host : "localhost");
    q->postmaster = set->postmaster ? memory_dup(set->postmaster) : NULL;
    q->set.host = q->set.postmaster = NULL;
    q->set.jobs = set->jobs ? set->jobs : JOBS;
    q->set.jobs_per_place = set->jobs_per_place ? set->jobs_per_place : JOBS_PER_PLACE;
    q->set.recipients = set->recipients ? set->recipients : RECIPIENTS;
    q->set.lifetime = set->lifetime ? set->lifetime : 5 * CLOCK_DAY;
    q->set.delay_after = set->delay_after ? set->delay_after : 4 * CLOCK_HOUR;
    q->set.lease = set->lease ? set->lease : 2 * CLOCK_HOUR;
    if (!set->retry[0])
        memcpy(q->set.retry, retries, sizeof retries);
}

static int start_clock(struct queue *q, struct error *e)
{
    struct span saved = SPAN_NONE;
    char boot[QCLOCK_BOOT + 1];

    if (store_meta_get(q->store, SPAN("clock"), q->scratch, &saved, e) < 0)
        return -1;
    qclock_boot(boot);
    qclock_start(&q->clock, saved, span_of(boot), clock_now(), clock_wall());
    return 0;
}

/* R8: every message that is in the store is in the schedule, live, held or damaged. One account
 * whose record cannot be read keeps nobody else from starting: it sends and gets nothing new as
 * long. */
static bool read_one(void *arg, const struct store_head *head)
{
    struct queue *q = arg;
    struct item *i = inside_add(q, head);
    struct error e = {0};

    i->read = true;
    inside_charge(q, head, true, &i->charge, &e);
    if (e.class)
        log_event(LOG_ERROR, "quota.uncharged", LOG_ID(&i->id),
                  LOG_SPAN("account", head->origin.account), LOG_STR("words", e.words));
    bundle_note(q->bundle, head);
    if (i->state == STORE_DAMAGED)
        log_event(LOG_ERROR, "message.damaged", LOG_ID(&i->id), LOG_SPAN("words", head->words));
    return true;
}

/* Messages whose last recipient ended while another job of theirs was being stored. */
static void remove_one_ended(struct span key, void *value, void *arg)
{
    (void)key;
    inside_check(arg, value);
}

static int clock_work(struct store *s, void *arg, struct error *e)
{
    struct queue *q = arg;
    struct text t = TEXT_INIT(200);
    int bad;

    qclock_save(&q->clock, clock_now(), clock_wall(), &t);
    bad = store_meta_put(s, SPAN("clock"), text_span(&t), e);
    text_free(&t);
    return bad;
}

static void clock_done(void *arg, int result, const struct error *e)
{
    (void)arg;
    if (result < 0)
        log_event(LOG_WARNING, "clock.unsaved", LOG_STR("words", e->words));
}

static void save_clock(struct queue *q)
{
    commit_submit(q->commit, COMMIT_OWN, clock_work, clock_done, q, 0);
}

/* An empty queue has nothing that grows old: no write then. */
static void heartbeat(void *arg)
{
    struct queue *q = arg;

    runner_expire(q);
    if (map_count(q->schedule.items)) {
        settle_overdue(q);
        bundle_tick(q->bundle);
        save_clock(q);
    }
    inside_turn(q);
    timer_set(q->minute, HEARTBEAT_MS);
}

static void turn(void *arg)
{
    runner_turn(arg);
}

static void ask_again(void *arg)
{
    struct queue *q = arg;

    q->full = false;
    inside_turn(q);
}

static void log_start(const struct queue *q)
{
    struct queue_counts n;

    queue_counts(q, &n);
    log_event(LOG_NOTICE, "queue.start", LOG_NUM("messages", n.messages),
              LOG_NUM("live", n.messages - n.held - n.damaged), LOG_NUM("held", n.held),
              LOG_NUM("damaged", n.damaged), LOG_NUM("recipients", n.recipients),
              LOG_NUM("octets", n.octets));
}

struct queue *queue_new(struct loop *l, struct store *s, const struct queue_settings *set,
                        const struct queue_calls *calls, void *arg, struct error *e)
{
    struct queue *q = memory_alloc(sizeof *q);
    struct schedule_limits limits;

    q->loop = l;
    q->store = s;
    q->calls = calls;
    q->arg = arg;
    q->scratch = arena_new();
    settle_settings(q, set);
    limits = (struct schedule_limits){.per_place = q->set.jobs_per_place,
                                      .recipients = q->set.recipients};
    memcpy(limits.retry, q->set.retry, sizeof limits.retry);
    schedule_init(&q->schedule, &limits);
    q->bundle = bundle_new(q);
    queue_reports(q, set->language, set->reports_hour);
    /* Not yet the store thread: this is the only other user of the store, before it starts. */
    if (start_clock(q, e) < 0 || bundle_read(q->bundle, s, e) < 0 ||
        store_walk(s, read_one, q, e) < 0) {
        queue_free(&q);
        return NULL;
    }
    q->commit = commit_new(l, s, &q->set.commit);
    q->turn = timer_new(l, turn, q);
    q->minute = timer_new(l, heartbeat, q);
    q->again = timer_new(l, ask_again, q);
    timer_set(q->minute, HEARTBEAT_MS);
    save_clock(q);
    log_start(q);
    map_each(q->schedule.items, remove_one_ended, q);
    inside_turn(q);
    return q;
}

void queue_reports(struct queue *q, enum dsn_language language, unsigned per_hour)
{
    q->reports.language = language;
    q->reports.per_hour = per_hour;
}

static void release_one(struct span key, void *value, void *arg)
{
    struct queue *q = arg;
    struct item *i = value;

    (void)key;
    usage_release(q->set.usage, &i->charge);
}

void queue_free(struct queue **q)
{
    if (!*q)
        return;
    if ((*q)->commit)
        save_clock(*q);
    (*q)->ending = true;
    commit_free(&(*q)->commit);
    settle_free(*q);
    bundle_free(&(*q)->bundle);
    timer_free(&(*q)->turn);
    timer_free(&(*q)->minute);
    timer_free(&(*q)->again);
    runner_free(*q);
    map_each((*q)->schedule.items, release_one, *q);
    schedule_free(&(*q)->schedule);
    arena_free(&(*q)->scratch);
    free((*q)->host);
    free((*q)->postmaster);
    free(*q);
    *q = NULL;
}

/* ---- doors to the other files ---- */

struct commit *queue_commit(struct queue *q)
{
    return q->commit;
}

int64_t queue_clock(const struct queue *q)
{
    return inside_clock(q);
}

void queue_pause(struct queue *q, bool paused)
{
    q->paused = paused;
    inside_turn(q);
}

void queue_kick(struct queue *q)
{
    ask_again(q);
}

int queue_room(struct queue *q, uint64_t size, struct error *e)
{
    return intake_room(q, size, e);
}

int queue_body_file(struct queue *q, struct error *e)
{
    return store_body_file(q->store, e);
}

void queue_accept(struct queue *q, const struct message *m, queue_accepted_fn *done, void *arg)
{
    intake_accept(q, m, done, arg);
}

void queue_want(struct queue *q, const struct message *m, struct arena *a, struct usage_want *out)
{
    struct store_head head = intake_head(m);

    want_posts(q, &head, arena_alloc(a, m->envelope.count * sizeof *out->posts), out);
}

void queue_settle(struct queue *q, unsigned courier, const struct job_result *r)
{
    const struct lease *l = runner_find(q, r->lease);

    if (l && l->courier != courier) { /* also the work of our own inboxes, which is nobody's */
        log_event(LOG_ERROR, "lease.foreign", LOG_NUM("lease", r->lease),
                  LOG_NUM("courier", courier));
        return;
    }
    settle_result(q, r, NULL, NULL);
}

void queue_settle_then(struct queue *q, const struct job_result *r, void (*done)(void *arg),
                       void *arg)
{
    settle_result(q, r, done, arg);
}

void queue_lost(struct queue *q, unsigned courier)
{
    runner_lost(q, courier);
}

void queue_network(struct queue *q, bool offline)
{
    unsigned woken = schedule_network(&q->schedule, offline, clock_now());

    log_event(LOG_INFO, "queue.network", LOG_NUM("woken", woken));
    inside_turn(q);
}

void queue_list(struct queue *q, const struct id *after, size_t max, queue_list_fn *fn, void *arg)
{
    admin_list(q, after, max, fn, arg);
}

void queue_show(struct queue *q, const struct id *id, queue_list_fn *fn, void *arg)
{
    admin_show(q, id, fn, arg);
}

void queue_act(struct queue *q, const struct queue_order *o, queue_action_fn *done, void *arg)
{
    admin_act(q, o, done, arg);
}

/* ---- counts ---- */

static void count_place(struct span key, void *value, void *arg)
{
    const struct place *p = value;
    struct queue_counts *n = arg;

    (void)key;
    n->destinations++;
    n->failing += p->failures > 0;
}

void queue_counts(const struct queue *q, struct queue_counts *out)
{
    *out = q->counts;
    out->messages = (unsigned)map_count(q->schedule.items);
    out->held = q->schedule.held;
    out->damaged = q->schedule.damaged;
    out->recipients = q->schedule.waiting;
    out->leased = q->schedule.leased;
    out->octets = q->schedule.octets;
    map_each(q->schedule.places, count_place, out);
}

struct places {
    void (*fn)(void *arg, const struct queue_place *p);
    void *arg;
    int64_t now, wall;
};

static void show_place(struct span key, void *value, void *arg)
{
    const struct place *p = value;
    const struct places *w = arg;
    const struct heap_node *first = heap_first(&p->waiting);
    int64_t next = first && first->at > p->until ? first->at : p->until;
    struct queue_place out = {.destination = key,
                              .waiting = (unsigned)p->waiting.count,
                              .leased = p->leased,
                              .failures = p->failures,
                              .waits_for_network = p->failures && p->waits_for_network,
                              .next = first ? w->wall + (next > w->now ? next - w->now : 0) : 0,
                              .until = p->until > w->now ? w->wall + (p->until - w->now) : 0,
                              .words = p->failures ? p->words : SPAN_NONE};

    w->fn(w->arg, &out);
}

void queue_places(const struct queue *q, void (*fn)(void *arg, const struct queue_place *p),
                  void *arg)
{
    struct places w = {.fn = fn, .arg = arg, .now = clock_now(), .wall = clock_wall()};

    map_each(q->schedule.places, show_place, &w);
}

/* ---- new routes ---- */

struct reroute {
    struct queue *queue;
    struct arena *arena;
    struct store_head *head;
    size_t count, cap;
};

static bool reroute_read(void *arg, const struct store_head *head)
{
    struct reroute *r = arg;
    struct store_head *to;

    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 64;
        r->head = memory_grow(r->head, r->cap * sizeof *r->head);
    }
    to = &r->head[r->count++];
    *to = *head;
    to->words = SPAN_NONE;
    to->origin = (struct origin){0};
    envelope_copy(r->arena, &head->envelope, &to->envelope);
    to->recipients = arena_alloc(r->arena, head->envelope.count * sizeof *to->recipients);
    for (size_t i = 0; i < head->envelope.count; i++) {
        to->recipients[i] = head->recipients[i];
        to->recipients[i].words = SPAN_NONE;
    }
    return true;
}

static int reroute_work(struct store *s, void *arg, struct error *e)
{
    struct reroute *r = arg;

    return store_walk(s, reroute_read, r, e);
}

/* It stays charged as it was. */
static void reroute_item(struct queue *q, struct item *i, const struct store_head *head)
{
    struct usage_charge *charge = i->charge;
    bool read = i->read, joining = i->joining;
    uint8_t was = i->was;

    schedule_remove(&q->schedule, i);
    i = inside_add(q, head);
    i->charge = charge;
    i->read = read;
    i->joining = joining;
    i->was = was;
}

static void reroute_done(void *arg, int result, const struct error *e)
{
    struct reroute *r = arg;
    struct queue *q = r->queue;

    if (result < 0)
        log_event(LOG_WARNING, "queue.reroute", LOG_STR("words", e->words));
    for (size_t n = 0; result == 0 && !q->ending && n < r->count; n++) {
        struct item *i = schedule_find(&q->schedule, &r->head[n].id);

        if (!i || i->doomed || schedule_is_leased(i))
            continue;
        r->head[n].state = (enum store_state)i->state;
        reroute_item(q, i, &r->head[n]);
    }
    arena_free(&r->arena);
    free(r->head);
    free(r);
}

void queue_reroute(struct queue *q)
{
    struct reroute *r = memory_alloc(sizeof *r);

    r->queue = q;
    r->arena = arena_new();
    commit_submit(q->commit, COMMIT_OWN, reroute_work, reroute_done, r, 0);
}
