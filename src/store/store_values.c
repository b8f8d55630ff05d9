/* Values of other parts, and other small values. */
#include "base/clock.h"
#include "base/memory.h"
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- values that grow old: their names begin with the day ---- */

static uint32_t big_endian(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

struct stale {
    struct store *store;
    uint32_t before;
    struct span names[1000];
    size_t count;
};

static bool find_stale(void *arg, struct span name, struct span value)
{
    struct stale *f = arg;

    (void)value;
    if (name.len < 4 || big_endian(name.at) >= f->before || f->count == COUNT(f->names))
        return false; /* names begin with the day: the rest is younger */
    f->names[f->count++] = arena_span(f->store->arena, name);
    return true;
}

/* Values whose names begin with a day before this one; not all at a time. */
static int forget_old(struct store *s, enum driver_kind kind, uint32_t before, struct error *e)
{
    struct stale *f = memory_alloc(sizeof *f);
    int bad;

    f->store = s;
    f->before = before;
    bad = store_all_values(s, kind, find_stale, f, e);
    for (size_t i = 0; i < f->count && !bad; i++)
        bad = s->driver->value_remove(s->self, kind, f->names[i], e);
    free(f);
    return bad;
}

int store_check_name(struct span name, struct error *e)
{
    if (name.len && name.len <= STORE_NAME_MAX)
        return 0;
    return error_set(e, ERROR_INPUT, "a name has 1 to %d octets, this one has %zu", STORE_NAME_MAX,
                     name.len);
}

/* Four octets of the day, then the name: old days stand together at the front. */
static struct span dated_name(struct store *s, struct span name, uint32_t day)
{
    char *at = arena_alloc(s->arena, 4 + name.len);

    for (int i = 0; i < 4; i++)
        at[i] = (char)(day >> (24 - 8 * i));
    if (name.len)
        memcpy(at + 4, name.at, name.len);
    return (struct span){at, 4 + name.len};
}

static struct span once_name(struct store *s, struct span account, struct span key, uint32_t day)
{
    const char *both = arena_printf(s->arena, "%.*s %.*s", SPAN_ARG(account), SPAN_ARG(key));

    return dated_name(s, span_of(both), day);
}

int store_once_get(struct store *s, struct span account, struct span key, int64_t now,
                   struct store_once *out, struct error *e)
{
    uint32_t day = (uint32_t)(now / CLOCK_DAY);
    struct span value;
    int got = STORE_ABSENT;

    arena_clear(s->arena);
    for (uint32_t back = 0; back < 2 && back <= day && got == STORE_ABSENT; back++)
        got = s->driver->value_get(s->self, DRIVER_ONCE, once_name(s, account, key, day - back),
                                   s->arena, &value, e);
    if (got == STORE_GOT && value.len == sizeof *out)
        memcpy(out, value.at, sizeof *out);
    return got;
}

int store_once_put(struct store *s, struct span account, struct span key, int64_t now,
                   const struct store_once *once, struct error *e)
{
    uint32_t day = (uint32_t)(now / CLOCK_DAY);

    assert(s->open && key.len && key.len <= STORE_ONCE_KEY_MAX);
    arena_clear(s->arena);
    if (s->driver->value_put(s->self, DRIVER_ONCE, once_name(s, account, key, day),
                             (struct span){(const char *)once, sizeof *once}, e) < 0)
        return -1;
    return day ? forget_old(s, DRIVER_ONCE, day - 1, e) : 0;
}

int store_meta_get(struct store *s, struct span name, struct arena *a, struct span *value,
                   struct error *e)
{
    return s->driver->value_get(s->self, DRIVER_META, name, a, value, e);
}

int store_meta_put(struct store *s, struct span name, struct span value, struct error *e)
{
    assert(s->open);
    if (store_check_name(name, e) < 0)
        return -1;
    if (value.len > STORE_META_MAX)
        return error_set(e, ERROR_INPUT, "a value has at most %d octets", STORE_META_MAX);
    return s->driver->value_put(s->self, DRIVER_META, name, value, e);
}

/* ---- values of other parts ---- */

static enum driver_kind driver_kind(enum store_kind kind)
{
    static const enum driver_kind map[STORE_KIND_COUNT] = {
        [STORE_KIND_USAGE] = DRIVER_USAGE,     [STORE_KIND_SENDING] = DRIVER_SENDING,
        [STORE_KIND_DKIM] = DRIVER_DKIM,       [STORE_KIND_WARNING] = DRIVER_WARNING,
        [STORE_KIND_GREY] = DRIVER_GREY,       [STORE_KIND_HOSTED] = DRIVER_HOSTED,
        [STORE_KIND_UNSURE] = DRIVER_UNSURE,   [STORE_KIND_REPORTS] = DRIVER_REPORTS,
        [STORE_KIND_FORWARD] = DRIVER_FORWARD, [STORE_KIND_IMPORT] = DRIVER_IMPORT,
    };

    assert((unsigned)kind < STORE_KIND_COUNT);
    return map[kind];
}

int store_value_put(struct store *s, enum store_kind kind, struct span name, struct span value,
                    struct error *e)
{
    assert(s->open);
    if (store_check_name(name, e) < 0)
        return -1;
    if (value.len > STORE_VALUE_MAX || !pack_value(&s->record, value))
        return error_set(e, ERROR_INPUT, "a value has at most %d octets", STORE_VALUE_MAX);
    return s->driver->value_put(s->self, driver_kind(kind), name, text_span(&s->record), e);
}

int store_value_get(struct store *s, enum store_kind kind, struct span name, struct arena *a,
                    struct span *value, struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, driver_kind(kind), name, a, &record, e);

    *value = SPAN_NONE;
    if (got != STORE_GOT || pack_read_value(record, value))
        return got;
    error_set(e, ERROR_TEMPORARY, "the stored value of %.*s is damaged", SPAN_ARG(name));
    return STORE_BROKEN;
}

int store_value_remove(struct store *s, enum store_kind kind, struct span name, struct error *e)
{
    assert(s->open);
    return store_remove_named(s, driver_kind(kind), name, e);
}

int store_remove_named(struct store *s, enum driver_kind kind, struct span name, struct error *e)
{
    struct span record;
    int got;

    arena_clear(s->arena);
    got = s->driver->value_get(s->self, kind, name, s->arena, &record, e);
    if (got == STORE_GOT && s->driver->value_remove(s->self, kind, name, e) < 0)
        return -1;
    return got;
}

struct each_value {
    store_value_fn *fn;
    void *arg;
};

static bool open_value(void *arg, struct span name, struct span record)
{
    struct each_value *w = arg;
    struct span value = SPAN_NONE;

    if (!pack_read_value(record, &value))
        value = SPAN_NONE;
    return w->fn(w->arg, name, value);
}

int store_value_each(struct store *s, enum store_kind kind, store_value_fn *fn, void *arg,
                     struct error *e)
{
    return store_value_range(s, kind, NULL, fn, arg, e);
}

int store_value_range(struct store *s, enum store_kind kind, const struct store_range *range,
                      store_value_fn *fn, void *arg, struct error *e)
{
    struct driver_range some = {.max = SIZE_MAX};

    if (range)
        some =
            (struct driver_range){range->prefix, range->after, range->max ? range->max : SIZE_MAX};
    return s->driver->value_range(s->self, driver_kind(kind), &some, open_value,
                                  &(struct each_value){fn, arg}, e);
}

int store_all_values(struct store *s, enum driver_kind kind,
                     bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                     struct error *e)
{
    return s->driver->value_range(s->self, kind, &(struct driver_range){.max = SIZE_MAX}, fn, arg,
                                  e);
}
