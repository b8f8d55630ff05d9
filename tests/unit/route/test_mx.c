#include "route/mx.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "dns/dns_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct dns_fake_row table[] = {
    {"two.example", DNS_MX, DNS_OK, "20 b.host"},
    {"two.example", DNS_MX, DNS_OK, "10 a.host"},
    {"a.host", DNS_A, DNS_OK, "192.0.2.1"},
    {"b.host", DNS_A, DNS_OK, "192.0.2.2"},
    {"b.host", DNS_AAAA, DNS_OK, "2001:db8::2"},
    {"twice.example", DNS_MX, DNS_OK, "10 a.host"},
    {"twice.example", DNS_MX, DNS_OK, "5 A.host"},
    {"implicit.example", DNS_A, DNS_OK, "192.0.2.3"},
    {"nothing.example", DNS_TXT, DNS_OK, "x"},
    {"null.example", DNS_MX, DNS_OK, "0 ."},
    {"null-and-host.example", DNS_MX, DNS_OK, "0 ."},
    {"null-and-host.example", DNS_MX, DNS_OK, "10 a.host"},
    {"fail.example", DNS_MX, DNS_TEMPORARY, NULL},
    {"bogus.example", DNS_MX, DNS_BOGUS, NULL},
    {"gone.example", DNS_MX, DNS_OK, "10 gone.host"},
    {"gone.example", DNS_MX, DNS_OK, "20 away.host"},
    {"one-gone.example", DNS_MX, DNS_OK, "10 gone.host"},
    {"one-gone.example", DNS_MX, DNS_OK, "20 a.host"},
    {"gone-and-failing.example", DNS_MX, DNS_OK, "10 gone.host"},
    {"gone-and-failing.example", DNS_MX, DNS_OK, "20 failing.host"},
    {"failing.host", DNS_A, DNS_TEMPORARY, NULL},
    {"one-failing.example", DNS_MX, DNS_OK, "10 failing.host"},
    {"one-failing.example", DNS_MX, DNS_OK, "20 a.host"},
    {"no-address.example", DNS_MX, DNS_OK, "10 text.host"},
    {"text.host", DNS_TXT, DNS_OK, "x"},
    {"implicit-failing.example", DNS_AAAA, DNS_TEMPORARY, NULL},
    {"loopback.example", DNS_MX, DNS_OK, "10 localhost.host"},
    {"localhost.host", DNS_A, DNS_OK, "127.0.0.1"},
    {"localhost.host", DNS_A, DNS_OK, "0.0.0.0"},
    {"localhost.host", DNS_A, DNS_OK, "169.254.169.254"},
    {"localhost.host", DNS_AAAA, DNS_OK, "::1"},
    {"localhost.host", DNS_AAAA, DNS_OK, "::ffff:127.0.0.1"},
    {"localhost.host", DNS_AAAA, DNS_OK, "fe80::1"},
    {"we-first.example", DNS_MX, DNS_OK, "10 us.host"},
    {"we-first.example", DNS_MX, DNS_OK, "20 a.host"},
    {"we-second.example", DNS_MX, DNS_OK, "10 a.host"},
    {"we-second.example", DNS_MX, DNS_OK, "20 us.host"},
    {"we-second.example", DNS_MX, DNS_OK, "20 equal.host"},
    {"we-second.example", DNS_MX, DNS_OK, "30 b.host"},
    {"us.host", DNS_A, DNS_OK, "198.51.100.1"},
    {"equal.host", DNS_A, DNS_OK, "192.0.2.9"},
    {"our-address.example", DNS_MX, DNS_OK, "10 a.host"},
    {"our-address.example", DNS_MX, DNS_OK, "20 alias.host"},
    {"our-address.example", DNS_MX, DNS_OK, "30 b.host"},
    {"our-address-only.example", DNS_MX, DNS_OK, "20 alias.host"},
    {"alias.host", DNS_AAAA, DNS_OK, "::ffff:198.51.100.2"},
    {"xn--bcher-kva.example", DNS_MX, DNS_OK, "10 a.host"},
    {"six-only.example", DNS_AAAA, DNS_OK, "2001:db8::6"},
    {"equal.example", DNS_MX, DNS_OK, "10 e1.host"},
    {"equal.example", DNS_MX, DNS_OK, "10 e2.host"},
    {"equal.example", DNS_MX, DNS_OK, "10 e3.host"},
    {"equal.example", DNS_MX, DNS_OK, "5 a.host"},
    {"e1.host", DNS_A, DNS_OK, "192.0.2.11"},
    {"e2.host", DNS_A, DNS_OK, "192.0.2.12"},
    {"e3.host", DNS_A, DNS_OK, "192.0.2.13"},
    {"proven.example", DNS_MX, DNS_OK, "!10 proven.host"},
    {"proven.example", DNS_MX, DNS_OK, "!20 a.host"},
    {"proven.host", DNS_A, DNS_OK, "!192.0.2.21"},
    {"proven.host", DNS_AAAA, DNS_OK, "!2001:db8::21"},
    {0},
};

