/* Faults: every write, sync and truncation fails once, one after the other; the power goes at every
 * moment; the process is killed at any time. After each: is everything that was answered with 250
 * there (P1), and nothing that was refused (P2)? */
#include "fixture.h"

#include "faultvfs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 12, GROUP = 3, BODY_MAX = 9000 };

static char body[BODY_MAX];

/* A message whose body is known by its id. */
static struct message numbered(struct id id, size_t size)
{
    struct message m = fixture_message((struct span){body, size});

    m.envelope.id = id;
    return m;
}

struct ledger {
    struct id good[ROUNDS * GROUP * 4], bad[ROUNDS * GROUP * 4];
    size_t goods, bads;
};

/* One group; enters its ids into the ledger by what the commit said. */
static int put_group(struct fixture *f, struct ledger *l, size_t size)
{
    struct id ids[GROUP];
    struct error e = {0};
    bool fresh;
    int bad = store_begin(f->store, &e);

    for (int i = 0; i < GROUP; i++)
        ids[i] = id_new();
    for (int i = 0; i < GROUP && !bad; i++) {
        struct message m = numbered(ids[i], size);

        bad = store_mark(f->store, &e) || store_put(f->store, &m, 1, &fresh, &e);
        if (!bad)
            bad = store_keep(f->store, &e);
    }
    if (!bad)
        bad = store_commit(f->store, &e);
    store_rollback(f->store);
    assert_true(!bad || strcmp(e.enhanced, "4.3.0") == 0 || strcmp(e.enhanced, "4.3.1") == 0);
    for (int i = 0; i < GROUP; i++)
        *(bad ? &l->bad[l->bads++] : &l->good[l->goods++]) = ids[i];
    return bad;
}

static void check(struct fixture *f, const struct ledger *l)
{
    struct store_head h;
    struct content c;

    for (size_t i = 0; i < l->goods; i++) {
        arena_clear(f->arena);
        assert_int_equal(fixture_load(f, &l->good[i], &h, &c), STORE_GOT); /* P1 */
        assert_int_equal(h.envelope.count, 3);
    }
    for (size_t i = 0; i < l->bads; i++)
        assert_int_equal(store_find(f->store, &l->bad[i], f->arena, &h, NULL), STORE_ABSENT);
    assert_int_equal(fixture_count(f), l->goods);
}

static struct fixture *fixture_on_fault(void)
{
    struct fixture *f = memory_alloc(sizeof *f);
    struct error e = {0};

    fault_reset();
    f->driver = "sqlite";
    f->arena = arena_new();
    fixture_path(f->path);
    if (fixture_open(f, "fault", &e) < 0)
        fail_msg("%s", e.words);
    return f;
}

/* The reader sees what was answered with 250 and nothing else, also while the store is failed. */
static void check_reader(struct fixture *f, const struct ledger *l)
{
    struct store_head h;
    struct error e = {0};

    arena_clear(f->arena);
    for (size_t i = 0; i < l->goods; i++)
        if (store_find(f->reader, &l->good[i], f->arena, &h, &e) != STORE_GOT)
            fail_msg("the reader lost %zu: %s", i, e.words);
    for (size_t i = 0; i < l->bads; i++)
        assert_int_equal(store_find(f->reader, &l->bad[i], f->arena, &h, NULL), STORE_ABSENT);
}

/* The n-th operation fails, once or from then on; then the disk works again. Returns false when n
 * is beyond the last operation. */
static bool fail_nth(int64_t n, unsigned kinds, int code, bool sticky)
{
    struct fixture *f = fixture_on_fault();
    struct ledger *l = memory_alloc(sizeof *l);
    struct error e = {0};
    bool hit;

    fixture_reader(f);
    put_group(f, l, 3000);
    fault_arm(n, kinds, code, sticky);
    for (int i = 0; i < 4; i++) {
        put_group(f, l, 3000);
        check_reader(f, l);
        if (i == 2)
            store_tidy(f->store, NULL); /* a checkpoint has its own writes and syncs */
    }
    hit = fault.failed > 0;
    fault.countdown = 0;
    if (store_failed(f->store)) {
        assert_int_not_equal(put_group(f, l, 3000), 0); /* P2: nothing until it is opened again */
        check_reader(f, l);
        if (store_reopen(f->store, &e) < 0)
            fail_msg("%s", e.words);
        check_reader(f, l);
    }
    assert_int_equal(put_group(f, l, 3000), 0);
    check_reader(f, l);
    check(f, l);
    fixture_reopen(f);
    check(f, l);
    free(l);
    fixture_free(f);
    return hit;
}

