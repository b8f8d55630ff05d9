#include "cli/command.h"
#include "cli/config_command.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "capture.h"

static char path[] = "/tmp/port26-cli-XXXXXX";

static void write_config(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0600);
}

static int run(int (*command)(int, const char **), const char *arg, const char *arg2, char *out)
{
    const char *argv[] = {"config x", arg, arg2, NULL};
    struct capture c;
    int argc = 1, status;

    while (argv[argc])
        argc++;
    capture_begin(&c);
    status = command(argc, argv);
    capture_end(&c, out, 100000);
    return status;
}

static void test_check(void **state)
{
    char *out = memory_alloc(100000), expected[300];

    (void)state;
    write_config("hostname = h.example domains = x.example user = root\n"
                 "tls { certificate = /dev/null/x } store { path = /tmp }\n");
    assert_int_equal(run(config_command_check, path, NULL, out), EX_CONFIG);
    snprintf(expected, sizeof expected,
             "%s:2: certificate: cannot open /dev/null/x: Not a directory\n", path);
    assert_string_equal(out, expected);
    write_config("hostnam = x\n");
    assert_int_equal(run(config_command_check, path, "--json", out), EX_CONFIG);
    snprintf(
        expected, sizeof expected,
        "[\n  {\n    \"severity\": \"error\",\n    \"line\": 1,\n    \"message\": \"%s:1: unknown "
        "setting 'hostnam': did you mean 'hostname'?\"\n  }\n]\n",
        path);
    assert_string_equal(out, expected);
    write_config("hostname = h.example domains = x.example user = root store { path = /tmp }\n");
    assert_int_equal(run(config_command_check, path, NULL, out), EX_OK);
    snprintf(expected, sizeof expected, "%s is good, but see the warnings\n", path);
    assert_non_null(strstr(out, expected));
    assert_int_equal(run(config_command_check, "/nonexistent/x", NULL, out), EX_CONFIG);
    assert_string_equal(out, "/nonexistent/x: cannot be opened: No such file or directory\n");
    free(out);
}

static void test_show(void **state)
{
    char *out = memory_alloc(100000), option[100];

    (void)state;
    snprintf(option, sizeof option, "--config=%s", path);
    write_config("hostname = h.example domains = x.example log { level = debug }\n");
    assert_int_equal(run(config_command_show, option, "--changed", out), EX_OK);
    assert_string_equal(out,
                        "hostname = \"h.example\"\ndomains = { \"x.example\" }\nlog {\n    level = "
                        "debug\n}\n");
    assert_int_equal(run(config_command_show, option, NULL, out), EX_OK);
    assert_non_null(strstr(out, "    message-size = 50M\n"));
    write_config("hostname = 5 5\n");
    assert_int_equal(run(config_command_show, option, NULL, out), EX_CONFIG);
    assert_non_null(strstr(out, "port26 config x: "));
    free(out);
}

static void test_manual(void **state)
{
    char *out = memory_alloc(100000);

    (void)state;
    assert_int_equal(run(config_command_manual, NULL, NULL, out), EX_OK);
    assert_memory_equal(out, ".SH SETTINGS\n", 13);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check), cmocka_unit_test(test_show),
                                       cmocka_unit_test(test_manual)};
    int fd = mkstemp(path), failed;

    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
