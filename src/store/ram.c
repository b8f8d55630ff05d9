/* ram: the store that forgets at the end. The twin of sqlite.c for tests and trials: the same
 * records, the same transactions, no disk. Every change leaves a note of what was there before;
 * undo and rollback take the notes back from the newest on. */
#include "base/map.h"
#include "base/memory.h"
#include "store/ram.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    char *at;
    size_t len;
};

struct item { /* a recipient's state or an event, by number */
    uint64_t number;
    struct bytes bytes;
    struct item *next;
};

struct row {
    struct driver_row driver; /* its spans own their bytes */
    struct row *older, *newer;
    struct item *recipients, *events; /* events: newest first */
};

struct value {
    enum driver_kind kind;
    struct bytes name, bytes;
    struct value *next;
};

enum what { DID_PUT, DID_REMOVE, DID_STATE, DID_RECIPIENT, DID_EVENT, DID_VALUE };

struct note {
    struct note *before;
    enum what what;
    struct row *row;
    enum store_state state;
    struct span words;
    struct item *item; /* DID_RECIPIENT: the one that was replaced, or NULL */
    uint64_t number;
    struct value *value; /* DID_VALUE: the one that was replaced or removed, or NULL */
    enum driver_kind kind;
    struct bytes name;
};

struct ram_store {
    struct map *rows, *keys; /* by id; by key */
    struct row *oldest, *newest;
    struct value *values;
    uint64_t last_key;
    pthread_mutex_t mutex;     /* held while a transaction is open; readers take it for one call */
    struct note *notes, *mark; /* newest first */
    bool open;
};

static struct bytes dup_bytes(struct span s)
{
    return (struct bytes){span_dup(s), s.len};
}

static struct span own(struct span s)
{
    return (struct span){span_dup(s), s.len};
}

static struct span key_span(const uint64_t *key)
{
    return (struct span){(const char *)key, sizeof *key};
}

static struct note *note(struct ram_store *m, enum what what, struct row *row)
{
    struct note *n = memory_alloc(sizeof *n);

    assert(m->open);
    n->before = m->notes;
    n->what = what;
    n->row = row;
    m->notes = n;
    return n;
}

/* ---- rows ---- */

static void free_items(struct item *i)
{
    while (i) {
        struct item *next = i->next;

        free(i->bytes.at);
        free(i);
        i = next;
    }
}

static void free_row(struct row *r)
{
    free((char *)r->driver.words.at);
    free((char *)r->driver.head.at);
    free((char *)r->driver.prefix.at);
    free((char *)r->driver.body.at);
    free_items(r->recipients);
    free_items(r->events);
    free(r);
}

static void link_row(struct ram_store *m, struct row *r)
{
    struct row *before = m->newest;

    while (before && memcmp(before->driver.id.byte, r->driver.id.byte, ID_BYTES) > 0)
        before = before->older;
    r->older = before;
    r->newer = before ? before->newer : m->oldest;
    *(before ? &before->newer : &m->oldest) = r;
    *(r->newer ? &r->newer->older : &m->newest) = r;
    map_put(m->rows, id_span(&r->driver.id), r);
    map_put(m->keys, key_span(&r->driver.key), r);
}

static void unlink_row(struct ram_store *m, struct row *r)
{
    *(r->older ? &r->older->newer : &m->oldest) = r->newer;
    *(r->newer ? &r->newer->older : &m->newest) = r->older;
    map_take(m->rows, id_span(&r->driver.id));
    map_take(m->keys, key_span(&r->driver.key));
}

static struct item **find_item(struct item **list, uint64_t number)
{
    while (*list && (*list)->number < number)
        list = &(*list)->next;
    return list;
}

static struct item *new_item(uint64_t number, struct span bytes)
{
    struct item *i = memory_alloc(sizeof *i);

    i->number = number;
    i->bytes = dup_bytes(bytes);
    return i;
}

static void free_value(struct value *v)
{
    if (!v)
        return;
    memory_wipe(v->bytes.at, v->bytes.len);
    free(v->bytes.at);
    free(v->name.at);
    free(v);
}

static struct value **find_value(struct ram_store *m, enum driver_kind kind, struct span name)
{
    struct value **link = &m->values;

    while (*link) {
        struct span other = {(*link)->name.at, (*link)->name.len};

        if ((*link)->kind > kind || ((*link)->kind == kind && span_cmp(other, name) >= 0))
            break;
        link = &(*link)->next;
    }
    return link;
}

