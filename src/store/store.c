#include "store/store.h"

#include "base/clock.h"
#include "base/memory.h"
#include "store/crc64.h"
#include "store/store_driver.h"
#include "store/folder.h"
#include "store/pack.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every kind of store there is. A new one: one file, one row. */
static const struct store_driver *const drivers[] = {&sqlite_driver, &ram_driver};

enum {
    INLINE_MAX = 64 << 10, /* measured: docs/why/store.md */
    SPACE_LOW = 64 << 20,
    CHUNK = 64 << 10,
    NAME_MAX_OCTETS = 400,
    CHARGE_DAYS = 8, /* how long charges are kept */
};

/* Ids whose body files wait for the end of the transaction. */
struct ids {
    struct id *id;
    size_t count, cap;
};

struct store {
    const struct store_driver *driver;
    void *self;
    struct folder *folder; /* NULL: everything is in memory */
    struct text record;    /* the record being made */
    struct arena *arena;   /* for one call */
    uint64_t inline_max, space_low, inodes_low;
    bool open; /* between begin and commit */
    atomic_bool failed;
    struct ids named;  /* files that got their name in this transaction: removed by a rollback */
    struct ids doomed; /* files of removed messages: removed after the commit */
    size_t named_at_mark, doomed_at_mark;
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
    bad = s->driver->value_each(s->self, kind, find_stale, f, e);
    for (size_t i = 0; i < f->count && !bad; i++)
        bad = s->driver->value_remove(s->self, kind, f->names[i], e);
    free(f);
    return bad;
}

static int forget_charges(struct store *s, struct error *e)
{
    if (store_begin(s, e) < 0)
        return -1;
    if (forget_old(s, DRIVER_CHARGE, (uint32_t)(clock_wall() / CLOCK_DAY) - CHARGE_DAYS, e) == 0)
        return store_commit(s, e);
    store_rollback(s);
    return -1;
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
    if (make_secret(s, e) < 0 || (s->folder && sweep(s, found, e) < 0) || forget_charges(s, e) < 0)
        goto fail;
    arena_clear(s->arena);
    *out = s;
    return 0;
fail:
    free_store(s);
    return -1;
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
    assert(!s->open);
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

/* Reads the body from a file in chunks: into `into` when given, always into the checksum. */
static int read_body(int fd, uint64_t size, char *into, uint64_t *crc, struct error *e)
{
    char *buf = into ? NULL : memory_alloc(CHUNK);
    uint64_t at = 0;
    int bad = 0;

    while (at < size && !bad) {
        size_t want = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        char *to = into ? into + at : buf;
        ssize_t got = pread(fd, to, want, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            bad = got < 0 ? errno : ENODATA;
            break;
        }
        *crc = crc64_add(*crc, (struct span){to, (size_t)got});
        at += (uint64_t)got;
    }
    free(buf);
    if (!bad)
        return 0;
    error_sys(e, bad, "reading the body failed");
    if (e)
        snprintf(e->enhanced, sizeof e->enhanced, "4.3.0");
    return -1;
}

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
    if (read_body(c->fd, c->size, buf, &proof->crc, e) < 0)
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

/* Its row, or -1 with words when it is not there. */
static int must_get(struct store *s, const struct id *id, struct driver_row *row, struct error *e)
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
    if (must_get(s, id, &row, e) < 0)
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
    return must_get(s, id, &row, e) < 0 ? -1 : s->driver->state(s->self, id, state, words, e);
}

int store_event_add(struct store *s, const struct id *id, const struct store_event *ev,
                    struct error *e)
{
    struct driver_row row;

    assert(s->open);
    if (must_get(s, id, &row, e) < 0)
        return -1;
    if (!pack_event(&s->record, ev))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER, "an event is too large");
    return s->driver->event_put(s->self, row.key, text_span(&s->record), e);
}

int store_remove(struct store *s, const struct id *id, struct error *e)
{
    struct driver_row row;

    assert(s->open);
    if (must_get(s, id, &row, e) < 0)
        return -1;
    if (row.file)
        ids_add(&s->doomed, id);
    return s->driver->remove(s->self, id, row.key, e);
}

/* ---- reading messages ---- */

static int damaged(struct error *e, const char *how)
{
    error_mail(e, ERROR_PERMANENT, "5.3.0", OWNER_PROVIDER,
               "the stored message is damaged: %s. It is kept and not delivered", how);
    return STORE_BROKEN;
}

/* Puts the recipients' states into the head. */
static int read_recipients(struct store *s, uint64_t key, struct arena *a, struct store_head *head,
                           struct error *e)
{
    struct driver_record *list;
    size_t count;

    if (s->driver->recipients(s->self, key, a, &list, &count, e) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct store_recipient r;

        if (!pack_read_recipient(list[i].bytes, a, &r) || r.number != list[i].number ||
            r.number >= head->envelope.count)
            return damaged(e, "the state of a recipient does not prove itself");
        head->recipients[r.number] = r;
    }
    return STORE_GOT;
}

