/* Bodies that are files: each system call on the way to the 250 fails once (R1, R2, fault 16, 18).
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>

static struct {
    unsigned calls, fail_at;
    int code;
    unsigned failed;
} faults;

static bool hits(void)
{
    if (++faults.calls != faults.fail_at)
        return false;
    faults.failed++;
    errno = faults.code;
    return true;
}

static int faulty_fsync(int fd)
{
    return hits() ? -1 : fsync(fd);
}

static int faulty_linkat(int a, const char *from, int b, const char *to, int flags)
{
    return hits() ? -1 : linkat(a, from, b, to, flags);
}

static int faulty_mkdirat(int at, const char *name, mode_t mode)
{
    return hits() ? -1 : mkdirat(at, name, mode);
}

#define fsync   faulty_fsync
#define linkat  faulty_linkat
#define mkdirat faulty_mkdirat
#include "store/folder.c"
#undef fsync
#undef linkat
#undef mkdirat

static struct message with_file(struct fixture *f)
{
    struct message m = fixture_message(SPAN_NONE);
    static const char bytes[40000];

    m.content.fd = store_body_file(f->store, NULL);
    m.content.size = sizeof bytes;
    assert_int_equal(write(m.content.fd, bytes, sizeof bytes), sizeof bytes);
    return m;
}

static unsigned bodies;

static void count_body(void *arg, const struct id *id)
{
    (void)arg;
    (void)id;
    bodies++;
}

static unsigned count_bodies(struct fixture *f)
{
    struct folder *folder;
    unsigned strange;

    bodies = 0;
    store_close(&f->store);
    assert_int_equal(folder_open(f->path, &folder, NULL), 0);
    assert_int_equal(folder_bodies(folder, count_body, NULL, &strange, NULL), 0);
    folder_close(&folder);
    return bodies;
}

/* Fails the n-th call; false when there were fewer. */
static bool fail_nth(unsigned n, int code)
{
    struct fixture *f = fixture_new("sqlite");
    struct message m = with_file(f), after = with_file(f);
    struct error e = {0};
    bool fresh, hit;
    int bad;

    faults.calls = faults.failed = 0;
    faults.fail_at = n;
    faults.code = code;
    fixture_begin(f);
    bad = store_put(f->store, &m, 1, &fresh, &e);
    if (!bad)
        bad = store_commit(f->store, &e);
    store_rollback(f->store);
    hit = faults.failed > 0;
    faults.fail_at = 0;
    assert_int_equal(bad != 0, hit);
    if (hit)
        assert_string_equal(e.enhanced, code == ENOSPC || code == EDQUOT ? "4.3.1" : "4.3.0");
    if (store_failed(f->store))
        assert_int_equal(store_reopen(f->store, NULL), 0);
    assert_int_equal(fixture_count(f), hit ? 0 : 1);
    assert_true(fixture_put(f, &after)); /* recovers without a restart */
    close(m.content.fd);
    close(after.content.fd);
    assert_int_equal(count_bodies(f), hit ? 1 : 2); /* nothing partial is left */
    fixture_reopen(f);
    assert_int_equal(f->found.orphans + f->found.missing, 0);
    fixture_free(f);
    return hit;
}

static void test_every_call_fails(void **state)
{
    static const int codes[] = {EIO, ENOSPC, EDQUOT, EROFS, EACCES};

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        unsigned n = 1;

        while (fail_nth(n, codes[i]))
            n++;
        assert_int_equal(n - 1, 5); /* file, shelf, name, body/, shelf's sync */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
