#include "maildir/maildir.h"

#include "base/memory.h"
#include "maildir/vsize.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define OURS(n) "176385600" n ".01kb3xq6v80123456789abcde" n "_0.mx"

static char root[64];
static struct maildir *box;
static struct arena *arena;

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *f)
{
    (void)s;
    (void)flag;
    (void)f;
    return remove(path);
}

static char *path_of(const char *rest)
{
    static char path[2][700];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/ann/%s", root, rest);
    return path[turn];
}

static int make_box(void **state)
{
    struct error e;

    (void)state;
    strcpy(root, "/tmp/port26-maildir-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    arena = arena_new();
    return maildir_open(root, SPAN("ann"), true, &box, &e);
}

static int drop_box(void **state)
{
    (void)state;
    maildir_close(&box);
    arena_free(&arena);
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *rest, const char *content)
{
    FILE *f = fopen(path_of(rest), "w");

    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

static struct maildir_message *list(size_t want)
{
    struct maildir_message *all;
    struct error e = {0};
    size_t n;

    assert_int_equal(maildir_list(box, arena, &all, &n, &e), 0);
    assert_int_equal(n, want);
    return all;
}

static void expect_measure(uint64_t octets, uint64_t messages)
{
    struct maildir_sum sum;
    struct error e = {0};

    assert_int_equal(maildir_measure(box, true, &sum, &e), 0);
    assert_int_equal(sum.octets, octets);
    assert_int_equal(sum.messages, messages);
}

/* ---- list ---- */

static void test_list(void **state)
{
    struct maildir_message *all;

    (void)state;
    list(0);
    put("cur/" OURS("3") ",S=5,W=7:2,S", "a\nb\nc");
    put("new/" OURS("1") ",S=3,W=4", "aa\n");
    put("cur/99.foreign,S=4,W=5:2,", "a\nbb"); /* the last line has no end */
    put("new/1763856002.M1P2.host", "a\nb\r\n\n");
    put("tmp/1.unfinished", "x");
    put("new/.hidden", "x");
    assert_int_equal(mkdir(path_of("new/100.folder"), 0700), 0);
    assert_int_equal(mkfifo(path_of("cur/101.fifo"), 0600), 0);
    assert_int_equal(symlink("/etc/passwd", path_of("cur/102.link")), 0);
    all = list(4);
    assert_true(span_is(all[0].uid, "99.foreign"));
    assert_int_equal(all[0].octets, 7);
    assert_int_equal(all[0].size, 4);
    assert_true(span_is(all[1].uid, OURS("1")));
    assert_int_equal(all[1].octets, 4);
    assert_int_equal(all[1].folder, MAILDIR_NEW);
    assert_true(span_is(all[2].uid, "1763856002.M1P2.host"));
    assert_int_equal(all[2].octets, 8);
    assert_int_equal(all[2].size, 6);
    assert_true(span_is(all[3].name, OURS("3") ",S=5,W=7:2,S"));
    assert_int_equal(all[3].octets, 7);
    expect_measure(5 + 3 + 4 + 6, 4);
}

/* Every change of others moves the stamp, what is no folder of mail does not. */
static void test_stamp(void **state)
{
    static const char *const moves[] = {"cur/1", "new/2", ".Sent/cur/3", ".Sent/new/4"};
    struct maildir_stamp was, is;
    struct error e = {0};

    (void)state;
    assert_int_equal(mkdir(path_of(".Sent"), 0700), 0);
    assert_int_equal(mkdir(path_of(".Sent/cur"), 0700), 0);
    assert_int_equal(mkdir(path_of(".Sent/new"), 0700), 0);
    for (size_t i = 0; i < COUNT(moves); i++) {
        assert_int_equal(maildir_stamp(box, &was, &e), 0);
        usleep(20000); /* the grain of the file system's clock */
        put("tmp/1.x", "x");
        put("dovecot.index", "x");
        put(moves[i], "x");
        assert_int_equal(maildir_stamp(box, &is, &e), 0);
        assert_true((was.arrived != is.arrived) == (i == 1)); /* the inbox's new/ stands apart */
        assert_true((was.rest != is.rest) == (i != 1));
        assert_true(is.newest > was.newest);
        assert_int_equal(maildir_stamp(box, &was, &e), 0);
        assert_true(was.rest == is.rest && was.arrived == is.arrived && was.newest == is.newest);
    }
    move(".Sent", ".Sent.2");
    assert_int_equal(maildir_stamp(box, &is, &e), 0);
    assert_int_not_equal(was.rest, is.rest);
}

static bool kept(void)
{
    return access(path_of("port26-sizes"), F_OK) == 0;
}

/* What was read of files once is not read again: files that hold something else now show it. */
static void test_sizes_are_kept(void **state)
{
    char name[80];
    struct maildir_message *all;
    struct error e = {0};

    (void)state;
    for (int i = 10; i < 50; i++) {
        snprintf(name, sizeof name, "new/%d.M1P2.host", i);
        put(name, "a\nb\n");
    }
    put("cur/60.mine,S=4,W=6:2,S", "a\nb\n");
    list(41);
    assert_true(kept());
    put("new/11.M1P2.host", "longer\n");
    put("cur/60.mine,S=4,W=6:2,S", "a\nbb");
    move("new/12.M1P2.host", "cur/12.M1P2.host:2,S");
    assert_int_equal(unlink(path_of("new/13.M1P2.host")), 0);
    put("new/14.M3P4.host", "another");
    all = list(41);
    for (int i = 0; i < 41; i++) {
        assert_int_equal(all[i].octets, i == 4 ? 9 : 6);
        assert_int_equal(all[i].size, i == 4 ? 7 : 4);
    }
    assert_true(kept());
    close(maildir_read(box, &all[1], &e)); /* which is not as long as it was: none is believed */
    assert_false(kept());
    assert_int_equal(list(41)[1].octets, 8);
    assert_true(kept());
    expect_measure(39 * 4 + 7 + 7, 41);
}

/* The file goes with the messages it knows, few files are not worth one, and a strange one is left
 * alone. */
static void test_sizes_come_and_go(void **state)
{
    char name[80];

    (void)state;
    put("new/1.few", "a\n");
    list(1);
    assert_false(kept());
    for (int i = 10; i < 50; i++) {
        snprintf(name, sizeof name, "new/%d.M1P2.host", i);
        put(name, "a\nb\n");
    }
    list(41);
    assert_true(kept());
    for (int i = 10; i < 50; i++) {
        snprintf(name, sizeof name, "new/%d.M1P2.host", i);
        assert_int_equal(unlink(path_of(name)), 0);
    }
    list(1);
    assert_int_equal(unlink(path_of("new/1.few")), 0);
    list(0);
    assert_false(kept());
    put("new/1.few", "a\n");
    assert_int_equal(symlink("/etc/passwd", path_of("port26-sizes")), 0);
    assert_int_equal(list(1)->octets, 3);
    assert_int_equal(unlink(path_of("port26-sizes")), 0);
    assert_int_equal(mkfifo(path_of("port26-sizes"), 0600), 0);
    assert_int_equal(list(1)->octets, 3);
}

/* A program died between its two names for one message: it is shown once, where it is read. */
static void test_twice(void **state)
{
    struct maildir_message *all;

    (void)state;
    put("new/5.a", "1");
    put("cur/5.a:2,S", "1");
    put("cur/5.b,S=1:2,S", "1");
    all = list(2);
    assert_true(span_is(all[0].name, "5.a:2,S"));
    assert_true(span_is(all[1].uid, "5.b"));
}

static void test_no_inbox_yet(void **state)
{
    struct maildir *none;
    struct maildir_message *all,
        gone = {.uid = SPAN("5.a"), .name = SPAN("5.a"), .folder = MAILDIR_NEW};
    struct maildir_sum sum = {1, 1};
    struct error e = {0};
    size_t n = 1;

    (void)state;
    assert_int_equal(maildir_open(root, SPAN("bob"), false, &none, &e), 0);
    assert_int_equal(maildir_list(none, arena, &all, &n, &e), 0);
    assert_int_equal(n, 0);
    assert_int_equal(maildir_measure(none, true, &sum, &e), 0);
    assert_int_equal(sum.octets + sum.messages, 0);
    assert_int_equal(maildir_read(none, &gone, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(maildir_remove(none, &gone, 1, &sum, &e), 0);
    maildir_note(none, 1, 1);
    assert_int_equal(maildir_fd(none, MAILDIR_NEW), -1);
    maildir_close(&none);
    assert_int_equal(access(path_of("../bob"), F_OK), -1);
}

/* HOSTILE 115: refused with words, by an open that makes nothing as by one that makes. */
static void expect_refused(const char *what)
{
    for (int make = 0; make <= 1; make++) {
        struct maildir *m;
        struct error e = {0};

        assert_int_equal(maildir_open(root, SPAN("ann"), make, &m, &e), -1);
        assert_null(m);
        assert_int_equal(e.class, ERROR_TEMPORARY);
        assert_non_null(strstr(e.words, what));
    }
}

static void test_hostile_folders(void **state)
{
    struct maildir *m;
    struct error e = {0};

    (void)state;
    assert_int_equal(rmdir(path_of("cur")), 0);
    assert_int_equal(symlink("new", path_of("cur")), 0);
    expect_refused("cur is a link or no folder");
    unlink(path_of("cur"));
    assert_int_equal(mkfifo(path_of("cur"), 0600), 0);
    expect_refused("cur is a link or no folder");
    unlink(path_of("cur"));
    put("cur", "a file");
    expect_refused("cur is a link or no folder");
    unlink(path_of("cur"));
    assert_int_equal(mkdir(path_of("cur"), 0700), 0);
    assert_int_equal(chmod(path_of("cur"), 0777), 0);
    expect_refused("cur may be written to by others");
    assert_int_equal(chmod(path_of("cur"), 0700), 0);
    assert_int_equal(chmod(path_of(""), 0720), 0);
    expect_refused("ann may be written to by others");
    assert_int_equal(chmod(path_of(""), 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path_of("new"), 12345, 12345), 0);
        expect_refused("new belongs to another user");
        assert_int_equal(chown(path_of("new"), 0, 0), 0);
    }
    assert_int_equal(symlink("ann", path_of("../bob")), 0);
    assert_int_equal(maildir_open(root, SPAN("bob"), false, &m, &e), -1);
    assert_int_equal(maildir_open(root, SPAN("../ann"), false, &m, &e), -1);
    assert_int_equal(maildir_open("/tmp/port26-no-such-root", SPAN("ann"), false, &m, &e), -1);
}

/* A subfolder of somebody else's is another's business: what lies behind links does not count. */
static void test_hostile_subfolders(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of(".A"), 0700), 0);
    assert_int_equal(symlink("../cur", path_of(".A/cur")), 0);
    assert_int_equal(mkfifo(path_of(".A/new"), 0600), 0);
    put(".B", "no folder");
    put("cur/1.a,S=3,W=4", "1a\n");
    assert_int_equal(link(path_of("cur/1.a,S=3,W=4"), path_of("cur/1.b,S=3,W=4")), 0); /* a copy */
    expect_measure(6, 2);
    list(2);
}

/* ---- read and remove, while others move ---- */

static void expect_content(const struct maildir_message *m, const char *want)
{
    struct error e = {0};
    char got[100] = "";
    int fd = maildir_read(box, m, &e);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof got - 1), strlen(want));
    assert_string_equal(got, want);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(fd);
}

