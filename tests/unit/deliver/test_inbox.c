#include "deliver/inbox.c" /* for the statics of the content */

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <signal.h>
#include <cmocka.h>

static char root[64];
static uint64_t stored; /* what the last delivery told */

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
    strcpy(root, "/tmp/port26-inbox-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_of(const char *rest)
{
    static char path[600];

    snprintf(path, sizeof path, "%s/%s", root, rest);
    return path;
}

struct order {
    struct recipient to[2];
    uint32_t numbers[2];
    struct job job;
    struct inbox_target target;
};

static void make_order(struct order *o, const char *body)
{
    *o = (struct order){
        .to = {{.address = SPAN("ann@example.org")}, {.address = SPAN("bob@example.org")}},
        .numbers = {3, 7}};
    o->job = (struct job){.attempt = 1, .numbers = o->numbers, .kind = ROUTE_INBOX};
    o->job.envelope = (struct envelope){
        .id = id_new(), .sender = SPAN("eve@example.net"), .recipients = o->to, .count = 2};
    o->job.content =
        (struct content){.prefix = SPAN("Received: x\r\n"), .body = span_of(body), .fd = -1};
    o->target =
        (struct inbox_target){.root = root, .account = SPAN("ann"), .hostname = "mx.example.org"};
}

/* The only file of a folder of ann's, read whole; "" when there is none; fails on two. */
static const char *only_file(const char *folder, char *name)
{
    static char bytes[1 << 16];
    char path[800];
    struct dirent *entry;
    DIR *d;
    int files = 0;

    snprintf(path, sizeof path, "%s/ann/%s", root, folder);
    d = opendir(path);
    assert_non_null(d);
    bytes[0] = '\0';
    while ((entry = readdir(d))) {
        FILE *f;

        if (entry->d_name[0] == '.')
            continue;
        files++;
        if (name)
            strcpy(name, entry->d_name);
        snprintf(path, sizeof path, "%s/ann/%s/%s", root, folder, entry->d_name);
        f = fopen(path, "r");
        assert_non_null(f);
        bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
        fclose(f);
    }
    closedir(d);
    assert_true(files <= 1);
    return bytes;
}

static void test_delivers(void **state)
{
    struct order o;
    struct error e = {0};
    char name[300], id[ID_TEXT + 1], want[300];
    struct stat s;

    (void)state;
    make_order(&o, "Subject: hi\r\n\r\n.one\r\nlone\rcr\r\r\nend");
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_string_equal(only_file("new", name),
                        "Return-Path: <eve@example.net>\nDelivered-To: ann@example.org\n"
                        "Received: x\nSubject: hi\n\n.one\nlone\rcr\r\nend\n");
    id_text(&o.job.envelope.id, id);
    /* eight lines' ends, one of them a CR LF already */
    snprintf(want, sizeof want, "%lld.%s_3.mx.example.org,S=104,W=111",
             (long long)(born(&o.job.envelope.id) / 1000), id);
    assert_int_equal(stored, 104);
    assert_string_equal(name, want);
    assert_string_equal(only_file("tmp", NULL), "");
    assert_int_equal(stat(path_of("ann"), &s), 0);
    assert_int_equal(s.st_mode & 07777, 0700);
    assert_int_equal(llabs(born(&o.job.envelope.id) - clock_wall()) < 60000, 1);
}

static void test_from_file(void **state)
{
    struct order o;
    struct error e = {0};
    FILE *f = tmpfile();
    struct stat s;
    char name[300];

    (void)state;
    for (int i = 0; i < 100000; i++)
        fputs("a\r\n", f);
    fflush(f);
    make_order(&o, "");
    o.job.content = (struct content){.fd = fileno(f), .size = 300000};
    o.job.envelope.sender = SPAN_NONE;
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_memory_equal(only_file("new", name), "Return-Path: <>\nDelivered-To", 28);
    char rest[400];
    snprintf(rest, sizeof rest, "ann/new/%s", name);
    assert_int_equal(stat(path_of(rest), &s), 0);
    assert_int_equal(s.st_size, 200000 + 16 + 30);
    /* shorter than promised: nothing is left */
    make_order(&o, "");
    o.target.account = SPAN("bob");
    o.job.content = (struct content){.fd = fileno(f), .size = 300001};
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), -1);
    assert_int_equal(rmdir(path_of("bob/new")), 0);
    assert_int_equal(rmdir(path_of("bob/tmp")), 0);
    fclose(f);
}

