#include "probe/history.h"

#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON 1795000000000LL
#define HOUR (60 * 60 * 1000LL)

static const struct place home = {.key = "0000000000000000000000000000000a", .name = "home"};
static const struct place work = {.key = "0000000000000000000000000000000b", .name = "work"};

/* ---- a folder of the test's own ---- */

static int make(void **state)
{
    char *folder = memory_dup("/tmp/port26-history-XXXXXX");

    *state = mkdtemp(folder);
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    DIR *d = opendir(*state);

    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(*state);
    free(*state);
    return 0;
}

static char *path(const char *folder, const char *name)
{
    static char out[PATH_MAX];

    assert_in_range(snprintf(out, sizeof out, "%s/%s", folder, name), 1, sizeof out - 1);
    return out;
}

static unsigned mode(const char *at)
{
    struct stat s;

    return lstat(at, &s) == 0 ? s.st_mode & 07777 : 0;
}

static void put(const char *at, const char *text)
{
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* ---- findings ---- */

static struct findings seen(uint16_t port, enum findings_state state)
{
    return (struct findings){
        .host = "mail.example.com",
        .control = "mail.example.net",
        .door_count = 1,
        .door = {{.who = WHO_SERVER,
                  .port = port,
                  .state = state,
                  .talk = state == DOOR_OPEN ? TALK_SMTP : TALK_NONE,
                  .tls = state == DOOR_OPEN ? SEALED_YES : SEALED_NO,
                  .verdict = TLS_VERIFIED,
                  .connect_ms = 33}},
    };
}

static void note(const char *folder, const struct place *p, const struct findings *f, int64_t now)
{
    struct error e = {0};
    struct known *k = NULL;

    if (history_note(folder, &k, p, f, now, &e) != 0)
        fail_msg("%s", e.words);
    known_free(&k);
}

static struct known *reopen(const char *folder)
{
    struct error e = {0};
    struct known *k = history_open(folder, &e);

    if (e.class != ERROR_NONE)
        fail_msg("%s", e.words);
    return k;
}

/* ---- the folder and the file ---- */

static void the_folder_is_found(void **state)
{
    static const struct {
        const char *own, *xdg, *home, *folder;
    } rows[] = {
        {"/s", "/x", "/h", "/s"},
        {"", "/x", "/h", "/x/port26"},
        {NULL, "/x", "/h", "/x/port26"},
        {NULL, "relative", "/h", "/h/.local/state/port26"},
        {NULL, NULL, "/h", "/h/.local/state/port26"},
        {NULL, NULL, NULL, ""},
    };
    char out[PATH_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const names[] = {"PORT26_STATE", "XDG_STATE_HOME", "HOME"};
        const char *const values[] = {rows[i].own, rows[i].xdg, rows[i].home};

        for (size_t j = 0; j < COUNT(names); j++)
            if (values[j])
                setenv(names[j], values[j], 1);
            else
                unsetenv(names[j]);
        history_folder(out, sizeof out);
        assert_string_equal(out, rows[i].folder);
    }
    setenv("HOME", "/a/rather/long/one", 1);
    history_folder(out, 20);
    assert_string_equal(out, "");
}

static void nothing_is_no_mistake(void **state)
{
    struct error e = {0};
    struct known *k = history_open("", &e);

    assert_null(known_at(k, 0));
    known_free(&k);
    k = reopen(path(*state, "not/there"));
    assert_null(known_at(k, 0));
    known_free(&k);
    k = reopen(*state);
    assert_null(known_at(k, 0));
    assert_int_equal(mode(path(*state, "places")), 0);
    known_free(&k);
}

static void without_a_folder_nothing_is_noted(void **state)
{
    struct findings f = seen(587, DOOR_OPEN);
    struct known *k = known_new();
    struct error e = {0};

    (void)state;
    assert_int_equal(history_note("", &k, &home, &f, NOON, &e), -1);
    assert_true(e.words[0]);
    known_free(&k);
}

static void it_is_kept_for_its_owner_alone(void **state)
{
    struct findings f = seen(587, DOOR_OPEN);
    char deep[PATH_MAX];
    const struct known_door *d;
    struct known *k;

    span_cstr(span_of(path(*state, "a/b")), deep, sizeof deep);
    umask(0);
    note(deep, &home, &f, NOON);
    umask(022);
    assert_int_equal(mode(deep), 0700);
    assert_int_equal(mode(path(*state, "a")), 0700);
    assert_int_equal(mode(path(deep, "places")), 0600);
    assert_int_equal(mode(path(deep, "places.new")), 0);
    k = reopen(deep);
    d = known_door(k, home.key, SPAN("mail.example.com:587"));
    assert_non_null(d);
    assert_int_equal(d->last, KNOWN_WORKS);
    assert_int_equal(d->ms, 33);
    assert_int_equal(d->at, NOON);
    known_free(&k);
    unlink(path(deep, "places"));
    unlink(path(deep, "places.lock"));
    rmdir(deep);
    rmdir(path(*state, "a"));
}

static void two_runs_lose_nothing(void **state)
{
    struct findings one = seen(587, DOOR_OPEN), other = seen(25, DOOR_SILENT);
    struct known *a = reopen(*state), *b = reopen(*state), *k;

    assert_int_equal(history_note(*state, &a, &home, &one, NOON, NULL), 0);
    assert_int_equal(history_note(*state, &b, &home, &other, NOON + 1, NULL), 0);
    assert_non_null(known_door(b, home.key, SPAN("mail.example.com:587")));
    k = reopen(*state);
    assert_int_equal(known_door(k, home.key, SPAN("mail.example.com:587"))->last, KNOWN_WORKS);
    assert_int_equal(known_door(k, home.key, SPAN("mail.example.com:25"))->last, KNOWN_SHUT);
    known_free(&a);
    known_free(&b);
    known_free(&k);
}

static void who_holds_the_lock_is_not_waited_for_for_ever(void **state)
{
    struct findings f = seen(587, DOOR_OPEN);
    int fd = open(path(*state, "places.lock"), O_RDWR | O_CREAT, 0600);
    struct known *k = known_new();
    struct error e = {0};

    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(history_note(*state, &k, &home, &f, NOON, &e), -1);
    assert_true(e.words[0]);
    close(fd);
    assert_int_equal(history_note(*state, &k, &home, &f, NOON, &e), 0);
    known_free(&k);
}

static void what_does_not_read_is_put_aside(void **state)
{
    static const char *const rows[] = {"nonsense\n", "port26-places\t9\n", "port26-places\t1\nx\n"};
    struct findings f = seen(587, DOOR_OPEN);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error e = {0};
        struct known *k;

        put(path(*state, "places"), rows[i]);
        k = history_open(*state, &e);
        assert_int_equal(e.class, ERROR_INPUT);
        assert_non_null(strstr(e.words, "Line "));
        assert_int_equal(mode(path(*state, "places")), 0);
        assert_int_equal(mode(path(*state, "places.broken")), 0600);
        note(*state, &home, &f, NOON);
        known_free(&k);
        k = reopen(*state);
        assert_non_null(known_at(k, 0));
        known_free(&k);
    }
}

