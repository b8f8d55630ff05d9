#include "conf/config.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct row {
    const char *name;
    const char *content;
    size_t len;
    mode_t mode;
    const char *secret; /* NULL: refused with words */
    const char *words;
};

#define CONTENT(s) s, sizeof s - 1

static const struct row table[] = {
    {"one line", CONTENT("hunter2\n"), 0600, "hunter2", NULL},
    {"no line end", CONTENT("hunter2"), 0400, "hunter2", NULL},
    {"other lines", CONTENT("a b \r\nc\n"), 0640, "a b ", NULL},
    {"for all to read", CONTENT("hunter2\n"), 0644, NULL, "may be read or changed by others"},
    {"for all to write", CONTENT("hunter2\n"), 0602, NULL, "may be read or changed by others"},
    {"empty", CONTENT(""), 0600, NULL, "is empty"},
    {"empty line", CONTENT("\nhunter2\n"), 0600, NULL, "is empty"},
    {"binary", CONTENT("hun\0ter\n"), 0600, NULL, "NUL"},
    {"long", CONTENT("0123456789012345678901234567890123456789\n"), 0600, NULL, "too long"},
};

static void check(const char *dir, const struct row *row)
{
    struct text out = TEXT_INIT(32);
    struct error e = {0};
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/secret", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fwrite(row->content, 1, row->len, f);
    fclose(f);
    chmod(path, row->mode);
    assert_int_equal(config_secret(path, &out, &e), row->secret ? 0 : -1);
    assert_string_equal(text_cstr(&out), row->secret ? row->secret : "");
    if (!row->secret) {
        assert_non_null(strstr(e.words, row->words));
        assert_null(strstr(e.words, "hunter2"));
    }
    text_free(&out);
    unlink(path);
}

static void test_table(void **state)
{
    char dir[] = "/tmp/port26-conf-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT(table); i++)
        check(dir, &table[i]);
    rmdir(dir);
}

static void test_no_file(void **state)
{
    struct text out = TEXT_INIT(32);
    struct error e = {0};

    (void)state;
    assert_int_equal(config_secret("/nonexistent/x", &out, &e), -1);
    assert_string_equal(e.words,
                        "cannot open the password file /nonexistent/x: No such file or directory");
    assert_int_equal(config_secret("/tmp", &out, &e), -1);
    assert_string_equal(e.words, "/tmp is no regular file: name the file with the password");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_no_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
