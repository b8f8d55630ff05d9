#include "queue/schedule.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A dead place is probed at least so often: by one job, of whichever message is due first. */
enum { PLACE_WAIT_MAX = 30 * 60 * 1000, WORDS_MAX = 500 };
/* A network in which we are new, that lets nothing out: perhaps somebody is just logging in. */
/* The other side is told to know a message again for a day; so often is enough to learn of it. */
enum { HOLD_TIME = 12 * 60 * 60 * 1000, HOLD_TRIES = 3 };
enum { NEW_HERE = 10 * 60 * 1000, NEW_WAIT = 4000 };

void schedule_init(struct schedule *s, const struct schedule_limits *limits)
{
    *s = (struct schedule){.limits = *limits, .items = map_new(), .places = map_new()};
}

static void free_place(struct place *p)
{
    heap_free(&p->waiting);
    free((char *)p->key.at);
    free((char *)p->domain.at);
    free((char *)p->relay.at);
    free((char *)p->words.at);
    arena_free(&p->arena);
    free(p);
}

static void free_item(struct item *i)
{
    for (uint32_t n = 0; n < i->slots; n++) {
        if (i->slot[n].hold)
            free(i->slot[n].hold->door);
        free(i->slot[n].hold);
    }
    free(i);
}

static void free_one_item(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_item(value);
}

static void free_one_place(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_place(value);
}

void schedule_free(struct schedule *s)
{
    map_each(s->items, free_one_item, NULL);
    map_each(s->places, free_one_place, NULL);
    map_free(&s->items);
    map_free(&s->places);
    heap_free(&s->ready);
}

/* ---- places ---- */

static struct span own(struct span s)
{
    return (struct span){span_dup(s), s.len};
}

static struct place *find_place(struct schedule *s, const struct route *r)
{
    struct place *p = map_get(s->places, r->destination);

    if (p)
        return p;
    p = memory_alloc(sizeof *p);
    p->key = own(r->destination);
    p->domain = own(r->domain);
    p->relay = own(r->relay);
    p->kind = r->kind;
    map_put(s->places, p->key, p);
    return p;
}

/* While a place fails one job at a time finds out whether it works again. */
static unsigned room(const struct schedule *s, const struct place *p)
{
    return p->failures ? 1 : s->limits.per_place;
}

/* After every change of a place: brings its node in the heap of the ready to where it belongs. */
static void touch(struct schedule *s, struct place *p)
{
    const struct heap_node *first = heap_first(&p->waiting);

    if (!first || p->leased >= room(s, p))
        heap_take(&s->ready, &p->ready);
    else
        heap_set(&s->ready, &p->ready, first->at > p->until ? first->at : p->until);
}

static void drop_place_if_empty(struct schedule *s, struct place *p)
{
    if (p->slots)
        return;
    heap_take(&s->ready, &p->ready);
    map_take(s->places, p->key);
    free_place(p);
}

/* ---- items ---- */

struct item *schedule_find(const struct schedule *s, const struct id *id)
{
    return map_get(s->items, id_span(id));
}

/* Which slot of the item takes a recipient to this place? A full one is followed by another. */
static uint16_t find_slot(struct schedule *s, struct item *i, struct place *p, bool forwarded)
{
    struct slot *slot;

    for (uint32_t n = i->slots; n-- > 0;)
        if (i->slot[n].place == p && i->slot[n].forwarded == forwarded &&
            i->slot[n].waiting < s->limits.recipients)
            return (uint16_t)n;
    slot = &i->slot[i->slots];
    *slot = (struct slot){.item = i, .place = p, .state = SLOT_RESTING, .forwarded = forwarded};
    p->slots++;
    return (uint16_t)i->slots++;
}

static uint32_t count_waiting(const struct store_head *head)
{
    uint32_t n = 0;

    for (size_t i = 0; i < head->envelope.count; i++)
        n += head->recipients[i].end == STORE_WAITING;
    return n;
}

