#include "dns/rdata.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A copy of exactly these bytes, so that a look beyond them is seen by the address sanitizer. */
static char *exact(struct span s)
{
    char *copy = malloc(s.len ? s.len : 1);

    if (s.len)
        memcpy(copy, s.at, s.len);
    return copy;
}

#define LABEL_63 "\77aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_61 "\75aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_62 "\76aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void names_are_read(void **state)
{
    static const struct {
        const char *what;
        struct span wire;
        const char *host;
    } rows[] = {
        {"root", {"\0", 1}, ""},
        {"one label", {"\3com\0", 5}, "com"},
        {"three labels", {"\2mx\7example\3com\0", 16}, "mx.example.com"},
        {"case is folded", {"\2MX\7ExAmPlE\3COM\0", 16}, "mx.example.com"},
        {"hyphen, underscore, digits", {"\6a-_9Z0\3org\0", 12}, "a-_9z0.org"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char host[RDATA_NAME], *wire = exact(rows[i].wire);

        assert_true(rdata_host((struct span){wire, rows[i].wire.len}, host));
        assert_string_equal(host, rows[i].host);
        free(wire);
    }
}

static void bad_names_are_refused(void **state)
{
    static const struct {
        const char *what;
        struct span wire;
    } rows[] = {
        {"nothing", {"", 0}},
        {"label without bytes", {"\3", 1}},
        {"label longer than the record", {"\7exa", 4}},
        {"no root at the end", {"\3com", 4}},
        {"compression pointer", {"\300\14", 2}},
        {"pointer after a label", {"\3com\300\0", 6}},
        {"pointer to itself", {"\300\0", 2}},
        {"label of 64", {"\100aaaa", 5}},
        {"reserved bits", {"\200a\0", 3}},
        {"bytes after the name", {"\3com\0x", 6}},
        {"NUL in a label", {"\3a\0b\0", 5}},
        {"dot in a label", {"\3a.b\0", 5}},
        {"space", {"\3a b\0", 5}},
        {"percent", {"\2%n\0", 4}},
        {"line end", {"\3a\r\n\0", 5}},
        {"escape", {"\3\33[m\0", 5}},
        {"high bit", {"\2\303\244\0", 4}},
        {"backslash", {"\4\\032\0", 6}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char host[RDATA_NAME], *wire = exact(rows[i].wire);

        if (rdata_host((struct span){wire, rows[i].wire.len}, host))
            fail_msg("taken: %s", rows[i].what);
        free(wire);
    }
}

static void longest_name_is_253(void **state)
{
    static const char most[] = LABEL_63 LABEL_63 LABEL_63 LABEL_61;
    static const char over[] = LABEL_63 LABEL_63 LABEL_63 LABEL_62;
    char host[RDATA_NAME];

    (void)state;
    assert_true(rdata_host((struct span){most, sizeof most}, host));
    assert_int_equal(strlen(host), 253);
    assert_true(rdata_name_ok(span_of(host)));
    assert_false(rdata_host((struct span){over, sizeof over}, host));
}

static void mx_and_srv(void **state)
{
    struct rdata_mx mx;
    struct rdata_srv srv;

    (void)state;
    assert_true(rdata_mx((struct span){"\0\12\2mx\0", 6}, &mx));
    assert_int_equal(mx.preference, 10);
    assert_string_equal(mx.host, "mx");
    assert_true(rdata_mx((struct span){"\377\377\0", 3}, &mx));
    assert_int_equal(mx.preference, 65535);
    assert_string_equal(mx.host, "");
    assert_false(rdata_mx((struct span){"\0\12", 2}, &mx));
    assert_false(rdata_mx((struct span){"\0", 1}, &mx));
    assert_false(rdata_mx(SPAN_NONE, &mx));
    assert_true(rdata_srv((struct span){"\0\1\0\2\2\113\1a\0", 9}, &srv));
    assert_int_equal(srv.priority, 1);
    assert_int_equal(srv.weight, 2);
    assert_int_equal(srv.port, 587);
    assert_string_equal(srv.host, "a");
    assert_false(rdata_srv((struct span){"\0\1\0\2\2\113", 6}, &srv));
    assert_false(rdata_srv((struct span){"\0\1\0\2\2", 5}, &srv));
}

static void txt_strings_are_joined(void **state)
{
    struct text t = TEXT_INIT(8);

    (void)state;
    assert_true(rdata_txt((struct span){"\2ab\0\2c\0", 7}, &t));
    assert_int_equal(t.len, 4);
    assert_memory_equal(t.at, "abc\0", 4);
    text_clear(&t);
    assert_false(rdata_txt(SPAN_NONE, &t));
    assert_false(rdata_txt((struct span){"\5ab", 3}, &t));
    text_clear(&t);
    assert_false(rdata_txt((struct span){"\11abcdefghi", 10}, &t)); /* more than its maximum */
    text_free(&t);
}

static void addresses(void **state)
{
    struct sockaddr_storage s;
    char shown[64];

    (void)state;
    assert_true(rdata_address((struct span){"\300\0\2\1", 4}, &s));
    inet_ntop(AF_INET, &((struct sockaddr_in *)&s)->sin_addr, shown, sizeof shown);
    assert_string_equal(shown, "192.0.2.1");
    assert_true(rdata_address((struct span){"\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16}, &s));
    inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&s)->sin6_addr, shown, sizeof shown);
    assert_string_equal(shown, "2001:db8::1");
    assert_false(rdata_address(SPAN_NONE, &s));
    assert_false(rdata_address((struct span){"\300\0\2", 3}, &s));
    assert_false(rdata_address((struct span){"\300\0\2\1\1", 5}, &s));
}

static void names_to_ask(void **state)
{
    (void)state;
    assert_true(rdata_name_ok(SPAN("example.com")));
    assert_true(rdata_name_ok(SPAN("example.com.")));
    assert_true(rdata_name_ok(SPAN("_mta-sts.xn--4ca.example")));
    assert_false(rdata_name_ok(SPAN("")));
    assert_false(rdata_name_ok(SPAN(".")));
    assert_false(rdata_name_ok(SPAN("a..b")));
    assert_false(rdata_name_ok(SPAN(".a")));
    assert_false(rdata_name_ok(SPAN("a b")));
    assert_false(rdata_name_ok(SPAN("a\\.b")));
    assert_false(rdata_name_ok(SPAN("a\0b")));
    assert_false(rdata_name_ok(SPAN("[192.0.2.1]")));
    assert_false(rdata_name_ok(SPAN("\303\244.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),         cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(longest_name_is_253),    cmocka_unit_test(mx_and_srv),
        cmocka_unit_test(txt_strings_are_joined), cmocka_unit_test(addresses),
        cmocka_unit_test(names_to_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
