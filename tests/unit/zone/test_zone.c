#include "zone/zone.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#define TOP "hostname = mail.example.org\ndomains = {\"example.com\"}\n"

/* All lines of the zone, and its notes' and needs' first letters, for a configuration. */
static void check(const char *config, const struct zone_key *keys, size_t count,
                  const char *const *lines)
{
    struct arena *a = arena_new();
    struct config_notes notes = {0};
    struct config *c = NULL;
    struct zone zone;
    size_t i = 0;

    assert_int_equal(config_parse(span_of(config), "f", &notes, &c), 0);
    zone_make(c, SPAN("example.com"), keys, count, a, &zone);
    for (; lines[i]; i++) {
        struct text t = TEXT_INIT(ZONE_TEXT_MAX);

        assert_in_range(i, 0, zone.count - 1);
        assert_true(zone_line(&zone.record[i], &t));
        if (strstr(lines[i], "id=ID")) /* whatever the policy comes to */
            t.len = (size_t)(strstr(t.at, "id=") - t.at), text_adds(&t, "id=ID\"");
        assert_string_equal(text_cstr(&t), lines[i]);
        text_free(&t);
    }
    assert_int_equal(i, zone.count);
    config_notes_free(&notes);
    config_free(&c);
    arena_free(&a);
}

static void test_provider(void **state)
{
    (void)state;
    static const struct zone_key keys[] = {
        {SPAN("a-ed._domainkey.example.com"), SPAN("v=DKIM1; k=ed25519; p=AA=="), false},
        {SPAN("o-ed._domainkey.example.com"), SPAN("v=DKIM1; k=ed25519; p=BB=="), true}};

    check(TOP "tls { certificate = \"/c\" key = \"/k\" }\n"
              "clients { host = \"mx.example.org\" }\n"
              "mta-sts { mode = enforce }\n"
              "door \"mx\" { port = 25 }\ndoor \"a\" { port = 465 }\ndoor \"b\" { port = 587 }\n"
              "door \"c\" { port = 2525 }\ndoor \"w\" { port = 443 }\n",
          keys, 2,
          (const char *const[]){
              "example.com. 3600 IN MX 10 mail.example.org.",
              "example.com. 3600 IN TXT \"v=spf1 a:mail.example.org ~all\"",
              "a-ed._domainkey.example.com. 3600 IN TXT \"v=DKIM1; k=ed25519; p=AA==\"",
              "o-ed._domainkey.example.com. 3600 IN TXT \"v=DKIM1; k=ed25519; p=BB==\"",
              "_dmarc.example.com. 3600 IN TXT \"v=DMARC1; p=none; "
              "rua=mailto:postmaster@example.com\"",
              "_smtp._tls.example.com. 3600 IN TXT \"v=TLSRPTv1; "
              "rua=mailto:postmaster@example.com\"",
              "_submissions._tcp.example.com. 3600 IN SRV 0 1 465 mx.example.org.",
              "_submission._tcp.example.com. 3600 IN SRV 0 1 587 mx.example.org.",
              "_submission._tcp.example.com. 3600 IN SRV 1 1 2525 mx.example.org.",
              "_submissions._tcp.example.com. 3600 IN SRV 1 1 443 mx.example.org.",
              "autoconfig.example.com. 3600 IN CNAME mx.example.org.",
              "autodiscover.example.com. 3600 IN CNAME mx.example.org.",
              "_autodiscover._tcp.example.com. 3600 IN SRV 0 1 443 mx.example.org.",
              "_mta-sts.example.com. 3600 IN TXT \"v=STSv1; id=ID\"",
              "mta-sts.example.com. 3600 IN CNAME mx.example.org.", NULL});
}

static void test_plain_web(void **state)
{
    (void)state;
    check(TOP "tls { certificate = \"/c\" key = \"/k\" }\n"
              "door \"a\" { port = 465 }\ndoor \"w\" { port = 80 }\n"
              "relay \"r\" { host = \"smtp.provider.test\" user = u password-file = \"/p\" }\n"
              "route \"all\" { via = \"relay:r\" }\n",
          NULL, 0,
          (const char *const[]){"example.com. 3600 IN TXT \"v=spf1 include:provider.test ~all\"",
                                "_dmarc.example.com. 3600 IN TXT \"v=DMARC1; p=none; "
                                "rua=mailto:postmaster@example.com\"",
                                "_submissions._tcp.example.com. 3600 IN SRV 0 1 465 "
                                "mail.example.org.",
                                "autoconfig.example.com. 3600 IN CNAME mail.example.org.", NULL});
}

/* What goes by relays only, from addresses that nobody else sees, without a door for mail. */
static void test_relay(void **state)
{
    (void)state;
    check(TOP "door \"a\" { port = 587 address = {\"127.0.0.1\"} tls = none }\n"
              "relay \"r\" { host = \"smtp.provider.test\" user = u password-file = \"/p\" }\n"
              "route \"all\" { via = \"relay:r\" }\nroute \"too\" { via = \"relay:r\" }\n",
          NULL, 0,
          (const char *const[]){"example.com. 3600 IN TXT \"v=spf1 include:provider.test ~all\"",
                                "_dmarc.example.com. 3600 IN TXT \"v=DMARC1; p=none; "
                                "rua=mailto:postmaster@example.com\"",
                                NULL});
}

static void test_source_addresses(void **state)
{
    (void)state;
    check(TOP "door \"a\" { port = 587 address = {\"127.0.0.1\"} tls = none }\n"
              "relay \"r\" { host = \"[192.0.2.1]\" tls = none }\n"
              "route \"one\" { to = {\"far.test\"} via = \"relay:r\" }\n"
              "delivery { source-address = {\"192.0.2.7\", \"10.0.0.1\", \"2001:db8::7\", "
              "\"fd00::1\"} }\n",
          NULL, 0,
          (const char *const[]){
              "example.com. 3600 IN TXT \"v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 ~all\"",
              "_dmarc.example.com. 3600 IN TXT \"v=DMARC1; p=none; "
              "rua=mailto:postmaster@example.com\"",
              NULL});
}

static void test_line(void **state)
{
    (void)state;
    char long_text[601];
    struct zone_record r = {.type = DNS_TXT, .name = SPAN("a.test"), .data = SPAN("\"\\\n\x80")};
    struct text t = TEXT_INIT(2000);

    assert_true(zone_line(&r, &t));
    assert_string_equal(text_cstr(&t), "a.test. 3600 IN TXT \"\\\"\\\\\\010\\128\"");
    text_clear(&t);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[600] = '\0';
    r.data = span_of(long_text);
    assert_true(zone_line(&r, &t));
    /* Two gaps between three strings. */
    assert_int_equal(t.len, strlen("a.test. 3600 IN TXT ") + 600 + 2 + 2 * 3);
    assert_int_equal(memcmp(t.at + 20 + 1 + 255, "\" \"x", 4), 0);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provider),
        cmocka_unit_test(test_plain_web),
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_source_addresses),
        cmocka_unit_test(test_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