/* How many slots are needed at most: exact for one recipient, which is nearly all mail. */
static struct item *new_item(const struct store_head *head)
{
    size_t posts = head->envelope.count, slots = count_waiting(head);
    struct item *i = memory_alloc(sizeof *i + slots * sizeof *i->slot + posts * sizeof *i->post);

    assert(slots < UINT16_MAX);
    i->slot = (struct slot *)(i + 1);
    i->post = (struct post *)(i->slot + slots);
    i->id = head->id;
    i->born = head->born;
    i->size = head->size;
    i->state = (uint8_t)head->state;
    i->posts = (uint32_t)posts;
    i->bounce = head->envelope.sender.len == 0;
    return i;
}

/* How far a stored time can lie ahead: a broken clock must not make mail wait for ever. */
static int64_t clamp_wait(const struct schedule *s, int64_t wait)
{
    int64_t longest = 0;

    for (size_t i = 0; i < COUNT(s->limits.retry); i++)
        longest = s->limits.retry[i] > longest ? s->limits.retry[i] : longest;
    longest += longest / 5;
    return wait < 0 ? 0 : wait > longest ? longest : wait;
}

static void add_post(struct schedule *s, struct item *i, const struct store_head *head, size_t n,
                     struct place *p, int64_t due)
{
    const struct store_recipient *r = &head->recipients[n];
    struct post *post = &i->post[n];
    struct slot *slot;

    post->notify = (uint8_t)head->envelope.recipients[n].notify;
    post->end = (uint8_t)r->end;
    post->delay_told = r->delay_told;
    if (!p)
        return;
    post->slot = find_slot(s, i, p, head->envelope.recipients[n].forwarded);
    slot = &i->slot[post->slot];
    if (!slot->waiting || due < slot->due.at)
        slot->due.at = due;
    if (r->attempts > slot->attempts)
        slot->attempts = (uint16_t)(r->attempts < UINT16_MAX ? r->attempts : UINT16_MAX);
    slot->waits_for_network |= r->waits_for_network;
    slot->waiting++;
    s->waiting++;
}

struct item *schedule_add(struct schedule *s, const struct store_head *head,
                          const struct route *routes, int64_t queue_now, int64_t now)
{
    struct item *i;

    if (schedule_find(s, &head->id))
        return NULL;
    i = new_item(head);
    for (size_t n = 0; n < head->envelope.count; n++) {
        const struct store_recipient *r = &head->recipients[n];
        bool waits = r->end == STORE_WAITING;
        int64_t wait = r->next_try ? clamp_wait(s, r->next_try - queue_now) : 0;

        add_post(s, i, head, n, waits ? find_place(s, &routes[n]) : NULL, now + wait);
    }
    map_put(s->items, id_span(&i->id), i);
    s->octets += i->size;
    s->held += i->state == STORE_HELD;
    s->damaged += i->state == STORE_DAMAGED;
    s->last_rank++;
    for (uint32_t n = 0; n < i->slots; n++) {
        i->slot[n].due.rank = s->last_rank;
        schedule_put(s, &i->slot[n], i->slot[n].due.at);
    }
    return i;
}

void schedule_remove(struct schedule *s, struct item *i)
{
    assert(!schedule_is_leased(i));
    for (uint32_t n = 0; n < i->slots; n++) {
        struct slot *slot = &i->slot[n];

        heap_take(&slot->place->waiting, &slot->due);
        touch(s, slot->place);
        s->waiting -= slot->waiting;
        slot->place->slots--;
        drop_place_if_empty(s, slot->place);
    }
    s->held -= i->state == STORE_HELD;
    s->damaged -= i->state == STORE_DAMAGED;
    s->octets -= i->size;
    map_take(s->items, id_span(&i->id));
    free_item(i);
}

bool schedule_is_leased(const struct item *i)
{
    for (uint32_t n = 0; n < i->slots; n++)
        if (i->slot[n].state == SLOT_LEASED)
            return true;
    return false;
}

