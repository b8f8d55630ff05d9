#include "probe/autoconfig.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n"                 \
    "<emailProvider id=\"example.com\"><domain>example.com</domain>"                               \
    "<displayName>Example Mail</displayName>"
#define TAIL           "</emailProvider></clientConfig>\n"
#define SERVER(fields) "<outgoingServer type=\"smtp\">" fields "</outgoingServer>"
#define ORDINARY       "<hostname>smtp.example.com</hostname><port>465</port><socketType>SSL</socketType>"

static const struct autoconfig_server ordinary = {
    .host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS};

static void what_is_understood(void **state)
{
    static const struct {
        const char *name, *xml;
        size_t count;
        struct autoconfig_server first;
    } rows[] = {
        {"least",
         HEAD SERVER(ORDINARY) TAIL,
         1,
         {.host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS}},
        {"all",
         HEAD SERVER("<hostname> SMTP.Example.com </hostname><port>587</port>"
                     "<socketType>STARTTLS</socketType>"
                     "<authentication>OAuth2</authentication>"
                     "<authentication>password-cleartext</authentication>"
                     "<username>%EMAILADDRESS%</username>") TAIL,
         1,
         {"smtp.example.com", 587, SEALING_STARTTLS, LOGIN_OAUTH | LOGIN_PASSWORD,
          "you@example.com"}},
        {"local part",
         HEAD SERVER(ORDINARY "<username>x-%EMAILLOCALPART%.%EMAILDOMAIN%</username>") TAIL,
         1,
         {"smtp.example.com", 465, SEALING_TLS, 0, "x-you.example.com"}},
        {"a placeholder nobody knows",
         HEAD SERVER(ORDINARY "<username>%WHO%</username>") TAIL,
         1,
         {"smtp.example.com", 465, SEALING_TLS, 0, ""}},
        {"host by domain",
         HEAD SERVER("<hostname>smtp.%EMAILDOMAIN%</hostname><port>25</port>"
                     "<socketType>plain</socketType>"
                     "<authentication>NTLM</authentication>") TAIL,
         1,
         {"smtp.example.com", 25, SEALING_NONE, LOGIN_SPA, ""}},
        {"two",
         HEAD SERVER(ORDINARY) SERVER(ORDINARY) TAIL,
         2,
         {.host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS}},
        {"no type",
         HEAD "<outgoingServer>" ORDINARY "</outgoingServer>" TAIL,
         1,
         {.host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS}},
        {"others before and behind",
         HEAD "<incomingServer type=\"imap\"><hostname>imap.example.com</hostname><port>993</port>"
              "<socketType>SSL</socketType></incomingServer>" SERVER(
                  ORDINARY) "<documentation url=\"x\"><descr>words</descr></documentation>" TAIL,
         1,
         {.host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS}},
        {"a bad one before",
         HEAD SERVER("<hostname>-</hostname><port>465</port><socketType>SSL</socketType>")
             SERVER(ORDINARY) TAIL,
         1,
         {.host = "smtp.example.com", .port = 465, .sealing = SEALING_TLS}},
    };
    struct autoconfig *a = memory_alloc(sizeof *a);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_true(autoconfig_parse(span_of(rows[i].xml), SPAN("you@example.com"),
                                     SPAN("example.com"), a));
        assert_int_equal(a->count, rows[i].count);
        assert_string_equal(a->name, "Example Mail");
        assert_string_equal(a->server[0].host, rows[i].first.host);
        assert_string_equal(a->server[0].user, rows[i].first.user);
        assert_int_equal(a->server[0].port, rows[i].first.port);
        assert_int_equal(a->server[0].sealing, rows[i].first.sealing);
        assert_int_equal(a->server[0].login, rows[i].first.login);
    }
    free(a);
}

