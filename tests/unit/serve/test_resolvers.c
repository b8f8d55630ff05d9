#include "serve/resolvers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct {
    struct loop *loop;
    struct resolvers *resolvers;
    char file[32];
    unsigned changes;
} t;

static void write_file(const char *words)
{
    FILE *f = fopen(t.file, "w");

    assert_non_null(f);
    fputs(words, f);
    fclose(f);
}

static void changed(void *arg)
{
    (void)arg;
    t.changes++;
    loop_stop(t.loop);
}

static void late(void *arg)
{
    (void)arg;
    write_file("nameserver 192.0.2.9\n");
}

static void give_up(void *arg)
{
    (void)arg;
    loop_stop(t.loop);
}

/* A list that comes a moment after the network is seen; the same list and a missing one are not. */
static void test_changes(void **state)
{
    struct timer *write_later, *end;

    (void)state;
    snprintf(t.file, sizeof t.file, "/tmp/port26-resolv-XXXXXX");
    close(mkstemp(t.file));
    write_file("# a\nsearch x.example\nnameserver 192.0.2.1\n");
    t.loop = loop_new();
    t.resolvers = resolvers_new(t.loop, t.file, changed, NULL);
    write_later = timer_new(t.loop, late, NULL);
    end = timer_new(t.loop, give_up, NULL);
    write_file("nameserver 192.0.2.1\nsearch y.example\n");
    resolvers_look(t.resolvers);
    timer_set(end, 100);
    loop_run(t.loop);
    assert_int_equal(t.changes, 0);
    timer_set(write_later, 50);
    timer_set(end, 10000);
    loop_run(t.loop);
    assert_int_equal(t.changes, 1);
    unlink(t.file);
    resolvers_look(t.resolvers);
    timer_set(end, 100);
    loop_run(t.loop);
    assert_int_equal(t.changes, 1);
    timer_free(&write_later);
    timer_free(&end);
    resolvers_free(&t.resolvers);
    loop_free(&t.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
