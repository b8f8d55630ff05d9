#include "place/known.h"

#include "base/memory.h"
#include "place/clean.h"
#include "place/known_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A clock may be off by this much without anything being made of it. */
#define CLOCK_SLACK_MS (24LL * 60 * 60 * 1000)
/* 2025-01-01: whoever has an earlier date has none (a machine without a clock before it asked). */
#define CLOCK_SET_MS 1735689600000LL

#define X(id, name) name,
static const char *const results[] = {KNOWN_RESULT_LIST(X)};
#undef X

const char *known_result_name(enum known_result r)
{
    return (unsigned)r < COUNT(results) ? results[r] : "";
}

bool known_result_find(struct span name, enum known_result *out)
{
    for (size_t i = 0; i < COUNT(results); i++) {
        if (span_is(name, results[i])) {
            *out = (enum known_result)i;
            return true;
        }
    }
    return false;
}

bool known_key(struct span s)
{
    size_t i = 0;

    while (i < s.len && memchr("0123456789abcdef", s.at[i], 16))
        i++;
    return i == s.len && s.len == PLACE_KEY - 1;
}

struct known *known_new(void)
{
    return memory_alloc(sizeof(struct known));
}

static void remove_place(struct known *k, size_t index)
{
    free(k->place[index].door);
    k->count--;
    memmove(&k->place[index], &k->place[index + 1], (k->count - index) * sizeof k->place[0]);
}

void known_clear(struct known *k)
{
    while (k->count)
        remove_place(k, k->count - 1);
    k->latest = 0;
}

void known_free(struct known **k)
{
    if (!*k)
        return;
    known_clear(*k);
    free(*k);
    *k = NULL;
}

static size_t find_place(const struct known *k, const char *key)
{
    size_t i = 0;

    while (i < k->count && strcmp(k->place[i].place.key, key) != 0)
        i++;
    return i;
}

static size_t find_door(const struct known_place *p, struct span name)
{
    char clean[KNOWN_DOOR];
    size_t i = 0;

    clean_copy(clean, sizeof clean, name);
    while (i < p->door_count && strcmp(p->door[i].name, clean) != 0)
        i++;
    return i;
}

static void pull(int64_t *at, int64_t now)
{
    if (*at > now)
        *at = now;
}

/* The clock was in the future when these were noted. */
static void pull_all(struct known *k, int64_t now)
{
    for (size_t i = 0; i < k->count; i++) {
        struct known_place *p = &k->place[i];

        pull(&p->first, now);
        pull(&p->latest, now);
        for (size_t j = 0; j < p->door_count; j++) {
            pull(&p->door[j].at, now);
            pull(&p->door[j].since, now);
            pull(&p->door[j].before_at, now);
        }
    }
    k->latest = now;
}

static int64_t sane(struct known *k, int64_t now)
{
    if (now < k->latest - CLOCK_SLACK_MS && now >= CLOCK_SET_MS)
        pull_all(k, now);
    if (now < k->latest)
        return k->latest;
    return now > 0 ? now : 1; /* 0 means never */
}

/* A place may come from a process that reads what peers write: what it is called is cleaned again,
 * lest it write lines of its own into the text form. */
static struct place clean_place(const struct place *p)
{
    struct place clean = {.tunnel = p->tunnel};

    memcpy(clean.key, p->key, PLACE_KEY);
    clean_copy(clean.name, sizeof clean.name, span_of(p->name));
    clean_copy(clean.gateway, sizeof clean.gateway, span_of(p->gateway));
    clean_copy(clean.device, sizeof clean.device, span_of(p->device));
    return clean;
}

/* The one not visited for the longest time, of those without a name as long as there is one. */
static size_t least_missed(const struct known *k)
{
    size_t i = k->count - 1;

    while (i > 0 && k->place[i].called[0])
        i--;
    return k->place[i].called[0] ? k->count - 1 : i;
}

/* The place, at the front of the list, made if need be. */
static struct known_place *visit(struct known *k, const struct place *p, int64_t now)
{
    size_t i = find_place(k, p->key);
    struct known_place here = {.first = now};

    if (i < k->count)
        here = k->place[i];
    else if (k->count == KNOWN_PLACES_MAX)
        remove_place(k, least_missed(k));
    i = find_place(k, p->key);
    if (i == k->count)
        k->count++;
    memmove(&k->place[1], &k->place[0], i * sizeof k->place[0]);
    here.place = clean_place(p);
    here.latest = now;
    k->latest = now;
    k->place[0] = here;
    return &k->place[0];
}

void known_visit(struct known *k, const struct place *p, int64_t now)
{
    if (known_key(span_of(p->key)))
        visit(k, p, sane(k, now));
}

/* A free row for a door not met before. */
static struct known_door *add_door(struct known_place *p, struct span name)
{
    size_t i = p->door_count;

