#include "base/file.h"

#include "base/memory.h"

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

enum { LARGE = 100000 };

static int scratch(void)
{
    char name[] = "/tmp/port26-file-XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

static void what_is_written_is_read(void **state)
{
    static const size_t sizes[] = {0, 1, 16384, 16385, LARGE};
    char *bytes = memory_alloc(LARGE);

    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 7);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct text t = TEXT_INIT(LARGE);
        int fd = scratch();

        assert_int_equal(file_write(fd, (struct span){bytes, sizes[i]}), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(file_read(fd, &t), 0);
        assert_true(span_eq(text_span(&t), (struct span){bytes, sizes[i]}));
        text_free(&t);
        close(fd);
    }
    free(bytes);
}

static void what_is_too_large_is_told(void **state)
{
    struct text t = TEXT_INIT(4);
    int fd = scratch();

    (void)state;
    assert_int_equal(file_write(fd, SPAN("12345")), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(file_read(fd, &t), -EFBIG);
    text_free(&t);
    close(fd);
}

static void failures_are_told(void **state)
{
    struct text t = TEXT_INIT(4);
    int full = open("/dev/full", O_WRONLY), folder = open("/", O_RDONLY);

    (void)state;
    assert_int_equal(file_write(full, SPAN("x")), -ENOSPC);
    assert_int_equal(file_write(folder, SPAN("x")), -EBADF);
    assert_int_equal(file_read(folder, &t), -EISDIR);
    close(full);
    close(folder);
}

static void what_is_replaced_is_whole(void **state)
{
    char folder[] = "/tmp/port26-file-XXXXXX", file[64], fresh[64];
    struct text t = TEXT_INIT(100);
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/a", folder);
    snprintf(fresh, sizeof fresh, "%s/a.new", folder);
    assert_int_equal(file_replace(file, fresh, SPAN("the first, which is longer")), 0);
    assert_int_equal(file_replace(file, fresh, SPAN("second")), 0);
    assert_int_equal(access(fresh, F_OK), -1);
    fd = open(file, O_RDONLY);
    assert_int_equal(file_read(fd, &t), 0);
    assert_true(span_is(text_span(&t), "second"));
    close(fd);
    text_free(&t);
    assert_int_equal(symlink(file, fresh), 0);
    assert_int_equal(file_replace(file, fresh, SPAN("x")), -ELOOP);
    unlink(fresh);
    unlink(file);
    assert_int_equal(file_replace("/nowhere/a", "/nowhere/b", SPAN("x")), -ENOENT);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_too_large_is_told),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(what_is_replaced_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