static void a_link_is_not_followed(void **state)
{
    struct findings f = seen(587, DOOR_OPEN);
    char elsewhere[PATH_MAX];
    struct error e = {0};
    struct known *k;

    span_cstr(span_of(path(*state, "elsewhere")), elsewhere, sizeof elsewhere);
    put(elsewhere, "mine\n");
    assert_int_equal(symlink(elsewhere, path(*state, "places")), 0);
    assert_int_equal(symlink(elsewhere, path(*state, "places.new")), 0);
    k = history_open(*state, &e);
    assert_int_not_equal(e.class, ERROR_NONE);
    note(*state, &home, &f, NOON);
    assert_int_equal(mode(path(*state, "places")), 0600);
    {
        struct stat s;

        assert_int_equal(lstat(elsewhere, &s), 0);
        assert_int_equal(s.st_size, 5);
    }
    known_free(&k);
}

/* ---- what a run saw ---- */

static void findings_become_results(void **state)
{
    static const struct {
        const char *what;
        struct findings_door door;
        enum known_result result;
        const char *proof;
    } rows[] = {
        {"untried", {.port = 587}, KNOWN_NOTHING, ""},
        {"no way", {.port = 587, .state = DOOR_NO_ROUTE}, KNOWN_NOTHING, ""},
        {"own rules", {.port = 587, .state = DOOR_LOCAL}, KNOWN_NOTHING, ""},
        {"silent", {.port = 587, .state = DOOR_SILENT}, KNOWN_SHUT, "no answer"},
        {"reset", {.port = 587, .state = DOOR_REFUSED}, KNOWN_SHUT, "refused"},
        {"forbidden",
         {.port = 587, .state = DOOR_FORBIDDEN},
         KNOWN_SHUT,
         "a router said that it is forbidden"},
        {"the web", {.port = 443, .state = DOOR_OPEN}, KNOWN_WORKS, ""},
        {"the web of another",
         {.port = 443,
          .state = DOOR_OPEN,
          .tls = SEALED_YES,
          .verdict = TLS_WRONG_NAME,
          .tls_words = "for x"},
         KNOWN_STRANGER,
         "for x"},
        {"verified",
         {.port = 587,
          .state = DOOR_OPEN,
          .talk = TALK_SMTP,
          .tls = SEALED_YES,
          .verdict = TLS_VERIFIED,
          .tls_version = "TLSv1.3"},
         KNOWN_WORKS,
         "TLSv1.3"},
        {"plain 25",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_SMTP},
         KNOWN_WORKS,
         "not encrypted"},
        {"plain 587",
         {.port = 587, .state = DOOR_OPEN, .talk = TALK_SMTP},
         KNOWN_STRANGER,
         "no encryption offered"},
        {"masked",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_SMTP, .masked = true},
         KNOWN_STRANGER,
         "somebody between hides what the server offers"},
        {"refused STARTTLS",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_SMTP, .starttls_refused = true},
         KNOWN_STRANGER,
         "the encryption offered did not come about"},
        {"bad certificate",
         {.port = 25,
          .state = DOOR_OPEN,
          .talk = TALK_SMTP,
          .tls = SEALED_YES,
          .verdict = TLS_SELF_SIGNED,
          .tls_words = "self-signed"},
         KNOWN_STRANGER,
         "self-signed"},
        {"no SMTP",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_FOREIGN},
         KNOWN_STRANGER,
         "what answers there does not speak SMTP"},
        {"lost",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_LOST},
         KNOWN_BROKE,
         "it hung up while we talked"},
        {"turned away",
         {.port = 25, .state = DOOR_OPEN, .talk = TALK_REFUSED, .reply = {.text = "go away"}},
         KNOWN_BROKE,
         "go away"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings f = {.host = "h", .door_count = 1, .door = {rows[i].door}};
        char name[16];
        const struct known_door *d;
        struct known *k = NULL;

        f.door[0].who = WHO_SERVER;
        unlink(path(*state, "places"));
        assert_int_equal(history_note(*state, &k, &home, &f, NOON, NULL), 0);
        snprintf(name, sizeof name, "h:%u", (unsigned)f.door[0].port);
        d = known_door(k, home.key, span_of(name));
        if ((d ? d->last : KNOWN_NOTHING) != rows[i].result)
            fail_msg("%s", rows[i].what);
        assert_string_equal(d ? d->proof : "", rows[i].proof);
        known_free(&k);
    }
}

