/* faultvfs: a SQLite file system for tests. It counts reads, writes, syncs and truncations; it can
 * fail the n-th of them, and it can write a journal of all of them, from which a power cut at any
 * moment is played: the files as they would be if only what had been synced (and some of the rest)
 * had reached the disk. */
#ifndef PORT26_TESTS_STORE_FAULTVFS_H
#define PORT26_TESTS_STORE_FAULTVFS_H

#include "base/memory.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum fault_kind { FAULT_WRITE, FAULT_SYNC, FAULT_TRUNCATE, FAULT_READ, FAULT_KINDS };

struct fault_op {
    enum fault_kind kind;
    bool wal; /* else the database */
    int64_t at;
    size_t len;
    char *bytes;
};

static struct {
    sqlite3_vfs vfs, *real;
    int64_t countdown; /* ops until one fails; 0: none does */
    unsigned kinds;    /* bits of the kinds that count */
    int code;          /* how it fails */
    bool sticky;       /* and all after it */
    unsigned failed;
    bool journal;
    struct fault_op *op;
    size_t count, cap;
} fault;

struct fault_file {
    sqlite3_file base;
    bool wal, ours;
    sqlite3_file *real;
};

static inline sqlite3_file *fault_real(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

static inline bool fault_hits(enum fault_kind kind)
{
    if (!(fault.kinds & 1U << kind) || fault.countdown == 0)
        return false;
    if (fault.countdown > 1) {
        fault.countdown--;
        return false;
    }
    fault.countdown = fault.sticky ? 1 : 0;
    fault.failed++;
    return true;
}

static inline void fault_note(sqlite3_file *f, enum fault_kind kind, int64_t at, const void *bytes,
                              size_t len)
{
    const struct fault_file *file = (struct fault_file *)f;
    struct fault_op *op;

    if (!fault.journal || !file->ours)
        return;
    if (fault.count == fault.cap) {
        fault.cap = fault.cap ? 2 * fault.cap : 1024;
        fault.op = memory_grow(fault.op, fault.cap * sizeof *fault.op);
    }
    op = &fault.op[fault.count++];
    *op = (struct fault_op){.kind = kind, .wal = file->wal, .at = at, .len = len};
    if (len) {
        op->bytes = memory_alloc(len);
        memcpy(op->bytes, bytes, len);
    }
}

static inline int fault_close(sqlite3_file *f)
{
    int code = fault_real(f)->pMethods ? fault_real(f)->pMethods->xClose(fault_real(f)) : SQLITE_OK;

    free(fault_real(f));
    return code;
}

static inline int fault_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
    if (fault_hits(FAULT_READ))
        return fault.code;
    return fault_real(f)->pMethods->xRead(fault_real(f), buf, n, at);
}

static inline int fault_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
    if (fault_hits(FAULT_WRITE)) {
        /* half of it arrives */
        fault_real(f)->pMethods->xWrite(fault_real(f), buf, n / 2, at);
        return fault.code;
    }
    fault_note(f, FAULT_WRITE, at, buf, (size_t)n);
    return fault_real(f)->pMethods->xWrite(fault_real(f), buf, n, at);
}

static inline int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (fault_hits(FAULT_TRUNCATE))
        return fault.code;
    fault_note(f, FAULT_TRUNCATE, size, NULL, 0);
    return fault_real(f)->pMethods->xTruncate(fault_real(f), size);
}

static inline int fault_sync(sqlite3_file *f, int flags)
{
    if (fault_hits(FAULT_SYNC))
        return fault.code;
    fault_note(f, FAULT_SYNC, 0, NULL, 0);
    return fault_real(f)->pMethods->xSync(fault_real(f), flags);
}

static inline int fault_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return fault_real(f)->pMethods->xFileSize(fault_real(f), size);
}

static inline int fault_lock(sqlite3_file *f, int n)
{
    return fault_real(f)->pMethods->xLock(fault_real(f), n);
}

static inline int fault_unlock(sqlite3_file *f, int n)
{
    return fault_real(f)->pMethods->xUnlock(fault_real(f), n);
}

static inline int fault_reserved(sqlite3_file *f, int *out)
{
    return fault_real(f)->pMethods->xCheckReservedLock(fault_real(f), out);
}

static inline int fault_control(sqlite3_file *f, int op, void *arg)
{
    return fault_real(f)->pMethods->xFileControl(fault_real(f), op, arg);
}

static inline int fault_sector(sqlite3_file *f)
{
    return fault_real(f)->pMethods->xSectorSize(fault_real(f));
}

static inline int fault_traits(sqlite3_file *f)
{
    return fault_real(f)->pMethods->xDeviceCharacteristics(fault_real(f));
}

static inline int fault_shm_map(sqlite3_file *f, int page, int size, int extend,
                                void volatile **out)
{
    return fault_real(f)->pMethods->xShmMap(fault_real(f), page, size, extend, out);
}

static inline int fault_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return fault_real(f)->pMethods->xShmLock(fault_real(f), at, n, flags);
}

static inline void fault_shm_barrier(sqlite3_file *f)
{
    fault_real(f)->pMethods->xShmBarrier(fault_real(f));
}

static inline int fault_shm_unmap(sqlite3_file *f, int delete)
{
    return fault_real(f)->pMethods->xShmUnmap(fault_real(f), delete);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_traits,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static inline int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                             int *out)
{
    struct fault_file *file = (struct fault_file *)f;
    int code;

    (void)vfs;
    file->base.pMethods = NULL;
    file->real = calloc(1, (size_t)fault.real->szOsFile);
    file->wal = (flags & SQLITE_OPEN_WAL) != 0;
    file->ours = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) != 0;
    code = fault.real->xOpen(fault.real, name, file->real, flags, out);
    if (code == SQLITE_OK)
        file->base.pMethods = &fault_methods;
    else
        free(file->real);
    return code;
}

/* Registers it under "fault" (once) and forgets what was counted. */
static inline void fault_reset(void)
{
    for (size_t i = 0; i < fault.count; i++)
        free(fault.op[i].bytes);
    free(fault.op);
    fault.op = NULL;
    fault.count = fault.cap = 0;
    fault.countdown = 0;
    fault.failed = 0;
    fault.sticky = fault.journal = false;
    if (fault.real)
        return;
    fault.real = sqlite3_vfs_find("unix-excl"); /* what the store uses */
    fault.vfs = *fault.real;
    fault.vfs.zName = "fault";
    fault.vfs.szOsFile = sizeof(struct fault_file);
    fault.vfs.xOpen = fault_open;
    sqlite3_vfs_register(&fault.vfs, 0);
}

/* Fails the n-th operation (from 1) of these kinds. */
static inline void fault_arm(int64_t n, unsigned kinds, int code, bool sticky)
{
    fault.countdown = n;
    fault.kinds = kinds;
    fault.code = code;
    fault.sticky = sticky;
    fault.failed = 0;
}

#endif
