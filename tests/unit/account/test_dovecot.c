/* The lines of Dovecot's login service. */
#include "account/dovecot.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void lines(void **state)
{
    static const struct {
        const char *line;
        enum dovecot_reply reply;
        const char *user;
    } rows[] = {
        {"VERSION\t1\t2", DOVECOT_REPLY_NONE, ""},
        {"VERSION\t2\t0", DOVECOT_REPLY_ALIEN, ""},
        {"MECH\tPLAIN\tplaintext", DOVECOT_REPLY_NONE, ""},
        {"DONE", DOVECOT_REPLY_NONE, ""},
        {"OK\t7\tuser=kim@a.test\tresp=x", DOVECOT_REPLY_YES, "kim@a.test"},
        {"OK\t7\tresp=x\tuser=kim", DOVECOT_REPLY_YES, "kim"},
        {"OK\t7", DOVECOT_REPLY_ALIEN, ""},
        {"OK\t7\tuser=", DOVECOT_REPLY_ALIEN, ""},
        {"OK\t8\tuser=kim", DOVECOT_REPLY_ALIEN, ""},
        {"OK", DOVECOT_REPLY_ALIEN, ""},
        {"OK\tx\tuser=kim", DOVECOT_REPLY_ALIEN, ""},
        {"FAIL\t7\tuser=kim", DOVECOT_REPLY_NO, ""},
        {"FAIL\t7", DOVECOT_REPLY_NO, ""},
        {"FAIL\t7\tuser=kim\tuser_disabled", DOVECOT_REPLY_NO, ""},
        {"FAIL\t7\tuser=kim\ttemp", DOVECOT_REPLY_LATER, ""},
        {"FAIL\t7\tcode=temp_fail\tuser=kim", DOVECOT_REPLY_LATER, ""},
        {"FAIL\t6\ttemp", DOVECOT_REPLY_ALIEN, ""},
        {"CONT\t7\tabc", DOVECOT_REPLY_ALIEN, ""},
        {"", DOVECOT_REPLY_NONE, ""},
        {"\t\t", DOVECOT_REPLY_NONE, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span user;

        if (dovecot_line(span_of(rows[i].line), 7, &user) != rows[i].reply ||
            !span_is(user, rows[i].user))
            fail_msg("%s", rows[i].line);
    }
}

static void user_lines(void **state)
{
    static const struct {
        const char *line;
        enum dovecot_reply reply;
        const char *user;
    } rows[] = {
        {"VERSION\t1\t1", DOVECOT_REPLY_NONE, ""},
        {"VERSION\t2\t0", DOVECOT_REPLY_ALIEN, ""},
        {"SPID\t4711", DOVECOT_REPLY_NONE, ""},
        {"USER\t7\tkim@a.test\tuid=8\tgid=8", DOVECOT_REPLY_YES, "kim@a.test"},
        {"USER\t7\tkim", DOVECOT_REPLY_YES, "kim"},
        {"USER\t7\t", DOVECOT_REPLY_ALIEN, ""},
        {"USER\t7", DOVECOT_REPLY_ALIEN, ""},
        {"USER\t8\tkim", DOVECOT_REPLY_ALIEN, ""},
        {"USER", DOVECOT_REPLY_ALIEN, ""},
        {"NOTFOUND\t7", DOVECOT_REPLY_NO, ""},
        {"NOTFOUND\t7\tuser=kim", DOVECOT_REPLY_NO, ""},
        {"NOTFOUND\t6", DOVECOT_REPLY_ALIEN, ""},
        {"FAIL\t7\treason=x", DOVECOT_REPLY_LATER, ""},
        {"FAIL\t-7", DOVECOT_REPLY_ALIEN, ""},
        {"", DOVECOT_REPLY_NONE, ""},
        {"\t\t", DOVECOT_REPLY_NONE, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span user;

        if (dovecot_user_line(span_of(rows[i].line), 7, &user) != rows[i].reply ||
            !span_is(user, rows[i].user))
            fail_msg("%s", rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(user_lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