static void a_door_is_one_try_whatever_addresses_it_has(void **state)
{
    struct findings f = seen(587, DOOR_SILENT);
    const struct known_door *d;
    struct known *k = NULL;

    f.door[1] = seen(587, DOOR_OPEN).door[0];
    f.door[2] = seen(587, DOOR_REFUSED).door[0];
    f.door[3] = seen(25, DOOR_REFUSED).door[0];
    f.door[3].who = WHO_CONTROL;
    f.door[4] = seen(465, DOOR_REFUSED).door[0];
    f.door[4].who = WHO_NOWHERE;
    f.door_count = 5;
    assert_int_equal(history_note(*state, &k, &home, &f, NOON, NULL), 0);
    d = known_door(k, home.key, SPAN("mail.example.com:587"));
    assert_int_equal(d->tries, 1);
    assert_int_equal(d->last, KNOWN_WORKS);
    assert_int_equal(known_door(k, home.key, SPAN("mail.example.net:25"))->last, KNOWN_SHUT);
    assert_int_equal(known_place(k, home.key)->door_count, 2);
    known_free(&k);
}

/* ---- what earlier runs tell ---- */

static bool same(const struct findings_past *a, const struct findings_past *b)
{
    return a->port == b->port && a->shut_since_ms == b->shut_since_ms &&
           a->opened_ms == b->opened_ms && strcmp(a->elsewhere, b->elsewhere) == 0 &&
           a->tries == b->tries && a->failures == b->failures && strcmp(a->place, b->place) == 0;
}

