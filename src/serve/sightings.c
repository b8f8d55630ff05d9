#include "serve/sightings.h"

#include "account/directory.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "post/channel.h"
#include "serve/signer.h"

#include <stdlib.h>
#include <string.h>

/* Milliseconds. */
enum {
    TURN = 1000,        /* between two batches */
    REST = 60 * 1000,   /* at most, while nothing is due: domains come and go */
    ANSWER = 60 * 1000, /* for a courier to look */
    LATER = 60 * 1000,  /* when nobody could look */
    NAME = 320,         /* octets of a record's name */
    RECORD = 2048,
};

/* Keys are right or wrong for this long before anybody is told: zones are edited. */
#define PATIENCE (30 * CLOCK_MINUTE)
/* The first keys of a domain sign at once; its owner has this long to publish them. */
#define YOUNG CLOCK_DAY

struct seen {
    enum sightings_state state;
    bool waits;    /* newer keys wait */
    bool visited;  /* since the start */
    bool told;     /* that they are not right */
    int64_t due;   /* clock_now() of the next look */
    int64_t since; /* clock_now(): looked for them more often since then; 0: they are right */
    int64_t at;
    char *words; /* NULL: none */
};

struct sightings {
    struct house *house;
    struct map *domains; /* struct seen */
    struct timer *timer;
    bool started, running, ending;
};

const char *sightings_state_name(enum sightings_state s)
{
#define X(id, name) [id] = name,
    static const char *const names[] = {SIGHTINGS_STATES(X)};
#undef X
    return names[s];
}

