#include "conf/scan.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *text, *out, *note;
};

static const struct row valid_table[] = {
    {"", "", NULL},
    {"a = b", "\"a\" = \"b\"", NULL},
    {"a=b;c = d;\n", "\"a\"=\"b\"\"c\" = \"d\"\n", NULL},
    {"a # x } \"\n// y\n", "\"a\" \n\n", NULL},
    {"/* } \n ' */ a", "\n \"a\"", NULL},
    {"a = *.b/c", "\"a\" = \"*.b/c\"", NULL},
    {"a = 10.0.0.0/8", "\"a\" = \"10.0.0.0/8\"", NULL},
    {"a = \"x # \\\" { \" b { }", "\"a\" = \"x # \\\" { \" \"b\" { }", NULL},
    {"a = 'x # \" {' ", "\"a\" = 'x # \" {' ", NULL},
    {"a = \"x\\\ny\" b", "\"a\" = \"x\\\ny\" \"b\"", NULL},
    {"a\\b", "\"a\\\\b\"", NULL},
    {"a += {b,c}", "\"a\" += {\"b\",\"c\"}", NULL},
    {"a+b", "\"a+b\"", NULL},
    {"a = ${X:-{y}/z", "\"a\" = \"${X:-{y}/z\"", NULL},
    {"a\r\nb\r\n", "\"a\"\r\n\"b\"\r\n", NULL},
    {"\xef\xbb\xbf"
     "a",
     "\"a\"", NULL},
};

static const struct row invalid_table[] = {
    {"{ {\n", NULL, "f:1: the { opened here is never closed: add the missing }"},
    {"{ } }", NULL,
     "f:1: nothing is open that this } could close: remove it, or look for a missing { above"},
    {"{{{{{{{{{", NULL, "f:1: too many { inside each other: close some before"},
    {"a = 'x\n'", NULL, "f:1: the text begun here with a quotation mark does not end on its line"},
    {"a = \"x\\\n\n", NULL,
     "f:1: the text begun here with a quotation mark does not end on its line"},
    {"\n\"", NULL, "f:2: the text begun here with a quotation mark does not end on its line"},
    {"/*/", NULL, "f:1: the comment begun here with /* never ends: close it with */"},
    {"${X", NULL, "f:1: ${ without }: write ${NAME}, or \\$ for a dollar sign"},
    {"\"${X\n}\"", NULL, "f:1: ${ without }: write ${NAME}, or \\$ for a dollar sign"},
    {"a\rb", NULL, "f:1: this line holds control characters: remove them"},
    {"a\nb\177", NULL, "f:2: this line holds control characters: remove them"},
};

static void check(const struct row *row, bool good)
{
    struct text out = TEXT_INIT(10000);
    struct config_notes notes = {0};

    assert_int_equal(scan_text(span_of(row->text), "f", &notes, &out), good);
    if (good)
        assert_string_equal(text_cstr(&out), row->out);
    assert_int_equal(notes.count, good ? 0 : 1);
    if (!good)
        assert_string_equal(notes.at[0].text, row->note);
    config_notes_free(&notes);
    text_free(&out);
}

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid_table); i++)
        check(&valid_table[i], true);
}

static void test_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid_table); i++)
        check(&invalid_table[i], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid),
                                       cmocka_unit_test(test_invalid)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
