/* sqlite: the store on one machine.
 *
 * One connection writes and checkpoints, in WAL mode with synchronous=FULL; a second one may read
 * beside it on another thread. What we rely on:
 *  P1  COMMIT appends the changed pages to the WAL and syncs it; it returns OK only after the sync.
 *  P2  When writing or syncing the WAL fails, SQLite forgets the frames of this transaction (they
 *      stand behind the last good one and are overwritten by the next). But the kernel may have
 *      dropped pages of the WAL it could not write and would call the next sync good, and a reader
 *      of the file could still meet the bad frames in the page cache and take them for committed.
 *      So after any such failure we write nothing (`hurt`) until `reopen` has moved all good frames
 *      out of the WAL into the database by fresh writes with a good sync, and cut the WAL to
 *      nothing. Every start does the same, before the first accept.
 *  The reader cannot meet such frames: it takes from the WAL what its index names, the index names
 *  a frame after the sync that makes it good, and the reader never makes the index anew from the
 *  file (it comes when there is one and goes before it goes). It keeps no transaction open between
 *  two calls, so a checkpoint waits for it some microseconds at most.
 *  The VFS "unix-excl" holds the locks of the file for the process and keeps that index in memory
 *  which both connections share: no other process can open the database, and there is no file
 *  port26.db-shm.
 *  The risk when a line here is wrong: a 250 for mail that a power cut then takes away. */
#include "base/memory.h"
#include "base/text.h"
#include "store/store_driver.h"
#include "store/schema.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,         /* measured: docs/why/store.md */
    WAL_PAGES = 8000,    /* checkpoint from here on: 32 MiB */
    WAL_KEEP = 64 << 20, /* the file shrinks to this after a checkpoint */
    CACHE_KIB = 32 << 10,
    READER_CACHE_KIB = 8 << 10,
    NAME_BYTES = 2000, /* more than any name of a value */
    BUSY_MS = 10000,   /* how long a checkpoint waits for the reader, who is done at once */
};

#define VFS "unix-excl"

struct sqlite {
    sqlite3 *db;
    sqlite3_stmt *statement[SQL_COUNT];
    char *file, *vfs;
    int64_t last_key;
    int wal_pages;
    atomic_uint readers;      /* of the one that writes: how many are open */
    struct sqlite *reader_of; /* NULL: this is the one that writes */
    bool hurt;
};

/* ---- errors ---- */

static bool is_space(int code, int sys)
{
    return (code & 0xff) == SQLITE_FULL || sys == ENOSPC || sys == EDQUOT;
}

static int fail(struct sqlite *q, int code, const char *what, struct error *e)
{
    int sys = q->db ? sqlite3_system_errno(q->db) : 0;
    bool io = (code & 0xff) == SQLITE_IOERR;

    if (is_space(code, io ? sys : 0)) {
        error_mail(e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER,
                   "%s failed: no space is left for the store. Make room on its disk", what);
        if (e)
            e->sys = ENOSPC;
        return -1;
    }
    error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER, "%s failed: %s (SQLite %d%s%s)", what,
               q->db ? sqlite3_errmsg(q->db) : sqlite3_errstr(code), code, io && sys ? ", " : "",
               io && sys ? strerror(sys) : "");
    if (e)
        e->sys = io && sys ? sys : EIO;
    return -1;
}

/* ---- statements ---- */

static sqlite3_stmt *use(struct sqlite *q, enum schema_statement n)
{
    return q->statement[n];
}

/* Runs a statement that gives no rows. When an error has rolled the transaction back under us, what
 * would come next must not be committed alone. */
static int run(struct sqlite *q, enum schema_statement n, const char *what, struct error *e)
{
    sqlite3_stmt *st = use(q, n);
    int code, bad = 0;

    if (n > SQL_COMMIT && sqlite3_get_autocommit(q->db))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "%s failed: what went before it was rolled back; it can be tried again",
                          what);
    code = sqlite3_step(st);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        bad = fail(q, sqlite3_extended_errcode(q->db), what, e);
    sqlite3_reset(st);
    return bad;
}

