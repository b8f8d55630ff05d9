/* Reading messages: nothing is given out that does not prove itself (R3). */
#include "base/memory.h"
#include "store/crc64.h"
#include "store/pack.h"
#include "store/store_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

int store_read_body(int fd, uint64_t size, char *into, uint64_t *crc, struct error *e)
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
        if (c->fd < 0 || store_read_body(c->fd, c->size, NULL, &crc, &why) < 0) {
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
    if (store_must_get(s, id, &row, e) < 0 ||
        s->driver->events(s->self, row.key, max, a, &list, &n, e) < 0)
        return -1;
    *out = arena_alloc(a, n * sizeof **out);
    for (size_t i = 0; i < n; i++) /* a damaged event is left out: it decides nothing */
        if (pack_read_event(list[i].bytes, a, &(*out)[*count]))
            ++*count;
    return 0;
}