/* The same delivery again, as after a crash: one file, wherever it went meanwhile. */
static void test_repeated(void **state)
{
    struct order o;
    struct error e = {0};
    char name[300], from[700], to[700], rest[400];
    FILE *f;

    (void)state;
    make_order(&o, "a\r\n");
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    only_file("new", name);
    snprintf(from, sizeof from, "%s/ann/new/%s", root, name);
    snprintf(to, sizeof to, "%s/ann/cur/%s:2,S", root, name);
    assert_int_equal(rename(from, to), 0);
    o.job.attempt = 2;
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_string_equal(only_file("new", NULL), "");
    o.job.attempt = 1;
    clock_shift(5000);
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_string_equal(only_file("new", NULL), "");
    clock_shift(-5000);
    unlink(to);
    /* a half-written leftover in tmp/ does not stand in the way */
    *strchr(name, ',') = '\0';
    snprintf(rest, sizeof rest, "ann/tmp/%s", name);
    f = fopen(path_of(rest), "w");
    fputs("half", f);
    fclose(f);
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    assert_memory_equal(only_file("new", NULL), "Return-Path", 11);
    assert_string_equal(only_file("tmp", NULL), "");
    /* the other recipient of the same message has a file of its own */
    o.target.account = SPAN("bob");
    o.target.recipient = 1;
    assert_int_equal(inbox_deliver(&o.target, &o.job, &stored, &e), 0);
    snprintf(rest, sizeof rest, "bob/new/%s", name);
    *strstr(rest, "_3.") = '\0';
    strcat(rest, "_7.mx.example.org,S=75,W=79");
    assert_int_equal(access(path_of(rest), F_OK), 0);
}

/* HOSTILE 115: each is refused as temporary, with words, and nothing is written through it. */
static void expect_refused(struct order *o)
{
    struct error e = {0};
    struct arena *a = arena_new();
    struct outcome out;

    assert_int_equal(inbox_deliver(&o->target, &o->job, &stored, &e), -1);
    assert_int_equal(e.class, ERROR_TEMPORARY);
    assert_true(e.words[0]);
    out = inbox_outcome(&o->target, &o->job, a);
    assert_int_equal(out.account.len, 0);
    assert_int_equal(out.stored, 0);
    assert_int_equal(out.kind, OUTCOME_LATER);
    assert_int_equal(out.stage, STAGE_INBOX);
    assert_int_equal(out.status.class, 4);
    arena_free(&a);
}

static void test_hostile_folders(void **state)
{
    struct order o;
    char elsewhere[] = "/tmp/port26-else-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(elsewhere));
    make_order(&o, "a\r\n");
    assert_int_equal(symlink(elsewhere, path_of("ann")), 0);
    expect_refused(&o);
    unlink(path_of("ann"));
    assert_int_equal(mkfifo(path_of("ann"), 0600), 0);
    expect_refused(&o);
    unlink(path_of("ann"));
    assert_int_equal(mkdir(path_of("ann"), 0700), 0);
    assert_int_equal(chmod(path_of("ann"), 0777), 0);
    expect_refused(&o);
    assert_int_equal(chmod(path_of("ann"), 0700), 0);
    assert_int_equal(symlink(elsewhere, path_of("ann/new")), 0);
    expect_refused(&o);
    unlink(path_of("ann/new"));
    assert_int_equal(mkfifo(path_of("ann/cur"), 0600), 0);
    expect_refused(&o);
    unlink(path_of("ann/cur"));
    if (geteuid() == 0) {
        assert_int_equal(chown(path_of("ann"), 12345, 12345), 0);
        expect_refused(&o);
        assert_int_equal(chown(path_of("ann"), 0, 0), 0);
    }
    o.target.root = "/tmp/port26-there-is-no-such-folder";
    expect_refused(&o);
    assert_int_equal(rmdir(elsewhere), 0); /* still empty */
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", ".hidden", "../other", "a/b", "a\nb", "a\x7f"};
    struct order o;

    (void)state;
    make_order(&o, "a\r\n");
    for (size_t i = 0; i < COUNT(bad); i++) {
        o.target.account = span_of(bad[i]);
        expect_refused(&o);
    }
    o.target.account = (struct span){"user\0x", 6};
    expect_refused(&o);
}

/* A disk that fills up in the middle: told as such, and the partial file is gone (P2). */
static void test_no_space(void **state)
{
    struct rlimit old, small = {4096, RLIM_INFINITY};
    static char big[20000];
    struct order o;
    struct error e = {0};
    int rc;

    (void)state;
    memset(big, 'a', sizeof big - 1);
    make_order(&o, big);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &small);
    rc = inbox_deliver(&o.target, &o.job, &stored, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(rc, -1);
    assert_int_equal(e.class, ERROR_TEMPORARY);
    assert_string_equal(only_file("tmp", NULL), "");
    assert_string_equal(only_file("new", NULL), "");
    maildir_failed(&e, o.target.account, "tmp", ENOSPC);
    assert_string_equal(e.enhanced, "4.3.1");
    maildir_failed(&e, o.target.account, "tmp", EDQUOT);
    assert_string_equal(e.enhanced, "4.2.2");
}

static void test_outcome(void **state)
{
    struct arena *a = arena_new();
    struct order o;
    struct outcome out;

    (void)state;
    make_order(&o, "");
    out = inbox_outcome(&o.target, &o.job, a);
    assert_int_equal(out.kind, OUTCOME_DELIVERED);
    assert_int_equal(out.status.class, 2);
    assert_true(span_is(out.words, "Put into the inbox of ann."));
    assert_true(span_is(out.account, "ann"));
    assert_int_equal(out.stored, strlen(only_file("new", NULL)));
    arena_free(&a);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)
    const struct CMUnitTest tests[] = {
        FRESH(test_delivers),        FRESH(test_from_file), FRESH(test_repeated),
        FRESH(test_hostile_folders), FRESH(test_names),     FRESH(test_no_space),
        FRESH(test_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
