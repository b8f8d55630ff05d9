#include "maildir/maildir_sizes.h"

#include "base/memory.h"
#include "maildir/maildir_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct maildir_entry entry(const char *key)
{
    struct maildir_name n;

    maildir_name_read(span_of(key), &n);
    return (struct maildir_entry){.key = n.key, .seconds = n.seconds};
}

static struct maildir_sizes begin(const char *text)
{
    struct maildir_sizes s = {.known = TEXT_INIT(10000)};

    text_adds(&s.known, text);
    maildir_sizes_begin(&s);
    return s;
}

/* Each text is asked for the messages 1.a, 2.b and 3.c: octets and size of each, "-" without. */
static void test_find(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "- - - "},
        {"port26-sizes 1\n", "- - - "},
        {"port26-sizes 2\n10 9 1.a\n", "- - - "},
        {"port26-sizes 1\n10 9 1.a\n8 7 2.b\n6 6 3.c\n", "10/9 8/7 6/6 "},
        {"port26-sizes 1\n10 9 1.a\n6 6 3.c\n", "10/9 - 6/6 "},
        {"port26-sizes 1\n8 7 2.b\n", "- 8/7 - "},
        {"port26-sizes 1\n5 5 0.x\n5 5 1.\n5 5 1.a\n5 5 1.aa\n8 7 2.b\n", "5/5 8/7 - "},
        {"port26-sizes 1\n10 9 1.a\n8 7 2.b", "10/9 - - "}, /* cut off */
        {"port26-sizes 1\n10 9 1.a\n\n8 7\n8 x 2.b\n6 6 3.c\n", "10/9 - 6/6 "},
        {"port26-sizes 1\n6 6 3.c\n8 7 2.b\n10 9 1.a\n", "- - 6/6 "},    /* not in order */
        {"port26-sizes 1\n9 10 1.a\n17 7 2.b\n16 7 3.c\n", "- - 16/7 "}, /* impossible */
        {"port26-sizes 1\n10 9 1.a,S=9\n8 7 2.b:2,S\n6 6 3.c\n", "- - 6/6 "},
        {"port26-sizes 1\n99999999999999999999 9 1.a\n", "- - - "},
    };
    static const char *const keys[] = {"1.a", "2.b", "3.c"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct maildir_sizes s = begin(cases[i].text);
        struct text got = TEXT_INIT(1000);
        uint64_t octets, size;

        for (size_t k = 0; k < COUNT(keys); k++) {
            struct maildir_entry e = entry(keys[k]);

            if (maildir_sizes_find(&s, &e, &octets, &size))
                text_addf(&got, "%d/%d ", (int)octets, (int)size);
            else
                text_adds(&got, "- ");
        }
        assert_string_equal(text_cstr(&got), cases[i].want);
        text_free(&got);
        maildir_sizes_end(&s);
    }
}

/* What is noted is found, in the same order; a key with a line end is left out. */
static void test_note(void **state)
{
    struct maildir_entry e[] = {entry("1.a"), entry("1.a\n5 5 2.b"), entry("2.b")};
    struct maildir_sizes s = begin(""), again;
    uint64_t octets, size;

    (void)state;
    for (size_t i = 0; i < COUNT(e); i++)
        maildir_sizes_note(&s, &e[i], 12, 10, true);
    assert_false(maildir_sizes_changed(&s));
    assert_string_equal(text_cstr(&s.now), "port26-sizes 1\n12 10 1.a\n12 10 2.b\n");
    again = begin(text_cstr(&s.now));
    assert_true(maildir_sizes_find(&again, &e[0], &octets, &size));
    assert_false(maildir_sizes_find(&again, &e[1], &octets, &size));
    assert_true(maildir_sizes_find(&again, &e[2], &octets, &size));
    assert_int_equal(octets, 12);
    assert_int_equal(size, 10);
    maildir_sizes_end(&s);
    maildir_sizes_end(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_note)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
