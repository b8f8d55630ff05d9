/* The typed questions, out of a table. */
#include "dns/dns.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dns/dns_fake.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct dns_fake_row table[] = {
    {"example.com", DNS_MX, DNS_OK, "!10 MX1.example.com"},
    {"example.com", DNS_MX, DNS_OK, "!20 mx2.example.com"},
    {"example.com", DNS_TXT, DNS_OK, "v=spf1 -all"},
    {"null.example", DNS_MX, DNS_OK, "0 ."},
    {"broken.example", DNS_MX, DNS_OK, "#0a"},
    {"broken.example", DNS_MX, DNS_OK, "#000ac00c"},
    {"half.example", DNS_MX, DNS_OK, "#000a02256e00"}, /* "%n" */
    {"half.example", DNS_MX, DNS_OK, "10 good.example"},
    {"fail.example", DNS_MX, DNS_TEMPORARY, NULL},
    {"bogus.example", DNS_MX, DNS_BOGUS, NULL},
    {"v4.example", DNS_A, DNS_OK, "!192.0.2.1"},
    {"both.example", DNS_A, DNS_OK, "!192.0.2.1"},
    {"both.example", DNS_A, DNS_OK, "!192.0.2.2"},
    {"both.example", DNS_AAAA, DNS_OK, "!2001:db8::1"},
    {"v4-and-failure.example", DNS_A, DNS_OK, "192.0.2.1"},
    {"v4-and-failure.example", DNS_AAAA, DNS_TEMPORARY, NULL},
    {"none-and-failure.example", DNS_AAAA, DNS_TEMPORARY, NULL},
    {"none-and-bogus.example", DNS_A, DNS_BOGUS, NULL},
    {"swapped.example", DNS_A, DNS_OK, "#20010db8000000000000000000000001"},
    {"1.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "host.example.com"},
    {"1.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "#02256e00"},
    {"1.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "#0361006200"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR, DNS_OK,
     "six.example.com"},
    {"_submissions._tcp.example.com", DNS_SRV, DNS_OK, "1 2 465 smtp.example.com"},
    {"_pop3._tcp.example.com", DNS_SRV, DNS_OK, "0 0 0 ."},
    {0},
};

struct bench {
    struct dns *dns;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct bench *b = memory_alloc(sizeof *b);

    b->dns = dns_fake(table);
    b->arena = arena_new();
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    dns_free(&b->dns);
    arena_free(&b->arena);
    free(b);
    return 0;
}

static void mx_results(void **state)
{
    static const struct {
        const char *name;
        enum dns_result result;
        size_t count;
    } rows[] = {
        {"example.com", DNS_OK, 2},
        {"Example.COM.", DNS_OK, 2},
        {"null.example", DNS_OK, 1},
        {"broken.example", DNS_TEMPORARY, 0},
        {"half.example", DNS_OK, 1},
        {"fail.example", DNS_TEMPORARY, 0},
        {"bogus.example", DNS_BOGUS, 0},
        {"v4.example", DNS_NONE, 0},
        {"absent.example", DNS_NXDOMAIN, 0},
        {"not a name", DNS_NXDOMAIN, 0},
        {"", DNS_NXDOMAIN, 0},
        {".", DNS_NXDOMAIN, 0},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_mx_list list;
        enum dns_result r = dns_mx(b->dns, span_of(rows[i].name), CLOCK_NEVER, b->arena, &list);

        if (r != rows[i].result || list.status.result != r || list.count != rows[i].count)
            fail_msg("%s: %s, %zu", rows[i].name, dns_result_name(r), list.count);
        assert_int_equal(r == DNS_OK, list.status.why.len == 0);
    }
}

static void mx_content(void **state)
{
    struct bench *b = *state;
    struct dns_mx_list list;

    dns_mx(b->dns, SPAN("example.com"), CLOCK_NEVER, b->arena, &list);
    assert_true(list.status.secure);
    assert_int_equal(list.mx[0].preference, 10);
    assert_true(span_is(list.mx[0].host, "mx1.example.com"));
    assert_int_equal(list.mx[1].preference, 20);
    dns_mx(b->dns, SPAN("null.example"), CLOCK_NEVER, b->arena, &list);
    assert_int_equal(list.mx[0].host.len, 0);
}

static void address_results(void **state)
{
    static const struct {
        const char *name;
        enum dns_result result;
        size_t count;
        bool secure;
    } rows[] = {
        {"v4.example", DNS_OK, 1, false}, /* that there is no IPv6 was not proven */
        {"both.example", DNS_OK, 3, true},
        {"v4-and-failure.example", DNS_OK, 1, false},
        {"none-and-failure.example", DNS_TEMPORARY, 0, false},
        {"none-and-bogus.example", DNS_BOGUS, 0, false},
        {"swapped.example", DNS_TEMPORARY, 0, false},
        {"example.com", DNS_NONE, 0, false},
        {"absent.example", DNS_NXDOMAIN, 0, false},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_address_list list;
        enum dns_result r =
            dns_address(b->dns, span_of(rows[i].name), CLOCK_NEVER, b->arena, &list);

        if (r != rows[i].result || list.count != rows[i].count ||
            list.status.secure != rows[i].secure)
            fail_msg("%s: %s, %zu", rows[i].name, dns_result_name(r), list.count);
    }
}

static void many_addresses_at_once(void **state)
{
    const struct span names[] = {SPAN("v4.example"), SPAN("absent.example"), SPAN("both.example")};
    struct bench *b = *state;
    struct dns_address_list found[3];

    dns_addresses(b->dns, names, 3, CLOCK_NEVER, b->arena, found);
    assert_int_equal(found[0].count, 1);
    assert_int_equal(found[1].status.result, DNS_NXDOMAIN);
    assert_int_equal(found[2].count, 3);
    assert_int_equal(found[2].address[0].ss_family, AF_INET6);
    assert_int_equal(found[2].address[1].ss_family, AF_INET);
    assert_int_equal(dns_fake_asked(b->dns), 6);
}

static void reverse_names(void **state)
{
    struct bench *b = *state;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct dns_text_list list;

    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    dns_ptr(b->dns, (struct sockaddr *)&v4, CLOCK_NEVER, b->arena, &list);
    assert_int_equal(list.count, 1); /* the names with "%n" and NUL are gone */
    assert_true(span_is(list.text[0], "host.example.com"));
    inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
    dns_ptr(b->dns, (struct sockaddr *)&v6, CLOCK_NEVER, b->arena, &list);
    assert_true(span_is(list.text[0], "six.example.com"));
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
    dns_ptr(b->dns, (struct sockaddr *)&v6, CLOCK_NEVER, b->arena, &list);
    assert_true(span_is(list.text[0], "host.example.com"));
    assert_int_equal(dns_ptr(b->dns, &local, CLOCK_NEVER, b->arena, &list), DNS_NXDOMAIN);
}

static void txt_and_srv(void **state)
{
    struct bench *b = *state;
    struct dns_text_list texts;
    struct dns_srv_list services;

    assert_int_equal(dns_txt(b->dns, SPAN("example.com"), CLOCK_NEVER, b->arena, &texts), DNS_OK);
    assert_true(span_is(texts.text[0], "v=spf1 -all"));
    dns_srv(b->dns, SPAN("_submissions._tcp.example.com"), CLOCK_NEVER, b->arena, &services);
    assert_int_equal(services.count, 1);
    assert_int_equal(services.srv[0].port, 465);
    assert_true(span_is(services.srv[0].host, "smtp.example.com"));
    dns_srv(b->dns, SPAN("_pop3._tcp.example.com"), CLOCK_NEVER, b->arena, &services);
    assert_int_equal(services.srv[0].host.len, 0);
}

static void long_answers_are_cut(void **state)
{
    static struct dns_fake_row many[502];
    static char data[500][48];
    static char longest[65001];
    struct dns *dns = dns_fake(many);
    struct bench *b = *state;
    struct dns_mx_list list;
    struct dns_text_list texts;

    for (int i = 0; i < 500; i++) {
        snprintf(data[i], sizeof data[i], "%d mx%d.example.com", i, i);
        many[i] = (struct dns_fake_row){"example.com", DNS_MX, DNS_OK, data[i]};
    }
    memset(longest, 'x', sizeof longest - 1);
    many[500] = (struct dns_fake_row){"example.com", DNS_TXT, DNS_OK, longest};
    dns_mx(dns, SPAN("example.com"), CLOCK_NEVER, b->arena, &list);
    assert_int_equal(list.count, DNS_RECORDS_MAX);
    assert_true(list.status.cut);
    assert_int_equal(dns_txt(dns, SPAN("example.com"), CLOCK_NEVER, b->arena, &texts),
                     DNS_TEMPORARY);
    dns_free(&dns);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mx_results),           TEST(mx_content),
        TEST(address_results),      TEST(many_addresses_at_once),
        TEST(reverse_names),        TEST(txt_and_srv),
        TEST(long_answers_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
