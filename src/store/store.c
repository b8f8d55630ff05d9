/* Opening, transactions, and what writes messages. What reads them is in store_reading.c, the rest
 * in store_hosting.c, store_links.c and store_values.c. */
#include "store/store.h"

#include "base/memory.h"
#include "store/crc64.h"
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every kind of store there is. A new one: one file, one row. */
static const struct store_driver *const drivers[] = {&sqlite_driver, &ram_driver};

enum {
    INLINE_MAX = 64 << 10, /* measured: docs/why/store.md */
    SPACE_LOW = 64 << 20,
};

const char *store_state_name(enum store_state s)
{
    static const char *const names[] = {"live", "held", "damaged"};

    return (size_t)s < COUNT(names) ? names[s] : "damaged";
}

const char *store_end_name(enum store_end e)
{
    static const char *const names[] = {"waiting", "delivered", "relayed", "failed", "dropped"};

    return (size_t)e < COUNT(names) ? names[e] : "waiting";
}

static void ids_add(struct ids *l, const struct id *id)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->id = memory_grow(l->id, l->cap * sizeof *l->id);
    }
    l->id[l->count++] = *id;
}

/* Removes the files of all ids from `from` on and forgets the ids. */
static void ids_remove_files(struct store *s, struct ids *l, size_t from)
{
    for (size_t i = from; i < l->count; i++)
        folder_body_remove(s->folder, &l->id[i]);
    l->count = from;
}

/* ---- opening ---- */

