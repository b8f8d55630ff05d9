/* What an account was refused: the latest few, counted, and of a bounded number of accounts. */
#include "serve/refusals.h"

#include "base/memory.h"
#include "io/loop.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(struct refusals *r, const char *account, unsigned short code, const char *words)
{
    struct reply reply = {.code = code, .enhanced = {5, 1, 1}, .text = span_of(words)};

    refusals_note(r, span_of(account), SPAN("192.0.2.1"), &reply);
}

static json_int_t number(const json_t *rows, size_t i, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(rows, i), key));
}

static void expect_codes(const struct refusals *r, const char *account, const char *codes)
{
    json_t *rows = refusals_json(r, span_of(account));
    char text[200] = "";
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(rows); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lldx%lld", i ? " " : "",
                              (long long)number(rows, i, "code"),
                              (long long)number(rows, i, "times"));
    assert_string_equal(text, codes);
    json_decref(rows);
}

static void test_the_latest_first(void **state)
{
    struct refusals *r = refusals_new();

    (void)state;
    expect_codes(r, "kim", "");
    note(r, "", 550, "nobody");
    note(r, "kim", 550, "a");
    note(r, "kim", 552, "b");
    note(r, "kim", 550, "a");
    note(r, "lee", 450, "a");
    expect_codes(r, "kim", "550x2 552x1");
    expect_codes(r, "lee", "450x1");
    refusals_forget(r, SPAN("kim"));
    refusals_forget(r, SPAN("max"));
    expect_codes(r, "kim", "");
    refusals_free(&r);
    assert_null(r);
}

static void test_what_is_kept_of_one(void **state)
{
    struct refusals *r = refusals_new();
    char words[20];

    (void)state;
    note(r, "kim", 535, "one way");
    for (unsigned i = 0; i < 2 * REFUSALS_EACH; i++) {
        snprintf(words, sizeof words, "%u", i);
        note(r, "kim", (unsigned short)(550 + i), words);
        note(r, "kim", 535, words); /* guesses do not push out the rest */
    }
    expect_codes(r, "kim", "535x17 565x1 564x1 563x1 562x1 561x1 560x1 559x1");
    refusals_free(&r);
}

static void test_how_many_accounts(void **state)
{
    struct refusals *r = refusals_new();
    char name[20];

    (void)state;
    for (unsigned i = 0; i < REFUSALS_ACCOUNTS; i++) {
        snprintf(name, sizeof name, "n%u", i);
        note(r, name, 550, "x");
    }
    note(r, "n0", 550, "x"); /* not the oldest any more */
    note(r, "new", 550, "x");
    expect_codes(r, "n0", "550x2");
    expect_codes(r, "n1", "");
    expect_codes(r, "n2", "550x1");
    expect_codes(r, "new", "550x1");
    refusals_free(&r);
}

/* ---- over a restart ---- */

static struct loop *loop;
static char folder[64], path[80];

/* The same again, from what is kept. */
static struct refusals *again(struct refusals *old)
{
    struct refusals *r = refusals_new();

    refusals_free(&old);
    refusals_keep(r, loop, folder);
    return r;
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/port26-refusals-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/refusals", folder);
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
    loop_free(&loop);
    return 0;
}

static void test_kept(void **state)
{
    struct refusals *r = again(NULL);
    int64_t since = refusals_since(r);

    (void)state;
    note(r, "kim", 550, "a \377 \"b\"\n");
    note(r, "kim", 535, "wrong");
    note(r, "lee", 452, "full");
    note(r, "max", 452, "full");
    refusals_forget(r, SPAN("max"));
    r = again(r);
    expect_codes(r, "kim", "535x1 550x1");
    expect_codes(r, "lee", "452x1");
    expect_codes(r, "max", "");
    assert_int_equal(refusals_since(r), since);
    note(r, "kim", 550, "a \377 \"b\"\n"); /* the same as before, and counted so */
    r = again(r);
    expect_codes(r, "kim", "550x2 535x1");
    refusals_forget(r, SPAN("lee"));
    r = again(r);
    expect_codes(r, "lee", "");
    refusals_free(&r);
}

/* Who was refused last is kept when the file has no room for all, and the order stays. */
static void test_as_many_as_fit(void **state)
{
    struct refusals *r = again(NULL);
    char name[20], words[REFUSALS_WORDS];
    struct stat st;

    (void)state;
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    for (unsigned i = 0; i < REFUSALS_ACCOUNTS; i++) {
        snprintf(name, sizeof name, "n%u", i);
        note(r, name, 550, words);
    }
    r = again(r);
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_size, REFUSALS_FILE / 2, REFUSALS_FILE);
    expect_codes(r, "n0", "");
    snprintf(name, sizeof name, "n%u", REFUSALS_ACCOUNTS - 1);
    expect_codes(r, name, "550x1");
    refusals_free(&r);
}

/* A file that was cut, or is none of ours, costs what does not read. */
static void test_damaged(void **state)
{
    static const char *const lines[] = {
        "",
        "{",
        "{\"account\":7,\"refused\":[]}",
        "{\"account\":\"a\",\"refused\":7}",
        "{\"account\":\"b\",\"refused\":[7,[],[1,2,3]]}",
        "{\"account\":\"c\",\"refused\":[[1,1,1,550,5,1,1,\"\",\"too old\"]]}",
        "{\"account\":\"d\",\"refused\":[[1,9000000000000,-1,550,5,1,1,\"\",\"\"]]}",
        "{\"account\":\"e\",\"refused\":[[1,9000000000000,1,550,900,1,1,\"\",\"\"]]}",
        "{\"account\":\"f\",\"refused\":[[1,9000000000000,3,550,5,1,1,\"\",\"good\"],7]}",
        "{\"account\":\"g\",\"refused\":[[1,9000000000000,3,550,5,1,1,\"\",\"cut"};
    struct refusals *r;
    FILE *f = fopen(path, "we");

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        fprintf(f, "%s\n", lines[i]);
    fclose(f);
    r = again(NULL);
    expect_codes(r, "f", "550x3");
    for (const char *name = "abcdeg"; *name; name++)
        expect_codes(r, (char[]){*name, '\0'}, "");
    note(r, "kim", 550, "x");
    r = again(r);
    expect_codes(r, "f", "550x3");
    refusals_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_latest_first),
        cmocka_unit_test(test_what_is_kept_of_one),
        cmocka_unit_test(test_how_many_accounts),
        cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_many_as_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
