#include "mail/params.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X100 X50 X50
#define X500 X100 X100 X100 X100 X100
#define U5   "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define U100 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5 U5

static const struct params_offer everything = {.extensions = 31, .size_max = 1000000};

static void good_mail(void **state)
{
    static const struct {
        const char *in;
        struct params_mail want;
    } rows[] = {
        {"", {0}},
        {" ", {0}},
        {" SIZE=1000000", {.has_size = true, .size = 1000000}},
        {" size=0", {.has_size = true}},
        {"  BODY=8BITMIME  SMTPUTF8 ", {.body = BODY_8BITMIME, .smtputf8 = true}},
        {" BODY=7bit RET=hdrs", {.body = BODY_7BIT, .ret = RET_HDRS}},
        {" RET=FULL ENVID=a+2Bb", {.ret = RET_FULL, .envid = SPAN("a+2Bb")}},
        {" ENVID=" X100, {.envid = SPAN(X100)}},
        {" AUTH=<>", {.auth = SPAN("<>")}},
        {" AUTH=a+2Bb@c", {.auth = SPAN("a+2Bb@c")}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct params_mail got;
        const struct params_mail *want = &rows[i].want;

        assert_int_equal(params_mail(span_of(rows[i].in), &everything, &got, NULL), PARAMS_OK);
        assert_int_equal(got.has_size, want->has_size);
        assert_int_equal(got.size, want->size);
        assert_int_equal(got.body, want->body);
        assert_int_equal(got.smtputf8, want->smtputf8);
        assert_int_equal(got.ret, want->ret);
        assert_true(span_eq(got.envid, want->envid));
        assert_true(span_eq(got.auth, want->auth));
    }
}

static void bad_mail(void **state)
{
    static const struct {
        struct span in;
        enum params_result result;
    } rows[] = {
        {SPAN("x"), PARAMS_SYNTAX},
        {SPAN("SIZE=1"), PARAMS_SYNTAX},
        {SPAN("\tSIZE=1"), PARAMS_SYNTAX},
        {SPAN(" SIZE=1\r\nRCPT"), PARAMS_SYNTAX},
        {SPAN(" SIZE=1\nX"), PARAMS_SYNTAX},
        {SPAN(" ENVID=a\0b"), PARAMS_SYNTAX},
        {SPAN(" SIZE"), PARAMS_SYNTAX},
        {SPAN(" SIZE="), PARAMS_SYNTAX},
        {SPAN(" SIZE=-1"), PARAMS_SYNTAX},
        {SPAN(" SIZE=abc"), PARAMS_SYNTAX},
        {SPAN(" SIZE=18446744073709551617"), PARAMS_SYNTAX},
        {SPAN(" SIZE=1 SIZE=1"), PARAMS_SYNTAX},
        {SPAN(" SIZE=1000001"), PARAMS_TOO_BIG},
        {SPAN(" SIZE=18446744073709551615"), PARAMS_TOO_BIG},
        {SPAN(" BODY=BINARYMIME"), PARAMS_SYNTAX},
        {SPAN(" BODY"), PARAMS_SYNTAX},
        {SPAN(" SMTPUTF8=yes"), PARAMS_SYNTAX},
        {SPAN(" SMTPUTF8="), PARAMS_SYNTAX},
        {SPAN(" RET="), PARAMS_SYNTAX},
        {SPAN(" RET"), PARAMS_SYNTAX},
        {SPAN(" RET=BODY"), PARAMS_SYNTAX},
        {SPAN(" ENVID"), PARAMS_SYNTAX},
        {SPAN(" ENVID=" X100 "x"), PARAMS_SYNTAX},
        {SPAN(" ENVID=+"), PARAMS_SYNTAX},
        {SPAN(" ENVID=+4"), PARAMS_SYNTAX},
        {SPAN(" ENVID=+ZZ"), PARAMS_SYNTAX},
        {SPAN(" ENVID=\xc3\xbc"), PARAMS_SYNTAX},
        {SPAN(" ENVID=a+0D+0Ab"), PARAMS_SYNTAX},
        {SPAN(" ENVID=a=b"), PARAMS_SYNTAX},
        {SPAN(" AUTH"), PARAMS_SYNTAX},
        {SPAN(" AUTH=x+0D+0A"), PARAMS_SYNTAX},
        {SPAN(" AUTH=" X500 "x"), PARAMS_SYNTAX},
        {SPAN(" =x"), PARAMS_SYNTAX},
        {SPAN(" \"="), PARAMS_SYNTAX},
        {SPAN(" -A"), PARAMS_SYNTAX},
        {SPAN(" A_B=1"), PARAMS_SYNTAX},
        {SPAN(" FOO"), PARAMS_UNKNOWN},
        {SPAN(" FOO=%n%s"), PARAMS_UNKNOWN},
        {SPAN(" NOTIFY=NEVER"), PARAMS_UNKNOWN},
        {SPAN(" ORCPT=rfc822;a@b"), PARAMS_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct params_mail out;
        struct error e = {0};

        assert_int_equal(params_mail(rows[i].in, &everything, &out, &e), rows[i].result);
        assert_true(e.words[0] != '\0');
        assert_null(strchr(e.words, '\n'));
        assert_string_equal(e.enhanced, rows[i].result == PARAMS_TOO_BIG ? "5.3.4" : "5.5.4");
    }
}

static void what_was_not_offered_is_unknown(void **state)
{
    static const struct {
        const char *in;
        unsigned extension;
    } rows[] = {
        {" SIZE=1", PARAMS_SIZE},       {" BODY=8BITMIME", PARAMS_8BITMIME},
        {" SMTPUTF8", PARAMS_SMTPUTF8}, {" RET=FULL", PARAMS_DSN},
        {" ENVID=x", PARAMS_DSN},       {" AUTH=<>", PARAMS_AUTH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct params_offer with = {.extensions = rows[i].extension};
        struct params_offer without = {.extensions = 31 & ~rows[i].extension};
        struct params_mail out;

        assert_int_equal(params_mail(span_of(rows[i].in), &with, &out, NULL), PARAMS_OK);
        assert_int_equal(params_mail(span_of(rows[i].in), &without, &out, NULL), PARAMS_UNKNOWN);
    }
}

static void rcpt(void **state)
{
    static const struct {
        const char *in;
        enum params_result result;
        unsigned notify;
        const char *orcpt;
    } rows[] = {
        {"", PARAMS_OK, 0, ""},
        {" NOTIFY=NEVER", PARAMS_OK, NOTIFY_NEVER, ""},
        {" NOTIFY=success,Failure,DELAY", PARAMS_OK, NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY,
         ""},
        {" ORCPT=rfc822;a+2Bb@c NOTIFY=DELAY", PARAMS_OK, NOTIFY_DELAY, "rfc822;a+2Bb@c"},
        {" NOTIFY=NEVER,SUCCESS", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY=", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY=SUCCESS,", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY=,", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY=ALWAYS", PARAMS_SYNTAX, 0, NULL},
        {" NOTIFY=DELAY NOTIFY=DELAY", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=a@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=;a@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=rfc822;", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=rf.c;a@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=rfc822;a+0D+0AX:", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=rfc822;\xc3\xbc@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=rfc822;" X500, PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=utf-8;\\x{FC}@b", PARAMS_OK, 0, "utf-8;\\x{FC}@b"},
        {" ORCPT=UTF-8;g\xc3\xbc\\@b", PARAMS_OK, 0, "utf-8;g\\x{FC}\\x{5C}@b"},
        {" ORCPT=utf-8;g\xc3@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=utf-8;\xc3\xbc\x7f@b", PARAMS_SYNTAX, 0, NULL},
        {" ORCPT=utf-8;" U100, PARAMS_SYNTAX, 0, NULL}, /* too long for others as ASCII */
        {" SIZE=1", PARAMS_UNKNOWN, 0, NULL},
        {" BODY=8BITMIME", PARAMS_UNKNOWN, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct params_rcpt out;
        struct arena *a;

        assert_int_equal(params_rcpt(span_of(rows[i].in), &everything, &out, NULL), rows[i].result);
        if (rows[i].result != PARAMS_OK)
            continue;
        a = arena_new();
        assert_int_equal(out.notify, rows[i].notify);
        assert_true(span_is(params_orcpt(&out, a), rows[i].orcpt));
        arena_free(&a);
    }
}

static void bdat(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        uint64_t size;
        bool last;
    } rows[] = {
        {" 0 LAST", true, 0, true},
        {" 10", true, 10, false},
        {" 10 last ", true, 10, true},
        {" 9223372036854775807", true, INT64_MAX, false},
        {"", false, 0, false},
        {" ", false, 0, false},
        {"10", false, 0, false},
        {" x", false, 0, false},
        {" -1", false, 0, false},
        {" +1", false, 0, false},
        {" 0x10", false, 0, false},
        {" 9223372036854775808", false, 0, false},
        {" 99999999999999999999", false, 0, false},
        {" LAST", false, 0, false},
        {" 10 FIRST", false, 0, false},
        {" 10 LAST LAST", false, 0, false},
        {" 10\r", false, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct params_bdat out;
        struct error e;

        assert_int_equal(params_bdat(span_of(rows[i].in), &out, &e),
                         rows[i].ok ? PARAMS_OK : PARAMS_SYNTAX);
        if (!rows[i].ok)
            continue;
        assert_int_equal(out.size, rows[i].size);
        assert_int_equal(out.last, rows[i].last);
    }
}

static void codes(void **state)
{
    (void)state;
    assert_int_equal(params_code(PARAMS_SYNTAX), 501);
    assert_int_equal(params_code(PARAMS_UNKNOWN), 555);
    assert_int_equal(params_code(PARAMS_TOO_BIG), 552);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_mail),
        cmocka_unit_test(bad_mail),
        cmocka_unit_test(what_was_not_offered_is_unknown),
        cmocka_unit_test(rcpt),
        cmocka_unit_test(bdat),
        cmocka_unit_test(codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
