#include "base/meter.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    double level;
    int64_t at;
};

struct meter {
    double pace; /* fades in one millisecond */
    struct map *entries;
};

/* What a sweep leaves. */
struct sweep {
    const struct meter *meter;
    struct map *kept;
};

struct meter *meter_new(double amount, int64_t ms)
{
    struct meter *m = memory_alloc(sizeof *m);

    m->entries = map_new();
    meter_pace(m, amount, ms);
    return m;
}

void meter_pace(struct meter *m, double amount, int64_t ms)
{
    assert(amount > 0 && ms > 0);
    m->pace = amount / (double)ms;
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

static void forget_all(struct meter *m)
{
    map_each(m->entries, free_each, NULL);
    map_free(&m->entries);
}

void meter_free(struct meter **m)
{
    if (!*m)
        return;
    forget_all(*m);
    free(*m);
    *m = NULL;
}

static double left(const struct meter *m, const struct entry *e)
{
    double level = e->level - m->pace * (double)(clock_now() - e->at);

    return level > 0 ? level : 0;
}

double meter_level(const struct meter *m, struct span key)
{
    const struct entry *e = map_get(m->entries, key);

    return e ? left(m, e) : 0;
}

static void keep_if_left(struct span key, void *value, void *arg)
{
    struct sweep *s = arg;

    if (left(s->meter, value) > 0)
        map_put(s->kept, key, value);
    else
        free(value);
}

static void make_room(struct meter *m)
{
    struct sweep s = {m, map_new()};

    map_each(m->entries, keep_if_left, &s);
    map_free(&m->entries);
    m->entries = s.kept;
    if (map_count(m->entries) < METER_KEYS_MAX)
        return;
    forget_all(m);
    m->entries = map_new();
}

double meter_add(struct meter *m, struct span key, double amount)
{
    struct entry *e = map_get(m->entries, key);

    if (!e) {
        if (map_count(m->entries) >= METER_KEYS_MAX)
            make_room(m);
        e = memory_alloc(sizeof *e);
        map_put(m->entries, key, e);
    }
    *e = (struct entry){left(m, e) + amount, clock_now()};
    return e->level;
}

int64_t meter_until(const struct meter *m, struct span key, double level)
{
    double over = meter_level(m, key) - level;

    return over > 0 ? (int64_t)(over / m->pace) + 1 : 0;
}