static void expect_gone(const struct maildir_message *m)
{
    struct error e = {0};

    assert_int_equal(maildir_read(box, m, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_true(e.words[0]);
}

static void test_moved(void **state)
{
    struct maildir_message *all, *later;

    (void)state;
    put("new/1.a,S=3,W=4", "1a\n");
    put("new/1.b,S=3,W=4", "1b\n");
    put("cur/1.c,S=3,W=4:2,", "1c\n");
    put("cur/1.d,S=3,W=4:2,", "1d\n");
    all = list(4);
    move("new/1.a,S=3,W=4", "cur/1.a,S=3,W=4:2,");   /* seen by Dovecot */
    move("new/1.b,S=3,W=4", "cur/1.b,S=3,W=4:2,RS"); /* and flagged */
    move("cur/1.c,S=3,W=4:2,", "cur/1.c:2,S");       /* its sizes taken away */
    unlink(path_of("cur/1.d,S=3,W=4:2,"));
    put("new/1.e,S=3,W=4", "1e\n"); /* delivered later */
    expect_content(&all[0], "1a\n");
    expect_content(&all[1], "1b\n");
    expect_content(&all[2], "1c\n");
    expect_gone(&all[3]);
    move("cur/1.b,S=3,W=4:2,RS", "cur/1.b,S=3,W=4:2,S"); /* once more, after a look */
    expect_content(&all[1], "1b\n");
    unlink(path_of("cur/1.b,S=3,W=4:2,S"));
    expect_gone(&all[1]);
    later = list(3);
    assert_true(span_eq(later[0].uid, all[0].uid));
    assert_true(span_eq(later[1].uid, all[2].uid));
    assert_true(span_is(later[2].uid, "1.e"));
}

/* The name stands for something else now: nobody waits for a FIFO, nobody follows a link. */
static void test_read_hostile(void **state)
{
    struct maildir_message *all;
    struct error e = {0};

    (void)state;
    put("new/1.a,S=3,W=4", "1a\n");
    all = list(1);
    unlink(path_of("new/1.a,S=3,W=4"));
    assert_int_equal(symlink("/etc/passwd", path_of("new/1.a,S=3,W=4")), 0);
    assert_int_equal(maildir_read(box, all, &e), -1);
    assert_int_not_equal(e.sys, ENOENT);
    unlink(path_of("new/1.a,S=3,W=4"));
    assert_int_equal(mkfifo(path_of("new/1.a,S=3,W=4"), 0600), 0);
    assert_int_equal(maildir_read(box, all, &e), -1);
    unlink(path_of("new/1.a,S=3,W=4"));
    if (geteuid() == 0) {
        put("new/1.a,S=3,W=4", "1a\n");
        assert_int_equal(chown(path_of("new/1.a,S=3,W=4"), 12345, 12345), 0);
        assert_int_equal(maildir_read(box, all, &e), -1);
    }
}

static void test_remove(void **state)
{
    struct maildir_message *all;
    struct maildir_sum freed;
    struct error e = {0};

    (void)state;
    put("new/1.a,S=3,W=4", "1a\n");
    put("new/1.b,S=3,W=4", "1b\n");
    put("cur/1.c,S=30,W=40:2,", "1c\n");
    put("new/1.d,S=300,W=400", "1d\n");
    all = list(4);
    unlink(path_of("new/1.b,S=3,W=4"));
    move("new/1.d,S=300,W=400", "cur/1.d,S=300,W=400:2,F");
    assert_int_equal(maildir_remove(box, all, 4, &freed, &e), 0);
    assert_int_equal(freed.octets, 333);
    assert_int_equal(freed.messages, 3);
    list(0);
    assert_int_equal(maildir_remove(box, all, 4, &freed, &e), 0);
    assert_int_equal(freed.messages, 0);
}

/* One that cannot be removed does not keep the others. */
static void test_remove_fails(void **state)
{
    struct maildir_message *all;
    struct maildir_sum freed;
    struct error e = {0};

    (void)state;
    put("cur/1.a,S=3,W=4", "1a\n");
    put("cur/1.b,S=3,W=4", "1b\n");
    all = list(2);
    unlink(path_of("cur/1.a,S=3,W=4"));
    assert_int_equal(mkdir(path_of("cur/1.a,S=3,W=4"), 0700), 0);
    assert_int_equal(maildir_remove(box, all, 2, &freed, &e), -1);
    assert_true(e.words[0]);
    assert_int_equal(freed.messages, 1);
    list(0);
}

/* ---- the sum ---- */

static void age_folders(const char *const *names, size_t n)
{
    struct timespec old[] = {{time(NULL) - 100, 0}, {time(NULL) - 100, 0}};

    for (size_t i = 0; i < n; i++)
        assert_int_equal(utimensat(AT_FDCWD, path_of(names[i]), old, 0), 0);
}

static const char *const folders[] = {"new", "cur", ".Sent/new", ".Sent/cur", ".Trash/cur"};

static void make_folders(void)
{
    static const char *const made[] = {".Sent", ".Sent/new", ".Sent/cur", ".Trash", ".Trash/cur"};

    for (size_t i = 0; i < COUNT(made); i++)
        assert_int_equal(mkdir(path_of(made[i]), 0700), 0);
    put("new/1.a,S=3,W=4", "1a\n");
    put("cur/1.b:2,S", "12345"); /* no size in the name */
    put(".Sent/cur/2.a,S=100:2,S", "1a\n");
    put(".Sent/new/2.b,S=200", "1a\n");
    put(".Trash/cur/3.a,S=1000:2,ST", "1a\n");
    put("maildirfolder", "x"); /* none of them is a message */
    put(".Sent/maildirfolder", "x");
    put(".Sent/dovecot.index.log", "x");
    assert_int_equal(symlink("/etc", path_of(".Elsewhere")), 0);
    age_folders(folders, COUNT(folders));
}

static const char *maildirsize(void)
{
    static char text[70000];
    FILE *f = fopen(path_of("maildirsize"), "r");

    if (!f)
        return NULL;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void test_measure(void **state)
{
    (void)state;
    expect_measure(0, 0);
    make_folders();
    expect_measure(1308, 5);
    assert_null(maildirsize()); /* never the first */
    put("maildirsize", "5000S\n77 7\n");
    expect_measure(77, 7); /* younger than all folders: true */
    assert_string_equal(maildirsize(), "5000S\n77 7\n");
    put("maildirsize", "5000S\nrubbish\n");
    expect_measure(1308, 5);
}

/* Older than a folder: counted, and written when nothing changed for a while. */
static void test_measure_stale(void **state)
{
    struct timespec older[] = {{time(NULL) - 200, 0}, {time(NULL) - 200, 0}};

    (void)state;
    make_folders();
    put("maildirsize", "5000S,9C\n77 7\n");
    assert_int_equal(utimensat(AT_FDCWD, path_of("maildirsize"), older, 0), 0);
    expect_measure(1308, 5);
    assert_string_equal(maildirsize(), "5000S,9C\n1308 5\n");
    expect_measure(1308, 5);
    put(".Sent/new/2.c,S=7", "1a\n"); /* and not noted */
    assert_int_equal(utimensat(AT_FDCWD, path_of("maildirsize"), older, 0), 0);
    expect_measure(1315, 6);
    assert_string_equal(maildirsize(), "5000S,9C\n1308 5\n"); /* no quiet moment */
}

/* A delivery was broken off between file and line, and the next one noted itself: the file is
 * young, and not true. */
static void test_measure_in_doubt(void **state)
{
    struct timespec older[] = {{time(NULL) - 200, 0}, {time(NULL) - 200, 0}};
    struct maildir_sum sum;
    struct error e = {0};

    (void)state;
    make_folders();
    put("maildirsize", "5000S\n1300 4\n");
    expect_measure(1300, 4);
    assert_int_equal(maildir_measure(box, false, &sum, &e), 0);
    assert_true(sum.octets == 1308 && sum.messages == 5);
    assert_string_equal(maildirsize(), "5000S\n1308 5\n"); /* all has been quiet */
    put("maildirsize", "5000S\n1300 4\n");
    put(".Sent/new/2.c,S=7", "1a\n");
    assert_int_equal(maildir_measure(box, false, &sum, &e), 0);
    assert_true(sum.octets == 1315 && sum.messages == 6);
    assert_null(maildirsize());
    put("maildirsize", "5000S\n1315 6\n"); /* a right one stays */
    assert_int_equal(utimensat(AT_FDCWD, path_of("maildirsize"), older, 0), 0);
    assert_int_equal(maildir_measure(box, false, &sum, &e), 0);
    assert_string_equal(maildirsize(), "5000S\n1315 6\n");
}

static void test_note(void **state)
{
    struct maildir_message *all;
    struct maildir_sum freed;
    struct error e = {0};

    (void)state;
    maildir_note(box, 5, 1);
    assert_null(maildirsize());
    put("new/1.a,S=3,W=4", "1a\n");
    put("new/1.b,S=4,W=6", "1a\n\n");
    put("maildirsize", "5S\n7 2\n");
    all = list(2);
    assert_int_equal(maildir_remove(box, all, 1, &freed, &e), 0);
    assert_string_equal(maildirsize(), "5S\n7 2\n-3 -1\n");
    maildir_note(box, 10, 1);
    assert_string_equal(maildirsize(), "5S\n7 2\n-3 -1\n10 1\n");
    expect_measure(14, 2);
}

/* Longer than the description allows: not believed, and in a quiet moment written anew; far too
 * long: taken away. */
static void test_long(void **state)
{
    FILE *f;

    (void)state;
    make_folders();
    put("maildirsize", "5S\n77 7\n");
    f = fopen(path_of("maildirsize"), "a");
    for (int i = 0; i < 2000; i++)
        fputs("0 0\n", f);
    fclose(f);
    expect_measure(1308, 5);
    assert_string_equal(maildirsize(), "5S\n1308 5\n");
    f = fopen(path_of("maildirsize"), "a");
    for (int i = 0; i < 20000; i++)
        fputs("0 0\n", f);
    fclose(f);
    maildir_note(box, 1, 1);
    assert_null(maildirsize());
}

/* A maildirsize that is no file of ours is neither read nor written. */
static void test_note_hostile(void **state)
{
    char other[800];

    (void)state;
    make_folders();
    put("elsewhere", "5S\n1 1\n");
    assert_int_equal(symlink("elsewhere", path_of("maildirsize")), 0);
    maildir_note(box, 10, 1);
    expect_measure(1308, 5);
    unlink(path_of("maildirsize"));
    assert_int_equal(mkfifo(path_of("maildirsize"), 0600), 0);
    maildir_note(box, 10, 1);
    expect_measure(1308, 5);
    snprintf(other, sizeof other, "%s", path_of("elsewhere"));
    assert_int_equal(access(other, F_OK), 0);
    unlink(path_of("maildirsize"));
    move("elsewhere", "maildirsize");
    assert_string_equal(maildirsize(), "5S\n1 1\n");
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, make_box, drop_box)
    const struct CMUnitTest tests[] = {
        FRESH(test_list),
        FRESH(test_stamp),
        FRESH(test_twice),
        FRESH(test_sizes_are_kept),
        FRESH(test_sizes_come_and_go),
        FRESH(test_no_inbox_yet),
        FRESH(test_moved),
        FRESH(test_remove),
        FRESH(test_read_hostile),
        FRESH(test_remove_fails),
        FRESH(test_measure),
        FRESH(test_measure_stale),
        FRESH(test_measure_in_doubt),
        FRESH(test_note),
        FRESH(test_long),
        FRESH(test_note_hostile),
        FRESH(test_hostile_folders),
        FRESH(test_hostile_subfolders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
