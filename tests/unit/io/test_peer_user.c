/* Connections of ours and of another user, over both families of loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/peer_user.h"

enum { NOBODY = 65534 };

static struct peer_user *kernel;

static int setup(void **state)
{
    (void)state;
    kernel = peer_user_open(NULL);
    return kernel ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    peer_user_close(&kernel);
    return 0;
}

/* A socket that listens on loopback; -1 without this family. */
static int listening(int family, struct sockaddr_storage *at)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *at;

    memset(at, 0, sizeof *at);
    at->ss_family = (sa_family_t)family;
    if (family == AF_INET)
        ((struct sockaddr_in *)at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)at)->sin6_addr = in6addr_loopback;
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof *at) < 0) {
        close(fd);
        return -1;
    }
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

/* The user found for a connection that a child of that user holds open; -1: none was found. */
static long user_seen(int family, uid_t user)
{
    struct sockaddr_storage at, peer, local;
    socklen_t peer_size = sizeof peer, local_size = sizeof local;
    int fd = listening(family, &at), got, hold[2];
    uid_t found;
    long seen = -1;
    pid_t pid;

    if (fd < 0)
        return (long)user; /* no such family here */
    assert_int_equal(pipe(hold), 0);
    pid = fork();
    if (pid == 0) {
        int out;
        char c;

        close(hold[1]);
        out = setuid(user) == 0 ? socket(family, SOCK_STREAM, 0) : -1;
        if (out < 0 || connect(out, (struct sockaddr *)&at, sizeof at) < 0)
            _exit(1);
        _exit(read(hold[0], &c, 1) != 0);
    }
    got = accept4(fd, (struct sockaddr *)&peer, &peer_size, SOCK_CLOEXEC);
    assert_true(got >= 0);
    assert_int_equal(getsockname(got, (struct sockaddr *)&local, &local_size), 0);
    if (peer_user_find(kernel, (struct sockaddr *)&peer, (struct sockaddr *)&local, &found))
        seen = (long)found;
    close(hold[0]);
    close(hold[1]);
    waitpid(pid, NULL, 0);
    close(got);
    close(fd);
    return seen;
}

static void test_ours(void **state)
{
    (void)state;
    assert_int_equal(user_seen(AF_INET, getuid()), getuid());
    assert_int_equal(user_seen(AF_INET6, getuid()), getuid());
}

static void test_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(user_seen(AF_INET, NOBODY), NOBODY);
    assert_int_equal(user_seen(AF_INET6, NOBODY), NOBODY);
}

/* The far end is no socket of this machine, or none at all: the door's own socket is not meant. */
static void test_nobody(void **state)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(1)}, local;
    struct sockaddr_storage at;
    struct sockaddr_un {
        sa_family_t family;
    } other = {AF_UNIX};
    int fd = listening(AF_INET, &at);
    uid_t found;

    (void)state;
    memcpy(&local, &at, sizeof local);
    peer.sin_addr.s_addr = inet_addr("192.0.2.1");
    assert_false(
        peer_user_find(kernel, (struct sockaddr *)&peer, (struct sockaddr *)&local, &found));
    peer.sin_addr = local.sin_addr;
    assert_false(
        peer_user_find(kernel, (struct sockaddr *)&peer, (struct sockaddr *)&local, &found));
    assert_false(
        peer_user_find(kernel, (struct sockaddr *)&other, (struct sockaddr *)&local, &found));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_another_user),
        cmocka_unit_test(test_nobody),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
