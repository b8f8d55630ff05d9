#include "mail/recipients.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* All addresses of a list with "|" between them; NULL when it is refused. */
static char *read_list(const char *list, bool header, bool *utf8, struct error *e)
{
    struct arena *a = arena_new();
    struct recipients r;
    struct text out = TEXT_INIT(100000);
    int result;
    char *copy = NULL;

    recipients_init(&r, a, SPAN("here.example"));
    result = (header ? recipients_header : recipients_list)(&r, span_of(list), e);
    for (size_t i = 0; i < r.count; i++)
        text_addf(&out, "%s%.*s", i ? "|" : "", SPAN_ARG(r.at[i]));
    if (result == 0)
        copy = memory_dup(text_cstr(&out));
    if (utf8)
        *utf8 = r.utf8;
    text_free(&out);
    recipients_free(&r);
    arena_free(&a);
    return copy;
}

static void good_lists(void **state)
{
    static const struct {
        const char *list, *found;
    } table[] = {
        {"", ""},
        {" , ,; (nobody)\r\n ", ""},
        {"a@b.example", "a@b.example"},
        {"a@b.example, c@d.example", "a@b.example|c@d.example"},
        {"a@b.example;c@d.example,", "a@b.example|c@d.example"},
        {"root", "root@here.example"},
        {"\"two words\"", "\"two words\"@here.example"},
        {"A B <a@b.example>, \"C, D\" <c@d.example> (x, y@z)", "a@b.example|c@d.example"},
        {"John Q. Public <john@example.org>", "john@example.org"},
        {"a@b.example <c@d.example>", "c@d.example"},
        {"=?utf-8?q?J=C3=B6rg?= <j@example.org>", "j@example.org"},
        {"friends: a@b.example, C <c@d.example>;, e@f.example",
         "a@b.example|c@d.example|e@f.example"},
        {"undisclosed-recipients:;", ""},
        {"none: (nobody) ;", ""},
        {"\"a b\"@c.example", "\"a b\"@c.example"},
        {"<\"a\\\"b,>\"@c.example>", "\"a\\\"b,>\"@c.example"},
        {"(x (y) \\) z) a@b.example (3), (4) c@d.example", "a@b.example|c@d.example"},
        {"a . b @ c . example", "a.b@c.example"},
        {"x\r\n <a@b.example>,\r\n\tc@d.example\r\n", "a@b.example|c@d.example"},
        {"<@r.example,@s.example:a@b.example>", "a@b.example"},
        {"a@[192.0.2.1], b@[IPv6:2001:db8::1]", "a@[192.0.2.1]|b@[IPv6:2001:db8::1]"},
        {"a@b.example, A B <a@B.EXAMPLE>, A@b.example", "a@b.example|A@b.example"},
        {"a@b.example.", "a@b.example"},
        {"post@b\xc3\xbc"
         "cher.example",
         "post@xn--bcher-kva.example"},
        {"a%b@c.example, a!b@c.example, |cat@c.example, /etc/x@c.example",
         "a%b@c.example|a!b@c.example||cat@c.example|/etc/x@c.example"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct error e = {0};
        char *found = read_list(table[i].list, false, NULL, &e);

        if (!found)
            fail_msg("%s: %s", table[i].list, e.words);
        assert_string_equal(found, table[i].found);
        free(found);
    }
}

/* Not one of these may be read as something else than it says (HOSTILE 56, 57, 71). */
static void bad_lists(void **state)
{
    static const char *const table[] = {
        "<>",
        "<@>",
        "<a@>",
        "<@b.example>",
        "a@b@c.example",
        "<a@b@c.example>",
        "a b@c.example",
        "<a b@c.example>",
        "<a@b.example",
        "a@b.example>",
        "\"a@b.example",
        "a@[192.0.2.1",
        "a@b.example c@d.example",
        "a@b.example\r\n c@d.example",
        "x <a@b.example> trailing",
        "x <a@b.example> <c@d.example>",
        "x <<a@b.example>>",
        "<a@b.example>, <c d>",
        "mailto:a@b.example",
        ":include:/etc/x",
        "g: a@b.example, h: c@d.example;;",
        "g: a@b.example",
        ": a@b.example;",
        "a@b.example (open",
        "a.@b.example",
        "a..b@c.example",
        "$(id)@x.example",
        "a(x)@b.example",
        "<a@b(x).example>",
        "a@-b.example",
        "a@1.2.3.4",
        "a@b_c.example",
        "\\a@b.example",
        "a@b.example\x01",
        "a\x7f@b.example",
        "a@b.example\xff",
        "<@r.example a@b.example>",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct error e = {0};
        char *found = read_list(table[i], false, NULL, &e);

        if (found)
            fail_msg("'%s' was read as '%s'", table[i], found);
        assert_int_equal(e.class, ERROR_INPUT);
        assert_non_null(strstr(e.words, "cannot be read as an address"));
    }
}

static void headers(void **state)
{
    static const struct {
        const char *header, *found;
    } table[] = {
        {"", ""},
        {"Subject: a@b.example\n\nTo: c@d.example\n", ""},
        {"To: a@b.example\r\nCC: c@d.example\r\nbcc: e@f.example\r\n\r\n",
         "a@b.example|c@d.example|e@f.example"},
        {"to : a@b.example\n", "a@b.example"},
        {"To: a@b.example,\n c@d.example\nX-To: e@f.example\n", "a@b.example|c@d.example"},
        {"To: a@b.example\nTo: c@d.example\n", "a@b.example|c@d.example"},
        {"To: a@b.example\nResent-To: c@d.example\nResent-Bcc: e@f.example\n",
         "c@d.example|e@f.example"},
        {"To: a@b.example\nResent-From: c@d.example\n", "a@b.example"},
        {"To: a@b.example\nthis is no field: x\nCc: c@d.example\n", "a@b.example"},
        {"To:\nCc: undisclosed-recipients:;\n", ""},
    };
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        char *found = read_list(table[i].header, true, NULL, &e);

        assert_non_null(found);
        assert_string_equal(found, table[i].found);
        free(found);
    }
    assert_null(read_list("Subject: x\nCc: a b\n", true, NULL, &e));
    assert_string_equal(e.words, "Cc: 'a b' cannot be read as an address: addresses are parted by "
                                 "commas, and hold no blanks or comments");
}

