#include "zone/zone_ask.h"

#include "base/clock.h"
#include "dns/dns_fake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static const struct dns_fake_row table[] = {
    {"example.com", DNS_MX, DNS_OK, "10 mail.example.org"},
    {"example.com", DNS_TXT, DNS_OK, "v=spf1 include:inner.test -all"},
    {"inner.test", DNS_TXT, DNS_OK, "v=spf1 ip4:192.0.2.0/28 -all"},
    {"mail.example.org", DNS_A, DNS_OK, "192.0.2.1"},
    {"mail.example.org", DNS_A, DNS_OK, "192.0.2.200"},
    {"_submission._tcp.example.com", DNS_SRV, DNS_OK, "0 1 587 mail.example.org"},
    {"autoconfig.example.com", DNS_A, DNS_OK, "192.0.2.1"},
    {"autodiscover.example.com", DNS_A, DNS_OK, "192.0.2.3"},
    {"_dmarc.example.com", DNS_TXT, DNS_TEMPORARY, NULL},
    {NULL, DNS_A, DNS_OK, NULL}};

static void test_ask(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data;
        enum zone_state state;
    } rows[] = {
        {"example.com", "10 mail.example.org.", ZONE_RIGHT},
        {"example.com", "v=spf1 a:mail.example.org ~all", ZONE_WRONG}, /* the second address */
        {"_dmarc.example.com", "", ZONE_UNKNOWN},
        {"_smtp._tls.example.com", "", ZONE_MISSING},
        {"_submission._tcp.example.com", "", ZONE_RIGHT},
        {"_submissions._tcp.example.com", "", ZONE_MISSING},
        {"autoconfig.example.com", "", ZONE_RIGHT},
        {"autodiscover.example.com", "", ZONE_WRONG},
        {"_autodiscover._tcp.example.com", "", ZONE_MISSING},
    };
    struct arena *a = arena_new();
    struct config_notes notes = {0};
    struct config *c = NULL;
    struct zone zone;
    struct zone_found found[ZONE_RECORDS_MAX];
    struct dns *d = dns_fake(table);

    assert_int_equal(config_parse(SPAN("hostname = mail.example.org\ndomains = {\"example.com\"}\n"
                                       "tls { certificate = \"/c\" key = \"/k\" }\n"
                                       "door \"mx\" { port = 25 }\ndoor \"b\" { port = 587 }\n"
                                       "door \"w\" { port = 443 }\n"),
                                  "f", &notes, &c),
                     0);
    zone_make(c, SPAN("example.com"), NULL, 0, a, &zone);
    zone_ask(d, c, &zone, clock_now() + 20000, a, found);
    assert_int_equal(zone.count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < zone.count; i++) {
        struct zone_verdict v;

        assert_true(span_is(zone.record[i].name, rows[i].name));
        zone_compare(&zone.record[i], &found[i], a, &v);
        if (v.state != rows[i].state)
            print_message("%s: %s\n", rows[i].name, zone_state_name(v.state));
        assert_int_equal(v.state, rows[i].state);
    }
    assert_true(span_is(found[1].address, "192.0.2.200"));
    assert_int_equal(found[1].spf, SPF_FAIL);
    dns_free(&d);
    config_notes_free(&notes);
    config_free(&c);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ask)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