static bool is_value(const struct value *v, enum driver_kind kind, struct span name)
{
    return v && v->kind == kind && span_eq((struct span){v->name.at, v->name.len}, name);
}

/* Takes a value out of the list; NULL when there was none. */
static struct value *take_value(struct ram_store *m, enum driver_kind kind, struct span name)
{
    struct value **link = find_value(m, kind, name), *v = *link;

    if (!is_value(v, kind, name))
        return NULL;
    *link = v->next;
    return v;
}

/* ---- notes ---- */

static void take_back_recipient(struct note *n)
{
    struct item **link = find_item(&n->row->recipients, n->number), *now = *link;

    *link = now->next;
    now->next = NULL;
    free_items(now);
    if (!n->item)
        return;
    n->item->next = *link;
    *link = n->item;
}

static void take_back_event(struct note *n)
{
    struct item *last = n->row->events;

    n->row->events = last->next;
    last->next = NULL;
    free_items(last);
}

static void take_back_value(struct ram_store *m, struct note *n)
{
    struct span name = {n->name.at, n->name.len};
    struct value **link;

    free_value(take_value(m, n->kind, name));
    if (!n->value)
        return;
    link = find_value(m, n->kind, name);
    n->value->next = *link;
    *link = n->value;
}

static void take_back(struct ram_store *m, struct note *n)
{
    switch (n->what) {
    case DID_PUT:
        unlink_row(m, n->row);
        free_row(n->row);
        break;
    case DID_REMOVE:
        link_row(m, n->row);
        break;
    case DID_STATE:
        free((char *)n->row->driver.words.at);
        n->row->driver.words = n->words;
        n->row->driver.state = n->state;
        break;
    case DID_RECIPIENT:
        take_back_recipient(n);
        break;
    case DID_EVENT:
        take_back_event(n);
        break;
    case DID_VALUE:
        take_back_value(m, n);
        break;
    }
}

static void take_back_to(struct ram_store *m, const struct note *end)
{
    while (m->notes != end) {
        struct note *n = m->notes;

        take_back(m, n);
        m->notes = n->before;
        free(n->name.at);
        free(n);
    }
}

/* What a note kept for taking back is not needed any more. */
static void forget(struct note *n)
{
    if (n->what == DID_REMOVE)
        free_row(n->row);
    free((char *)n->words.at);
    if (n->item) {
        n->item->next = NULL;
        free_items(n->item);
    }
    free_value(n->value);
    free(n->name.at);
    free(n);
}

/* ---- driver: life and transactions ---- */

static int ram_open(const char *folder, const char *vfs, void **self, struct error *e)
{
    struct ram_store *m = memory_alloc(sizeof *m);
    pthread_mutexattr_t kind;

    (void)folder;
    (void)vfs;
    (void)e;
    m->rows = map_new();
    m->keys = map_new();
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m->mutex, &kind);
    pthread_mutexattr_destroy(&kind);
    *self = m;
    return 0;
}

void ram_lock(void *self)
{
    struct ram_store *m = self;
    int bad = pthread_mutex_lock(&m->mutex);

    assert(bad == 0);
    (void)bad;
}

void ram_unlock(void *self)
{
    struct ram_store *m = self;

    pthread_mutex_unlock(&m->mutex);
}

static void ram_rollback(void *self)
{
    struct ram_store *m = self;

    if (!m->open)
        return;
    take_back_to(m, NULL);
    m->open = false;
    ram_unlock(m);
}

static void ram_close(void *self)
{
    struct ram_store *m = self;

    ram_rollback(m);
    for (struct row *r = m->oldest, *next; r; r = next) {
        next = r->newer;
        free_row(r);
    }
    for (struct value *v = m->values, *next; v; v = next) {
        next = v->next;
        free_value(v);
    }
    map_free(&m->rows);
    map_free(&m->keys);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}

static bool ram_no(const void *self)
{
    (void)self;
    return false;
}

static int ram_ok(void *self, struct error *e)
{
    (void)self;
    (void)e;
    return 0;
}

static int ram_begin(void *self, struct error *e)
{
    struct ram_store *m = self;

    (void)e;
    assert(!m->open);
    ram_lock(m);
    m->open = true;
    return 0;
}

