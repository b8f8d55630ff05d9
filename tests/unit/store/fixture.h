/* fixture: a folder of its own for a test, a store in it, and messages to put there. */
#ifndef PORT26_TESTS_STORE_FIXTURE_H
#define PORT26_TESTS_STORE_FIXTURE_H

#include "base/clock.h"
#include "base/memory.h"
#include "store/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char path[64];
    const char *driver;
    struct store *store, *reader; /* reader: NULL until fixture_reader */
    struct store_found found;
    struct arena *arena;
};

static inline int fixture_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fixture_path(char path[64])
{
    snprintf(path, 64, "%s/p26-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void fixture_wipe(const char *path)
{
    nftw(path, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int fixture_open(struct fixture *f, const char *vfs, struct error *e)
{
    struct store_settings set = {
        .driver = f->driver, .path = f->path, .vfs = vfs, .inline_max = 10000, .space_low = 1};

    return store_open(&set, &f->store, &f->found, e);
}

static inline struct fixture *fixture_new(const char *driver)
{
    struct fixture *f = memory_alloc(sizeof *f);
    struct error e = {0};

    f->driver = driver;
    f->arena = arena_new();
    fixture_path(f->path);
    if (fixture_open(f, NULL, &e) < 0)
        fail_msg("%s", e.words);
    return f;
}

static inline void fixture_reopen(struct fixture *f)
{
    struct error e = {0};

    store_close(&f->reader);
    store_close(&f->store);
    if (fixture_open(f, NULL, &e) < 0)
        fail_msg("%s", e.words);
}

static inline void fixture_reader(struct fixture *f)
{
    struct error e = {0};

    if (store_reader_open(f->store, &f->reader, &e) < 0)
        fail_msg("%s", e.words);
}

static inline void fixture_free(struct fixture *f)
{
    store_close(&f->reader);
    store_close(&f->store);
    fixture_wipe(f->path);
    arena_free(&f->arena);
    free(f);
}

static struct recipient fixture_recipients[] = {
    {.address = {"a@example.com", 13}, .orcpt = {"rfc822;a@example.com", 20}, .notify = 6},
    {.address = {"b@example.org", 13}},
    {.address = {"c@example.com", 13}, .notify = 1},
};

/* A message to three recipients with this body; fd -1. */
static inline struct message fixture_message(struct span body)
{
    return (struct message){.envelope = {.id = id_new(),
                                         .sender = SPAN("sender@example.net"),
                                         .envid = SPAN("env+2B1"),
                                         .ret = RET_HDRS,
                                         .need = NEED_8BIT,
                                         .recipients = fixture_recipients,
                                         .count = 3},
                            .origin = {.account = SPAN("kim"),
                                       .peer = SPAN("192.0.2.9"),
                                       .helo = SPAN("laptop"),
                                       .door = SPAN("submission"),
                                       .with = SPAN("ESMTPSA")},
                            .content = {.prefix = SPAN("Received: from laptop\r\n"),
                                        .body = body,
                                        .fd = -1,
                                        .size = body.len},
                            .arrived = clock_wall(),
                            .header_size = 10};
}

static inline void fixture_begin(struct fixture *f)
{
    struct error e = {0};

    if (store_begin(f->store, &e) < 0)
        fail_msg("%s", e.words);
}

static inline void fixture_commit(struct fixture *f)
{
    struct error e = {0};

    if (store_commit(f->store, &e) < 0)
        fail_msg("%s", e.words);
}

/* Puts it in a transaction of its own. */
static inline bool fixture_put(struct fixture *f, const struct message *m)
{
    struct error e = {0};
    bool fresh;

    fixture_begin(f);
    if (store_put(f->store, m, 77, &fresh, &e) < 0)
        fail_msg("%s", e.words);
    fixture_commit(f);
    return fresh;
}

static inline bool fixture_count_one(void *arg, const struct store_head *head)
{
    (void)head;
    ++*(unsigned *)arg;
    return true;
}

static inline unsigned fixture_count(struct fixture *f)
{
    unsigned n = 0;

    assert_int_equal(store_walk(f->store, fixture_count_one, &n, NULL), 0);
    return n;
}

/* store_load in a transaction of its own. */
static inline int fixture_load(struct fixture *f, const struct id *id, struct store_head *head,
                               struct content *c)
{
    struct error e = {0};
    int got;

    fixture_begin(f);
    got = store_load(f->store, id, f->arena, head, c, &e);
    fixture_commit(f);
    return got;
}

#endif
