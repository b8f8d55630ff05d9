/* Token commands, run for real by /bin/sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/loop.h"
#include "serve/tokens.h"
#include "serve/tokens_process.h"

#define LONG "head -c 9000 /dev/zero | tr '\\0' x"
#define MOST "head -c 8192 /dev/zero | tr '\\0' x"

static const struct {
    const char *command;
    int64_t most;
    int end;
    const char *token; /* NULL: not looked at */
} rows[] = {
    {"echo ya29.token", 10000, TOKENS_PROCESS_FINE, "ya29.token"},
    {"printf 'one \\r\\ntwo\\n'", 10000, TOKENS_PROCESS_FINE, "one"},
    {"printf no-end", 10000, TOKENS_PROCESS_FINE, "no-end"},
    {"cat; echo after", 10000, TOKENS_PROCESS_FINE, "after"}, /* standard input is empty */
    {"echo left behind; sleep 600 >/dev/null &", 10000, TOKENS_PROCESS_FINE, "left behind"},
    {MOST, 10000, TOKENS_PROCESS_FINE, NULL},
    {"echo half; exit 3", 10000, TOKENS_PROCESS_FAILED, NULL},
    {"/nowhere/program", 10000, TOKENS_PROCESS_FAILED, NULL},
    {"kill -9 $$", 10000, TOKENS_PROCESS_FAILED, NULL},
    {"true", 10000, TOKENS_PROCESS_EMPTY, NULL},
    {"echo; echo late", 10000, TOKENS_PROCESS_EMPTY, NULL},
    {LONG, 10000, TOKENS_PROCESS_EMPTY, NULL},
    {"echo soon; sleep 600", 200, TOKENS_PROCESS_LATE, NULL},
    {"exec >&-; sleep 600", 200, TOKENS_PROCESS_LATE, NULL},
};

static void test_process(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tokens_command c = {"far", rows[i].command};
        unsigned char number = 0;
        char answer[TOKENS_LENGTH + 2];
        int ends[2];
        pid_t pid;
        ssize_t n;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
        pid = fork();
        if (pid == 0) {
            close(ends[0]);
            tokens_process_run(ends[1], &c, 1, rows[i].most);
            _exit(0);
        }
        close(ends[1]);
        assert_int_equal(send(ends[0], &number, 1, 0), 1);
        n = recv(ends[0], answer, sizeof answer, 0);
        assert_true(n >= 1);
        if (answer[0] != rows[i].end)
            fail_msg("%s: %d", rows[i].command, answer[0]);
        if (rows[i].token) {
            assert_int_equal(n - 1, strlen(rows[i].token));
            assert_memory_equal(answer + 1, rows[i].token, (size_t)n - 1);
        }
        close(ends[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

struct house {
    struct loop *loop;
    unsigned changes;
};

static void changed(void *arg)
{
    struct house *h = arg;

    h->changes++;
    loop_stop(h->loop);
}

static void test_keeper_side(void **state)
{
    static const struct tokens_command commands[] = {{"far", "echo first"}, {"bad", "false"}};
    struct house h = {.loop = loop_new()};
    struct tokens *t = NULL;
    struct span token;

    (void)state;
    assert_int_equal(tokens_open(commands, COUNT(commands), &t, NULL), 0);
    tokens_listen(t, h.loop, changed, &h);
    assert_int_equal(tokens_get(t, "far", "echo first", &token), TOKENS_WAITING);
    assert_int_equal(tokens_get(t, "far", "echo first", &token), TOKENS_WAITING);
    assert_int_equal(tokens_get(t, "bad", "false", &token), TOKENS_WAITING);
    loop_run(h.loop);
    assert_int_equal(h.changes, 1);
    assert_int_equal(tokens_get(t, "far", "echo first", &token), TOKENS_READY);
    assert_true(span_is(token, "first"));
    assert_int_equal(tokens_get(t, "bad", "false", &token), TOKENS_WAITING);
    loop_run(h.loop);
    assert_int_equal(h.changes, 2);
    assert_int_equal(tokens_get(t, "bad", "false", &token), TOKENS_FAILED);
    assert_int_equal(token.len, 0);
    assert_int_equal(tokens_get(t, "far", "echo other", &token), TOKENS_FAILED);
    assert_int_equal(tokens_get(t, "new", "echo first", &token), TOKENS_FAILED);
    assert_int_equal(tokens_get(NULL, "far", "echo first", &token), TOKENS_FAILED);
    tokens_close(&t);
    loop_free(&h.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_process),
                                       cmocka_unit_test(test_keeper_side)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