void schedule_state(struct schedule *s, struct item *i, enum store_state state, int64_t now)
{
    s->held -= i->state == STORE_HELD;
    s->damaged -= i->state == STORE_DAMAGED;
    i->state = (uint8_t)state;
    s->held += i->state == STORE_HELD;
    s->damaged += i->state == STORE_DAMAGED;
    for (uint32_t n = 0; n < i->slots; n++)
        if (i->slot[n].state != SLOT_LEASED)
            schedule_put(s, &i->slot[n], now);
}

/* ---- turns ---- */

int64_t schedule_when(const struct schedule *s)
{
    const struct heap_node *n = heap_first(&s->ready);

    return n ? n->at : CLOCK_NEVER;
}

void schedule_pull(struct schedule *s, struct slot *slot)
{
    assert(slot->state == SLOT_WAITING);
    heap_take(&slot->place->waiting, &slot->due);
    slot->state = SLOT_LEASED;
    slot->place->leased++;
    s->leased++;
    touch(s, slot->place);
}

struct slot *schedule_take(struct schedule *s, int64_t now)
{
    const struct place *p = (struct place *)heap_first(&s->ready);
    struct slot *slot;

    if (!p || p->ready.at > now)
        return NULL;
    slot = (struct slot *)heap_first(&p->waiting);
    schedule_pull(s, slot);
    return slot;
}

void schedule_put(struct schedule *s, struct slot *slot, int64_t at)
{
    struct place *p = slot->place;

    if (slot->state == SLOT_LEASED) {
        p->leased--;
        s->leased--;
    }
    slot->state = slot->waiting && slot->item->state == STORE_LIVE ? SLOT_WAITING : SLOT_RESTING;
    if (slot->state == SLOT_WAITING)
        heap_set(&p->waiting, &slot->due, at);
    else
        heap_take(&p->waiting, &slot->due);
    touch(s, p);
}

void schedule_end(struct schedule *s, struct item *i, uint32_t number, enum store_end end)
{
    struct post *post = &i->post[number];

    assert(post->end == STORE_WAITING && end != STORE_WAITING);
    post->end = (uint8_t)end;
    i->slot[post->slot].waiting--;
    s->waiting--;
}

/* ---- waits ---- */

static int64_t jitter(int64_t wait)
{
    uint32_t r;

    id_random(&r, sizeof r);
    return wait + wait / 5 * ((int64_t)(r % 2001) - 1000) / 1000;
}

static int64_t table_wait(const struct schedule *s, unsigned attempts)
{
    int64_t wait = s->limits.retry[0];

    for (unsigned i = 1; i < attempts && i < QUEUE_RETRIES_MAX && s->limits.retry[i]; i++)
        wait = s->limits.retry[i];
    return wait;
}

int64_t schedule_wait(const struct schedule *s, unsigned attempts)
{
    return jitter(table_wait(s, attempts));
}

int64_t schedule_network_wait(const struct schedule *s, const struct place *p, int64_t now)
{
    static const int64_t waits[] = {15 * CLOCK_SECOND, 30 * CLOCK_SECOND, CLOCK_MINUTE,
                                    2 * CLOCK_MINUTE, 5 * CLOCK_MINUTE};

    if (s->arrived && !s->offline && now - s->arrived < NEW_HERE)
        return NEW_WAIT;
    return waits[p->failures < COUNT(waits) ? p->failures : COUNT(waits) - 1];
}

static void set_words(struct place *p, struct span words, const struct outcome *o)
{
    free((char *)p->words.at);
    p->words = own(span_head(words, WORDS_MAX));
    arena_free(&p->arena);
    p->said = (struct outcome){0};
    if (o) {
        p->arena = arena_new();
        outcome_copy(p->arena, o, &p->said);
    }
}

