#include "route/path.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct sockaddr_storage ip(const char *text)
{
    struct sockaddr_storage s;

    assert_true(path_literal(span_of(text), &s));
    return s;
}

static void places(void **state)
{
    static const struct {
        const char *address;
        bool local, nowhere, loopback;
    } rows[] = {
        {"192.0.2.1", false, false, false},
        {"10.0.0.1", false, false, false}, /* an office may have its hosts there */
        {"2001:db8::1", false, false, false},
        {"fd00::1", false, false, false},
        {"127.0.0.1", true, false, true},
        {"127.255.3.4", true, false, true},
        {"128.0.0.1", false, false, false},
        {"126.255.255.255", false, false, false},
        {"0.0.0.0", true, true, false},
        {"0.1.2.3", true, true, false},
        {"169.254.169.254", true, false, false},
        {"169.253.0.1", false, false, false},
        {"224.0.0.1", true, true, false},
        {"255.255.255.255", true, true, false},
        {"::1", true, false, true},
        {"::2", true, true, false},
        {"::", true, true, false},
        {"fe80::1", true, false, false},
        {"febf::1", true, false, false},
        {"fec0::1", false, false, false},
        {"ff02::1", true, true, false},
        {"::ffff:127.0.0.1", true, false, true},
        {"::ffff:192.0.2.1", false, false, false},
        {"::127.0.0.1", true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage s = ip(rows[i].address);

        if (path_is_local(&s) != rows[i].local || path_is_nowhere(&s) != rows[i].nowhere ||
            path_is_loopback(&s) != rows[i].loopback)
            fail_msg("%s", rows[i].address);
    }
}

static void unknown_family_is_nowhere(void **state)
{
    struct sockaddr_storage s = {.ss_family = AF_UNIX};

    (void)state;
    assert_true(path_is_nowhere(&s));
    assert_true(path_is_local(&s));
    assert_false(path_same_address(&s, &s));
}

static void no_literals(void **state)
{
    static const char *const rows[] = {"",
                                       "example.com",
                                       "1.2.3",
                                       "0x7f.1",
                                       "[192.0.2.1]",
                                       "1.2.3.4 ",
                                       "fe80::1%lo",
                                       "1.2.3.4.5",
                                       "::g",
                                       "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    struct sockaddr_storage s;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(path_literal(span_of(rows[i]), &s));
}

static void same_address(void **state)
{
    struct sockaddr_storage a = ip("192.0.2.1"), b = ip("::ffff:192.0.2.1"), c = ip("192.0.2.2");

    (void)state;
    path_set_port(&a, 25);
    assert_true(path_same_address(&a, &b));
    assert_false(path_same_address(&a, &c));
}

static void shown_with_port(void **state)
{
    struct path p = {.address = ip("192.0.2.1"), .port = 25};
    char buf[PATH_ADDRESS_TEXT];

    (void)state;
    path_address(&p, buf);
    assert_string_equal(buf, "192.0.2.1:25");
    p = (struct path){.address = ip("2001:db8::1"), .port = 65535};
    path_address(&p, buf);
    assert_string_equal(buf, "[2001:db8::1]:65535");
    p.address = ip("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    path_address(&p, buf);
    assert_string_equal(buf, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void families_take_turns(void **state)
{
    static const char *const in[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1",
                                     "192.0.2.2"};
    static const struct {
        enum path_family family;
        const char *out[6];
    } rows[] = {
        {PATH_IPV6_FIRST, {"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"}},
        {PATH_IPV4_FIRST, {"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "2001:db8::3"}},
        {PATH_IPV4_ONLY, {"192.0.2.1", "192.0.2.2"}},
        {PATH_IPV6_ONLY, {"2001:db8::1", "2001:db8::2", "2001:db8::3"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage all[COUNT(in)];
        size_t n;

        for (size_t k = 0; k < COUNT(in); k++)
            all[k] = ip(in[k]);
        n = path_order(all, COUNT(in), rows[i].family);
        for (size_t k = 0; k < n; k++) {
            struct sockaddr_storage want = ip(rows[i].out[k]);

            assert_true(path_same_address(&all[k], &want));
        }
        assert_null(rows[i].out[n]);
    }
    assert_int_equal(path_order(NULL, 0, PATH_IPV6_FIRST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),          cmocka_unit_test(unknown_family_is_nowhere),
        cmocka_unit_test(no_literals),     cmocka_unit_test(same_address),
        cmocka_unit_test(shown_with_port), cmocka_unit_test(families_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
