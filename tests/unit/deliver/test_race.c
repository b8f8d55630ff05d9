/* Races between scripted servers on loopback. */
#include "deliver/race.h"
#include "deliver/silence.h"
#include "../smtp/far.h"

#include "base/memory.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})
#define HELLO       "S:220 relay.example", "C:EHLO me.example"
#define OPEN        HELLO, "S:250 relay.example"
#define LOGIN       HELLO, "S:250-relay.example\r\n250 AUTH PLAIN"
#define BYE         "C:QUIT", "S:221 bye"

enum { DOORS = 3, FILL = 4 };

struct door {
    int fd, fill[FILL];
    struct watch *watch;
    const char *const *script;
    struct far_side side;
    unsigned connections;
    struct sockaddr_in address;
    struct path path;
};

static struct {
    struct loop *loop;
    struct arena *arena;
    struct door door[DOORS];
    struct race_entry entry[DOORS];
    struct race race;
    struct race_wish wish;
    size_t count;
    struct hop *winner;
    int64_t took, abort_after;
    int64_t fair;         /* not 0: the silent ones get so long after the race */
    struct door *answers; /* this one opens meanwhile */
    unsigned noted;
    struct recall_note note;
} t;

static void noted(void *arg, const struct recall_note *n)
{
    (void)arg;
    t.noted++;
    t.note = *n;
}

static void accepted(void *arg)
{
    struct door *d = arg;
    int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    d->connections++;
    d->side = (struct far_side){.stream = stream_socket(t.loop, fd), .script = d->script};
    fiber_start(t.loop, far_run, &d->side);
}

/* A door of which the tests say: a script; "silent": nothing is ever answered; "shut": refused. */
static void add_door(const char *const *script, const char *what)
{
    struct door *d = &t.door[t.count];
    socklen_t n = sizeof d->address;
    bool silent = strcmp(what, "silent") == 0, shut = strcmp(what, "shut") == 0;

    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    d->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(d->fd, (struct sockaddr *)&d->address, n), 0);
    getsockname(d->fd, (struct sockaddr *)&d->address, &n);
    if (!shut)
        listen(d->fd, silent ? 0 : 8);
    for (size_t i = 0; i < FILL; i++) {
        d->fill[i] = silent ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
        if (silent)
            (void)!connect(d->fill[i], (struct sockaddr *)&d->address, sizeof d->address);
    }
    d->script = script;
    if (script)
        d->watch = watch_new(t.loop, d->fd, accepted, d);
    d->path = (struct path){.host = SPAN("relay.example"), .tls = PATH_TLS_NONE};
    memcpy(&d->path.address, &d->address, sizeof d->address);
    d->path.port = ntohs(d->address.sin_port);
    t.entry[t.count++].path = &d->path;
}

static void set_up(bool login)
{
    memset(&t, 0, sizeof t);
    t.loop = loop_new();
    t.arena = arena_new();
    t.wish = (struct race_wish){.hop = {.loop = t.loop, .key = SPAN("k"), .helo = "me.example"},
                                .arena = t.arena};
    t.wish.hop.until = clock_now() + 20000;
    if (login) {
        t.wish.hop.user = SPAN("me");
        t.wish.hop.password = SPAN("secret");
    }
}

static void abort_it(void *arg)
{
    (void)arg;
    fiber_sleep(t.abort_after);
    race_abort(&t.race);
}