    if (i == KNOWN_DOORS_MAX) {
        i = 0;
        for (size_t j = 1; j < p->door_count; j++)
            if (p->door[j].at < p->door[i].at)
                i = j;
    } else {
        p->door = memory_grow(p->door, (i + 1) * sizeof *p->door);
        p->door_count++;
    }
    memset(&p->door[i], 0, sizeof p->door[i]);
    clean_copy(p->door[i].name, sizeof p->door[i].name, name);
    return &p->door[i];
}

static void note_try(struct known_door *d, bool failed)
{
    if (d->tries < UINT32_MAX)
        d->tries++;
    if (failed && d->failures < d->tries)
        d->failures++;
    d->recent = (uint16_t)(d->recent << 1 | (failed ? 1 : 0));
    if (d->recent_count < KNOWN_TRIES)
        d->recent_count++;
}

void known_note(struct known *k, const struct place *p, struct span door, enum known_result r,
                int64_t ms, struct span proof, int64_t now)
{
    struct known_place *here;
    struct known_door *d;
    size_t i;

    if (!known_key(span_of(p->key)))
        return;
    now = sane(k, now);
    here = visit(k, p, now);
    if (r == KNOWN_NOTHING)
        return;
    i = find_door(here, door);
    d = i < here->door_count ? &here->door[i] : add_door(here, door);
    if (d->last != KNOWN_NOTHING && (d->last == KNOWN_WORKS) != (r == KNOWN_WORKS))
        d->before_at = d->at;
    if (d->last != r)
        d->since = now;
    d->last = r;
    d->at = now;
    if (r == KNOWN_WORKS)
        d->ms = ms > 0 ? ms : 0;
    clean_copy(d->proof, sizeof d->proof, proof);
    note_try(d, r != KNOWN_WORKS);
}

const struct known_place *known_place(const struct known *k, const char *key)
{
    size_t i = k ? find_place(k, key) : 0;

    return k && i < k->count ? &k->place[i] : NULL;
}

const struct known_door *known_door(const struct known *k, const char *key, struct span door)
{
    const struct known_place *p = known_place(k, key);
    size_t i = p ? find_door(p, door) : 0;

    return p && i < p->door_count ? &p->door[i] : NULL;
}

const struct known_place *known_at(const struct known *k, size_t index)
{
    return index < k->count ? &k->place[index] : NULL;
}

bool known_call(struct known *k, const char *key, struct span called)
{
    size_t i = find_place(k, key);

    if (i == k->count)
        return false;
    clean_copy(k->place[i].called, KNOWN_CALLED, called);
    return true;
}

bool known_forget(struct known *k, const char *key)
{
    size_t i = find_place(k, key);

    if (i == k->count)
        return false;
    remove_place(k, i);
    return true;
}

static void expire_doors(struct known_place *p, int64_t before)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->door_count; i++)
        if (p->door[i].at >= before)
            p->door[kept++] = p->door[i];
    p->door_count = kept;
}

void known_expire(struct known *k, int64_t now)
{
    int64_t before = sane(k, now) - KNOWN_EXPIRY_MS;

    for (size_t i = k->count; i-- > 0;) {
        expire_doors(&k->place[i], before);
        if (k->place[i].latest < before && !k->place[i].called[0])
            remove_place(k, i);
    }
}

/* A result from the future is as old as can be: its clock was wrong. */
static bool fresh(const struct known_door *d, int64_t now)
{
    return d->last != KNOWN_NOTHING && now - d->at < KNOWN_FRESH_MS && d->at - now < CLOCK_SLACK_MS;
}

bool known_sporadic(const struct known_door *d)
{
    unsigned count = d->recent_count, failures = 0;

    for (unsigned i = 0; i < count; i++)
        failures += d->recent >> i & 1U;
    return (failures >= 2 && count - failures >= 2) || (count >= 10 && failures * 5 > count);
}

bool known_sure(const struct known_door *d, int64_t now)
{
    return d && d->last == KNOWN_WORKS && fresh(d, now) && !known_sporadic(d);
}

enum rank { SURE, OPEN_QUESTION, SPORADIC, BAD, RANKS };

static enum rank rank(const struct known_door *d, int64_t now)
{
    if (!d || !fresh(d, now))
        return OPEN_QUESTION;
    if (d->last != KNOWN_WORKS)
        return BAD;
    return known_sporadic(d) ? SPORADIC : SURE;
}

void known_order(const struct known *k, const char *key, const struct span *doors, size_t count,
                 int64_t now, size_t *order)
{
    size_t n = 0;

    for (enum rank r = SURE; r < RANKS; r++)
        for (size_t i = 0; i < count; i++)
            if (rank(known_door(k, key, doors[i]), now) == r)
                order[n++] = i;
    assert(n == count);
}
