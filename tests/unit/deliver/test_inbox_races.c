/* One Maildir, and at the same time: deliveries, a mail program that moves and flags as Dovecot
 * does, and a reader that lists, reads and removes. */
#include "deliver/inbox.h"

#include "base/map.h"
#include "base/memory.h"
#include "maildir/maildir.h"
#include "maildir/maildir_name.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { DELIVERERS = 3, EACH = 60, ALL = DELIVERERS * EACH };

static char root[64];
static struct id ids[DELIVERERS][EACH];
static atomic_int delivered, wrong, rest;

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *f)
{
    (void)s;
    (void)flag;
    (void)f;
    return remove(path);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/port26-races-XXXXXX");
    delivered = wrong = 0;
    rest = DELIVERERS;
    return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void *deliver_all(void *arg)
{
    struct recipient to = {.address = SPAN("ann@example.org")};
    struct inbox_target target = {.root = root, .account = SPAN("ann"), .hostname = "mx"};

    for (int i = 0; i < EACH; i++) {
        struct job job = {.attempt = 1, .kind = ROUTE_INBOX};
        struct error e = {0};
        uint64_t stored;

        job.envelope =
            (struct envelope){.id = ((struct id *)arg)[i], .recipients = &to, .count = 1};
        job.content = (struct content){.body = SPAN("a\r\nb"), .fd = -1};
        if (inbox_deliver(&target, &job, &stored, &e) < 0)
            wrong++;
        delivered++;
        usleep(500);
    }
    rest--;
    return NULL;
}

/* Each name gets other flags; what is new moves to cur. */
static void flag_folder(const char *folder, unsigned round)
{
    static const char *const flags[] = {"", "S", "FS", "RS"};
    char path[200], from[600], to[600];
    struct dirent *entry;
    DIR *d;

    snprintf(path, sizeof path, "%s/ann/%s", root, folder);
    d = opendir(path);
    while (d && (entry = readdir(d))) {
        char *colon = strchr(entry->d_name, ':');

        if (entry->d_name[0] == '.' || (unsigned)random() % 4)
            continue;
        snprintf(from, sizeof from, "%s/%s", path, entry->d_name);
        snprintf(to, sizeof to, "%s/ann/cur/%.*s:2,%s", root,
                 (int)(colon ? colon - entry->d_name : (ptrdiff_t)strlen(entry->d_name)),
                 entry->d_name, flags[round % COUNT(flags)]);
        rename(from, to); /* removed meanwhile: nothing to do */
        usleep(50);
    }
    if (d)
        closedir(d);
}

static void *flag_all(void *arg)
{
    (void)arg;
    for (unsigned round = 0; rest > 0; round++) {
        flag_folder("new", round);
        flag_folder("cur", round);
    }
    return NULL;
}

static void begin(pthread_t *threads)
{
    for (int i = 0; i < DELIVERERS * EACH; i++)
        ids[i / EACH][i % EACH] = id_new();
    for (int i = 0; i < DELIVERERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, deliver_all, ids[i]), 0);
    assert_int_equal(pthread_create(&threads[DELIVERERS], NULL, flag_all, NULL), 0);
}

static void end(pthread_t *threads)
{
    for (int i = 0; i <= DELIVERERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
}

static struct maildir *open_box(void)
{
    struct maildir *m;
    struct error e = {0};

    assert_int_equal(maildir_open(root, SPAN("ann"), true, &m, &e), 0);
    return m;
}

/* A list has all that was there before it began, each once, and each can be read. */
static void test_lists(void **state)
{
    pthread_t threads[DELIVERERS + 1];
    struct maildir *m = open_box();
    struct error e = {0};

    (void)state;
    begin(threads);
    while (rest > 0) {
        struct arena *a = arena_new();
        struct map *uids = map_new();
        struct maildir_message *all;
        size_t n, before = (size_t)delivered;

        assert_int_equal(maildir_list(m, a, &all, &n, &e), 0);
        assert_true(n >= before);
        for (size_t i = 0; i < n; i++) {
            assert_null(map_put(uids, all[i].uid, m));
            int fd = maildir_read(m, &all[i], &e);
            assert_true(fd >= 0);
            close(fd);
        }
        map_free(&uids);
        arena_free(&a);
    }
    end(threads);
    maildir_close(&m);
}

/* What was removed and what is left makes all; the sum stays what the files are. */
static void test_removals(void **state)
{
    pthread_t threads[DELIVERERS + 1];
    struct maildir *m = open_box();
    struct maildir_sum gone = {0}, left;
    struct error e = {0};
    char path[200];
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/ann/maildirsize", root);
    f = fopen(path, "w");
    fputs("1000000S\n0 0\n", f);
    fclose(f);
    begin(threads);
    while (rest > 0) {
        struct arena *a = arena_new();
        struct maildir_message *all;
        struct maildir_sum freed;
        size_t n;

        assert_int_equal(maildir_list(m, a, &all, &n, &e), 0);
        assert_int_equal(maildir_remove(m, all, n / 2, &freed, &e), 0);
        gone.octets += freed.octets;
        gone.messages += freed.messages;
        arena_free(&a);
    }
    end(threads);
    assert_int_equal(maildir_measure(m, true, &left, &e), 0);
    assert_int_equal(left.messages + gone.messages, ALL);
    assert_int_equal(left.octets + gone.octets, ALL * strlen("Return-Path: <>\n"
                                                             "Delivered-To: ann@example.org\n"
                                                             "a\nb\n"));
    assert_int_equal(unlink(path), 0); /* the same by looking */
    gone = left;
    assert_int_equal(maildir_measure(m, true, &left, &e), 0);
    assert_memory_equal(&left, &gone, sizeof left);
    maildir_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, make_root, drop_root),
        cmocka_unit_test_setup_teardown(test_removals, make_root, drop_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