/* What becomes of those that had given no sign. */
static void wait_for_silent(void)
{
    struct recall *r = recall_new(noted, NULL);
    struct silence *s = silence_new(r, t.fair);

    recall_place(r, &(struct place){.key = "0123456789abcdef0123456789abcdef"});
    silence_race(s, t.entry, t.count);
    for (int fd = 0; t.answers && fd >= 0;) {
        fd = accept4(t.answers->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
    }
    fiber_sleep(t.fair + 200);
    silence_free(&s);
    recall_free(&r);
}

static void run(void *arg)
{
    int64_t start = clock_now();

    (void)arg;
    t.winner = race_run(&t.race, &t.wish, t.entry, t.count);
    t.took = clock_now() - start;
    hop_close(&t.winner);
    if (t.fair)
        wait_for_silent();
    for (size_t i = 0; i < t.count; i++)
        knock_drop(&t.entry[i].knock);
    fiber_sleep(50); /* good-byes on their way */
    for (size_t i = 0; i < t.count; i++)
        watch_free(&t.door[i].watch);
}

static void play(void)
{
    if (t.abort_after)
        fiber_start(t.loop, abort_it, NULL);
    fiber_start(t.loop, run, NULL);
    loop_run(t.loop);
}

static void clean_up(void)
{
    for (size_t i = 0; i < t.count; i++) {
        far_free(&t.door[i].side);
        close(t.door[i].fd);
        for (size_t k = 0; k < FILL; k++)
            if (t.door[i].fill[k] >= 0)
                close(t.door[i].fill[k]);
    }
    loop_free(&t.loop);
    arena_free(&t.arena);
}

static const char *heard(size_t door)
{
    return t.door[door].side.heard.at ? text_cstr(&t.door[door].side.heard) : "";
}

static void test_silence_is_passed(void **state)
{
    (void)state;
    set_up(false);
    add_door(NULL, "silent");
    add_door(NULL, "shut");
    add_door(SCRIPT(OPEN, BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_STOPPED);
    assert_int_equal(t.entry[1].state, RACE_FAILED);
    assert_int_equal(t.entry[1].failure[0].sys, ECONNREFUSED);
    assert_int_equal(t.entry[2].state, RACE_WON);
    assert_true(t.took < 10000);
    assert_string_equal(t.door[2].side.fault, "");
    clean_up();
}

/* Two doors stand, one password is tried: a refusal ends the race. */
static void test_one_login(void **state)
{
    (void)state;
    set_up(true);
    add_door(SCRIPT(LOGIN, "C:AUTH PLAIN", "W:1500", "S:535 5.7.8 no", BYE), "");
    add_door(SCRIPT(LOGIN, BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_FAILED);
    assert_int_equal(t.entry[0].failure[0].stage, STAGE_AUTH);
    assert_int_equal(t.entry[1].state, RACE_STOPPED);
    assert_int_equal(t.door[1].connections, 1);
    assert_null(strstr(heard(1), "AUTH"));
    clean_up();
}

/* But trouble on the way lets the next one try. */
static void test_login_lost(void **state)
{
    (void)state;
    set_up(true);
    add_door(SCRIPT(LOGIN, "C:AUTH PLAIN", "W:700", "X"), "");
    add_door(SCRIPT(LOGIN, "C:AUTH PLAIN", "S:235 ok", BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_FAILED);
    assert_int_equal(t.entry[1].state, RACE_WON);
    clean_up();
}

static void test_no_login_offered(void **state)
{
    (void)state;
    set_up(true);
    add_door(SCRIPT(OPEN, BYE), "");
    add_door(SCRIPT(LOGIN, "C:AUTH PLAIN", "S:235 ok", BYE), "");
    play();
    assert_int_equal(t.entry[0].failure[0].why, CLIENT_NO_AUTH);
    assert_int_equal(t.entry[1].state, RACE_WON);
    clean_up();
}

/* A machine may stand still for longer than the others wait for the first door; then they begin
 * rightly, for nobody could know yet that it is connected. */
static bool begun_before_it_was_known(void)
{
    bool begun = t.entry[1].begun && t.entry[1].begun <= t.entry[0].connected;

    if (begun)
        print_message("the machine stood still: nothing can be told\n");
    return begun;
}

/* A sure door that greets slowly is not disturbed. */
static void test_lead(void **state)
{
    (void)state;
    set_up(false);
    add_door(SCRIPT("W:1500", OPEN, BYE), "");
    add_door(SCRIPT(OPEN, BYE), "");
    t.entry[0].leads = true;
    play();
    if (!begun_before_it_was_known()) {
        assert_int_equal(t.entry[0].state, RACE_WON);
        assert_int_equal(t.entry[1].state, RACE_WAITING);
        assert_int_equal(t.door[1].connections, 0);
    }
    clean_up();
}

/* A stranger's host may take its time; only when it leaves the next one is asked. */
static void test_patience(void **state)
{
    (void)state;
    set_up(false);
    t.wish.patient = true;
    add_door(SCRIPT("W:1000", "X"), "");
    add_door(SCRIPT(OPEN, BYE), "");
    play();
    if (!begun_before_it_was_known()) {
        assert_int_equal(t.entry[0].state, RACE_FAILED);
        assert_int_equal(t.entry[1].state, RACE_WON);
        assert_true(t.entry[1].begun - t.entry[0].begun >= 1000);
    }
    clean_up();
}

static void test_abort(void **state)
{
    (void)state;
    set_up(false);
    t.abort_after = 300;
    add_door(NULL, "silent");
    add_door(SCRIPT("E"), "");
    play();
    assert_true(t.race.aborted);
    assert_int_equal(t.entry[0].state, RACE_STOPPED);
    assert_int_equal(t.entry[1].state, RACE_STOPPED);
    clean_up();
}

static void test_all_fail(void **state)
{
    (void)state;
    set_up(false);
    add_door(NULL, "shut");
    add_door(SCRIPT("S:554 no", BYE), "");
    play();
    assert_false(t.race.aborted);
    assert_int_equal(t.entry[0].state, RACE_FAILED);
    assert_int_equal(t.entry[1].state, RACE_FAILED);
    assert_int_equal(t.entry[1].failure[0].reply.code, 554);
    clean_up();
}

/* Who takes the connection and says nothing gets its time and no more. */
static void test_mute(void **state)
{
    (void)state;
    set_up(false);
    t.wish.talk = 300;
    add_door(NULL, "");
    add_door(SCRIPT("W:600", OPEN, BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_FAILED);
    assert_int_equal(t.entry[0].failure[0].stage, STAGE_GREETING);
    assert_int_equal(t.entry[1].state, RACE_FAILED);
    assert_true(t.took < 10000);
    clean_up();
    set_up(false);
    add_door(NULL, "");
    add_door(SCRIPT("W:600", OPEN, BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_STOPPED);
    assert_int_equal(t.entry[1].state, RACE_WON);
    clean_up();
}

/* A door that is asked for the login has all the time there is again. */
static void test_slow_login(void **state)
{
    (void)state;
    set_up(true);
    t.wish.talk = 1500;
    add_door(SCRIPT(LOGIN, "C:AUTH PLAIN", "W:2500", "S:235 ok", BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_WON);
    clean_up();
}

/* A door without a sign is shut, if it stays so; one that was only slow is nothing. */
static void test_silence_is_noted(void **state)
{
    (void)state;
    set_up(false);
    t.fair = 700;
    add_door(NULL, "silent");
    add_door(SCRIPT(OPEN, BYE), "");
    play();
    assert_int_equal(t.entry[1].state, RACE_WON);
    assert_int_equal(t.noted, 1);
    assert_int_equal(t.note.result, KNOWN_SHUT);
    assert_non_null(strstr(t.note.proof, "no answer in"));
    clean_up();
    set_up(false);
    t.fair = 2500; /* the kernel asks again after a second */
    add_door(NULL, "silent");
    t.answers = &t.door[0];
    add_door(SCRIPT(OPEN, BYE), "");
    play();
    assert_int_equal(t.noted, 0);
    clean_up();
}

/* Who has other ways to go does not wait for silence. */
static void test_hurry(void **state)
{
    (void)state;
    set_up(false);
    t.wish.hurry = 2500; /* until then the second has begun, on any machine */
    add_door(NULL, "silent");
    add_door(NULL, "shut");
    play();
    assert_int_equal(t.entry[0].state, RACE_FAILED);
    assert_int_equal(t.entry[0].failure[0].sys, ETIMEDOUT);
    assert_int_equal(t.entry[1].failure[0].sys, ECONNREFUSED);
    assert_true(t.took >= 2500 && t.took < 15000);
    clean_up();
    set_up(false); /* but for one that is connected it does */
    t.wish.hurry = 1500;
    add_door(SCRIPT("W:3000", OPEN, BYE), "");
    play();
    assert_int_equal(t.entry[0].state, RACE_WON);
    clean_up();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_is_passed),
        cmocka_unit_test(test_one_login),
        cmocka_unit_test(test_login_lost),
        cmocka_unit_test(test_no_login_offered),
        cmocka_unit_test(test_lead),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_all_fail),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_slow_login),
        cmocka_unit_test(test_silence_is_noted),
        cmocka_unit_test(test_hurry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