static int64_t look_of(const struct sightings *s)
{
    return s->house->config->dkim.look;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool sightings_look(const struct sightings *s)
{
    return s->started && look_of(s) && s->house->config->delivery.couriers;
}

/* ---- which domains, and when ---- */

static void free_seen(struct span name, void *value, void *arg)
{
    struct seen *e = value;

    (void)name, (void)arg;
    free(e->words);
    free(e);
}

static void forget(struct sightings *s, struct span domain)
{
    struct seen *e = map_take(s->domains, domain);

    if (e)
        free_seen(domain, e, NULL);
}

static struct seen *entry(struct sightings *s, struct span domain)
{
    struct seen *e = map_get(s->domains, domain);

    if (!e) {
        e = memory_alloc(sizeof *e);
        *e = (struct seen){.due = clock_now()};
        map_put(s->domains, domain, e);
    }
    return e;
}

static void know(void *arg, const struct hosted_domain *d)
{
    entry(arg, d->name);
}

/* Often at first, for somebody is publishing them just now; not at once, for a resolver remembers
 * for a while that there was nothing. */
static int64_t pause_of(const struct sightings *s, const struct seen *e)
{
    static const struct {
        int64_t until, pause;
    } rows[] = {{2 * CLOCK_MINUTE, 2 * CLOCK_MINUTE},
                {10 * CLOCK_MINUTE, 5 * CLOCK_MINUTE},
                {CLOCK_HOUR, 10 * CLOCK_MINUTE},
                {6 * CLOCK_HOUR, 30 * CLOCK_MINUTE},
                {7 * CLOCK_DAY, CLOCK_HOUR}};
    int64_t waited = clock_now() - e->since;

    for (size_t i = 0; e->since && i < COUNT(rows); i++)
        if (waited < rows[i].until)
            return least(rows[i].pause, look_of(s));
    return look_of(s);
}

/* Some time within the next dkim.look. */
static int64_t spread(const struct sightings *s)
{
    uint64_t n;

    id_random(&n, sizeof n);
    return clock_now() + (int64_t)(n % ((uint64_t)look_of(s) + 1));
}

/* ---- one batch ---- */

struct due {
    struct span name;
    int64_t at;
    /* What is asked of it: where its keys stand among those of the question. */
    size_t active, fresh;
    struct span fresh_stem;
    bool young;
};
enum { NOT_ASKED = LETTER_KEYS_MAX };

struct batch {
    struct sightings *sightings;
    struct arena *arena;
    struct due due[SIGHTINGS_BATCH];
    size_t count;
    int64_t next; /* when the first of the others is due */
    struct letter_key keys[LETTER_KEYS_MAX];
    size_t key_count;
};

/* Keeps the SIGHTINGS_BATCH that waited longest. */
static void choose(struct span name, void *value, void *arg)
{
    const struct seen *e = value;
    struct batch *b = arg;
    size_t i;

    if (e->due > clock_now()) {
        b->next = least(b->next, e->due);
        return;
    }
    if (b->count == SIGHTINGS_BATCH) {
        b->next = clock_now() + TURN;
        if (e->due >= b->due[b->count - 1].at)
            return;
        b->count--;
    }
    for (i = b->count; i > 0 && b->due[i - 1].at > e->due; i--)
        b->due[i] = b->due[i - 1];
    b->due[i] = (struct due){
        .name = arena_span(b->arena, name), .at = e->due, .active = NOT_ASKED, .fresh = NOT_ASKED};
    b->count++;
}

static size_t ask_for(struct batch *b, const struct dkim_pair *p, struct span domain)
{
    struct text name = TEXT_INIT(NAME), record = TEXT_INIT(RECORD);
    size_t first = b->key_count;

    for (size_t kind = 0; kind < DKIM_KINDS; kind++) {
        text_clear(&name);
        text_clear(&record);
        dkim_keys_name(p, (enum keypair_kind)kind, domain, &name);
        dkim_keys_record(p, (enum keypair_kind)kind, &record);
        b->keys[b->key_count++] = (struct letter_key){arena_span(b->arena, text_span(&name)),
                                                      arena_span(b->arena, text_span(&record))};
    }
    text_free(&name);
    text_free(&record);
    return first;
}

static void say(struct seen *e, struct span words)
{
    free(e->words);
    e->words = words.len ? span_dup(words) : NULL;
}

/* Reads its keys; what is to be asked about them goes into the question. */
static void prepare(struct batch *b, struct due *d)
{
    struct sightings *s = b->sightings;
    struct dkim_keys keys = {.count = 0};
    struct dkim_pair *active, *fresh;
    struct error err = {0};
    int bad = signer_keys(s->house->signer, d->name, b->arena, &keys, &err);
    struct seen *e;

    if (!directory_domain(s->house->directory, d->name)) {
        forget(s, d->name);
        return;
    }
    e = entry(s, d->name);
    active = bad < 0 ? NULL : dkim_keys_in(&keys, DKIM_ACTIVE);
    fresh = bad < 0 ? NULL : dkim_keys_in(&keys, DKIM_NEW);
    e->waits = fresh != NULL;
    e->due = clock_now() + look_of(s);
    if (!active && !fresh) {
        e->state = bad < 0 ? SIGHTINGS_UNKNOWN : SIGHTINGS_NONE;
        say(e, bad < 0 ? span_of(err.words) : SPAN_NONE);
        return;
    }
    d->young = active && clock_wall() - active->created < least(YOUNG, look_of(s));
    if (!e->visited && !fresh && !d->young && !e->since) { /* no storm after a start */
        e->visited = true;
        e->due = spread(s);
        return;
    }
    e->visited = true;
    if (active)
        d->active = ask_for(b, active, d->name);
    if (fresh) {
        d->fresh = ask_for(b, fresh, d->name);
        d->fresh_stem = arena_span(b->arena, fresh->stem);
    }
}

/* ---- what came of it ---- */

/* The worst that is said of a pair. */
static const struct letter_sighting *worst(const struct letter_sightings *l, size_t first)
{
    const struct letter_sighting *found = &l->rows[first];

    for (size_t i = 1; i < DKIM_KINDS; i++)
        if (l->rows[first + i].state > found->state)
            found = &l->rows[first + i];
    return found;
}

static void tell(struct sightings *s, struct span domain, struct seen *e, bool young)
{
    bool bad = e->state == SIGHTINGS_MISSING || e->state == SIGHTINGS_WRONG;

    if (e->told && e->state == SIGHTINGS_PUBLISHED) {
        e->told = false;
        log_event(LOG_NOTICE, "dkim.published", LOG_SPAN("domain", domain));
    }
    if (e->told || !bad || young || clock_now() - e->since < least(PATIENCE, look_of(s)))
        return;
    e->told = true;
    log_event(LOG_WARNING, "dkim.unpublished", LOG_SPAN("domain", domain),
              LOG_STR("keys", sightings_state_name(e->state)), LOG_STR("words", e->words),
              LOG_STR("then", "nobody can verify its signatures: `port26 domain check` tells what "
                              "to publish"));
}

static void note(struct seen *e, const struct letter_sighting *found)
{
    static const enum sightings_state states[] = {[LETTER_SEEN_RIGHT] = SIGHTINGS_PUBLISHED,
                                                  [LETTER_SEEN_MISSING] = SIGHTINGS_MISSING,
                                                  [LETTER_SEEN_WRONG] = SIGHTINGS_WRONG};

    say(e, found->words);
    if (found->state == LETTER_SEEN_UNKNOWN) /* what was known before stays */
        return;
    e->state = states[found->state];
    e->at = clock_wall();
}

static void conclude(struct batch *b, const struct due *d, const struct letter_sightings *l)
{
    struct sightings *s = b->sightings;
    struct error err = {0};
    struct seen *e = map_get(s->domains, d->name);

    if (!e || (d->active == NOT_ASKED && d->fresh == NOT_ASKED))
        return;
    if (!l) {
        e->due = clock_now() + least(LATER, look_of(s));
        return;
    }
    if (d->active != NOT_ASKED)
        note(e, worst(l, d->active));
    if (d->fresh != NOT_ASKED && worst(l, d->fresh)->state == LETTER_SEEN_RIGHT) {
        e->waits = signer_seen(s->house->signer, d->name, d->fresh_stem, &err) < 0;
        e = map_get(s->domains, d->name); /* it waited for the store */
        if (!e)
            return;
    }
    if (e->state == SIGHTINGS_PUBLISHED && !e->waits)
        e->since = 0;
    else if (!e->since)
        e->since = clock_now();
    tell(s, d->name, e, d->young);
    e->due = clock_now() + pause_of(s, e);
}

static struct parcel *ask(struct batch *b)
{
    struct house *h = b->sightings->house;
    struct channel *courier = h->courier && b->key_count ? h->courier(h->carry_arg) : NULL;
    struct letter_keys question = {b->keys, b->key_count};

    return courier ? channel_ask(courier, LETTER_KEYS, &question, -1, clock_now() + ANSWER) : NULL;
}

static void look_at(struct batch *b)
{
    const struct letter_sightings *l;
    struct parcel *p;

    for (size_t i = 0; i < b->count && !b->sightings->ending; i++)
        prepare(b, &b->due[i]);
    p = ask(b);
    l = p && p->kind == LETTER_SIGHTINGS ? p->letter : NULL;
    if (l && l->count != b->key_count)
        l = NULL;
    for (size_t i = 0; i < b->count && !b->sightings->ending; i++)
        conclude(b, &b->due[i], l);
    parcel_free(&p);
}

static void run(void *arg)
{
    struct sightings *s = arg;
    struct batch b = {.sightings = s, .arena = arena_new(), .next = clock_now() + REST};
    int64_t wait;

    directory_domain_each(s->house->directory, know, s);
    map_each(s->domains, choose, &b);
    look_at(&b);
    for (size_t i = 0; i < b.count; i++) {
        const struct seen *e = map_get(s->domains, b.due[i].name);

        b.next = e ? least(b.next, e->due) : b.next;
    }
    wait = b.next - clock_now();
    arena_free(&b.arena);
    s->running = false;
    if (s->ending)
        loop_stop(s->house->loop);
    else
        timer_set(s->timer, wait < TURN ? TURN : least(wait, REST));
}

static void on_time(void *arg)
{
    struct sightings *s = arg;

    if (s->running || s->ending)
        return;
    if (!sightings_look(s)) {
        timer_set(s->timer, REST);
        return;
    }
    s->running = true;
    fiber_start(s->house->loop, run, s);
}

/* ---- for the house ---- */

struct sightings *sightings_new(struct house *h)
{
    struct sightings *s = memory_alloc(sizeof *s);

    s->house = h;
    s->domains = map_new();
    s->timer = timer_new(h->loop, on_time, s);
    return s;
}

void sightings_start(struct sightings *s)
{
    s->started = true;
    timer_set(s->timer, TURN);
}

/* Nothing waits longer than the new settings say. */
static void hasten(struct span name, void *value, void *arg)
{
    const struct sightings *s = arg;
    struct seen *e = value;

    (void)name;
    e->due = least(e->due, clock_now() + look_of(s));
}

void sightings_configure(struct sightings *s)
{
    map_each(s->domains, hasten, s);
    if (s->started && !s->running)
        timer_set(s->timer, TURN);
}

void sightings_free(struct sightings **s)
{
    struct sightings *gone = *s;

    if (!gone)
        return;
    gone->ending = true;
    while (gone->running) /* the store answers, and the courier is gone, which is an answer too */
        loop_run(gone->house->loop);
    map_each(gone->domains, free_seen, NULL);
    map_free(&gone->domains);
    timer_free(&gone->timer);
    free(gone);
    *s = NULL;
}

void sightings_changed(struct sightings *s, struct span domain)
{
    struct seen *e;

    if (!s->started)
        return;
    forget(s, domain);
    e = entry(s, domain);
    e->visited = true;
    e->since = clock_now();
    e->due = e->since + pause_of(s, e);
    if (!s->running)
        timer_set(s->timer, TURN);
}

void sightings_seen(struct sightings *s, struct span domain)
{
    struct seen *e;

    sightings_changed(s, domain);
    e = map_get(s->domains, domain);
    if (!e)
        return;
    e->state = SIGHTINGS_PUBLISHED;
    e->at = clock_wall();
    e->since = 0;
    e->due = clock_now() + look_of(s);
}

void sightings_find(const struct sightings *s, struct span domain, struct sighting *out)
{
    const struct seen *e = map_get(s->domains, domain);

    *out = (struct sighting){.state = SIGHTINGS_UNKNOWN};
    if (e)
        *out = (struct sighting){e->state, e->waits, e->at, span_of(e->words)};
}

struct bad {
    void (*fn)(void *arg, struct span domain);
    void *arg;
};

static void each_bad(struct span domain, void *value, void *arg)
{
    const struct bad *b = arg;

    if (((const struct seen *)value)->told)
        b->fn(b->arg, domain);
}

void sightings_each_bad(const struct sightings *s, void (*fn)(void *arg, struct span domain),
                        void *arg)
{
    struct bad b = {fn, arg};

    map_each(s->domains, each_bad, &b);
}