struct bench {
    struct dns *dns;
    struct arena *arena;
    struct mx_settings settings;
    struct span names[1];
    struct sockaddr_storage addresses[2];
    struct path_list list;
    struct error error;
};

static int set_up(void **state)
{
    struct bench *b = memory_alloc(sizeof *b);

    b->dns = dns_fake(table);
    b->arena = arena_new();
    b->names[0] = SPAN("US.host");
    assert_true(path_literal(SPAN("198.51.100.1"), &b->addresses[0]));
    assert_true(path_literal(SPAN("198.51.100.2"), &b->addresses[1]));
    b->settings = (struct mx_settings){
        .tls = PATH_TLS_OPPORTUNISTIC,
        .own_names = b->names,
        .own_name_count = 1,
        .own_addresses = b->addresses,
        .own_address_count = 2,
        .seed = 7,
    };
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

static int look(struct bench *b, const char *domain)
{
    b->list = (struct path_list){.arena = b->arena};
    error_clear(&b->error);
    return mx_paths(b->dns, span_of(domain), &b->settings, CLOCK_NEVER, &b->list, &b->error);
}

/* "a.host=192.0.2.1:25 ..." */
static const char *shown(struct bench *b)
{
    struct text t = TEXT_INIT(4096);
    const char *s;
    char address[PATH_ADDRESS_TEXT];

    for (size_t i = 0; i < b->list.count; i++) {
        path_address(&b->list.path[i], address);
        text_addf(&t, "%s%.*s=%s", i ? " " : "", SPAN_ARG(b->list.path[i].host), address);
    }
    s = arena_cstr(b->arena, text_span(&t));
    text_free(&t);
    return s;
}

static void good_domains(void **state)
{
    static const struct {
        const char *domain, *paths;
    } rows[] = {
        {"two.example", "a.host=192.0.2.1:25 b.host=[2001:db8::2]:25 b.host=192.0.2.2:25"},
        {"TWO.example.", "a.host=192.0.2.1:25 b.host=[2001:db8::2]:25 b.host=192.0.2.2:25"},
        {"twice.example", "a.host=192.0.2.1:25"},
        {"implicit.example", "implicit.example=192.0.2.3:25"},
        {"null-and-host.example", "a.host=192.0.2.1:25"},
        {"one-gone.example", "a.host=192.0.2.1:25"},
        {"one-failing.example", "a.host=192.0.2.1:25"},
        {"we-second.example", "a.host=192.0.2.1:25"},
        {"our-address.example", "a.host=192.0.2.1:25"},
        {"b\303\274cher.example", "a.host=192.0.2.1:25"},
        {"six-only.example", "six-only.example=[2001:db8::6]:25"},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (look(b, rows[i].domain))
            fail_msg("%s: %s", rows[i].domain, b->error.words);
        assert_string_equal(shown(b), rows[i].paths);
    }
}

static void bad_domains(void **state)
{
    static const struct {
        const char *domain, *enhanced;
        enum error_class class;
        enum owner owner;
    } rows[] = {
        {"null.example", "5.1.10", ERROR_PERMANENT, OWNER_RECIPIENT},
        {"absent.example", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"not a domain", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"a..b", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"[192.0.2.1]", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"[127.0.0.1]", "5.1.2", ERROR_PERMANENT, OWNER_YOU},
        {"nothing.example", "5.4.4", ERROR_PERMANENT, OWNER_RECIPIENT},
        {"gone.example", "5.4.4", ERROR_PERMANENT, OWNER_RECIPIENT},
        {"fail.example", "4.4.3", ERROR_TEMPORARY, OWNER_NETWORK},
        {"bogus.example", "4.4.3", ERROR_TEMPORARY, OWNER_RECIPIENT},
        {"gone-and-failing.example", "4.4.3", ERROR_TEMPORARY, OWNER_NETWORK},
        {"implicit-failing.example", "4.4.3", ERROR_TEMPORARY, OWNER_NETWORK},
        {"no-address.example", "4.4.4", ERROR_TEMPORARY, OWNER_RECIPIENT},
        {"loopback.example", "4.4.4", ERROR_TEMPORARY, OWNER_RECIPIENT},
        {"we-first.example", "5.4.6", ERROR_PERMANENT, OWNER_YOU},
        {"us.host", "5.4.6", ERROR_PERMANENT, OWNER_YOU},
        {"our-address-only.example", "5.4.6", ERROR_PERMANENT, OWNER_YOU},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (look(b, rows[i].domain) == 0)
            fail_msg("%s: %s", rows[i].domain, shown(b));
        if (strcmp(b->error.enhanced, rows[i].enhanced) != 0 || b->error.class != rows[i].class ||
            b->error.owner != rows[i].owner)
            fail_msg("%s: %s %s: %s", rows[i].domain, b->error.enhanced, owner_name(b->error.owner),
                     b->error.words);
        assert_int_equal(b->list.count, 0);
        assert_true(strlen(b->error.words) > 60); /* what, why, what next */
    }
}

static void words_fit_the_longest_domain(void **state)
{
    struct bench *b = *state;
    char domain[254];

    memset(domain, 'a', sizeof domain);
    for (size_t i = 63; i < sizeof domain - 1; i += 64)
        domain[i] = '.';
    domain[253] = '\0';
    assert_int_equal(look(b, domain), -1);
    assert_string_equal(b->error.enhanced, "5.1.2");
    assert_non_null(strstr(b->error.words, "send again."));
}

static void families(void **state)
{
    struct bench *b = *state;

    b->settings.family = PATH_IPV4_FIRST;
    assert_int_equal(look(b, "two.example"), 0);
    assert_string_equal(shown(b),
                        "a.host=192.0.2.1:25 b.host=192.0.2.2:25 b.host=[2001:db8::2]:25");
    b->settings.family = PATH_IPV4_ONLY;
    assert_int_equal(look(b, "two.example"), 0);
    assert_string_equal(shown(b), "a.host=192.0.2.1:25 b.host=192.0.2.2:25");
    assert_int_equal(look(b, "six-only.example"), -1);
    assert_string_equal(b->error.enhanced, "4.4.4"); /* not the domain's fault: no bounce */
}

static void laboratory(void **state)
{
    struct bench *b = *state;

    b->settings.allow_loopback = true;
    b->settings.port = 2525;
    b->settings.family = PATH_IPV4_ONLY;
    assert_int_equal(look(b, "loopback.example"), 0);
    assert_string_equal(shown(b),
                        "localhost.host=127.0.0.1:2525 localhost.host=169.254.169.254:2525");
    assert_int_equal(look(b, "our-address-only.example"), -1); /* IPv6 is off */
    b->settings.family = PATH_IPV6_FIRST;
    assert_int_equal(look(b, "our-address-only.example"), 0);
}

static void literals(void **state)
{
    static const struct {
        const char *domain, *answer; /* paths or the code */
    } rows[] = {
        {"[192.0.2.1]", "192.0.2.1=192.0.2.1:25"},
        {"[IPv6:2001:db8::1]", "2001:db8::1=[2001:db8::1]:25"},
        {"[127.0.0.1]", "5.1.2"},
        {"[IPv6:::1]", "5.1.2"},
        {"[IPv6:::ffff:127.0.0.1]", "5.1.2"},
        {"[0.0.0.0]", "5.1.2"},
        {"[198.51.100.1]", "5.4.6"},
        {"[0x7f.1]", "5.1.2"},
        {"[]", "5.1.2"},
    };
    struct bench *b = *state;

    b->settings.allow_literals = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *answer = look(b, rows[i].domain) ? b->error.enhanced : shown(b);

        assert_string_equal(answer, rows[i].answer);
    }
    assert_int_equal(dns_fake_asked(b->dns), 0);
}