static int ram_commit(void *self, struct error *e)
{
    struct ram_store *m = self;

    (void)e;
    assert(m->open);
    while (m->notes) {
        struct note *n = m->notes;

        m->notes = n->before;
        forget(n);
    }
    m->open = false;
    ram_unlock(m);
    return 0;
}

static int ram_mark(void *self, struct error *e)
{
    struct ram_store *m = self;

    (void)e;
    m->mark = m->notes;
    return 0;
}

static void ram_undo(void *self)
{
    struct ram_store *m = self;

    take_back_to(m, m->mark);
}

/* ---- driver: messages ---- */

static int ram_put(void *self, struct driver_row *row, struct error *e)
{
    struct ram_store *m = self;
    struct row *r = memory_alloc(sizeof *r);

    (void)e;
    row->key = ++m->last_key;
    r->driver = *row;
    r->driver.words = own(row->words);
    r->driver.head = own(row->head);
    r->driver.prefix = own(row->prefix);
    r->driver.body = own(row->body);
    link_row(m, r);
    note(m, DID_PUT, r);
    return 0;
}

static int ram_get(void *self, const struct id *id, bool content, struct arena *a,
                   struct driver_row *out, struct error *e)
{
    struct ram_store *m = self;
    const struct row *r = map_get(m->rows, id_span(id));

    (void)e;
    if (!r)
        return STORE_ABSENT;
    *out = r->driver;
    out->words = arena_span(a, r->driver.words);
    out->head = arena_span(a, r->driver.head);
    out->prefix = content ? arena_span(a, r->driver.prefix) : SPAN_NONE;
    out->body = content ? arena_span(a, r->driver.body) : SPAN_NONE;
    return STORE_GOT;
}

static int ram_walk(void *self, bool (*fn)(void *arg, const struct driver_row *row), void *arg,
                    struct error *e)
{
    struct ram_store *m = self;

    (void)e;
    for (const struct row *r = m->oldest; r && fn(arg, &r->driver); r = r->newer)
        ;
    return 0;
}

static int ram_state(void *self, const struct id *id, enum store_state state, struct span words,
                     struct error *e)
{
    struct ram_store *m = self;
    struct row *r = map_get(m->rows, id_span(id));
    struct note *n;

    (void)e;
    if (!r)
        return 0;
    n = note(m, DID_STATE, r);
    n->state = r->driver.state;
    n->words = r->driver.words;
    r->driver.state = state;
    r->driver.words = own(words);
    return 0;
}

static int ram_remove(void *self, const struct id *id, uint64_t key, struct error *e)
{
    struct ram_store *m = self;
    struct row *r = map_get(m->rows, id_span(id));

    (void)key;
    (void)e;
    if (!r)
        return 0;
    unlink_row(m, r);
    note(m, DID_REMOVE, r);
    return 0;
}

static int ram_recipient_put(void *self, uint64_t key, uint64_t number, struct span bytes,
                             struct error *e)
{
    struct ram_store *m = self;
    struct row *r = map_get(m->keys, key_span(&key));
    struct item *fresh = new_item(number, bytes), **link;
    struct note *n = note(m, DID_RECIPIENT, r);

    (void)e;
    n->number = number;
    link = find_item(&r->recipients, number);
    fresh->next = *link;
    if (*link && (*link)->number == number) {
        n->item = *link;
        fresh->next = n->item->next;
    }
    *link = fresh;
    return 0;
}

static size_t count_items(const struct item *i)
{
    size_t n = 0;

    for (; i; i = i->next)
        n++;
    return n;
}

static struct driver_record record(struct arena *a, const struct item *i)
{
    return (struct driver_record){i->number,
                                  arena_span(a, (struct span){i->bytes.at, i->bytes.len})};
}

static int ram_recipients(void *self, uint64_t key, struct arena *a, struct driver_record **out,
                          size_t *count, struct error *e)
{
    struct ram_store *m = self;
    const struct row *r = map_get(m->keys, key_span(&key));
    size_t n = 0;

    (void)e;
    *count = r ? count_items(r->recipients) : 0;
    *out = arena_alloc(a, *count * sizeof **out);
    for (const struct item *i = r ? r->recipients : NULL; i; i = i->next)
        (*out)[n++] = record(a, i);
    return 0;
}

