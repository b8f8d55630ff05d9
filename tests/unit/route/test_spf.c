#include "route/spf.h"

#include "base/memory.h"
#include "dns/dns_fake.h"
#include "route/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct dns_fake_row table[] = {
    {"own.example", DNS_TXT, DNS_OK, "v=spf1 a mx -all"},
    {"own.example", DNS_TXT, DNS_OK, "something else"},
    {"own.example", DNS_A, DNS_OK, "192.0.2.1"},
    {"own.example", DNS_AAAA, DNS_OK, "2001:db8::1"},
    {"own.example", DNS_MX, DNS_OK, "10 mx.example"},
    {"mx.example", DNS_A, DNS_OK, "192.0.2.9"},
    {"soft.example", DNS_TXT, DNS_OK, "v=spf1 ip4:203.0.113.7/24 ip6:2001:db8:1::/48 ~all"},
    {"open.example", DNS_TXT, DNS_OK, "v=spf1 ?all"},
    {"end.example", DNS_TXT, DNS_OK, "v=spf1"},
    {"with.example", DNS_TXT, DNS_OK, "v=spf1 include:soft.example -all"},
    {"moved.example", DNS_TXT, DNS_OK, "v=spf1 redirect=own.example"},
    {"lost.example", DNS_TXT, DNS_OK, "v=spf1 redirect=gone.example"},
    {"within.example", DNS_TXT, DNS_OK, "v=spf1 include:gone.example -all"},
    {"loop.example", DNS_TXT, DNS_OK, "v=spf1 include:loop.example -all"},
    {"voids.example", DNS_TXT, DNS_OK, "v=spf1 a:x1.example a:x2.example a:x3.example -all"},
    {"macro.example", DNS_TXT, DNS_OK, "v=spf1 exists:%{i}.list.example -all"},
    {"late.example", DNS_TXT, DNS_OK, "v=spf1 ip4:192.0.2.1 exists:%{i}.x -all"},
    {"two.example", DNS_TXT, DNS_OK, "v=spf1 -all"},
    {"two.example", DNS_TXT, DNS_OK, "v=spf1 +all"},
    {"broken.example", DNS_TXT, DNS_OK, "v=spf1 everybody -all"},
    {"failing.example", DNS_TXT, DNS_TEMPORARY, NULL},
    {"prefix.example", DNS_TXT, DNS_OK, "v=spf1 a:own.example/24//64 -all"},
    {"bad-ip.example", DNS_TXT, DNS_OK, "v=spf1 ip4:2.3 -all"},
    {"other.example", DNS_TXT, DNS_OK, "v=spf10 -all"},
    {"_dmarc.own.example", DNS_TXT, DNS_OK, "v=DMARC1; p=reject; rua=mailto:x@own.example"},
    {"_dmarc.soft.example", DNS_TXT, DNS_OK, "v=DMARC1;p=none"},
    {0},
};

static const struct {
    const char *domain, *address;
    enum spf_result result;
} rows[] = {
    {"own.example", "192.0.2.1", SPF_PASS},
    {"own.example", "2001:db8::1", SPF_PASS},
    {"own.example", "192.0.2.9", SPF_PASS},
    {"own.example", "198.51.100.1", SPF_FAIL},
    {"soft.example", "203.0.113.200", SPF_PASS},
    {"soft.example", "203.0.114.1", SPF_SOFTFAIL},
    {"soft.example", "2001:db8:1:2::3", SPF_PASS},
    {"soft.example", "2001:db8:2::3", SPF_SOFTFAIL},
    {"open.example", "192.0.2.1", SPF_NEUTRAL},
    {"end.example", "192.0.2.1", SPF_NEUTRAL},
    {"with.example", "203.0.113.1", SPF_PASS},
    {"with.example", "192.0.2.1", SPF_FAIL},
    {"moved.example", "192.0.2.1", SPF_PASS},
    {"moved.example", "192.0.2.2", SPF_FAIL},
    {"lost.example", "192.0.2.2", SPF_UNKNOWN},
    {"within.example", "192.0.2.2", SPF_UNKNOWN},
    {"loop.example", "192.0.2.2", SPF_UNKNOWN},
    {"voids.example", "192.0.2.2", SPF_UNKNOWN},
    {"macro.example", "192.0.2.2", SPF_UNKNOWN},
    {"late.example", "192.0.2.1", SPF_PASS},
    {"late.example", "192.0.2.2", SPF_UNKNOWN},
    {"two.example", "192.0.2.2", SPF_UNKNOWN},
    {"broken.example", "192.0.2.2", SPF_UNKNOWN},
    {"failing.example", "192.0.2.2", SPF_UNKNOWN},
    {"prefix.example", "192.0.2.77", SPF_PASS},
    {"prefix.example", "2001:db8::99", SPF_PASS},
    {"prefix.example", "2001:db8:0:1::1", SPF_FAIL},
    {"bad-ip.example", "192.0.2.2", SPF_UNKNOWN},
    {"other.example", "192.0.2.2", SPF_NONE},
    {"nobody.example", "192.0.2.2", SPF_NONE},
};

