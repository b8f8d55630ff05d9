#include "clients/request.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROOT(inner)                                                                                \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover "                                   \
    "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">"     \
    "<Request>" inner "</Request></Autodiscover>"
#define OURS                                                                                       \
    "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/"        \
    "responseschema/2006a</AcceptableResponseSchema>"
#define OTHER                                                                                      \
    "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/mobilesync/"     \
    "responseschema/2006</AcceptableResponseSchema>"

static void good(void **state)
{
    static const struct {
        const char *xml, *address;
        bool other;
    } rows[] = {
        {ROOT("<EMailAddress>you@example.com</EMailAddress>" OURS), "you@example.com", false},
        {ROOT(OTHER "<EMailAddress>\n  you@example.com </EMailAddress>" OURS), "you@example.com",
         false},
        {ROOT("<EMailAddress>you@example.com</EMailAddress>" OTHER), "you@example.com", true},
        {ROOT("<EmailAddress>you@example.com</EmailAddress>"), "you@example.com", false},
        {ROOT("<EMailAddress>o&apos;neill@example.com</EMailAddress>"), "o'neill@example.com",
         false},
        {ROOT("<EMailAddress><![CDATA[a&b@example.com]]></EMailAddress>"), "a&b@example.com",
         false},
        {"<Autodiscover><Request><EMailAddress>a@b.example</EMailAddress></Request></Autodiscover>",
         "a@b.example", false},
        {"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/"
         "requestschema/2006\"><Request><EMailAddress>a@b.example</EMailAddress></Request>"
         "</Autodiscover>",
         "a@b.example", true},
        {"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/"
         "requestschema/2006\"><Request><EMailAddress>a@b.example</EMailAddress>" OURS
         "</Request></Autodiscover>",
         "a@b.example", false},
        {"<x:Autodiscover xmlns:x=\"u\"><x:Request><x:EMailAddress>a@b.example</x:EMailAddress>"
         "</x:Request></x:Autodiscover>",
         "a@b.example", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request r;

        assert_true(request_parse(span_of(rows[i].xml), &r));
        assert_string_equal(r.address, rows[i].address);
        assert_int_equal(r.other, rows[i].other);
    }
}

static void bad(void **state)
{
    static const char *const rows[] = {
        "",
        "you@example.com",
        "<Autodiscover/>",
        ROOT(""),
        ROOT("<EMailAddress></EMailAddress>"),
        ROOT("<LegacyDN>/o=x</LegacyDN>"),
        ROOT("<EMailAddress>you@example.com"), /* not closed */
        "<Autodiscover><EMailAddress>a@b.example</EMailAddress></Autodiscover>",
        "<Other><Request><EMailAddress>a@b.example</EMailAddress></Request></Other>",
        "<!DOCTYPE Autodiscover [<!ENTITY a \"you@example.com\">]>"
        "<Autodiscover><Request><EMailAddress>&a;</EMailAddress></Request></Autodiscover>",
        "<!DOCTYPE Autodiscover SYSTEM \"file:///etc/passwd\">"
        "<Autodiscover><Request><EMailAddress>a@b.example</EMailAddress></Request></Autodiscover>",
    };
    struct text deep = TEXT_INIT(REQUEST_MAX), longer = TEXT_INIT(2 * REQUEST_MAX);
    struct request r;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(request_parse(span_of(rows[i]), &r));
    for (int i = 0; i < 3000; i++)
        text_adds(&deep, "<a>");
    assert_false(request_parse(text_span(&deep), &r));
    text_adds(&longer, "<Autodiscover><Request><EMailAddress>a@b.example</EMailAddress></Request>");
    while (longer.len <= REQUEST_MAX)
        text_adds(&longer, "                ");
    text_adds(&longer, "</Autodiscover>");
    assert_false(request_parse(text_span(&longer), &r));
    text_free(&deep);
    text_free(&longer);
}

static void long_address(void **state)
{
    struct text xml = TEXT_INIT(REQUEST_MAX);
    struct request r;

    (void)state;
    text_adds(&xml, "<Autodiscover><Request><EMailAddress>");
    for (int i = 0; i < 1000; i++)
        text_addc(&xml, 'a');
    text_adds(&xml, "</EMailAddress></Request></Autodiscover>");
    assert_false(request_parse(text_span(&xml), &r));
    text_free(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad),
                                       cmocka_unit_test(long_address)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