/* Each run is one hour after the one before; the run that asks comes an hour after the last. */
static void the_past_is_told(void **state)
{
    static const struct {
        const char *what;
        struct run {
            const struct place *place;
            uint16_t port;
            enum findings_state state;
        } runs[5], now;
        uint16_t wanted;
        int hours_more;
        struct findings_past past; /* times in hours from the first run, 1 is the first */
    } rows[] = {
        {"nothing", {{.place = NULL}}, {&home, 587, DOOR_SILENT}, 587, 0, {.place = "home"}},
        {"it opened the last time",
         {{&home, 587, DOOR_OPEN}, {&home, 587, DOOR_OPEN}},
         {&home, 587, DOOR_SILENT},
         587,
         0,
         {.port = 587, .shut_since_ms = 2, .opened_ms = 2, .tries = 2, .place = "home"}},
        {"it was shut the last time already",
         {{&home, 587, DOOR_OPEN}, {&home, 587, DOOR_SILENT}, {&home, 587, DOOR_SILENT}},
         {&home, 587, DOOR_SILENT},
         587,
         0,
         {.port = 587,
          .shut_since_ms = 2,
          .opened_ms = 1,
          .tries = 3,
          .failures = 2,
          .place = "home"}},
        {"it opens again",
         {{&home, 587, DOOR_OPEN}, {&home, 587, DOOR_SILENT}},
         {&home, 587, DOOR_OPEN},
         587,
         0,
         {.port = 587, .opened_ms = 1, .tries = 2, .failures = 1, .place = "home"}},
        {"this run did not look there",
         {{&home, 587, DOOR_OPEN}, {&home, 587, DOOR_SILENT}},
         {&home, 25, DOOR_OPEN},
         587,
         0,
         {.port = 587,
          .shut_since_ms = 2,
          .opened_ms = 1,
          .tries = 2,
          .failures = 1,
          .place = "home"}},
        {"it never opened",
         {{&home, 587, DOOR_SILENT}},
         {&home, 587, DOOR_SILENT},
         587,
         0,
         {.port = 587, .tries = 1, .failures = 1, .place = "home"}},
        {"it works at home",
         {{&home, 587, DOOR_OPEN}, {&work, 587, DOOR_SILENT}},
         {&work, 587, DOOR_SILENT},
         587,
         0,
         {.port = 587, .elsewhere = "home", .tries = 1, .failures = 1, .place = "work"}},
        {"it works at home, and here we are for the first time",
         {{&home, 465, DOOR_OPEN}},
         {&work, 465, DOOR_SILENT},
         0,
         0,
         {.port = 465, .elsewhere = "home", .place = "work"}},
        {"it worked at home until it did not",
         {{&home, 587, DOOR_OPEN}, {&home, 587, DOOR_SILENT}},
         {&work, 587, DOOR_SILENT},
         587,
         0,
         {.place = "work"}},
        {"the usual door comes first",
         {{&home, 25, DOOR_OPEN}, {&home, 587, DOOR_OPEN}},
         {&home, 25, DOOR_SILENT},
         0,
         0,
         {.port = 587, .opened_ms = 2, .tries = 1, .place = "home"}},
        {"too long ago",
         {{&home, 587, DOOR_OPEN}, {&work, 587, DOOR_OPEN}},
         {&home, 587, DOOR_SILENT},
         587,
         24 * 90,
         {.place = "home"}},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings f = seen(rows[i].now.port, rows[i].now.state);
        int64_t now = NOON;
        struct known *k;

        unlink(path(*state, "places"));
        for (size_t j = 0; rows[i].runs[j].place; j++) {
            struct findings before = seen(rows[i].runs[j].port, rows[i].runs[j].state);

            now += HOUR;
            note(*state, rows[i].runs[j].place, &before, now);
        }
        k = reopen(*state);
        f.port = rows[i].wanted;
        history_look(k, rows[i].now.place, &f, now + HOUR + rows[i].hours_more * HOUR);
        if (f.past.shut_since_ms)
            f.past.shut_since_ms = (f.past.shut_since_ms - NOON) / HOUR;
        if (f.past.opened_ms)
            f.past.opened_ms = (f.past.opened_ms - NOON) / HOUR;
        if (!same(&f.past, &rows[i].past))
            fail_msg("%s: port %u since %d opened %d at \"%s\" %u of %u in \"%s\"", rows[i].what,
                     (unsigned)f.past.port, (int)f.past.shut_since_ms, (int)f.past.opened_ms,
                     f.past.elsewhere, f.past.failures, f.past.tries, f.past.place);
        known_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_found),
        cmocka_unit_test_setup_teardown(nothing_is_no_mistake, make, drop),
        cmocka_unit_test_setup_teardown(without_a_folder_nothing_is_noted, make, drop),
        cmocka_unit_test_setup_teardown(it_is_kept_for_its_owner_alone, make, drop),
        cmocka_unit_test_setup_teardown(two_runs_lose_nothing, make, drop),
        cmocka_unit_test_setup_teardown(who_holds_the_lock_is_not_waited_for_for_ever, make, drop),
        cmocka_unit_test_setup_teardown(what_does_not_read_is_put_aside, make, drop),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, make, drop),
        cmocka_unit_test_setup_teardown(findings_become_results, make, drop),
        cmocka_unit_test_setup_teardown(a_door_is_one_try_whatever_addresses_it_has, make, drop),
        cmocka_unit_test_setup_teardown(the_past_is_told, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