static void equal_preferences_are_shuffled(void **state)
{
    struct bench *b = *state;
    unsigned first[4] = {0};

    for (uint64_t seed = 1; seed <= 90; seed++) {
        b->settings.seed = seed;
        assert_int_equal(look(b, "equal.example"), 0);
        assert_int_equal(b->list.count, 4);
        assert_true(span_is(b->list.path[0].host, "a.host"));
        first[b->list.path[1].host.at[1] - '0']++;
    }
    for (int i = 1; i <= 3; i++)
        assert_in_range(first[i], 15, 50);
    b->settings.seed = 0;
    assert_int_equal(look(b, "equal.example"), 0);
}

static void a_path_says_why_and_how(void **state)
{
    struct bench *b = *state;
    const struct path *p;

    b->settings.must_verify = true;
    assert_int_equal(look(b, "proven.example"), 0);
    p = &b->list.path[0];
    assert_true(span_is(p->why, "MX 10 of proven.example"));
    assert_true(span_is(p->verify, "proven.host"));
    assert_int_equal(p->preference, 10);
    assert_int_equal(p->tls, PATH_TLS_OPPORTUNISTIC);
    assert_true(p->must_verify && p->must_encrypt && p->secure && !p->needs_login);
    assert_true(b->list.path[1].secure);
    assert_false(b->list.path[2].secure); /* its addresses are not proven */
    assert_int_equal(look(b, "implicit.example"), 0);
    assert_true(span_is(b->list.path[0].why, "address of implicit.example, which has no MX"));
}