static void needs_utf8(void **state)
{
    struct error e = {0};
    bool utf8 = true;

    (void)state;
    free(read_list("a@b\xc3\xb6.example", false, &utf8, &e));
    assert_false(utf8);
    free(read_list("\xc3\xb6@b.example", false, &utf8, &e));
    assert_true(utf8);
}

static void too_many(void **state)
{
    struct text list = TEXT_INIT(1 << 20);
    struct error e = {0};
    char *found;

    (void)state;
    for (int i = 0; i < RECIPIENTS_MAX; i++)
        text_addf(&list, "u%d@b.example,", i);
    found = read_list(text_cstr(&list), false, NULL, &e);
    assert_non_null(found);
    free(found);
    text_adds(&list, "u0@b.example"); /* once more the same */
    found = read_list(text_cstr(&list), false, NULL, &e);
    assert_non_null(found);
    free(found);
    text_adds(&list, ",one@b.example");
    assert_null(read_list(text_cstr(&list), false, NULL, &e));
    assert_non_null(strstr(e.words, "more than 10000"));
    text_free(&list);
}

static void senders(void **state)
{
    struct arena *a = arena_new();
    struct error e = {0};
    struct span out;

    (void)state;
    assert_int_equal(recipients_sender(SPAN("<>"), SPAN("h.example"), a, &out, &e), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(recipients_sender(SPAN(" "), SPAN("h.example"), a, &out, &e), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(recipients_sender(SPAN("X <a@b.example>"), SPAN_NONE, a, &out, &e), 0);
    assert_true(span_is(out, "a@b.example"));
    assert_int_equal(recipients_sender(SPAN("joe"), SPAN("h.example"), a, &out, &e), 0);
    assert_true(span_is(out, "joe@h.example"));
    assert_int_equal(recipients_sender(SPAN("a@b.example,c@d.example"), SPAN_NONE, a, &out, &e),
                     -1);
    assert_int_equal(recipients_sender(SPAN("g:;"), SPAN_NONE, a, &out, &e), -1);
    assert_int_equal(recipients_sender(SPAN("joe"), SPAN_NONE, a, &out, &e), -1);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lists), cmocka_unit_test(bad_lists), cmocka_unit_test(headers),
        cmocka_unit_test(needs_utf8), cmocka_unit_test(too_many),  cmocka_unit_test(senders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