static void domains_tell_who_may(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns *d = dns_fake(table);
        struct sockaddr_storage a;
        enum spf_result r;

        assert_true(path_literal(span_of(rows[i].address), &a));
        r = spf_check(d, span_of(rows[i].domain), &a, 1, 0);
        if (r != rows[i].result)
            fail_msg("%s of %s: %s", rows[i].address, rows[i].domain, spf_result_name(r));
        assert_true(dns_fake_asked(d) <= 40);
        dns_free(&d);
    }
}

static void one_address_of_a_host_is_enough(void **state)
{
    struct dns *d = dns_fake(table);
    struct sockaddr_storage a[2];

    (void)state;
    path_literal(SPAN("198.51.100.1"), &a[0]);
    path_literal(SPAN("192.0.2.1"), &a[1]);
    assert_int_equal(spf_check(d, SPAN("own.example"), a, 2, 0), SPF_PASS);
    assert_int_equal(spf_check(d, SPAN("own.example"), a, 1, 0), SPF_FAIL);
    assert_int_equal(spf_check(d, SPAN("own.example"), a, 0, 0), SPF_UNKNOWN);
    dns_free(&d);
}

static void records_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "v=spf2 -all",
        "v=spf1x",
        "v=spf1 all:x",
        "v=spf1 include",
        "v=spf1 include:",
        "v=spf1 ip4",
        "v=spf1 ip4:1.2.3.4/33",
        "v=spf1 ip4:1.2.3.4//64",
        "v=spf1 ip6:::1/129",
        "v=spf1 a/x",
        "v=spf1 mx:/24",
        "v=spf1 redirect=",
        "v=spf1 redirect=a.b redirect=c.d",
        "v=spf1 -",
        "v=spf1 exists",
        "v=spf1 all/8",
    };
    struct spf_record r;
    char many[SPF_RECORD_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (spf_parse(span_of(bad[i]), &r))
            fail_msg("taken: %s", bad[i]);
    memset(many, ' ', sizeof many);
    memcpy(many, "v=spf1", 6);
    assert_true(spf_parse((struct span){many, SPF_RECORD_MAX}, &r));
    assert_false(spf_parse((struct span){many, sizeof many}, &r));
    assert_true(spf_parse(SPAN("V=SPF1  exp=a.b -ALL unknown=1"), &r));
    assert_int_equal(r.count, 1);
    assert_int_equal(r.term[0].result, SPF_FAIL);
}

static void dmarc_of_a_domain(void **state)
{
    struct dns *d = dns_fake(table);

    (void)state;
    assert_string_equal(spf_dmarc(d, SPAN("own.example"), 0), "reject");
    assert_string_equal(spf_dmarc(d, SPAN("deep.in.own.example"), 0), "reject");
    assert_string_equal(spf_dmarc(d, SPAN("soft.example"), 0), "none");
    assert_string_equal(spf_dmarc(d, SPAN("nobody.example"), 0), "");
    assert_string_equal(spf_dmarc_policy(SPAN("p=reject; v=DMARC1")), "");
    assert_string_equal(spf_dmarc_policy(SPAN("v=DMARC1; p = Quarantine ;")), "quarantine");
    assert_string_equal(spf_dmarc_policy(SPAN("v=DMARC1; sp=reject")), "");
    dns_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_tell_who_may),
        cmocka_unit_test(one_address_of_a_host_is_enough),
        cmocka_unit_test(records_that_are_none),
        cmocka_unit_test(dmarc_of_a_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
