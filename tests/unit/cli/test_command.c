#include "cli/command.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"

/* Shows what it was called with. */
static int show_args(int argc, const char **argv)
{
    char *name = NULL;
    int json = 0, status;
    const struct poptOption options[] = {
        {"name", 'n', POPT_ARG_STRING, &name, 0, "call it NAME", "NAME"},
        COMMAND_JSON(&json),
        {"secret", '\0', POPT_ARG_NONE | POPT_ARGFLAG_DOC_HIDDEN, NULL, 0, "not shown", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {options, 1, 2, "  port26 queue show x\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        printf("[%s] name=%s json=%d", argv[0], name ? name : "-", json);
        for (size_t i = 0; i < call.count; i++)
            printf(" <%s>", call.args[i]);
        command_end(&call);
        status = EX_OK;
    }
    free(name);
    return status;
}

static int raw_args(int argc, const char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("<%s>", argv[i]);
    return 3;
}

static const struct command commands[] = {
    {"queue show", "[ID]", "Show the queue.", show_args, NULL},
    {"queue drop", "ID...", "Drop mail.", raw_args, NULL},
    {"send", "", "Send one.", raw_args, "sendmail"},
    {"send all", "", "Send all.", raw_args, NULL},
};

struct row {
    const char *argv[8];
    int status;
    const char *output;
};

static const char list[] = "  queue show  Show the queue.\n  queue drop  Drop mail.\n";

static const struct row table[] = {
    {{"port26", "queue", "show", "a", "--name=x", "b", "-j"},
     EX_OK,
     "[queue show] name=x json=1 <a> <b>"},
    {{"port26", "queue", "show", "a", "--", "-j"}, EX_OK, "[queue show] name=- json=0 <a> <-j>"},
    {{"port26", "queue", "drop", "-x", "1"}, 3, "<queue drop><-x><1>"},
    {{"port26", "send"}, 3, "<send>"},
    {{"port26", "send", "all", "x"}, 3, "<send all><x>"},
    {{"/usr/sbin/sendmail", "-t", "queue", "show"}, 3, "<send><-t><queue><show>"},
    {{"port26", "--version"},
     EX_OK,
     "port26 "
     "0.1.0"
     "\n"},
    {{"port26", "queue", "show", "--nam", "x"},
     EX_USAGE,
     "port26 queue show: --nam: unknown option: see port26 queue show --help\n"},
    {{"port26", "queue", "show"},
     EX_USAGE,
     "port26 queue show: something is missing: see port26 queue show --help\n"},
    {{"port26", "queue", "show", "a", "b", "c\033"},
     EX_USAGE,
     "port26 queue show: did not expect 'c\\x1b': see port26 queue show --help\n"},
    {{"port26", "queue", "shwo"},
     EX_USAGE,
     "port26: unknown command 'queue shwo': did you mean 'queue show'?\n"},
    {{"port26", "sned"}, EX_USAGE, "port26: unknown command 'sned': did you mean 'send'?\n"},
    {{"port26", "zzzz"}, EX_USAGE, "port26: unknown command 'zzzz': port26 --help lists them\n"},
    {{"port26", "queue", "show", "--help"},
     EX_OK,
     "Usage: port26 queue show [ID]\n\nShow the queue.\n\nOptions:\n"
     "  -n, --name=NAME           call it NAME\n"
     "  -j, --json                print JSON\n"
     "  -?, --help                show this help\n"
     "\nExamples:\n  port26 queue show x\n"},
};

static int run(const struct row *row, char *output, size_t cap)
{
    const char *argv[8];
    struct capture c;
    int argc = 0, status;

    memcpy(argv, row->argv, sizeof argv);
    while (argc < 8 && argv[argc])
        argc++;
    capture_begin(&c);
    status = command_run(commands, COUNT(commands), argc, argv);
    capture_end(&c, output, cap);
    return status;
}

static void test_table(void **state)
{
    char output[4000];

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        int status = run(&table[i], output, sizeof output);

        assert_string_equal(output, table[i].output);
        assert_int_equal(status, table[i].status);
    }
}

static void test_lists(void **state)
{
    static const struct row alone = {.argv = {"port26", "queue"}},
                            helped = {.argv = {"port26", "queue", "--help"}},
                            nothing = {.argv = {"port26"}}, help = {.argv = {"port26", "--help"}};
    char output[4000], again[4000];

    (void)state;
    assert_int_equal(run(&alone, output, sizeof output), EX_USAGE);
    assert_non_null(strstr(output, list));
    assert_null(strstr(output, "Send"));
    assert_int_equal(run(&helped, again, sizeof again), EX_OK);
    assert_string_equal(output, again);
    assert_int_equal(run(&nothing, output, sizeof output), EX_USAGE);
    assert_non_null(strstr(output, list));
    assert_non_null(strstr(output, "  send all    Send all.\n"));
    assert_int_equal(run(&help, again, sizeof again), EX_OK);
    assert_string_equal(output, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_lists)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