static void hostile_lists_are_bounded(void **state)
{
    static struct dns_fake_row many[1100];
    static char data[500][48], host[500][24];
    struct bench *b = *state;
    size_t n = 0;

    for (int i = 0; i < 500; i++) {
        snprintf(host[i], sizeof host[i], "h%d.host", i);
        snprintf(data[i], sizeof data[i], "10 h%d.host", i);
        many[n++] = (struct dns_fake_row){"many.example", DNS_MX, DNS_OK, data[i]};
        many[n++] = (struct dns_fake_row){host[i], DNS_A, DNS_OK, "192.0.2.1"};
        if (n < 200)
            many[n++] = (struct dns_fake_row){"wide.example", DNS_A, DNS_OK, "192.0.2.1"};
    }
    many[n++] = (struct dns_fake_row){"two.example", DNS_MX, DNS_OK, "1 wide.example"};
    many[n++] = (struct dns_fake_row){"two.example", DNS_MX, DNS_OK, "2 h1.host"};
    dns_free(&b->dns);
    b->dns = dns_fake(many);
    assert_int_equal(look(b, "many.example"), 0);
    assert_int_equal(b->list.count, PATH_MAX_COUNT);
    assert_int_equal(dns_fake_asked(b->dns), 1 + 2 * PATH_MAX_COUNT);
    assert_int_equal(look(b, "two.example"), 0); /* one host's addresses leave room for the next */
    assert_true(span_is(b->list.path[b->list.count - 1].host, "h1.host"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_domains),
        TEST(bad_domains),
        TEST(words_fit_the_longest_domain),
        TEST(families),
        TEST(laboratory),
        TEST(literals),
        TEST(equal_preferences_are_shuffled),
        TEST(a_path_says_why_and_how),
        TEST(hostile_lists_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
