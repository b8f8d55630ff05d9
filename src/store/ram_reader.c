/* A reader of the store in memory: the store itself, looked at while no transaction is open. */
#include "store/ram.h"

static void reader_close(void *self)
{
    (void)self;
}

static int reader_get(void *self, const struct id *id, bool content, struct arena *a,
                      struct driver_row *out, struct error *e)
{
    int got;

    ram_lock(self);
    got = ram_driver.get(self, id, content, a, out, e);
    ram_unlock(self);
    return got;
}

static int reader_walk(void *self, bool (*fn)(void *arg, const struct driver_row *row), void *arg,
                       struct error *e)
{
    int bad;

    ram_lock(self);
    bad = ram_driver.walk(self, fn, arg, e);
    ram_unlock(self);
    return bad;
}

static int reader_recipients(void *self, uint64_t key, struct arena *a, struct driver_record **out,
                             size_t *count, struct error *e)
{
    int bad;

    ram_lock(self);
    bad = ram_driver.recipients(self, key, a, out, count, e);
    ram_unlock(self);
    return bad;
}

static int reader_events(void *self, uint64_t key, size_t max, struct arena *a,
                         struct driver_record **out, size_t *count, struct error *e)
{
    int bad;

    ram_lock(self);
    bad = ram_driver.events(self, key, max, a, out, count, e);
    ram_unlock(self);
    return bad;
}

static int reader_value_get(void *self, enum driver_kind kind, struct span name, struct arena *a,
                            struct span *value, struct error *e)
{
    int got;

    ram_lock(self);
    got = ram_driver.value_get(self, kind, name, a, value, e);
    ram_unlock(self);
    return got;
}

static int reader_value_range(void *self, enum driver_kind kind, const struct driver_range *range,
                              bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                              struct error *e)
{
    int bad;

    ram_lock(self);
    bad = ram_driver.value_range(self, kind, range, fn, arg, e);
    ram_unlock(self);
    return bad;
}

static int reader_value_count(void *self, enum driver_kind kind, struct span from, struct span to,
                              uint64_t *count, struct error *e)
{
    int bad;

    ram_lock(self);
    bad = ram_driver.value_count(self, kind, from, to, count, e);
    ram_unlock(self);
    return bad;
}

const struct store_driver ram_reader_driver = {
    .name = "memory",
    .close = reader_close,
    .get = reader_get,
    .walk = reader_walk,
    .recipients = reader_recipients,
    .events = reader_events,
    .value_get = reader_value_get,
    .value_range = reader_value_range,
    .value_count = reader_value_count,
};