static const struct store_driver *find_driver(const char *name)
{
    for (size_t i = 0; i < COUNT(drivers); i++)
        if (!name || strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}

static void free_store(struct store *s)
{
    if (s->self)
        s->driver->close(s->self);
    folder_close(&s->folder);
    text_free(&s->record);
    arena_free(&s->arena);
    free(s->named.id);
    free(s->doomed.id);
    free(s);
}

static int make_secret(struct store *s, struct error *e)
{
    char secret[STORE_SECRET_BYTES];
    struct span have;
    int got = store_meta_get(s, SPAN("secret"), s->arena, &have, e);

    if (got != STORE_ABSENT)
        return got;
    id_random(secret, sizeof secret);
    if (store_begin(s, e) < 0)
        return -1;
    if (store_meta_put(s, SPAN("secret"), (struct span){secret, sizeof secret}, e) < 0) {
        store_rollback(s);
        return -1;
    }
    return store_commit(s, e);
}

/* ---- what a crash left: R8 ---- */

struct sweep {
    struct store *store;
    struct store_found *found;
    struct ids missing;
    int bad;
    struct error *e;
};

static void sweep_file(void *arg, const struct id *id)
{
    struct sweep *w = arg;
    struct driver_row row;
    int got;

    arena_clear(w->store->arena);
    got = w->store->driver->get(w->store->self, id, false, w->store->arena, &row, w->e);
    if (got < 0)
        w->bad = -1;
    if (got == STORE_ABSENT || (got == STORE_GOT && !row.file)) {
        folder_body_remove(w->store->folder, id);
        w->found->orphans++;
    }
}

static bool sweep_row(void *arg, const struct driver_row *row)
{
    struct sweep *w = arg;

    if (row->file && row->state != STORE_DAMAGED && !folder_body_there(w->store->folder, &row->id))
        ids_add(&w->missing, &row->id);
    return true;
}

static int mark_missing(struct store *s, const struct ids *l, struct error *e)
{
    if (!l->count)
        return 0;
    if (store_begin(s, e) < 0)
        return -1;
    for (size_t i = 0; i < l->count; i++) {
        if (store_state_set(s, &l->id[i], STORE_DAMAGED,
                            SPAN("the file of its body was missing at the start"), e) < 0) {
            store_rollback(s);
            return -1;
        }
    }
    return store_commit(s, e);
}

/* Names in body/ that are not ours are left where they are: never delivered, never deleted
 * (HOSTILE 116). */
static int sweep(struct store *s, struct store_found *found, struct error *e)
{
    struct sweep w = {.store = s, .found = found, .e = e};
    int bad = folder_bodies(s->folder, sweep_file, &w, &found->strange, e);

    if (!bad && !w.bad)
        bad = s->driver->walk(s->self, sweep_row, &w, e);
    if (!bad && !w.bad)
        bad = mark_missing(s, &w.missing, e);
    found->missing = (unsigned)w.missing.count;
    free(w.missing.id);
    return bad || w.bad ? -1 : 0;
}

int store_open(const struct store_settings *set, struct store **out, struct store_found *found,
               struct error *e)
{
    struct store *s = memory_alloc(sizeof *s);
    struct store_found local;

    found = found ? found : &local;
    *found = (struct store_found){0};
    s->driver = find_driver(set->driver);
    s->arena = arena_new();
    text_init(&s->record, PACK_MAX);
    s->inline_max = set->inline_max ? set->inline_max : INLINE_MAX;
    s->space_low = set->space_low ? set->space_low : SPACE_LOW;
    s->inodes_low = set->inodes_low ? set->inodes_low : 1;
    if (!s->driver) {
        error_set(e, ERROR_INPUT, "there is no store of the kind %s", set->driver);
        goto fail;
    }
    if (s->driver->on_disk && folder_open(set->path, &s->folder, e) < 0)
        goto fail;
    if (s->driver->open(s->folder ? folder_path(s->folder) : NULL, set->vfs, &s->self, e) < 0)
        goto fail;
    if (make_secret(s, e) < 0 || store_links_ready(s, e) < 0 ||
        (s->folder && sweep(s, found, e) < 0))
        goto fail;
    arena_clear(s->arena);
    *out = s;
    return 0;
fail:
    free_store(s);
    return -1;
}

int store_reader_open(struct store *s, struct store **out, struct error *e)
{
    struct store *r = memory_alloc(sizeof *r);

    r->reader = true;
    r->arena = arena_new();
    if (s->driver->reader(s->self, &r->driver, &r->self, e) < 0) {
        free_store(r);
        return -1;
    }
    *out = r;
    return 0;
}

void store_close(struct store **s)
{
    if (!*s)
        return;
    store_rollback(*s);
    free_store(*s);
    *s = NULL;
}

bool store_failed(const struct store *s)
{
    return atomic_load(&s->failed);
}

int store_reopen(struct store *s, struct error *e)
{
    store_rollback(s);
    if (s->driver->reopen(s->self, e) < 0)
        return -1;
    atomic_store(&s->failed, false);
    return 0;
}

bool store_wants_tidy(const struct store *s)
{
    return s->driver->wants_tidy(s->self);
}

int store_tidy(struct store *s, struct error *e)
{
    assert(!s->open);
    return s->driver->tidy(s->self, e);
}

int store_space(const struct store *s, uint64_t size, struct error *e)
{
    uint64_t octets, inodes;

    if (!s->folder)
        return 0;
    if (folder_free(s->folder, &octets, &inodes, e) < 0)
        return -1;
    if (inodes >= s->inodes_low && octets >= s->space_low && octets - s->space_low >= size)
        return 0;
    if (inodes < s->inodes_low)
        error_mail(e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER,
                   "the disk of the store can hold only %llu more files; remove some there",
                   (unsigned long long)inodes);
    else
        error_mail(e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER,
                   "the disk of the store is nearly full (%llu MiB free); make room on it",
                   (unsigned long long)(octets >> 20));
    if (e)
        e->sys = ENOSPC;
    return -1;
}

int store_body_file(const struct store *s, struct error *e)
{
    if (s->folder)
        return folder_body_file(s->folder, e);
    return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                      "a store in memory has no files");
}

/* ---- transactions ---- */

int store_begin(struct store *s, struct error *e)
{
    assert(!s->open && !s->reader);
    if (store_failed(s))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the store's disk failed; nothing is accepted until it works again");
    if (s->driver->begin(s->self, e) < 0)
        return -1;
    s->open = true;
    return 0;
}

void store_rollback(struct store *s)
{
    if (!s->open)
        return;
    s->driver->rollback(s->self);
    ids_remove_files(s, &s->named, 0);
    s->doomed.count = 0;
    s->open = false;
    if (s->driver->failed(s->self))
        atomic_store(&s->failed, true);
}

int store_commit(struct store *s, struct error *e)
{
    assert(s->open);
    /* The names of body files first: a row must never name a file that a power cut takes back. A
     * name that could not be synced is as bad as a failed commit. */
    if (s->folder && s->named.count && folder_sync(s->folder, e) < 0) {
        atomic_store(&s->failed, true);
        store_rollback(s);
        return -1;
    }
    if (s->driver->commit(s->self, e) < 0) {
        if (s->driver->failed(s->self))
            atomic_store(&s->failed, true);
        store_rollback(s);
        return -1;
    }
    /* From here on it is safe (P1). */
    s->open = false;
    s->named.count = 0;
    ids_remove_files(s, &s->doomed, 0);
    return 0;
}