static int ram_event_put(void *self, uint64_t key, struct span bytes, struct error *e)
{
    struct ram_store *m = self;
    struct row *r = map_get(m->keys, key_span(&key));
    struct item *i = new_item(r->events ? r->events->number + 1 : 1, bytes);

    (void)e;
    i->next = r->events;
    r->events = i;
    note(m, DID_EVENT, r);
    return 0;
}

static int ram_events(void *self, uint64_t key, size_t max, struct arena *a,
                      struct driver_record **out, size_t *count, struct error *e)
{
    struct ram_store *m = self;
    const struct row *r = map_get(m->keys, key_span(&key));
    size_t n = r ? count_items(r->events) : 0;

    (void)e;
    *count = n < max ? n : max;
    *out = arena_alloc(a, *count * sizeof **out);
    n = *count;
    for (const struct item *i = r ? r->events : NULL; n; i = i->next)
        (*out)[--n] = record(a, i);
    return 0;
}

/* ---- driver: values ---- */

static struct note *note_value(struct ram_store *m, enum driver_kind kind, struct span name)
{
    struct note *n = note(m, DID_VALUE, NULL);

    n->kind = kind;
    n->name = dup_bytes(name);
    n->value = take_value(m, kind, name);
    return n;
}

static int ram_value_put(void *self, enum driver_kind kind, struct span name, struct span bytes,
                         struct error *e)
{
    struct ram_store *m = self;
    struct value *v = memory_alloc(sizeof *v), **link;

    (void)e;
    note_value(m, kind, name);
    v->kind = kind;
    v->name = dup_bytes(name);
    v->bytes = dup_bytes(bytes);
    link = find_value(m, kind, name);
    v->next = *link;
    *link = v;
    return 0;
}

static int ram_value_get(void *self, enum driver_kind kind, struct span name, struct arena *a,
                         struct span *out, struct error *e)
{
    const struct value *v = *find_value(self, kind, name);

    (void)e;
    if (!is_value(v, kind, name))
        return STORE_ABSENT;
    *out = arena_span(a, (struct span){v->bytes.at, v->bytes.len});
    return STORE_GOT;
}

static int ram_value_remove(void *self, enum driver_kind kind, struct span name, struct error *e)
{
    (void)e;
    note_value(self, kind, name);
    return 0;
}

static int ram_value_range(void *self, enum driver_kind kind, const struct driver_range *range,
                           bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                           struct error *e)
{
    size_t left = range->max;
    bool past = range->after.len && span_cmp(range->after, range->prefix) >= 0;
    const struct value *v = *find_value(self, kind, past ? range->after : range->prefix);

    (void)e;
    if (past && is_value(v, kind, range->after))
        v = v->next;
    for (; v && v->kind == kind && left; v = v->next, left--) {
        struct span name = {v->name.at, v->name.len};

        if (!span_starts(name, range->prefix) ||
            !fn(arg, name, (struct span){v->bytes.at, v->bytes.len}))
            break;
    }
    return 0;
}

static int ram_value_count(void *self, enum driver_kind kind, struct span from, struct span to,
                           uint64_t *count, struct error *e)
{
    const struct value *v = *find_value(self, kind, from);

    (void)e;
    for (*count = 0; v && v->kind == kind; v = v->next)
        if (span_cmp((struct span){v->name.at, v->name.len}, to) >= 0)
            break;
        else
            ++*count;
    return 0;
}

static int ram_reader(void *self, const struct store_driver **driver, void **reader,
                      struct error *e)
{
    (void)e;
    *driver = &ram_reader_driver;
    *reader = self;
    return 0;
}

const struct store_driver ram_driver = {
    .name = "memory",
    .open = ram_open,
    .close = ram_close,
    .failed = ram_no,
    .reopen = ram_ok,
    .wants_tidy = ram_no,
    .tidy = ram_ok,
    .begin = ram_begin,
    .commit = ram_commit,
    .rollback = ram_rollback,
    .mark = ram_mark,
    .keep = ram_ok,
    .undo = ram_undo,
    .put = ram_put,
    .get = ram_get,
    .walk = ram_walk,
    .state = ram_state,
    .remove = ram_remove,
    .recipient_put = ram_recipient_put,
    .recipients = ram_recipients,
    .event_put = ram_event_put,
    .events = ram_events,
    .value_put = ram_value_put,
    .value_get = ram_value_get,
    .value_remove = ram_value_remove,
    .value_range = ram_value_range,
    .value_count = ram_value_count,
    .reader = ram_reader,
};
