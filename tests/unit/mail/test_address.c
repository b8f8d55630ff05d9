#include "mail/address.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define X63   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define D255  X63 "." X63 "." X63 "." X63
#define UPATH "gr\xc3\xbc\xc3\x9f" /* gruess with umlaut and sharp s */

static void good_paths(void **state)
{
    static const struct {
        const char *in, *whole, *local, *domain, *rest;
        enum path_kind kind;
        bool utf8, literal;
    } rows[] = {
        {.in = "<>", "", "", "", "", .kind = PATH_REVERSE},
        {.in = "<> SIZE=1", "", "", "", " SIZE=1", .kind = PATH_REVERSE},
        {.in = "<a@b> SIZE=1", "a@b", "a", "b", " SIZE=1"},
        {.in = "<a.b+c@Example.COM>", "a.b+c@Example.COM", "a.b+c", "Example.COM", ""},
        {.in = "<u@dom.>", "u@dom", "u", "dom", ""},
        {.in = "<postmaster>", "postmaster", "postmaster", "", "", .kind = PATH_FORWARD},
        {.in = "<POSTMASTER>", "POSTMASTER", "POSTMASTER", "", "", .kind = PATH_FORWARD},
        {.in = "<POSTMASTER@dom>", "POSTMASTER@dom", "POSTMASTER", "dom", "", .kind = PATH_FORWARD},
        {.in = "<@a,@b:u@x>", "u@x", "u", "x", ""},
        {.in = "<\"\"@dom>", "\"\"@dom", "\"\"", "dom", ""},
        {.in = "<\"a\\\"b\"@dom>", "\"a\\\"b\"@dom", "\"a\\\"b\"", "dom", ""},
        {.in = "<\"a b\"@dom>", "\"a b\"@dom", "\"a b\"", "dom", ""},
        {.in = "<\"a@b\"@dom>", "\"a@b\"@dom", "\"a@b\"", "dom", ""},
        {.in = "<\"a>b\"@dom>x", "\"a>b\"@dom", "\"a>b\"", "dom", "x"},
        {.in = "<a@[127.0.0.1]>", "a@[127.0.0.1]", "a", "[127.0.0.1]", "", .literal = true},
        {.in = "<a@[IPv6:::1]>", "a@[IPv6:::1]", "a", "[IPv6:::1]", "", .literal = true},
        {.in = "<u%x@dom>", "u%x@dom", "u%x", "dom", ""},
        {.in = "<a!b!u@dom>", "a!b!u@dom", "a!b!u", "dom", ""},
        {.in = "<|cmd@dom>", "|cmd@dom", "|cmd", "dom", ""},
        {.in = "<${run{x}}@dom>", "${run{x}}@dom", "${run{x}}", "dom", ""},
        {.in = "<'a--@dom>", "'a--@dom", "'a--", "dom", ""},
        {.in = "<" UPATH "@dom>", UPATH "@dom", UPATH, "dom", "", .utf8 = true},
        {.in = "<u@b\xc3\xbc.de>", "u@b\xc3\xbc.de", "u", "b\xc3\xbc.de", "", .utf8 = true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span rest = span_of(rows[i].in);
        struct address a;

        assert_int_equal(address_path(&rest, rows[i].kind, true, &a), PATH_OK);
        assert_true(span_is(a.whole, rows[i].whole));
        assert_true(span_is(a.local, rows[i].local));
        assert_true(span_is(a.domain, rows[i].domain));
        assert_true(span_is(rest, rows[i].rest));
        assert_int_equal(a.utf8, rows[i].utf8);
        assert_int_equal(a.literal, rows[i].literal);
    }
}

static void bad_paths(void **state)
{
    static const char *const rows[] = {
        "",
        "<",
        "a@b",
        "a@b>",
        "<@>",
        "<a@>",
        "<@b>",
        "<a@b@c>",
        "<a b@c>",
        "<a@b",
        "<\"a@b>",
        "<a@[1.2.3>",
        "<a@[1.2.3]>",
        "<a@[0x7f.1]>",
        "<a@[::1]>",
        "<a@[::ffff:127.0.0.1]>",
        "<a@[IPv6:1]>",
        "<a@[foo:bar]>",
        "<a@[]>",
        "<;id;>",
        "<$(id)>",
        "<;id;@x>",
        "<$(id)@x>",
        "</etc/passwd>",
        "<:include:/x@y>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@b..c>",
        "<a@b..>",
        "<a@.b>",
        "<a@-b>",
        "<a@b->",
        "<a@b_c>",
        "<a@1.2.3.4>",
        "<a@0x7f000001>",
        "<a@x.0x1>",
        "<a@2130706433>",
        "<a@b\r\n>",
        "<a\r@b>",
        "<\"a\r\"@b>",
        "<\"a\\\r\"@b>",
        "<\"a\"b@c>",
        "<\"a\\\"@b>",
        "<@a,b:u@x>",
        "<@a,:u@x>",
        "<@a:u>",
        "<@a,@b,u@x>",
        "<a@" X63 "x>",
        /* bytes that are no UTF-8: bare, overlong, surrogate */
        "<\xff@b>",
        "<\xc0\xaf@b>",
        "<\xed\xa0\x80@b>",
        "<a@\xff>",
        /* zero width, right to left, fullwidth @ and dot, ideographic dot */
        "<a\xe2\x80\x8b@b>",
        "<a\xe2\x80\xae@b>",
        "<a\xef\xbc\xa0x@b>",
        "<a@b\xef\xbc\x8e"
        "c>",
        "<a@b\xe3\x80\x82"
        "c>",
        "<a@b\xef\xbc\xa0"
        "c>",
        "<a@xn--\xc3\xbc>",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span rest = span_of(rows[i]), before = rest;
        struct address a;

        if (address_path(&rest, PATH_FORWARD, true, &a) != PATH_SYNTAX)
            fail_msg("taken: %s", rows[i]);
        assert_ptr_equal(rest.at, before.at);
        assert_int_equal(rest.len, before.len);
    }
    {
        struct span null = SPAN("<>"), nobody = SPAN("<postmaster>");
        struct address a;

        assert_int_equal(address_path(&null, PATH_FORWARD, true, &a), PATH_SYNTAX);
        assert_int_equal(address_path(&nobody, PATH_REVERSE, true, &a), PATH_SYNTAX);
    }
}

static void a_nul_is_no_end(void **state)
{
    struct span rest = SPAN("<a\0b@c>");
    struct address a;

    (void)state;
    assert_int_equal(address_path(&rest, PATH_FORWARD, true, &a), PATH_SYNTAX);
    assert_int_equal(address_parse(SPAN("a@c\0d"), true, &a), PATH_SYNTAX);
    assert_false(address_domain_ok(SPAN("c\0d"), true));
}

static enum path_result path_of(size_t local, size_t domain)
{
    char in[5000];
    struct span rest;
    struct address a;
    size_t n = 0;

    in[n++] = '<';
    memset(in + n, 'l', local);
    n += local;
    in[n++] = '@';
    for (size_t i = 0; i < domain; i++)
        in[n++] = i % 60 == 59 && i + 1 < domain ? '.' : 'd';
    in[n++] = '>';
    rest = (struct span){in, n};
    return address_path(&rest, PATH_FORWARD, false, &a);
}

static void lengths(void **state)
{
    static const struct {
        size_t local, domain;
        enum path_result result;
    } rows[] = {{64, 10, PATH_OK},        {65, 10, PATH_TOO_LONG}, {4000, 10, PATH_TOO_LONG},
                {1, 252, PATH_OK},        {1, 253, PATH_TOO_LONG}, {64, 189, PATH_OK},
                {64, 190, PATH_TOO_LONG}, {1, 256, PATH_TOO_LONG}, {1, 4000, PATH_TOO_LONG}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(path_of(rows[i].local, rows[i].domain), rows[i].result);
    assert_true(address_domain_ok(SPAN(D255), false));
    assert_false(address_domain_ok(SPAN(D255 "y"), false));
    assert_false(address_domain_ok(SPAN(D255 ".y"), false));
}

static void bytes_beyond_ascii_need_the_extension(void **state)
{
    struct span rest = SPAN("<" UPATH "@dom>");
    struct address a;

    (void)state;
    assert_int_equal(address_path(&rest, PATH_FORWARD, false, &a), PATH_NEEDS_UTF8);
    assert_int_equal(address_parse(SPAN("u@b\xc3\xbc.de"), false, &a), PATH_NEEDS_UTF8);
    assert_int_equal(address_parse(SPAN("u@b\xc3\xbc.de"), true, &a), PATH_OK);
}

static void mailboxes(void **state)
{
    static const char *const bad[] = {"",     "a",    "@b",   "a@",     "<a@b>",
                                      "a@b ", " a@b", "a@b>", "a@b,c@d"};
    struct address a;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(address_parse(span_of(bad[i]), false, &a), PATH_SYNTAX);
    assert_int_equal(address_parse(SPAN("a.b@c.example."), false, &a), PATH_OK);
    assert_true(span_is(a.whole, "a.b@c.example"));
    assert_true(span_is(a.domain, "c.example"));
}

static void keys(void **state)
{
    static const struct {
        const char *in, *key;
        bool fold;
    } rows[] = {
        {"Ann@Example.COM", "Ann@example.com", false},
        {"Ann@Example.COM.", "ann@example.com", true},
        {"\"Ann\"@x", "ann@x", true},
        {"\"a\\nn\"@x", "ann@x", false},
        {"\"a@b\"@x", "a@b@x", false},
        {"a@[IPv6:::1]", "a@[ipv6:::1]", true},
        {"u@B\xc3\xbc"
         "cher.example",
         "u@xn--bcher-kva.example", true},
        {"u@XN--bcher-KVA.example", "u@xn--bcher-kva.example", true},
        {"u@fa\xc3\x9f.de", "u@xn--fa-hia.de", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text key = TEXT_INIT(400);
        struct address a;

        assert_int_equal(address_parse(span_of(rows[i].in), true, &a), PATH_OK);
        assert_true(address_canon(&a, rows[i].fold, &key));
        assert_string_equal(text_cstr(&key), rows[i].key);
        text_free(&key);
    }
}

static void no_domain_no_canon(void **state)
{
    static const char *const rows[] = {
        "",  ".",   "a..b", "a b",          "a/b",           "[1.2.3]",
        "[", "a.1", "\xff", "\xe2\x80\x8b", "a\343\200\202b"};
    struct text out = TEXT_INIT(400);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(address_domain_canon(span_of(rows[i]), &out));
    text_free(&out);
}

static void literals(void **state)
{
    char host[64];
    int family;

    (void)state;
    assert_true(address_literal(SPAN("[192.0.2.1]"), &family, host, sizeof host));
    assert_int_equal(family, AF_INET);
    assert_string_equal(host, "192.0.2.1");
    assert_true(address_literal(SPAN("[ipv6:2001:db8::1]"), &family, host, sizeof host));
    assert_int_equal(family, AF_INET6);
    assert_string_equal(host, "2001:db8::1");
    assert_false(address_literal(SPAN("[192.0.2.01x]"), &family, host, sizeof host));
    assert_false(address_literal(SPAN("192.0.2.1"), &family, host, sizeof host));
    assert_false(address_literal(SPAN("[192.0.2.1]"), &family, host, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_paths),
        cmocka_unit_test(bad_paths),
        cmocka_unit_test(a_nul_is_no_end),
        cmocka_unit_test(lengths),
        cmocka_unit_test(bytes_beyond_ascii_need_the_extension),
        cmocka_unit_test(mailboxes),
        cmocka_unit_test(keys),
        cmocka_unit_test(no_domain_no_canon),
        cmocka_unit_test(literals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