static void fail_every(unsigned kinds, int code, bool sticky)
{
    int64_t n = 1;

    while (fail_nth(n, kinds, code, sticky))
        n++;
    assert_true(n > 4);
}

static void test_every_sync_fails(void **state)
{
    (void)state;
    fail_every(1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, false);
    fail_every(1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, true);
}

static void test_every_write_fails(void **state)
{
    (void)state;
    fail_every(1 << FAULT_WRITE, SQLITE_IOERR_WRITE, false);
    fail_every(1 << FAULT_WRITE, SQLITE_IOERR_WRITE, true);
}

static void test_disk_full_at_every_write(void **state)
{
    (void)state;
    fail_every(1 << FAULT_WRITE, SQLITE_FULL, false);
    fail_every(1 << FAULT_WRITE, SQLITE_FULL, true);
}

/* A failed sync makes the store refuse; after a full disk it goes on by itself. */
static void test_failed_and_full(void **state)
{
    struct fixture *f = fixture_on_fault();
    struct ledger *l = memory_alloc(sizeof *l);

    (void)state;
    fault_arm(1, 1 << FAULT_WRITE, SQLITE_FULL, false);
    assert_int_not_equal(put_group(f, l, 100), 0);
    assert_false(store_failed(f->store));
    assert_int_equal(put_group(f, l, 100), 0);
    fault_arm(1, 1 << FAULT_SYNC, SQLITE_IOERR_FSYNC, false);
    assert_int_not_equal(put_group(f, l, 100), 0);
    assert_true(store_failed(f->store));
    assert_int_not_equal(put_group(f, l, 100), 0);
    assert_int_equal(store_reopen(f->store, NULL), 0);
    assert_int_equal(put_group(f, l, 100), 0);
    check(f, l);
    free(l);
    fixture_free(f);
}

/* ---- the power goes ---- */

struct image {
    char *bytes;
    size_t size, cap;
};

static void image_size(struct image *m, size_t size)
{
    if (size > m->cap) {
        m->bytes = memory_grow(m->bytes, size * 2);
        m->cap = size * 2;
    }
    if (size > m->size)
        memset(m->bytes + m->size, 0, size - m->size);
    m->size = size;
}

static void image_apply(struct image *m, const struct fault_op *op, size_t len)
{
    if (op->kind == FAULT_TRUNCATE)
        image_size(m, (size_t)op->at);
    if (op->kind != FAULT_WRITE)
        return;
    if ((size_t)op->at + len > m->size)
        image_size(m, (size_t)op->at + len);
    memcpy(m->bytes + op->at, op->bytes, len);
}

/* What may have reached the disk of what was not synced. */
enum cut { CUT_NOTHING, CUT_ALL, CUT_TORN, CUT_EVERY_SECOND, CUTS };

/* The files as a cut after `end` operations leaves them. */
static void play(struct image image[2], size_t end, enum cut cut)
{
    size_t synced[2] = {0, 0};

    image[0].size = image[1].size = 0;
    for (size_t i = 0; i < end; i++)
        if (fault.op[i].kind == FAULT_SYNC)
            synced[fault.op[i].wal] = i;
    for (size_t i = 0; i < end; i++) {
        const struct fault_op *op = &fault.op[i];
        size_t len = op->len;

        if (i >= synced[op->wal]) {
            if (cut == CUT_NOTHING || (cut == CUT_EVERY_SECOND && i % 2))
                continue;
            if (cut == CUT_TORN && i + 1 == end)
                len /= 2;
        }
        image_apply(&image[op->wal], op, len);
    }
}

static void write_file(const char *folder, const char *name, const struct image *m)
{
    char path[100];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, m->bytes, m->size), m->size);
    close(fd);
}

/* R8, fault 13: each image opens, and holds all that had been committed by then. */
static void check_image(const struct image image[2], const struct ledger *l, size_t promised)
{
    struct fixture f = {.driver = "sqlite", .arena = arena_new()};
    struct store_head h;
    struct content c;
    struct error e = {0};

    fixture_path(f.path);
    write_file(f.path, "port26.db", &image[0]);
    write_file(f.path, "port26.db-wal", &image[1]);
    if (fixture_open(&f, NULL, &e) < 0)
        fail_msg("%s", e.words);
    for (size_t i = 0; i < promised; i++) {
        if (fixture_load(&f, &l->good[i], &h, &c) != STORE_GOT)
            fail_msg("message %zu of %zu is lost", i, promised);
        arena_clear(f.arena);
    }
    assert_int_equal(fixture_count(&f) % GROUP, 0); /* groups are whole or not there */
    store_close(&f.store);
    fixture_wipe(f.path);
    arena_free(&f.arena);
}

