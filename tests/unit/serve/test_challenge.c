/* What of the disk a stranger can read by asking for a challenge: one kind of file in one folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "serve/challenge.h"

static char root[64], folder[128];

static int setup(void **state)
{
    (void)state;
    char part[128];

    snprintf(root, sizeof root, "/tmp/port26-acme-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(part, sizeof part, "%s/.well-known", root);
    mkdir(part, 0700);
    snprintf(folder, sizeof folder, "%s/.well-known/acme-challenge", root);
    return mkdir(folder, 0700);
}

static int teardown(void **state)
{
    (void)state;
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void put(const char *name, size_t octets)
{
    char path[500];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < octets; i++)
        fputc('x', f);
    fclose(f);
}

static bool reads(const char *token, size_t octets)
{
    struct text text = TEXT_INIT(0);
    bool ok = challenge_read(root, span_of(token), &text);

    if (ok)
        assert_int_equal(text.len, octets);
    text_free(&text);
    return ok;
}

static void test_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        bool ok;
    } rows[] = {
        {"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", true},
        {"a-b_C9", true},
        {"", false},
        {".", false},
        {"..", false},
        {"../secret", false},
        {"a/b", false},
        {"a.b", false},
        {"a%2fb", false},
        {"a=", false},
        {"a b", false},
        {"\xc3\xa4", false},
        {"a\n", false},
    };
    char longest[CHALLENGE_TOKEN + 2];

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(challenge_token_ok(span_of(rows[i].token)), rows[i].ok);
    assert_false(challenge_token_ok((struct span){"a\0b", 3}));
    memset(longest, 'a', sizeof longest);
    assert_true(challenge_token_ok((struct span){longest, CHALLENGE_TOKEN}));
    assert_false(challenge_token_ok((struct span){longest, CHALLENGE_TOKEN + 1}));
}

static void test_files(void **state)
{
    (void)state;
    char path[500], target[500];

    put("token", 87);
    put("largest", CHALLENGE_MAX);
    put("larger", CHALLENGE_MAX + 1);
    put("empty", 0);
    assert_true(reads("token", 87));
    assert_true(reads("largest", CHALLENGE_MAX));
    assert_false(reads("larger", 0));
    assert_false(reads("empty", 0));
    assert_false(reads("missing", 0));
    assert_false(reads("../token", 0));
    snprintf(path, sizeof path, "%s/link", folder);
    snprintf(target, sizeof target, "%s/token", folder);
    assert_int_equal(symlink(target, path), 0);
    assert_false(reads("link", 0));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(reads("pipe", 0)); /* and does not wait for somebody to write */
    snprintf(path, sizeof path, "%s/folder", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(reads("folder", 0));
}

static void test_none(void **state)
{
    (void)state;
    struct text text = TEXT_INIT(0);

    assert_false(challenge_read("", SPAN("token"), &text));
    text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