int store_mark(struct store *s, struct error *e)
{
    assert(s->open);
    s->named_at_mark = s->named.count;
    s->doomed_at_mark = s->doomed.count;
    return s->driver->mark(s->self, e);
}

int store_keep(struct store *s, struct error *e)
{
    return s->driver->keep(s->self, e);
}

void store_undo(struct store *s)
{
    s->driver->undo(s->self);
    ids_remove_files(s, &s->named, s->named_at_mark);
    s->doomed.count = s->doomed_at_mark;
}

/* ---- putting a message ---- */

/* Brings the body where it will stand and its proof into *proof. */
static int place_body(struct store *s, const struct message *m, struct driver_row *row,
                      struct pack_body *proof, struct error *e)
{
    const struct content *c = &m->content;
    char *buf = NULL;

    *proof = (struct pack_body){.prefix_size = c->prefix.len};
    proof->crc = crc64_add(0, c->prefix);
    proof->body_size = c->fd < 0 ? c->body.len : c->size;
    row->prefix = c->prefix;
    if (c->fd < 0) {
        row->body = c->body;
        proof->crc = crc64_add(proof->crc, c->body);
        return 0;
    }
    row->file = s->folder && c->size > s->inline_max;
    if (!row->file)
        buf = arena_alloc(s->arena, (size_t)c->size);
    row->body = (struct span){buf, row->file ? 0 : (size_t)c->size};
    if (store_read_body(c->fd, c->size, buf, &proof->crc, e) < 0)
        return -1;
    if (!row->file)
        return 0;
    ids_add(&s->named, &m->envelope.id); /* before: a failure half way is then cleaned up too */
    return folder_body_keep(s->folder, &m->envelope.id, c->fd, c->size, e);
}

int store_put(struct store *s, const struct message *m, int64_t born, bool *fresh, struct error *e)
{
    struct driver_row row;
    struct pack_body proof;
    int got;

    assert(s->open);
    arena_clear(s->arena);
    got = s->driver->get(s->self, &m->envelope.id, false, s->arena, &row, e);
    *fresh = got == STORE_ABSENT;
    if (!*fresh)
        return got == STORE_GOT ? 0 : -1;
    row = (struct driver_row){.id = m->envelope.id, .state = STORE_LIVE};
    if (place_body(s, m, &row, &proof, e) < 0)
        return -1;
    if (!pack_head(&s->record, m, born, &proof))
        return error_mail(e, ERROR_TEMPORARY, "4.5.3", OWNER_YOU,
                          "the list of recipients is too long; send to fewer at once");
    row.head = text_span(&s->record);
    return s->driver->put(s->self, &row, e);
}

/* ---- changing a message ---- */

int store_must_get(struct store *s, const struct id *id, struct driver_row *row, struct error *e)
{
    char text[ID_TEXT + 1];
    int got;

    arena_clear(s->arena);
    got = s->driver->get(s->self, id, false, s->arena, row, e);
    if (got != STORE_ABSENT)
        return got;
    id_text(id, text);
    return error_set(e, ERROR_INPUT, "there is no message %s", text);
}

int store_recipient_set(struct store *s, const struct id *id, const struct store_recipient *r,
                        struct error *e)
{
    struct driver_row row;

    assert(s->open);
    if (store_must_get(s, id, &row, e) < 0)
        return -1;
    if (!pack_recipient(&s->record, r))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER, "last words are too long");
    return s->driver->recipient_put(s->self, row.key, r->number, text_span(&s->record), e);
}

int store_state_set(struct store *s, const struct id *id, enum store_state state, struct span words,
                    struct error *e)
{
    struct driver_row row;

    assert(s->open);
    return store_must_get(s, id, &row, e) < 0 ? -1 : s->driver->state(s->self, id, state, words, e);
}

int store_event_add(struct store *s, const struct id *id, const struct store_event *ev,
                    struct error *e)
{
    struct driver_row row;

    assert(s->open);
    if (store_must_get(s, id, &row, e) < 0)
        return -1;
    if (!pack_event(&s->record, ev))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER, "an event is too large");
    return s->driver->event_put(s->self, row.key, text_span(&s->record), e);
}

int store_remove(struct store *s, const struct id *id, struct error *e)
{
    struct driver_row row;

    assert(s->open);
    if (store_must_get(s, id, &row, e) < 0)
        return -1;
    if (row.file)
        ids_add(&s->doomed, id);
    return s->driver->remove(s->self, id, row.key, e);
}
