#include "maildir/maildir_name.h"

#include "base/memory.h"
#include "maildir/maildir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct row {
    const char *name, *key;
    int64_t seconds, size, vsize; /* -1: not told */
    bool ours;
};

static void test_names(void **state)
{
    static const struct row rows[] = {
        {"1763856000.01kb3xq6v80123456789abcdef_0.mx.example.org,S=10,W=12:2,S",
         "1763856000.01kb3xq6v80123456789abcdef_0.mx.example.org", 1763856000, 10, 12, true},
        {"1763856000.01kb3xq6v80123456789abcdef_0.mx.example.org",
         "1763856000.01kb3xq6v80123456789abcdef_0.mx.example.org", 1763856000, -1, -1, true},
        {"1763856000.M20P33.host,S=4,W=5", "1763856000.M20P33.host", 1763856000, 4, 5, false},
        {"1763856000.M20P33.host:2,S=9", "1763856000.M20P33.host", 1763856000, -1, -1, false},
        {"1763856000.M20P33.host,W=5,S=4:2,", "1763856000.M20P33.host", 1763856000, 4, 5, false},
        {"1763856000.M20P33.host,W=5", "1763856000.M20P33.host", 1763856000, -1, -1, false},
        {"1.h,S=4,W=3", "1.h", 1, 4, -1, false}, /* smaller than the file: wrong */
        {"1.h,S=4,W=9", "1.h", 1, 4, -1, false}, /* more than any file of 4 octets */
        {"1.h,S=4,W=8", "1.h", 1, 4, 8, false},
        {"1.h,S=,W=8", "1.h", 1, -1, -1, false},
        {"1.h,S=-4", "1.h", 1, -1, -1, false},
        {"1.h,S=4x", "1.h", 1, -1, -1, false},
        {"1.h,S=99999999999999999999", "1.h", 1, -1, -1, false},
        {"1.h,X=4,S=5,", "1.h", 1, 5, -1, false},
        {"0.h,S=0,W=0", "0.h", 0, 0, 0, false},
        {"msg", "msg", 0, -1, -1, false},
        {"", "", 0, -1, -1, false},
        {",S=4", "", 0, 4, -1, false},
        {":2,S", "", 0, -1, -1, false},
        {"9999999999999999999999.h", "9999999999999999999999.h", 0, -1, -1, false},
        {"5.01kb3xq6v80123456789abcdef", "5.01kb3xq6v80123456789abcdef", 5, -1, -1, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct maildir_name n;

        maildir_name_read(span_of(rows[i].name), &n);
        assert_true(span_is(n.key, rows[i].key));
        assert_int_equal(n.seconds, rows[i].seconds);
        assert_int_equal(n.has_size ? (int64_t)n.size : -1, rows[i].size);
        assert_int_equal(n.has_vsize ? (int64_t)n.vsize : -1, rows[i].vsize);
        assert_int_equal(n.ours, rows[i].ours);
    }
}

static void test_uid(void **state)
{
    static const char *const odd[] = {"a b",
                                      "",
                                      "a\x7f",
                                      "\xc3\xa4",
                                      "a\tb",
                                      ("1763856000.01kb3xq6v80123456789abcdef_0."
                                       "a-host-with-a-very-long-name.example.org")};
    struct arena *a = arena_new();
    struct span key = SPAN("1763856000.01kb3xq6v80123456789abcdef_0.mx"), first = SPAN_NONE;
    char near[120];

    (void)state;
    assert_ptr_equal(maildir_name_uid(a, key).at, key.at);
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct span uid = maildir_name_uid(a, span_of(odd[i]));

        assert_in_range(uid.len, 1, MAILDIR_UID_MAX);
        for (size_t j = 0; j < uid.len; j++)
            assert_in_range(uid.at[j], '!', '~');
        assert_true(span_eq(uid, maildir_name_uid(a, span_of(odd[i]))));
        assert_false(span_eq(uid, first));
        first = uid;
    }
    /* the same head, another end */
    snprintf(near, sizeof near, "%s", odd[COUNT(odd) - 1]);
    near[strlen(near) - 1] = 'x';
    assert_false(span_eq(first, maildir_name_uid(a, span_of(near))));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_uid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