static void test_power_cut_at_every_moment(void **state)
{
    struct fixture *f = memory_alloc(sizeof *f);
    struct ledger *l = memory_alloc(sizeof *l);
    struct image image[2] = {{0}};
    size_t at[ROUNDS + 1];

    (void)state;
    fault_reset();
    fault.journal = true;
    f->driver = "sqlite";
    f->arena = arena_new();
    fixture_path(f->path);
    assert_int_equal(fixture_open(f, "fault", NULL), 0);
    at[0] = fault.count;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(put_group(f, l, 5000), 0);
        at[i + 1] = fault.count; /* here the 250s are sent */
        if (i == 2)
            assert_int_equal(store_tidy(f->store, NULL), 0);
    }
    for (size_t end = at[0]; end <= fault.count; end++) {
        size_t groups = 0;

        while (groups < 6 && at[groups + 1] <= end)
            groups++;
        for (int cut = 0; cut < CUTS; cut++) {
            play(image, end, (enum cut)cut);
            check_image(image, l, groups * GROUP);
        }
    }
    free(image[0].bytes);
    free(image[1].bytes);
    fixture_free(f);
    fault_reset();
    free(l);
}

/* ---- the process is killed ---- */

/* Accepts for ever and tells each id after its commit: the 250. Every third body is a file. */
static void accept_for_ever(const char *path, int tell)
{
    struct fixture f = {.driver = "sqlite", .arena = arena_new()};

    snprintf(f.path, sizeof f.path, "%s", path);
    if (fixture_open(&f, NULL, NULL) < 0)
        _exit(1);
    for (int n = 0;; n++) {
        struct message m = numbered(id_new(), 2000);

        if (n % 3 == 0) {
            m.content.fd = store_body_file(f.store, NULL);
            m.content.size = 20000;
            for (int i = 0; i < 4; i++)
                if (write(m.content.fd, body, 5000) != 5000)
                    _exit(1);
        }
        fixture_put(&f, &m);
        if (m.content.fd >= 0)
            close(m.content.fd);
        if (write(tell, &m.envelope.id, sizeof m.envelope.id) != sizeof m.envelope.id)
            _exit(1);
    }
}

static size_t kill_after(const char *path, useconds_t us, struct id *ids, size_t max)
{
    int pipes[2], status;
    size_t n = 0;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        accept_for_ever(path, pipes[1]);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &ids[0], sizeof *ids), sizeof *ids);
    n = 1;
    usleep(us);
    kill(pid, SIGKILL);
    while (n < max && read(pipes[0], &ids[n], sizeof *ids) == sizeof *ids)
        n++;
    waitpid(pid, &status, 0);
    close(pipes[0]);
    assert_true(WIFSIGNALED(status));
    return n;
}

/* Faults 1 to 5: kill -9 at any time. */
static void test_killed_at_any_time(void **state)
{
    struct fixture *f = fixture_new("sqlite");
    struct id *ids = memory_array(200000, sizeof *ids);
    size_t count = 0;
    unsigned seed = 26;

    (void)state;
    for (int round = 0; round < 15; round++) {
        struct store_head h;
        struct content c;

        store_close(&f->store);
        count +=
            kill_after(f->path, (useconds_t)(rand_r(&seed) % 30000), ids + count, 200000 - count);
        assert_int_equal(fixture_open(f, NULL, NULL), 0);
        assert_int_equal(f->found.missing, 0);
        assert_in_range(f->found.orphans, 0, 1);
        for (size_t i = 0; i < count; i++) {
            arena_clear(f->arena);
            assert_int_equal(fixture_load(f, &ids[i], &h, &c), STORE_GOT);
            if (c.fd >= 0)
                close(c.fd);
        }
        assert_in_range(fixture_count(f), count, count + (size_t)round + 1);
    }
    free(ids);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_and_full),
        cmocka_unit_test(test_every_sync_fails),
        cmocka_unit_test(test_every_write_fails),
        cmocka_unit_test(test_disk_full_at_every_write),
        cmocka_unit_test(test_power_cut_at_every_moment),
        cmocka_unit_test(test_killed_at_any_time),
    };

    memset(body, 'b', sizeof body);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
