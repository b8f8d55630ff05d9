/* GMime, which shares no code with this, reads the fields back. */
#include "mail/encoded.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gmime/gmime.h>
#include <string.h>

#define FIFTY "0123456789 0123456789 0123456789 0123456789 12345 "

static void check_lines(const char *field)
{
    const char *line = field;

    assert_true(strlen(field) > 2);
    assert_string_equal(field + strlen(field) - 2, "\r\n");
    while (*line) {
        const char *end = strstr(line, "\r\n");

        assert_non_null(end);
        assert_true(end - line <= 998);
        assert_true(line == field || *line == ' ');
        for (; line < end; line++)
            assert_true(*line >= ' ' && *line <= '~');
        line = end + 2;
    }
}

static void fields(void **state)
{
    static const struct {
        const char *words, *read;
        size_t lines;
    } table[] = {
        {"", "", 1},
        {"Hello", "Hello", 1},
        {"J\xc3\xb6rg's Gr\xc3\xb6\xc3\x9f"
         "e",
         NULL, 1},
        {"two  blanks", "two blanks", 1},
        {"a\r\nBcc: b@c.example\r\n\r\nx", "a Bcc: b@c.example x", 1},
        {"\xff\xfe", "??", 1},
        {"not =?utf-8?q?coded?= by us", NULL, 1},
        {FIFTY FIFTY "end", NULL, 2},
        {FIFTY FIFTY "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", NULL, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct text out = TEXT_INIT(100000);
        const char *want = table[i].read ? table[i].read : table[i].words;
        char *read;
        size_t lines = 0;

        assert_true(encoded_field("Subject", span_of(table[i].words), &out));
        check_lines(text_cstr(&out));
        for (const char *at = text_cstr(&out); (at = strstr(at, "\r\n")); at += 2)
            lines++;
        assert_int_equal(lines, table[i].lines);
        read = g_mime_utils_header_decode_text(NULL, text_cstr(&out) + strlen("Subject:"));
        g_strstrip(read);
        for (char *at = strstr(read, "\r\n "); at; at = strstr(at, "\r\n "))
            memmove(at, at + 2, strlen(at + 2) + 1);
        assert_string_equal(read, want);
        g_free(read);
        text_free(&out);
    }
}

static void mailboxes(void **state)
{
    static const char *const names[] = {
        "",
        "Joe",
        "Joe User-Smith",
        "Public, John Q.",
        "a \"b\" \\ c",
        "J\xc3\xb6rg (x) <y@z>",
        FIFTY,
        "=?utf-8?q?x?=",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct text out = TEXT_INIT(100000);
        InternetAddressList *list;
        InternetAddress *one;

        assert_true(encoded_mailbox("From", span_of(names[i]), SPAN("a@b.example"), &out));
        check_lines(text_cstr(&out));
        list = internet_address_list_parse(NULL, text_cstr(&out) + strlen("From:"));
        assert_non_null(list);
        assert_int_equal(internet_address_list_length(list), 1);
        one = internet_address_list_get_address(list, 0);
        assert_string_equal(internet_address_mailbox_get_addr((InternetAddressMailbox *)one),
                            "a@b.example");
        if (names[i] != names[6]) /* its last blank goes */
            assert_string_equal(one->name ? one->name : "", names[i]);
        g_object_unref(list);
        text_free(&out);
    }
}

static void no_room(void **state)
{
    struct text out = TEXT_INIT(10);

    (void)state;
    assert_false(encoded_field("Subject", SPAN("more than ten"), &out));
    assert_int_equal(out.len, 0);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields), cmocka_unit_test(mailboxes),
                                       cmocka_unit_test(no_room)};
    int failed;

    g_mime_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_mime_shutdown();
    return failed;
}
