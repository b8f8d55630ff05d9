/* The counts are tested from inside, with made-up addresses; accepting over 127.0.0.1. */
#include "../../../src/io/listen.c"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 5000 };

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage a = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    void *at = a.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr
                                      : (void *)&((struct sockaddr_in6 *)&a)->sin6_addr;

    assert_int_equal(inet_pton(a.ss_family, text, at), 1);
    return a;
}

static struct listen_peer *come(struct listen_counts *c, const char *from, enum listen_verdict want)
{
    struct sockaddr_storage a = address(from);
    struct listen_peer *p = NULL;

    assert_int_equal(enter(c, &a, &p), want);
    assert_int_equal(p != NULL, want == LISTEN_TAKE);
    return p;
}

struct same_row {
    const char *a, *b;
    bool same;
};

static const struct same_row same_rows[] = {
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.1", "::ffff:192.0.2.1", true},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
    {"2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", true},
    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
    {"::1", "127.0.0.1", false},
};

static void who_counts_as_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(same_rows); i++) {
        struct listen_counts *c = listen_counts_new((struct listen_limits){10, 1});
        struct listen_peer *a = come(c, same_rows[i].a, LISTEN_TAKE);
        struct listen_peer *b =
            come(c, same_rows[i].b, same_rows[i].same ? LISTEN_TOO_MANY_ADDRESS : LISTEN_TAKE);

        assert_int_equal(listen_count(c), same_rows[i].same ? 1 : 2);
        listen_leave(&a);
        assert_null(a);
        listen_leave(&b);
        assert_int_equal(listen_count(c), 0);
        a = come(c, same_rows[i].a, LISTEN_TAKE);
        listen_leave(&a);
        listen_counts_free(&c);
        assert_null(c);
    }
}

struct scene {
    struct loop *loop;
    struct listen_counts *counts;
    struct listen *listen;
    struct listen_peer *peers[MANY];
    struct fiber *fibers[MANY];
    bool cancelled[MANY];
    unsigned started;
    int accepted, verdicts[3], listening, clients[200], paused;
    struct sockaddr_in at;
};

static void connection(void *arg)
{
    struct scene *s = arg;
    unsigned i = s->started++;

    s->fibers[i] = fiber_self();
    while (fiber_wait(CLOCK_NEVER) != -ECANCELED)
        ;
    s->cancelled[i] = true;
}

static struct scene *scene_new(unsigned fibers, unsigned total, unsigned per_address)
{
    struct scene *s = memory_alloc(sizeof *s);

    s->loop = loop_new();
    s->counts = listen_counts_new((struct listen_limits){total, per_address});
    for (unsigned i = 0; i < fibers; i++)
        fiber_start(s->loop, connection, s);
    loop_run(s->loop); /* all wait now */
    return s;
}

static void scene_free(struct scene **s)
{
    for (unsigned i = 0; i < (*s)->started; i++) {
        if ((*s)->fibers[i] && !(*s)->cancelled[i])
            fiber_cancel((*s)->fibers[i]);
        listen_leave(&(*s)->peers[i]);
    }
    loop_run((*s)->loop);
    listen_counts_free(&(*s)->counts);
    loop_free(&(*s)->loop);
    free(*s);
    *s = NULL;
}

static void the_greedy_address_makes_room(void **state)
{
    struct scene *s = scene_new(MANY, MANY, MANY);
    struct listen_peer *guest[3], *own;
    clock_t start; /* of the processor: others may use it too */

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        s->peers[i] = come(s->counts, "192.0.2.1", LISTEN_TAKE);
        listen_fiber(s->peers[i], s->fibers[i]);
    }
    come(s->counts, "192.0.2.1", LISTEN_TOO_MANY_ADDRESS);
    listen_touch(s->peers[0]);
    listen_fiber(s->peers[2], NULL); /* busy: not this one */
    start = clock();
    guest[0] = come(s->counts, "198.51.100.1", LISTEN_TAKE);
    guest[1] = come(s->counts, "198.51.100.1", LISTEN_TAKE);
    guest[2] = come(s->counts, "2001:db8::1", LISTEN_TAKE);
    assert_in_range((clock() - start) * 1000 / CLOCKS_PER_SEC, 0, 50);
    assert_int_equal(listen_count(s->counts), MANY + 3);
    loop_run(s->loop);
    for (unsigned i = 0; i < 8; i++) {
        bool want = i == 1 || i == 3 || i == 4;

        assert_int_equal(s->cancelled[i], want);
        assert_int_equal(listen_evicted(s->peers[i]), want);
    }
    listen_touch(s->peers[1]);
    listen_leave(&s->peers[1]);
    assert_int_equal(listen_count(s->counts), MANY + 2);
    own = come(s->counts, "192.0.2.1", LISTEN_TOO_MANY);
    assert_null(own);
    for (int i = 0; i < 3; i++)
        listen_leave(&guest[i]);
    scene_free(&s);
}

