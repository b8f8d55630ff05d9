#include "conf/config.h"

#include "base/memory.h"
#include "conf/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char rich[] =
    "hostname = h.example domains = { a.example, b.example }\n"
    "tls { certificate = /c key = /k }\n"
    "user = 'o\"d\\d $u${x'\n"
    "log { level = info form = json }\n"
    "limits { message-size = 30M command-timeout = 90s }\n"
    "delivery { retry = { 1m, 90s, 2h } tls = required source-address = ::1 }\n"
    "door one { port = 2500 tls = none role = exchange greeting = { \"a b\", c } }\n"
    "door two { port = 465 trust = { 10.0.0.0/8, 2001:db8::/32 } certificate = /other }\n"
    "relay isp { host = smtp.isp.example user = me password-file = /p mechanisms = PLAIN }\n"
    "route r1 { to = { *.x.example, '\"odd\"@x.example' } via = relay:isp }\n"
    "route r2 { from = \"<>\" via = mx }\n";

static struct config *load(const char *text)
{
    struct config_notes notes = {0};
    struct config *c;

    if (config_parse(span_of(text), "f", &notes, &c) < 0)
        fail_msg("%s\n%s", notes.at[0].text, text);
    config_notes_free(&notes);
    return c;
}

static void print(const struct config *c, bool only_changed, struct text *out)
{
    *out = TEXT_INIT(1 << 20);
    config_print(c, only_changed, out);
    assert_false(out->full);
}

/* What is printed loads to what prints the same; every setting stands in it. */
static void test_round_trip(void **state)
{
    static const char *const files[] = {"", rich};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct config *c = load(files[i]), *again;
        struct text first, second;

        print(c, false, &first);
        again = load(text_cstr(&first));
        print(again, false, &second);
        assert_string_equal(text_cstr(&first), text_cstr(&second));
        assert_int_equal(again->door_count, c->door_count);
        config_free(&c);
        config_free(&again);
        text_free(&first);
        text_free(&second);
    }
}

static void test_changed(void **state)
{
    struct config *c = load(rich), *again, *defaults = config_defaults();
    struct text out, all, all_again;

    (void)state;
    print(c, true, &out);
    assert_null(strstr(text_cstr(&out), "level")); /* given, but as the default */
    assert_non_null(strstr(text_cstr(&out), "message-size = 30M\n"));
    assert_non_null(strstr(text_cstr(&out), "user = \"o\\\"d\\\\d \\$u\\${x\"\n"));
    assert_null(strstr(text_cstr(&out), "store"));
    again = load(text_cstr(&out));
    print(c, false, &all);
    print(again, false, &all_again);
    assert_string_equal(text_cstr(&all), text_cstr(&all_again));
    text_free(&out);
    print(defaults, true, &out);
    assert_string_equal(text_cstr(&out), "");
    config_free(&c);
    config_free(&again);
    config_free(&defaults);
    text_free(&out);
    text_free(&all);
    text_free(&all_again);
}

/* The roff name of a setting, as the manual has it. */
static void roff_name(const char *name, char *buf)
{
    for (; *name; name++) {
        if (*name == '-')
            *buf++ = '\\';
        *buf++ = *name;
    }
    *buf = '\0';
}

static void test_manual(void **state)
{
    struct text out = TEXT_INIT(1 << 20);
    size_t blocks, begun = 0;
    const struct rows_block *all = rows_blocks(&blocks);
    char name[128];

    (void)state;
    config_manual(&out);
    assert_false(out.full);
    for (size_t i = 0; i < blocks; i++)
        for (size_t j = 0; j < all[i].count; j++) {
            const char *at;

            roff_name(all[i].rows[j].name, name);
            at = strstr(text_cstr(&out) + begun, name);
            assert_non_null(at);
            begun = (size_t)(at - text_cstr(&out));
            at = strstr(at, all[i].rows[j].required ? "Must be given." : "Default: ");
            assert_non_null(at);
        }
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_changed),
                                       cmocka_unit_test(test_manual)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
