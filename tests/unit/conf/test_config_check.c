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

static void make(const char *path, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs("secret\n", f);
    fclose(f);
    chmod(path, mode);
}

/* The notes of config_check for a text in which %s is a directory with a file open (mode 644) and a
 * file shut (mode 600); the directory's name is taken out of them again. */
static void check(const char *format, const char *expected)
{
    char dir[] = "/tmp/port26-conf-XXXXXX", path[128], *at;
    struct text text = TEXT_INIT(10000), found = TEXT_INIT(10000);
    struct config_notes notes = {0};
    struct config *c;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/open", dir);
    make(path, 0644);
    snprintf(path, sizeof path, "%s/shut", dir);
    make(path, 0600);
    text_adds(&text, "hostname = h.example domains = x.example user = root\n");
    for (const char *p = format; *p; p++) {
        if (*p == '%')
            text_adds(&text, dir);
        else
            text_addc(&text, *p);
    }
    assert_int_equal(config_parse(text_span(&text), "f", &notes, &c), 0);
    notes.count = notes.errors = 0;
    assert_int_equal(config_check(c, &notes), *expected ? -1 : 0);
    for (size_t i = 0; i < notes.count; i++)
        text_addf(&found, "%s\n", notes.at[i].text);
    while (found.len && (at = strstr(found.at, dir))) {
        memmove(at, at + strlen(dir), strlen(at + strlen(dir)) + 1);
        found.len -= strlen(dir);
    }
    assert_string_equal(text_cstr(&found), expected);
    config_notes_free(&notes);
    config_free(&c);
    text_free(&text);
    text_free(&found);
    snprintf(path, sizeof path, "%s/open", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/shut", dir);
    unlink(path);
    rmdir(dir);
}

static void test_table(void **state)
{
    static const struct {
        const char *text, *notes;
    } table[] = {
        {"tls { certificate = %/open key = %/shut } store { path = %/store }", ""},
        {"tls { certificate = %/shut } store { path = % }", ""},
        {"tls { certificate = %/none key = %/shut } store { path = % }",
         "f:2: certificate: cannot open /none: No such file or directory\n"},
        {"store { path = % } tls { certificate = %/open\n key = %/open }",
         "f:2: certificate: /open may be read by everybody: chmod 600 it\n"},
        {"store { path = % } tls { certificate = %/shut\n key = %/open }",
         "f:3: key: /open may be read by everybody: chmod 600 it\n"},
        {"store { path = % } tls { certificate = % key = %/shut }",
         "f:2: certificate:  is no regular file\n"},
        {"store { path = %/open }", "f:2: path: /open is no directory\n"},
        {"store { path = %/a/b }", "f:2: path: /a/b cannot be made: No such file or directory\n"},
        {"store { path = % }\n\nrelay a { host = x.example user = u password-file = %/open }",
         "f:4: password-file: /open may be read or changed by others, so the password in it is no "
         "secret: chmod 600 it, and change the password if others have been here\n"},
        {"store { path = % } relay a { host = x.example user = u password-file = %/shut\n"
         "ca-file = %/none }\ndns { trust-anchor = %/none }",
         "f:3: ca-file: cannot open /none: No such file or directory\n"
         "f:4: trust-anchor: cannot open /none: No such file or directory\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        check(table[i].text, table[i].notes);
}

static void test_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    check(
        "store { path = % } user = p26-nobody-has-this",
        "f:2: user: the system knows no user 'p26-nobody-has-this': add one with useradd --system "
        "p26-nobody-has-this, or name another\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_user)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
