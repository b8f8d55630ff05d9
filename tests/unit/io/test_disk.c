#include "io/disk.h"

#include "io/fiber.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct loop *loop;
    struct disk *disk;
    int fd;
    unsigned ends;
    void (*reads)(struct scene *s);
};

static void run(void *arg)
{
    struct scene *s = arg;

    s->reads(s);
    s->ends++;
}

static void play(int fd, void (*reads)(struct scene *s), unsigned fibers)
{
    struct scene s = {.loop = loop_new(), .fd = fd, .reads = reads};

    s.disk = disk_new(s.loop);
    for (unsigned i = 0; i < fibers; i++)
        assert_non_null(fiber_start(s.loop, run, &s));
    loop_run(s.loop);
    assert_int_equal(s.ends, fibers);
    disk_free(&s.disk);
    assert_null(s.disk);
    loop_free(&s.loop);
}

static void by_pieces(struct scene *s)
{
    char got[11] = "";
    ssize_t n;

    for (off_t at = 0; (n = disk_read(s->disk, s->fd, got + at, 4, at)) != 0; at += n)
        assert_in_range(n, 1, 4);
    assert_string_equal(got, "0123456789");
    assert_int_equal(disk_read(s->disk, s->fd, got, 4, 100), 0);
    assert_int_equal(disk_read(s->disk, -1, got, 4, 0), -EBADF);
}

static void a_file(void **state)
{
    FILE *f = tmpfile();

    (void)state;
    assert_non_null(f);
    assert_int_equal(fputs("0123456789", f) >= 0 && fflush(f) == 0, 1);
    play(fileno(f), by_pieces, 20);
    fclose(f);
}

/* Files of /proc never come at once. */
static void by_threads(struct scene *s)
{
    char got[8] = "", first[8] = "";

    assert_int_equal(disk_read(s->disk, s->fd, first, 5, 0), 5);
    assert_string_equal(first, "Linux");
    assert_int_equal(disk_read(s->disk, s->fd, got, 4, 1), 4);
    assert_string_equal(got, "inux");
}

static void a_file_that_must_be_waited_for(void **state)
{
    int fd = open("/proc/version", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    play(fd, by_threads, 50);
    close(fd);
}

static void no_file(struct scene *s)
{
    char got[4];

    assert_int_equal(disk_read(s->disk, s->fd, got, sizeof got, 0), -ESPIPE);
}

static void a_pipe(void **state)
{
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    play(fd[0], no_file, 1);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file),
                                       cmocka_unit_test(a_file_that_must_be_waited_for),
                                       cmocka_unit_test(a_pipe)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