static void what_is_not_believed(void **state)
{
    static const struct {
        const char *name, *xml;
    } rows[] = {
        {"nothing", ""},
        {"a web page", "<!DOCTYPE html><html><body>Not found</body></html>"},
        {"no server", HEAD TAIL},
        {"half a file", HEAD SERVER(ORDINARY)},
        {"text behind", HEAD SERVER(ORDINARY) TAIL "x"},
        {"another type",
         HEAD "<outgoingServer type=\"exchange\">" ORDINARY "</outgoingServer>" TAIL},
        {"not below a provider",
         "<clientConfig><other>" SERVER(ORDINARY) "</other></clientConfig>"},
        {"deeper", HEAD "<x>" SERVER(ORDINARY) "</x>" TAIL},
        {"port 0",
         HEAD SERVER("<hostname>a.example</hostname><port>0</port><socketType>SSL</socketType>")
             TAIL},
        {"port too big",
         HEAD SERVER("<hostname>a.example</hostname><port>65536</port><socketType>SSL</socketType>")
             TAIL},
        {"no port", HEAD SERVER("<hostname>a.example</hostname><socketType>SSL</socketType>") TAIL},
        {"no encryption said", HEAD SERVER("<hostname>a.example</hostname><port>465</port>") TAIL},
        {"a host with a slash",
         HEAD SERVER("<hostname>a/b</hostname><port>465</port><socketType>SSL</socketType>") TAIL},
        {"a host with an escape",
         HEAD SERVER(
             "<hostname>a&#27;[2J.example</hostname><port>465</port><socketType>SSL</socketType>")
             TAIL},
        {"an entity of its own",
         "<!DOCTYPE x [<!ENTITY h \"smtp.example.com\">]>\n<clientConfig><emailProvider>"
         "<outgoingServer type=\"smtp\"><hostname>&h;</hostname><port>465</port>"
         "<socketType>SSL</socketType></outgoingServer></emailProvider></clientConfig>"},
        {"a file of this machine",
         "<!DOCTYPE x [<!ENTITY h SYSTEM \"file:///etc/hostname\">]><clientConfig/>"},
        {"not UTF-8", HEAD SERVER("<hostname>a\xff.example</hostname>" ORDINARY) TAIL},
    };
    struct autoconfig *a = memory_alloc(sizeof *a);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_false(autoconfig_parse(span_of(rows[i].xml), SPAN("you@example.com"),
                                      SPAN("example.com"), a));
        assert_int_equal(a->count, 0);
    }
    free(a);
}

static void without_an_address_no_user_name(void **state)
{
    struct autoconfig *a = memory_alloc(sizeof *a);

    (void)state;
    assert_true(
        autoconfig_parse(SPAN(HEAD SERVER(ORDINARY "<username>%EMAILADDRESS%</username>") TAIL),
                         SPAN_NONE, SPAN("example.com"), a));
    assert_string_equal(a->server[0].user, "");
    assert_string_equal(a->server[0].host, ordinary.host);
    free(a);
}

/* Depth, count and length end somewhere, and strangers' words come out escaped. */
static void everything_has_an_end(void **state)
{
    struct text xml = TEXT_INIT(AUTOCONFIG_MAX + 100);
    struct autoconfig *a = memory_alloc(sizeof *a);

    (void)state;
    text_adds(&xml, HEAD);
    for (int i = 0; i < 100; i++)
        text_adds(&xml, SERVER(ORDINARY));
    text_adds(&xml, TAIL);
    assert_true(autoconfig_parse(text_span(&xml), SPAN_NONE, SPAN("example.com"), a));
    assert_int_equal(a->count, AUTOCONFIG_SERVERS);

    text_clear(&xml);
    for (int i = 0; i < 5000; i++)
        text_adds(&xml, "<a>");
    assert_false(autoconfig_parse(text_span(&xml), SPAN_NONE, SPAN("example.com"), a));

    text_clear(&xml);
    text_adds(&xml, HEAD SERVER(ORDINARY) TAIL);
    while (text_addc(&xml, ' '))
        ;
    assert_false(autoconfig_parse(text_span(&xml), SPAN_NONE, SPAN("example.com"), a));

    text_clear(&xml);
    text_adds(&xml, HEAD "<outgoingServer type=\"smtp\">" ORDINARY "<username>a\xc2\x9b"
                         "31m</username>"
                         "</outgoingServer>" TAIL);
    assert_true(autoconfig_parse(text_span(&xml), SPAN_NONE, SPAN("example.com"), a));
    assert_null(strchr(a->server[0].user, '\xc2'));
    text_free(&xml);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_understood),
        cmocka_unit_test(what_is_not_believed),
        cmocka_unit_test(without_an_address_no_user_name),
        cmocka_unit_test(everything_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