static void bind_span(sqlite3_stmt *st, int at, struct span s)
{
    sqlite3_bind_blob64(st, at, s.len ? s.at : "", s.len, SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *st, int at, struct span s)
{
    sqlite3_bind_text64(st, at, s.len ? s.at : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Never NULL, so that a missing content row can be told from an empty one. */
static struct span column(sqlite3_stmt *st, int at)
{
    const void *p = sqlite3_column_blob(st, at);

    return (struct span){p ? p : "", (size_t)sqlite3_column_bytes(st, at)};
}

/* ---- opening ---- */

static int pragma_int(struct sqlite *q, const char *sql)
{
    sqlite3_stmt *st;
    int n = -1;

    if (sqlite3_prepare_v2(q->db, sql, -1, &st, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return n;
}

static int script(struct sqlite *q, const char *sql, const char *what, struct error *e)
{
    int code = sqlite3_exec(q->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : fail(q, sqlite3_extended_errcode(q->db), what, e);
}

/* Moves all good frames into the database, syncs it, cuts the WAL to nothing. */
static int fold(struct sqlite *q, struct error *e)
{
    int code = sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    return code == SQLITE_OK
               ? 0
               : fail(q, sqlite3_extended_errcode(q->db), "writing back the store", e);
}

static int migrate_one(struct sqlite *q, int from, struct error *e)
{
    char set[80];

    if (script(q, "BEGIN IMMEDIATE", "changing the store's tables", e) < 0)
        return -1;
    snprintf(set, sizeof set, "PRAGMA user_version = %d; PRAGMA application_id = %d;", from + 1,
             SCHEMA_APPLICATION);
    if (script(q, schema_migration[from], "changing the store's tables", e) == 0 &&
        script(q, set, "changing the store's tables", e) == 0 &&
        script(q, "COMMIT", "changing the store's tables", e) == 0)
        return 0;
    sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

static int migrate(struct sqlite *q, struct error *e)
{
    int version = pragma_int(q, "PRAGMA user_version"),
        application = pragma_int(q, "PRAGMA application_id");

    if (version < 0 || application < 0)
        return fail(q, sqlite3_extended_errcode(q->db), "reading the store's version", e);
    if (application != SCHEMA_APPLICATION && (application || version))
        return error_set(e, ERROR_INPUT,
                         "port26.db is the database of another program; it is left alone. Give "
                         "port26 a folder of its own");
    if (version > SCHEMA_VERSION)
        return error_set(e, ERROR_INPUT,
                         "the store was made by a newer port26 (version %d of its tables, this "
                         "program knows %d); nothing was changed. Install the newer port26",
                         version, SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION; version++)
        if (migrate_one(q, version, e) < 0)
            return -1;
    return 0;
}

static int prepare(struct sqlite *q, struct error *e)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(q->db, schema_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &q->statement[i], NULL);
        if (code != SQLITE_OK)
            return fail(q, code, "preparing the store", e);
    }
    return 0;
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* A file system that cannot do it leaves another mode in place silently: never go on then. */
static int check_wal(struct sqlite *q, struct error *e)
{
    sqlite3_stmt *st;
    bool wal = false;

    if (sqlite3_prepare_v2(q->db, "PRAGMA journal_mode", -1, &st, NULL) == SQLITE_OK) {
        wal = sqlite3_step(st) == SQLITE_ROW && span_is(column(st, 0), "wal");
        sqlite3_finalize(st);
    }
    return wal ? 0
               : error_set(e, ERROR_INPUT,
                           "the store's file system cannot keep a write-ahead log; put the store "
                           "on a local disk");
}

static int set_up(struct sqlite *q, struct error *e)
{
    char sql[400];

    sqlite3_busy_timeout(q->db, BUSY_MS);
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=%d; PRAGMA journal_mode=WAL;"
             "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d;"
             "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
             "PRAGMA cell_size_check=ON;",
             PAGE, WAL_KEEP, CACHE_KIB);
    return script(q, sql, "opening the store", e) || check_wal(q, e) ? -1 : 0;
}

static void sqlite_close(void *self)
{
    struct sqlite *q = self;

    assert(atomic_load(&q->readers) == 0);
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(q->statement[i]);
    sqlite3_close(q->db); /* folds the WAL, good frames only; a reader does not */
    if (q->reader_of)
        atomic_fetch_sub(&q->reader_of->readers, 1);
    free(q->file);
    free(q->vfs);
    free(q);
}

enum { OPEN_FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW };

static int sqlite_open(const char *folder, const char *vfs, void **self, struct error *e)
{
    struct sqlite *q = memory_alloc(sizeof *q);
    size_t len = strlen(folder) + sizeof "/port26.db";
    int code, bad = -1;

    q->file = memory_alloc(len);
    snprintf(q->file, len, "%s/port26.db", folder);
    q->vfs = memory_dup(vfs ? vfs : VFS);
    code = sqlite3_open_v2(q->file, &q->db, OPEN_FLAGS | SQLITE_OPEN_CREATE, q->vfs);
    if (code != SQLITE_OK)
        fail(q, code, "opening the store", e);
    else
        bad = set_up(q, e) || migrate(q, e) || prepare(q, e) || fold(q, e);
    if (!bad && sqlite3_step(use(q, SQL_CONTENT_LAST)) == SQLITE_ROW)
        q->last_key = sqlite3_column_int64(use(q, SQL_CONTENT_LAST), 0);
    else if (!bad)
        bad = fail(q, sqlite3_extended_errcode(q->db), "opening the store", e);
    if (bad) {
        sqlite_close(q);
        return -1;
    }
    sqlite3_reset(use(q, SQL_CONTENT_LAST));
    sqlite3_wal_hook(q->db, on_wal, q);
    *self = q;
    return 0;
}

/* It opens the file for writing as well, because the locks of the process belong to such files; and
 * never writes. */
static int sqlite_reader(void *self, const struct store_driver **driver, void **reader,
                         struct error *e)
{
    struct sqlite *w = self, *q = memory_alloc(sizeof *q);
    char sql[200];
    int bad, code = sqlite3_open_v2(w->file, &q->db, OPEN_FLAGS, w->vfs);

    q->reader_of = w;
    atomic_fetch_add(&w->readers, 1);
    snprintf(sql, sizeof sql,
             "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-%d;"
             "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
             READER_CACHE_KIB);
    if (code != SQLITE_OK) {
        bad = fail(q, code, "opening the store for reading", e);
    } else {
        sqlite3_busy_timeout(q->db, BUSY_MS);
        sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
        bad = script(q, sql, "opening the store for reading", e) || prepare(q, e);
    }
    if (bad) {
        sqlite_close(q);
        return -1;
    }
    *driver = &sqlite_driver;
    *reader = q;
    return 0;
}

static bool sqlite_failed(const void *self)
{
    return ((const struct sqlite *)self)->hurt;
}

static int sqlite_reopen(void *self, struct error *e)
{
    struct sqlite *q = self;

    if (!sqlite3_get_autocommit(q->db))
        run(q, SQL_ROLLBACK, "rolling back", NULL);
    if (fold(q, e) < 0)
        return -1;
    q->wal_pages = 0;
    q->hurt = false;
    return 0;
}

static bool sqlite_wants_tidy(const void *self)
{
    return ((const struct sqlite *)self)->wal_pages > WAL_PAGES;
}

/* A checkpoint that fails loses nothing: the WAL still holds all, and the next one writes it again.
 */
static int sqlite_tidy(void *self, struct error *e)
{
    struct sqlite *q = self;
    int code = sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);

    q->wal_pages = 0;
    return code == SQLITE_OK
               ? 0
               : fail(q, sqlite3_extended_errcode(q->db), "writing back the store", e);
}

/* ---- transactions ---- */

static int sqlite_begin(void *self, struct error *e)
{
    return run(self, SQL_BEGIN, "beginning to store", e);
}

static void sqlite_rollback(void *self)
{
    struct sqlite *q = self;

    if (!sqlite3_get_autocommit(q->db) && run(q, SQL_ROLLBACK, "rolling back", NULL) < 0)
        q->hurt = true;
}

static int sqlite_commit(void *self, struct error *e)
{
    struct sqlite *q = self;
    struct error failure = {0};

    if (sqlite3_get_autocommit(q->db)) /* an error in one of its steps has rolled it back whole */
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "storing failed and was rolled back; it can be tried again");
    /* From the return of this line what was put is safe. A failure here is never repeated (P2). */
    if (run(q, SQL_COMMIT, "storing", &failure) == 0)
        return 0;
    q->hurt = failure.sys != ENOSPC;
    sqlite_rollback(q);
    if (e)
        *e = failure;
    return -1;
}

static int sqlite_mark(void *self, struct error *e)
{
    return run(self, SQL_MARK, "beginning a step", e);
}

static int sqlite_keep(void *self, struct error *e)
{
    return run(self, SQL_KEEP, "ending a step", e);
}

static void sqlite_undo(void *self)
{
    struct sqlite *q = self;

    if (sqlite3_get_autocommit(q->db))
        return;
    /* A step that cannot be undone must not be committed with the others. */
    if (run(q, SQL_UNDO, "undoing", NULL) < 0 || run(q, SQL_KEEP, "undoing", NULL) < 0)
        sqlite_rollback(q);
}

/* ---- messages ---- */

static int sqlite_put(void *self, struct driver_row *row, struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *m = use(q, SQL_MESSAGE_PUT), *c = use(q, SQL_CONTENT_PUT);

    row->key = (uint64_t)++q->last_key;
    bind_span(m, 1, id_span(&row->id));
    sqlite3_bind_int64(m, 2, (int64_t)row->key);
    sqlite3_bind_int(m, 3, (int)row->state);
    sqlite3_bind_int(m, 4, row->file);
    bind_text(m, 5, row->words);
    bind_span(m, 6, row->head);
    sqlite3_bind_int64(c, 1, (int64_t)row->key);
    bind_span(c, 2, row->prefix);
    if (row->file)
        sqlite3_bind_null(c, 3);
    else
        bind_span(c, 3, row->body);
    if (run(q, SQL_MESSAGE_PUT, "storing the envelope", e) < 0)
        return -1;
    return run(q, SQL_CONTENT_PUT, "storing the content", e);
}

static void read_row(sqlite3_stmt *st, struct driver_row *out)
{
    struct span id = column(st, 0);

    *out = (struct driver_row){.key = (uint64_t)sqlite3_column_int64(st, 1),
                               .state = (enum store_state)sqlite3_column_int(st, 2),
                               .file = sqlite3_column_int(st, 3),
                               .words = column(st, 4),
                               .head = column(st, 5)};
    memcpy(out->id.byte, id.at, id.len < ID_BYTES ? id.len : ID_BYTES);
}

static int get_content(struct sqlite *q, struct arena *a, struct driver_row *out, struct error *e)
{
    sqlite3_stmt *st = use(q, SQL_CONTENT_GET);
    int code, bad = 0;

    sqlite3_bind_int64(st, 1, (int64_t)out->key);
    code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
        out->prefix = arena_span(a, column(st, 0));
        out->body = out->file ? SPAN_NONE : arena_span(a, column(st, 1));
    } else if (code != SQLITE_DONE) {
        bad = fail(q, sqlite3_extended_errcode(q->db), "reading the content", e);
    }
    sqlite3_reset(st);
    return bad;
}

static int sqlite_get(void *self, const struct id *id, bool content, struct arena *a,
                      struct driver_row *out, struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *st = use(q, SQL_MESSAGE_GET);
    int code, result = STORE_GOT;

    bind_span(st, 1, id_span(id));
    code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
        read_row(st, out);
        out->words = arena_span(a, out->words);
        out->head = arena_span(a, out->head);
    } else {
        result = code == SQLITE_DONE
                     ? STORE_ABSENT
                     : fail(q, sqlite3_extended_errcode(q->db), "looking for a message", e);
    }
    sqlite3_reset(st);
    if (result == STORE_GOT && content)
        result = get_content(q, a, out, e);
    return result;
}

static int sqlite_walk(void *self, bool (*fn)(void *arg, const struct driver_row *row), void *arg,
                       struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *st = use(q, SQL_MESSAGE_WALK);
    struct driver_row row;
    int code, bad = 0;

    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        read_row(st, &row);
        if (!fn(arg, &row))
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        bad = fail(q, sqlite3_extended_errcode(q->db), "reading the queue", e);
    sqlite3_reset(st);
    return bad;
}

static int sqlite_state(void *self, const struct id *id, enum store_state state, struct span words,
                        struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *st = use(q, SQL_MESSAGE_STATE);

    bind_span(st, 1, id_span(id));
    sqlite3_bind_int(st, 2, (int)state);
    bind_text(st, 3, words);
    return run(q, SQL_MESSAGE_STATE, "storing the state", e);
}

static int sqlite_remove(void *self, const struct id *id, uint64_t key, struct error *e)
{
    static const enum schema_statement by_key[] = {SQL_CONTENT_REMOVE, SQL_RECIPIENT_REMOVE,
                                                   SQL_EVENT_REMOVE};
    struct sqlite *q = self;

    bind_span(use(q, SQL_MESSAGE_REMOVE), 1, id_span(id));
    if (run(q, SQL_MESSAGE_REMOVE, "removing a message", e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(by_key); i++) {
        sqlite3_bind_int64(use(q, by_key[i]), 1, (int64_t)key);
        if (run(q, by_key[i], "removing a message", e) < 0)
            return -1;
    }
    return 0;
}

/* ---- what hangs on a message ---- */

static int put_record(struct sqlite *q, enum schema_statement n, uint64_t key, int at,
                      struct span bytes, struct error *e)
{
    sqlite3_bind_int64(use(q, n), 1, (int64_t)key);
    bind_span(use(q, n), at, bytes);
    return run(q, n, "storing what became of a message", e);
}

/* Reads all rows (number, bytes) of a bound statement into `a`. */
static int get_records(struct sqlite *q, enum schema_statement n, struct arena *a,
                       struct driver_record **out, size_t *count, struct error *e)
{
    sqlite3_stmt *st = use(q, n);
    size_t cap = 8;
    int code, bad = 0;

    *count = 0;
    *out = arena_alloc(a, cap * sizeof **out);
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        if (*count == cap) {
            struct driver_record *larger = arena_alloc(a, 2 * cap * sizeof *larger);

            memcpy(larger, *out, cap * sizeof *larger);
            *out = larger;
            cap *= 2;
        }
        (*out)[*count].number = (uint64_t)sqlite3_column_int64(st, 0);
        (*out)[(*count)++].bytes = arena_span(a, column(st, 1));
    }
    if (code != SQLITE_DONE)
        bad = fail(q, sqlite3_extended_errcode(q->db), "reading what became of a message", e);
    sqlite3_reset(st);
    return bad;
}

static int sqlite_recipient_put(void *self, uint64_t key, uint64_t number, struct span bytes,
                                struct error *e)
{
    struct sqlite *q = self;

    sqlite3_bind_int64(use(q, SQL_RECIPIENT_PUT), 2, (int64_t)number);
    return put_record(q, SQL_RECIPIENT_PUT, key, 3, bytes, e);
}

static int sqlite_recipients(void *self, uint64_t key, struct arena *a, struct driver_record **out,
                             size_t *count, struct error *e)
{
    struct sqlite *q = self;

    sqlite3_bind_int64(use(q, SQL_RECIPIENT_GET), 1, (int64_t)key);
    return get_records(q, SQL_RECIPIENT_GET, a, out, count, e);
}

static int sqlite_event_put(void *self, uint64_t key, struct span bytes, struct error *e)
{
    return put_record(self, SQL_EVENT_PUT, key, 2, bytes, e);
}

static int sqlite_events(void *self, uint64_t key, size_t max, struct arena *a,
                         struct driver_record **out, size_t *count, struct error *e)
{
    struct sqlite *q = self;

    sqlite3_bind_int64(use(q, SQL_EVENT_GET), 1, (int64_t)key);
    sqlite3_bind_int64(use(q, SQL_EVENT_GET), 2, (int64_t)(max < INT32_MAX ? max : INT32_MAX));
    return get_records(q, SQL_EVENT_GET, a, out, count, e);
}

/* ---- values ---- */

static sqlite3_stmt *value(struct sqlite *q, enum schema_statement n, enum driver_kind kind,
                           struct span name)
{
    sqlite3_stmt *st = use(q, n);

    sqlite3_bind_int(st, 1, (int)kind);
    bind_span(st, 2, name);
    return st;
}

static int sqlite_value_put(void *self, enum driver_kind kind, struct span name, struct span bytes,
                            struct error *e)
{
    bind_span(value(self, SQL_VALUE_PUT, kind, name), 3, bytes);
    return run(self, SQL_VALUE_PUT, "storing a value", e);
}

static int sqlite_value_get(void *self, enum driver_kind kind, struct span name, struct arena *a,
                            struct span *out, struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *st = value(q, SQL_VALUE_GET, kind, name);
    int code = sqlite3_step(st), result = STORE_GOT;

    if (code == SQLITE_ROW)
        *out = arena_span(a, column(st, 0));
    else
        result = code == SQLITE_DONE
                     ? STORE_ABSENT
                     : fail(q, sqlite3_extended_errcode(q->db), "reading a value", e);
    sqlite3_reset(st);
    return result;
}

static int sqlite_value_remove(void *self, enum driver_kind kind, struct span name, struct error *e)
{
    value(self, SQL_VALUE_REMOVE, kind, name);
    return run(self, SQL_VALUE_REMOVE, "removing a value", e);
}

/* The name that comes right after one is the same with a zero octet behind it. */
static int sqlite_value_range(void *self, enum driver_kind kind, const struct driver_range *range,
                              bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                              struct error *e)
{
    struct sqlite *q = self;
    struct text next = TEXT_INIT(NAME_BYTES);
    sqlite3_stmt *st = value(q, SQL_VALUE_FROM, kind, range->prefix);
    size_t left = range->max;
    int code = SQLITE_DONE, bad = 0;

    if (range->after.len && span_cmp(range->after, range->prefix) >= 0) {
        text_add(&next, range->after);
        text_addc(&next, '\0');
        assert(!next.full);
        bind_span(st, 2, text_span(&next));
    }
    while (left-- && (code = sqlite3_step(st)) == SQLITE_ROW)
        if (!span_starts(column(st, 0), range->prefix) || !fn(arg, column(st, 0), column(st, 1)))
            break;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        bad = fail(q, sqlite3_extended_errcode(q->db), "reading values", e);
    sqlite3_reset(st);
    text_free(&next);
    return bad;
}

static int sqlite_value_count(void *self, enum driver_kind kind, struct span from, struct span to,
                              uint64_t *count, struct error *e)
{
    struct sqlite *q = self;
    sqlite3_stmt *st = value(q, SQL_VALUE_COUNT, kind, from);
    int bad = 0;

    bind_span(st, 3, to);
    if (sqlite3_step(st) == SQLITE_ROW)
        *count = (uint64_t)sqlite3_column_int64(st, 0);
    else
        bad = fail(q, sqlite3_extended_errcode(q->db), "counting values", e);
    sqlite3_reset(st);
    return bad;
}

const struct store_driver sqlite_driver = {
    .name = "sqlite",
    .on_disk = true,
    .open = sqlite_open,
    .close = sqlite_close,
    .failed = sqlite_failed,
    .reopen = sqlite_reopen,
    .wants_tidy = sqlite_wants_tidy,
    .tidy = sqlite_tidy,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .mark = sqlite_mark,
    .keep = sqlite_keep,
    .undo = sqlite_undo,
    .put = sqlite_put,
    .get = sqlite_get,
    .walk = sqlite_walk,
    .state = sqlite_state,
    .remove = sqlite_remove,
    .recipient_put = sqlite_recipient_put,
    .recipients = sqlite_recipients,
    .event_put = sqlite_event_put,
    .events = sqlite_events,
    .value_put = sqlite_value_put,
    .value_get = sqlite_value_get,
    .value_remove = sqlite_value_remove,
    .value_range = sqlite_value_range,
    .value_count = sqlite_value_count,
    .reader = sqlite_reader,
};