static int read_head(struct store *s, const struct driver_row *row, struct arena *a,
                     struct store_head *head, struct pack_body *proof, struct error *e)
{
    int got = STORE_GOT;

    if (!pack_read_head(row->head, a, head, proof)) {
        *head = (struct store_head){0};
        got = damaged(e, "its envelope does not prove itself");
    } else {
        got = read_recipients(s, row->key, a, head, e);
    }
    head->id = head->envelope.id = row->id;
    head->state = got == STORE_BROKEN ? STORE_DAMAGED : row->state;
    head->words =
        got == STORE_BROKEN && e ? arena_span(a, span_of(e->words)) : arena_span(a, row->words);
    return got;
}

int store_find(struct store *s, const struct id *id, struct arena *a, struct store_head *out,
               struct error *e)
{
    struct driver_row row;
    struct pack_body proof;
    int got = s->driver->get(s->self, id, false, a, &row, e);

    return got == STORE_GOT ? read_head(s, &row, a, out, &proof, e) : got;
}

/* R3: nothing that does not prove itself is given out. */
static int read_content(struct store *s, const struct driver_row *row,
                        const struct pack_body *proof, struct content *c, struct error *e)
{
    uint64_t crc = crc64_add(0, row->prefix);
    struct error why = {0};

    *c = (struct content){.prefix = row->prefix, .body = row->body, .fd = -1};
    c->size = proof->body_size;
    if (!row->prefix.at || row->prefix.len != proof->prefix_size)
        return damaged(e, "what stands before its body is missing or has another size");
    if (row->file) {
        c->fd = folder_body_open(s->folder, &row->id, &why);
        if (c->fd < 0 && why.sys == ENOENT)
            return damaged(e, "the file of its body is missing");
        if (c->fd < 0 || read_body(c->fd, c->size, NULL, &crc, &why) < 0) {
            if (why.sys == ENODATA)
                return damaged(e, "the file of its body is too short");
            if (e)
                *e = why;
            return -1;
        }
    } else {
        if (row->body.len != proof->body_size)
            return damaged(e, "its body has another size");
        crc = crc64_add(crc, row->body);
    }
    return crc == proof->crc ? STORE_GOT : damaged(e, "its checksum is wrong");
}

int store_load(struct store *s, const struct id *id, struct arena *a, struct store_head *head,
               struct content *content, struct error *e)
{
    struct driver_row row;
    struct pack_body proof;
    int got;

    assert(s->open);
    *content = (struct content){.fd = -1};
    got = s->driver->get(s->self, id, true, a, &row, e);
    if (got == STORE_GOT)
        got = read_head(s, &row, a, head, &proof, e);
    if (got == STORE_GOT)
        got = read_content(s, &row, &proof, content, e);
    if (got != STORE_GOT && content->fd >= 0) {
        close(content->fd);
        content->fd = -1;
    }
    if (got == STORE_BROKEN &&
        s->driver->state(s->self, id, STORE_DAMAGED, span_of(e ? e->words : "damaged"), e) < 0)
        return -1;
    return got;
}

struct walk {
    struct store *store;
    store_walk_fn *fn;
    void *arg;
    struct arena *arena;
    int bad;
    struct error *e;
};

static bool walk_row(void *arg, const struct driver_row *row)
{
    struct walk *w = arg;
    struct store_head head;
    struct pack_body proof;
    struct error why = {0};

    arena_clear(w->arena);
    if (read_head(w->store, row, w->arena, &head, &proof, &why) < 0) {
        w->bad = -1;
        if (w->e)
            *w->e = why;
        return false;
    }
    return w->fn(w->arg, &head);
}

int store_walk(struct store *s, store_walk_fn *fn, void *arg, struct error *e)
{
    struct walk w = {.store = s, .fn = fn, .arg = arg, .e = e, .arena = arena_new()};
    int bad = s->driver->walk(s->self, walk_row, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}

int store_events(struct store *s, const struct id *id, size_t max, struct arena *a,
                 struct store_event **out, size_t *count, struct error *e)
{
    struct driver_row row;
    struct driver_record *list;
    size_t n;

    *count = 0;
    if (must_get(s, id, &row, e) < 0 ||
        s->driver->events(s->self, row.key, max, a, &list, &n, e) < 0)
        return -1;
    *out = arena_alloc(a, n * sizeof **out);
    for (size_t i = 0; i < n; i++) /* a damaged event is left out: it decides nothing */
        if (pack_read_event(list[i].bytes, a, &(*out)[*count]))
            ++*count;
    return 0;
}

/* ---- accounts, charges, small values ---- */

static int check_name(struct span name, struct error *e)
{
    if (name.len && name.len <= NAME_MAX_OCTETS)
        return 0;
    return error_set(e, ERROR_INPUT, "a name has 1 to %d octets, this one has %zu", NAME_MAX_OCTETS,
                     name.len);
}

int store_account_put(struct store *s, const struct store_account *acc, struct error *e)
{
    assert(s->open);
    if (check_name(acc->name, e) < 0)
        return -1;
    if (acc->verifier.len > STORE_VERIFIER_MAX || acc->sender_count > STORE_SENDERS_MAX)
        return error_set(e, ERROR_INPUT, "an account has at most %d sender addresses",
                         STORE_SENDERS_MAX);
    if (!pack_account(&s->record, acc))
        return error_set(e, ERROR_INPUT, "the account's addresses are too long");
    return s->driver->value_put(s->self, DRIVER_ACCOUNT, acc->name, text_span(&s->record), e);
}

static int read_account(struct span name, struct span record, struct arena *a,
                        struct store_account *out, struct error *e)
{
    if (!pack_read_account(record, a, out)) /* temporary: a 535 would make clients forget the
                                               password (fault 33) */
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the record of account %.*s is damaged; set its password again",
                          SPAN_ARG(name));
    out->name = arena_span(a, name);
    return STORE_GOT;
}

