#include "cli/sendmail_options.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 12 };

static const struct row {
    const char *argv[WORDS]; /* behind argv[0] */
    struct sendmail_options want;
} good[] = {
    {{NULL}, {.first = 1}},
    {{"a@b"}, {.first = 1}},
    {{"-t"}, {.header_recipients = true, .first = 2}},
    {{"-ti"}, {.header_recipients = true, .ignore_dots = true, .first = 2}},
    {{"-t", "-oi", "a@b"}, {.header_recipients = true, .ignore_dots = true, .first = 3}},
    {{"-o", "i"}, {.ignore_dots = true, .first = 3}},
    {{"-oem", "-odi", "-om", "-o7"}, {.first = 5}},
    {{"-i", "-fa@b", "x"}, {.ignore_dots = true, .sender = "a@b", .first = 3}},
    {{"-f", "a@b", "x"}, {.sender = "a@b", .first = 3}},
    {{"-f", "", "x"}, {.sender = "", .first = 3}},
    {{"-f", "<>", "x"}, {.sender = "<>", .first = 3}},
    {{"-f", "-t", "x"}, {.sender = "-t", .first = 3}},
    {{"-r", "a@b", "x"}, {.sender = "a@b", .first = 3}},
    {{"-F", "A B", "x"}, {.name = "A B", .first = 3}},
    {{"-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"},
     {.name = "CronDaemon",
      .ignore_dots = true,
      .header_recipients = true,
      .sender = "root",
      .first = 9}},
    {{"-bs"}, {.mode = SENDMAIL_SMTP, .first = 2}},
    {{"-bp"}, {.mode = SENDMAIL_LIST, .first = 2}},
    {{"-bi"}, {.mode = SENDMAIL_ALIASES, .first = 2}},
    {{"-I"}, {.mode = SENDMAIL_ALIASES, .first = 2}},
    {{"-bm", "x"}, {.first = 2}},
    {{"-q"}, {.mode = SENDMAIL_RETRY, .first = 2}},
    {{"-q30m"}, {.mode = SENDMAIL_RETRY, .first = 2}},
    {{"-bp", "-q"}, {.mode = SENDMAIL_LIST, .first = 3}},
    {{"-C", "/x", "a"}, {.config = "/x", .first = 3}},
    {{"-N", "success,delay,failure", "a"},
     {.notify = NOTIFY_SUCCESS | NOTIFY_DELAY | NOTIFY_FAILURE, .first = 3}},
    {{"-Nnever"}, {.notify = NOTIFY_NEVER, .first = 2}},
    {{"-Rhdrs"}, {.ret = RET_HDRS, .first = 2}},
    {{"-R", "FULL"}, {.ret = RET_FULL, .first = 3}},
    {{"-V", "order 7"}, {.envid = "order 7", .first = 3}},
    {{"-B8BITMIME"}, {.body = BODY_8BITMIME, .first = 2}},
    {{"-B", "7BIT"}, {.body = BODY_7BIT, .first = 3}},
    {{"-G", "-n", "-v", "-U", "-m", "-c", "-x", "a"}, {.first = 8}},
    {{"-O", "DeliveryMode=b", "-em", "-h3", "-L", "tag", "-X", "/log", "-d0.1", "-Am", "a"},
     {.first = 11}},
    {{"-t", "--", "-f"}, {.header_recipients = true, .first = 3}},
    {{"--", "-bd"}, {.first = 2}},
    {{"--help"}, {.mode = SENDMAIL_HELP}},
};

static int read(const char *const argv[WORDS], struct sendmail_options *o, struct error *e)
{
    const char *all[WORDS + 1] = {"sendmail"};
    int argc = 1;

    for (int i = 0; i < WORDS && argv[i]; i++)
        all[argc++] = argv[i];
    return sendmail_options_read(argc, all, o, e);
}

static void same(const char *got, const char *want)
{
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
}

static void are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct sendmail_options *want = &good[i].want;
        struct sendmail_options o;
        struct error e = {0};

        if (read(good[i].argv, &o, &e) < 0)
            fail_msg("row %zu: %s", i, e.words);
        assert_int_equal(o.mode, want->mode);
        assert_int_equal(o.header_recipients, want->header_recipients);
        assert_int_equal(o.ignore_dots, want->ignore_dots);
        assert_int_equal(o.notify, want->notify);
        assert_int_equal(o.ret, want->ret);
        assert_int_equal(o.body, want->body);
        assert_int_equal(o.first, want->first);
        same(o.config, want->config);
        same(o.sender, want->sender);
        same(o.name, want->name);
        same(o.envid, want->envid);
    }
}

static void are_refused(void **state)
{
    static const struct {
        const char *argv[WORDS];
        const char *words; /* some of what is said */
    } bad[] = {
        {{"-f"}, "-f wants a value"},
        {{"-t", "-F"}, "-F wants a value"},
        {{"-z"}, "no option -z"},
        {{"-tz"}, "no option -z"},
        {{"--recipients"}, "no option --"},
        {{"-bd", "-q30m"}, "port26 serve"},
        {{"-bt"}, "-bt is not known"},
        {{"-b", ""}, "-b is not known"},
        {{"-N", "sometimes"}, "success,failure,delay"},
        {{"-N", "never,delay"}, "success,failure,delay"},
        {{"-N", ""}, "success,failure,delay"},
        {{"-N", "success,"}, "success,failure,delay"},
        {{"-R", "some"}, "full or hdrs"},
        {{"-B", "BINARYMIME"}, "7BIT or 8BITMIME"},
        {{"-V", ""}, "1 to 100"},
        {{"-V", "a\nb"}, "printable"},
        {{"a@b", "-f", "c@d"}, "options come first"},
        {{"a@b", "-X/tmp/x"}, "options come first"},
        {{"-"}, "options come first"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct sendmail_options o;
        struct error e = {0};

        assert_int_equal(read(bad[i].argv, &o, &e), -1);
        assert_int_equal(e.class, ERROR_INPUT);
        if (!strstr(e.words, bad[i].words))
            fail_msg("'%s' lacks '%s'", e.words, bad[i].words);
    }
}

static void help(void **state)
{
    char *out = NULL;
    size_t len;
    FILE *f = open_memstream(&out, &len);

    (void)state;
    sendmail_options_help(f);
    fclose(f);
    assert_non_null(strstr(out, "\n  -t "));
    assert_non_null(strstr(out, "ignored: -A -G"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(are_read), cmocka_unit_test(are_refused),
                                       cmocka_unit_test(help)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
