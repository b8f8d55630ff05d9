/* store_driver: what a kind of store provides. store.c makes the records and keeps body files; a
 * driver keeps bytes in tables, all or nothing. The table of drivers stands in store.c. */
#ifndef PORT26_STORE_STORE_DRIVER_H
#define PORT26_STORE_STORE_DRIVER_H

#include "base/arena.h"
#include "store/store.h"

/* One message as the tables hold it. */
struct driver_row {
    struct id id;
    uint64_t key; /* the driver's own, grows with time; names the message in the other tables */
    enum store_state state;
    bool file; /* the body is a file beside the database */
    struct span words, head;
    struct span prefix, body; /* only put and get with content fill them */
};

struct driver_record {
    uint64_t number;
    struct span bytes;
};

/* Small values by name. */
enum driver_kind {
    DRIVER_META = 1,
    DRIVER_ACCOUNT = 2,
    DRIVER_ONCE = 4, /* 3 stands in old stores, and nobody reads it */
    DRIVER_HOST = 5,
    DRIVER_DOMAIN = 6,
    DRIVER_ALIAS = 7,
    DRIVER_USAGE = 8,
    DRIVER_SENDING = 9,
    DRIVER_DKIM = 10,
    DRIVER_WARNING = 11,
    DRIVER_GREY = 12,
    DRIVER_REPORTS = 13,
    DRIVER_IMPORT = 14,
    DRIVER_FORWARD = 15,
    DRIVER_HOSTED = 20,
    DRIVER_UNSURE = 21,
    DRIVER_CLAIM = 30, /* links, by what they belong to and their name: store_links.c */
    DRIVER_HOST_ACCOUNT = 31,
    DRIVER_DOMAIN_ACCOUNT = 32,
    DRIVER_HOST_DOMAIN = 33,
    DRIVER_DOMAIN_ALIAS = 34,
    DRIVER_TARGET_ALIAS = 35,
};

/* Which values of a kind. */
struct driver_range {
    struct span prefix; /* whose names begin with this; empty: all */
    struct span after;  /* and come after this name; empty: from the first */
    size_t max;         /* at most so many */
};

/* All return 0 or -1 with *e unless told otherwise. Spans handed out live in the arena given, or,
 * in callbacks, during the call. */
struct store_driver {
    const char *name;
    bool on_disk; /* has a folder with a lock and body files */

    int (*open)(const char *folder, const char *vfs, void **self, struct error *e);
    void (*close)(void *self);
    /* A sync or commit failed, so nothing may be written until reopen. */
    bool (*failed)(const void *self);
    int (*reopen)(void *self, struct error *e);
    bool (*wants_tidy)(const void *self);
    int (*tidy)(void *self, struct error *e);

    int (*begin)(void *self, struct error *e);
    int (*commit)(void *self, struct error *e);
    void (*rollback)(void *self);
    int (*mark)(void *self, struct error *e);
    int (*keep)(void *self, struct error *e);
    void (*undo)(void *self);

    /* The id is new: store.c has looked. Sets row->key. */
    int (*put)(void *self, struct driver_row *row, struct error *e);
    /* enum store_got (GOT, ABSENT) or -1. A row whose content row is gone has prefix.at NULL. */
    int (*get)(void *self, const struct id *id, bool content, struct arena *a,
               struct driver_row *out, struct error *e);
    /* By id, which is by time; no content. */
    int (*walk)(void *self, bool (*fn)(void *arg, const struct driver_row *row), void *arg,
                struct error *e);
    int (*state)(void *self, const struct id *id, enum store_state state, struct span words,
                 struct error *e);
    /* The row and all that hangs on its key. */
    int (*remove)(void *self, const struct id *id, uint64_t key, struct error *e);

    int (*recipient_put)(void *self, uint64_t key, uint64_t number, struct span bytes,
                         struct error *e);
    int (*recipients)(void *self, uint64_t key, struct arena *a, struct driver_record **out,
                      size_t *count, struct error *e);
    int (*event_put)(void *self, uint64_t key, struct span bytes, struct error *e);
    /* The newest `max`, oldest of them first. */
    int (*events)(void *self, uint64_t key, size_t max, struct arena *a, struct driver_record **out,
                  size_t *count, struct error *e);

    int (*value_put)(void *self, enum driver_kind kind, struct span name, struct span value,
                     struct error *e);
    /* enum store_got (GOT, ABSENT) or -1. */
    int (*value_get)(void *self, enum driver_kind kind, struct span name, struct arena *a,
                     struct span *value, struct error *e);
    int (*value_remove)(void *self, enum driver_kind kind, struct span name, struct error *e);
    /* By name, as memcmp orders them, until fn returns false; fn must not call the driver. */
    int (*value_range)(void *self, enum driver_kind kind, const struct driver_range *range,
                       bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                       struct error *e);
    /* How many names from `from` on stand before `to`. */
    int (*value_count)(void *self, enum driver_kind kind, struct span from, struct span to,
                       uint64_t *count, struct error *e);

    /* A handle that only reads what is committed, for one other thread: *driver says with what.
     * Closed by that driver's close, before this one is. */
    int (*reader)(void *self, const struct store_driver **driver, void **reader, struct error *e);
};

extern const struct store_driver sqlite_driver, ram_driver, ram_reader_driver;

#endif
