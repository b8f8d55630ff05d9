#include "conf/cidr.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct valid {
    const char *text, *again; /* NULL: as it was */
};

static const struct valid valid_table[] = {
    {"192.0.2.0/24", NULL},
    {"192.0.2.1", NULL},
    {"192.0.2.1/32", "192.0.2.1"},
    {"0.0.0.0/0", NULL},
    {"2001:db8::/32", NULL},
    {"::1", NULL},
    {"::/0", NULL},
    {"fe80::/10", NULL},
    {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
    {"::ffff:192.0.2.7", "192.0.2.7"},
};

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid_table); i++) {
        const struct valid *v = &valid_table[i];
        struct cidr c;
        char buf[CIDR_TEXT];

        assert_true(cidr_parse(span_of(v->text), &c));
        cidr_text(&c, buf);
        assert_string_equal(buf, v->again ? v->again : v->text);
    }
}

static void test_invalid(void **state)
{
    static const char *const table[] = {
        "",           "/",           "10.0.0.0/",      "10.0.0.0/33",
        "10.0.0.1/8", "::/129",      "2001:db8::1/32", "10.0.0/8",
        "localhost",  "10.0.0.0/-1", "10.0.0.0/8/8",   "10.0.0.0 /8",
        "1.2.3.4\n",  "fe80::1%eth0"};
    struct cidr c;

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        assert_false(cidr_parse(span_of(table[i]), &c));
    assert_false(cidr_parse((struct span){"1.2.3.4\0", 8}, &c));
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage a = {0};

    if (strchr(text, ':')) {
        a.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr), 1);
    } else {
        a.ss_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr), 1);
    }
    return a;
}

static void test_has(void **state)
{
    static const struct {
        const char *block, *host;
        bool inside;
    } table[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct sockaddr_storage a = address(table[i].host);
        struct cidr c;

        assert_true(cidr_parse(span_of(table[i].block), &c));
        assert_int_equal(cidr_any(&c, 1, &a), table[i].inside);
    }
}

static void test_any(void **state)
{
    struct sockaddr_storage a = address("10.1.2.3"), local = {.ss_family = AF_UNIX};
    struct cidr list[2];

    (void)state;
    assert_true(cidr_parse(SPAN("192.0.2.0/24"), &list[0]));
    assert_true(cidr_parse(SPAN("10.0.0.0/8"), &list[1]));
    assert_true(cidr_any(list, 2, &a));
    assert_false(cidr_any(list, 1, &a));
    assert_false(cidr_any(list, 0, &a));
    assert_false(cidr_any(list, 2, &local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid), cmocka_unit_test(test_invalid),
                                       cmocka_unit_test(test_has), cmocka_unit_test(test_any)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