void schedule_failed(struct schedule *s, struct place *p, int64_t now,
                     const struct schedule_trouble *t)
{
    int64_t wait;

    set_words(p, t->words, t->outcome);
    p->status = t->status;
    p->failed_at = now;
    p->waits_for_network = t->waits_for_network;
    if (now >= p->until) { /* jobs that were under way together count once */
        if ((t->waits_for_network || t->soon) && p->kind == ROUTE_RELAY) {
            wait = schedule_network_wait(s, p, now);
            p->failures++;
            p->until = now + wait;
        } else {
            wait = table_wait(s, ++p->failures);
            p->until = now + jitter(wait < PLACE_WAIT_MAX ? wait : PLACE_WAIT_MAX);
        }
    }
    if (p->until < now + t->wait)
        p->until = now + t->wait;
    touch(s, p);
}

/* ---- answers that were lost ---- */

void schedule_hold(struct slot *slot, struct span door, bool reached, int64_t now)
{
    struct slot_hold *h = slot->hold;

    if (h) {
        h->tries -= reached && h->tries;
    } else if (door.len) {
        h = slot->hold = memory_alloc(sizeof *h);
        *h = (struct slot_hold){
            .until = now + HOLD_TIME, .tries = HOLD_TRIES, .door = span_dup(door)};
    }
}

bool schedule_holds(const struct slot *slot, struct span door, int64_t now)
{
    const struct slot_hold *h = slot->hold;

    return door.len && (!h || (h->tries > 1 && now < h->until));
}

struct span schedule_held(const struct slot *slot, int64_t now)
{
    const struct slot_hold *h = slot->hold;

    return h && h->tries && now < h->until ? span_of(h->door) : SPAN_NONE;
}

/* ---- networks ---- */

static unsigned wake_slots(struct place *p, int64_t now)
{
    unsigned woken = 0;

    for (size_t n = 0; n < p->waiting.count; n++) {
        struct slot *slot = (struct slot *)p->waiting.node[n];

        if (!slot->waits_for_network || slot->due.at <= now)
            continue;
        slot->waits_for_network = false;
        slot->due.at = now;
        woken++;
    }
    if (woken)
        heap_order(&p->waiting);
    return woken;
}

void schedule_works(struct schedule *s, struct place *p)
{
    if (p->waits_for_network)
        wake_slots(p, p->failed_at); /* the network is open again, for the others as well */
    p->failures = 0;
    p->until = 0;
    p->waits_for_network = false;
    touch(s, p);
}

struct wake {
    struct schedule *schedule;
    int64_t now;
    unsigned woken;
};

static void wake_place(struct span key, void *value, void *arg)
{
    struct place *p = value;
    struct wake *w = arg;

    (void)key;
    w->woken += wake_slots(p, w->now);
    if (p->waits_for_network)
        schedule_works(w->schedule, p);
    touch(w->schedule, p);
}

/* What was said of another network helps nobody here. */
static void tell_offline(struct span key, void *value, void *arg)
{
    struct place *p = value;

    (void)key;
    (void)arg;
    if (p->waits_for_network && p->failures)
        set_words(p,
                  SPAN("This computer is offline: it is in no network that leads out. The mail "
                       "leaves by itself when it is in one again."),
                  NULL);
}

unsigned schedule_network(struct schedule *s, bool offline, int64_t now)
{
    struct wake w = {.schedule = s, .now = now};

    s->arrived = now;
    s->offline = offline;
    map_each(s->places, offline ? tell_offline : wake_place, &w);
    return w.woken;
}

static void wake_item(struct span key, void *value, void *arg)
{
    struct item *i = value;
    struct wake *w = arg;

    (void)key;
    for (uint32_t n = 0; n < i->slots; n++) {
        if (i->slot[n].state != SLOT_WAITING)
            continue;
        schedule_works(w->schedule, i->slot[n].place);
        schedule_put(w->schedule, &i->slot[n], w->now);
    }
}

void schedule_wake(struct schedule *s, struct item *only, int64_t now)
{
    struct wake w = {.schedule = s, .now = now};

    if (only)
        wake_item(SPAN_NONE, only, &w);
    else
        map_each(s->items, wake_item, &w);
}
