/* A file that another program renames while the folder is read, and that the file system therefore
 * does not show. */
#include <dirent.h>

static struct dirent *readdir_that_misses(DIR *d);
#define readdir readdir_that_misses
#include "maildir/maildir_scan.c"
#undef readdir

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static char root[64];
static int misses; /* so many reads of the name "5.moving" do not see it, because it moves then */
static int reads;

static char *path_of(const char *name)
{
    static char path[2][400];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/ann/cur/%.300s", root, name);
    return path[turn];
}

static struct dirent *readdir_that_misses(DIR *d)
{
    struct dirent *entry = readdir(d);
    char to[100];

    if (!entry || strncmp(entry->d_name, "5.moving", 8) || !misses)
        return entry;
    misses--;
    reads++;
    snprintf(to, sizeof to, "5.moving:2,%d", reads);
    assert_int_equal(rename(path_of(entry->d_name), path_of(to)), 0);
    return readdir_that_misses(d);
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *f)
{
    (void)s;
    (void)flag;
    (void)f;
    return remove(path);
}

static struct maildir *make_box(void)
{
    struct timespec old[] = {{time(NULL) - 100, 0}, {time(NULL) - 100, 0}};
    struct maildir *m;
    struct error e;

    strcpy(root, "/tmp/port26-scan-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(maildir_open(root, SPAN("ann"), true, &m, &e), 0);
    fclose(fopen(path_of("5.moving"), "w"));
    fclose(fopen(path_of("6.still"), "w"));
    assert_int_equal(utimensat(AT_FDCWD, path_of(""), old, 0), 0);
    reads = 0;
    return m;
}

static void drop_box(struct maildir *m)
{
    maildir_close(&m);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_scan(void **state)
{
    struct maildir *m = make_box();
    struct arena *a = arena_new();
    struct maildir_entry *entries;
    size_t n;

    (void)state;
    misses = 2;
    assert_int_equal(maildir_scan(m, a, &entries, &n), 0);
    assert_int_equal(misses, 0);
    assert_int_equal(n, 2);
    assert_true(span_is(entries[0].name, "5.moving:2,2"));
    free(entries);
    arena_free(&a);
    drop_box(m);
}

static void test_find(void **state)
{
    struct maildir *m = make_box();
    struct arena *a = arena_new();
    enum maildir_folder folder;
    struct span name;

    (void)state;
    misses = 2;
    assert_true(maildir_find(m, SPAN("5.moving"), a, &name, &folder));
    assert_int_equal(folder, MAILDIR_CUR);
    assert_false(maildir_find(m, SPAN("5.movin"), a, &name, &folder));
    arena_free(&a);
    drop_box(m);
}

/* The same look answers until the folders change. */
static void test_locate(void **state)
{
    struct timespec old[] = {{time(NULL) - 50, 0}, {time(NULL) - 50, 0}};
    struct maildir *m = make_box();
    const struct maildir_entry *first;

    (void)state;
    misses = 0;
    utimensat(AT_FDCWD, path_of("../new"), old, 0);
    first = maildir_locate(m, SPAN("5.moving"), 0);
    assert_non_null(first);
    assert_ptr_equal(maildir_locate(m, SPAN("5.moving"), 0), first);
    assert_null(maildir_locate(m, SPAN("7.none"), 0));
    assert_int_equal(rename(path_of("5.moving"), path_of("5.moving:2,S")), 0);
    assert_true(span_is(maildir_locate(m, SPAN("5.moving"), 60000)->name, "5.moving"));
    assert_true(span_is(maildir_locate(m, SPAN("5.moving"), 0)->name, "5.moving:2,S"));
    unlink(path_of("5.moving:2,S"));
    assert_null(maildir_locate(m, SPAN("5.moving"), 0));
    drop_box(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_locate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