/* Nobody is pushed out only to change places. */
static void modest_addresses_stay(void **state)
{
    static const char *const from[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"};
    struct scene *s = scene_new(4, 4, 3);
    struct listen_peer *guest;

    (void)state;
    for (int i = 0; i < 4; i++) {
        s->peers[i] = come(s->counts, from[i], LISTEN_TAKE);
        listen_fiber(s->peers[i], s->fibers[i]);
    }
    come(s->counts, "192.0.2.2", LISTEN_TOO_MANY); /* would only change places with .1 */
    guest = come(s->counts, "192.0.2.5", LISTEN_TAKE);
    assert_true(listen_evicted(s->peers[0]));
    come(s->counts, "192.0.2.6", LISTEN_TOO_MANY);
    listen_leave(&guest);
    scene_free(&s);
}

/* Those who were told to go are not many at a time. */
static void room_is_made_within_bounds(void **state)
{
    struct scene *s = scene_new(40, 40, 40);
    struct listen_peer *guests[10] = {NULL};
    char from[20];

    (void)state;
    for (int i = 0; i < 40; i++) {
        s->peers[i] = come(s->counts, "192.0.2.1", LISTEN_TAKE);
        listen_fiber(s->peers[i], s->fibers[i]);
    }
    for (int i = 0; i < 10; i++) {
        snprintf(from, sizeof from, "198.51.100.%d", i);
        guests[i] = come(s->counts, from, i < 5 ? LISTEN_TAKE : LISTEN_TOO_MANY);
    }
    assert_int_equal(listen_count(s->counts), 45);
    listen_leave(&s->peers[0]);
    guests[9] = come(s->counts, "198.51.100.9", LISTEN_TAKE);
    for (int i = 0; i < 10; i++)
        listen_leave(&guests[i]);
    scene_free(&s);
}

static void many_addresses_come_and_go(void **state)
{
    struct scene *s = scene_new(0, 3000, 3);
    struct listen_peer *peers[3000];
    char from[20];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(from, sizeof from, "10.1.%d.%d", i / 3 / 256, i / 3 % 256);
        peers[i] = come(s->counts, from, LISTEN_TAKE);
    }
    for (int i = 2999; i >= 0; i -= 2)
        listen_leave(&peers[i]);
    assert_int_equal(listen_count(s->counts), 1500);
    for (int i = 0; i < 3000; i += 2)
        listen_leave(&peers[i]);
    assert_int_equal(listen_count(s->counts), 0);
    assert_int_equal(s->counts->greediest, 0);
    assert_int_equal(map_count(s->counts->addresses), 0);
    scene_free(&s);
}

/* ---- accepting ---- */

static void on_accept(void *arg, int fd, const struct sockaddr_storage *from, enum listen_verdict v,
                      struct listen_peer *peer)
{
    struct scene *s = arg;

    assert_int_equal(from->ss_family, AF_INET);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(peer != NULL, v == LISTEN_TAKE);
    s->verdicts[v]++;
    listen_leave(&peer);
    close(fd);
    if (++s->accepted == 150)
        listen_free(&s->listen);
}

static void open_listener(struct scene *s)
{
    socklen_t n = sizeof s->at;

    s->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&s->at, n), 0);
    assert_int_equal(listen(s->listening, 200), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&s->at, &n), 0);
    s->listen = listen_new(s->loop, s->listening, s->counts, on_accept, s);
}

static int client(struct scene *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&s->at, sizeof s->at), 0);
    return fd;
}

static void connections_are_accepted(void **state)
{
    struct scene *s = scene_new(0, 10, 10);

    (void)state;
    open_listener(s);
    for (int i = 0; i < 150; i++)
        s->clients[i] = client(s);
    loop_run(s->loop); /* the 150th frees the listener from its callback */
    assert_null(s->listen);
    assert_int_equal(s->verdicts[LISTEN_TAKE], 150);
    for (int i = 0; i < 150; i++)
        close(s->clients[i]);
    close(s->listening);
    scene_free(&s);
}

static void descriptors_are_back(void *arg)
{
    struct scene *s = arg;
    struct rlimit some;

    assert_int_equal(s->accepted, 0);
    s->paused = (int)(clock() * 1000 / CLOCKS_PER_SEC) - s->paused;
    getrlimit(RLIMIT_NOFILE, &some);
    some.rlim_cur = some.rlim_max;
    setrlimit(RLIMIT_NOFILE, &some);
    s->accepted = 149; /* the next one is the last */
}

/* HOSTILE fault 19: no busy loop without descriptors, and it recovers by itself. */
static void without_descriptors_it_pauses(void **state)
{
    struct scene *s = scene_new(0, 10, 10);
    struct timer *t = timer_new(s->loop, descriptors_are_back, s);
    struct rlimit few;

    (void)state;
    log_open("test", LOG_TO_STDERR, LOG_KEYVALUE, LOG_ERROR);
    open_listener(s);
    s->clients[0] = client(s);
    getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &few);
    s->paused = (int)(clock() * 1000 / CLOCKS_PER_SEC);
    timer_set(t, 300);
    loop_run(s->loop);
    assert_in_range(s->paused, 0, 100);
    assert_int_equal(s->verdicts[LISTEN_TAKE], 1);
    timer_free(&t);
    close(s->clients[0]);
    close(s->listening);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_counts_as_one),
        cmocka_unit_test(the_greedy_address_makes_room),
        cmocka_unit_test(modest_addresses_stay),
        cmocka_unit_test(room_is_made_within_bounds),
        cmocka_unit_test(many_addresses_come_and_go),
        cmocka_unit_test(connections_are_accepted),
        cmocka_unit_test(without_descriptors_it_pauses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