int store_account_get(struct store *s, struct span name, struct arena *a, struct store_account *out,
                      struct error *e)
{
    struct span record;
    int got = s->driver->value_get(s->self, DRIVER_ACCOUNT, name, a, &record, e);

    return got == STORE_GOT ? read_account(name, record, a, out, e) : got;
}

int store_account_remove(struct store *s, struct span name, struct error *e)
{
    struct span record;
    int got;

    assert(s->open);
    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_ACCOUNT, name, s->arena, &record, e);
    if (got == STORE_GOT && s->driver->value_remove(s->self, DRIVER_ACCOUNT, name, e) < 0)
        return -1;
    return got;
}

struct each {
    store_account_fn *fn;
    void *arg;
    struct arena *arena;
    int bad;
    struct error *e;
};

static bool each_account(void *arg, struct span name, struct span value)
{
    struct each *w = arg;
    struct store_account acc;

    arena_clear(w->arena);
    w->bad = read_account(name, value, w->arena, &acc, w->e);
    return w->bad == 0 && w->fn(w->arg, &acc);
}

int store_account_each(struct store *s, store_account_fn *fn, void *arg, struct error *e)
{
    struct each w = {.fn = fn, .arg = arg, .arena = arena_new(), .e = e};
    int bad = s->driver->value_each(s->self, DRIVER_ACCOUNT, each_account, &w, e);

    arena_free(&w.arena);
    return bad || w.bad ? -1 : 0;
}

/* Four octets of the day, then the name: old days stand together at the front. */
static struct span charge_name(struct store *s, struct span name, uint32_t day)
{
    char *at = arena_alloc(s->arena, 4 + name.len);

    for (int i = 0; i < 4; i++)
        at[i] = (char)(day >> (24 - 8 * i));
    if (name.len)
        memcpy(at + 4, name.at, name.len);
    return (struct span){at, 4 + name.len};
}

int store_charged(struct store *s, struct span name, uint32_t day, uint32_t *n, struct error *e)
{
    struct span value;
    int got;

    *n = 0;
    arena_clear(s->arena);
    got = s->driver->value_get(s->self, DRIVER_CHARGE, charge_name(s, name, day), s->arena, &value,
                               e);
    if (got == STORE_GOT && value.len == 4)
        *n = big_endian(value.at);
    return got < 0 ? -1 : 0;
}

/* P12: read and written in the caller's transaction, by the only thread that writes, so two accepts
 * can never both take the last place. */
int store_charge(struct store *s, struct span name, uint32_t day, uint32_t n, uint32_t limit,
                 struct error *e)
{
    char value[4];
    uint32_t have;

    assert(s->open);
    if (check_name(name, e) < 0 || store_charged(s, name, day, &have, e) < 0)
        return -1;
    if (limit && (uint64_t)have + n > limit)
        return error_mail(e, ERROR_TEMPORARY, "4.7.1", OWNER_YOU,
                          "this account may send to %u recipients a day and has sent to %u; go on "
                          "tomorrow, or ask your provider to raise the limit",
                          limit, have);
    have = have > UINT32_MAX - n ? UINT32_MAX : have + n;
    for (int i = 0; i < 4; i++)
        value[i] = (char)(have >> (24 - 8 * i));
    return s->driver->value_put(s->self, DRIVER_CHARGE, charge_name(s, name, day),
                                (struct span){value, 4}, e);
}

/* As charge_name: the day in front. */
static struct span once_name(struct store *s, struct span account, struct span key, uint32_t day)
{
    const char *both = arena_printf(s->arena, "%.*s %.*s", SPAN_ARG(account), SPAN_ARG(key));

    return charge_name(s, span_of(both), day);
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
    if (check_name(name, e) < 0)
        return -1;
    if (value.len > STORE_META_MAX)
        return error_set(e, ERROR_INPUT, "a value has at most %d octets", STORE_META_MAX);
    return s->driver->value_put(s->self, DRIVER_META, name, value, e);
}
