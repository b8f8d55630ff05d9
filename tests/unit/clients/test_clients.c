#include "clients/clients.h"

#include "base/memory.h"
#include "clients/outlook.h"
#include "clients/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "hostname = mail.example.com domains = example.com tls { certificate = /c key = /k }\n"
#define IMAP "clients { imap = \"imap.example.com:993\" }\n"

struct made {
    struct config *config;
    struct arena *arena;
    struct clients_offer offer;
    bool any;
};

static struct made make(const char *text, const char *address)
{
    struct config_notes notes = {0};
    struct made m = {.arena = arena_new()};

    config_parse(span_of(text), "f", &notes, &m.config);
    assert_int_equal(notes.errors, 0);
    config_notes_free(&notes);
    m.any = clients_offer_of(m.config, SPAN("example.com"), span_of(address), m.arena, &m.offer);
    return m;
}

static void end(struct made *m)
{
    config_free(&m->config);
    arena_free(&m->arena);
}

/* The doors of an offer in one line. */
static void which_doors(void **state)
{
    static const struct {
        const char *name, *text, *doors;
    } rows[] = {
        {"the usual ones", BASE,
         "pop3 mail.example.com:995 ssl, pop3 mail.example.com:110, smtp mail.example.com:465 ssl, "
         "smtp mail.example.com:587, smtp mail.example.com:2525, smtp mail.example.com:26, "
         "smtp mail.example.com:1025, "},
        {"no certificate, no door", "hostname = mail.example.com\n", ""},
        {"in the clear, none", BASE "door \"a\" { port = 587 tls = none }\n", ""},
        {"not 25, not the web, HTTPS last",
         BASE "door \"a\" { port = 443 }\ndoor \"b\" { port = 80 }\ndoor \"c\" { port = 25 }\n"
              "door \"d\" { port = 587 }\n",
         "smtp mail.example.com:587, smtp mail.example.com:443 ssl, "},
        {"unknown ports: TLS from the first octet, then the order of the file",
         BASE "door \"a\" { port = 4001 }\ndoor \"b\" { port = 4000 }\n"
              "door \"c\" { port = 4002 tls = implicit }\ndoor \"d\" { port = 587 }\n",
         "smtp mail.example.com:587, smtp mail.example.com:4002 ssl, smtp mail.example.com:4001, "
         "smtp mail.example.com:4000, "},
        {"POP3: 995 before 110, before that of another server",
         BASE "door \"a\" { port = 110 }\ndoor \"b\" { port = 995 }\ndoor \"c\" { port = 465 }\n"
              "clients { pop3 = \"pop.example.com:995\" imap = \"imap.example.com:993\" }\n",
         "imap imap.example.com:993 ssl, pop3 mail.example.com:995 ssl, pop3 mail.example.com:110, "
         "pop3 pop.example.com:995 ssl, smtp mail.example.com:465 ssl, "},
        {"not those for this machine",
         BASE "door \"a\" { port = 465 address = 127.0.0.1 }\ndoor \"b\" { port = 587 }\n",
         "smtp mail.example.com:587, "},
        {"unless there are only such",
         BASE "door \"a\" { port = 465 address = { 127.0.0.1, \"::1\" } }\n",
         "smtp mail.example.com:465 ssl, "},
        {"other servers, in their order",
         BASE "door \"d\" { port = 587 }\nclients { host = smtp.example.com pop3 = "
              "\"pop.example.com:995\" imap = { \"143 starttls\", \"imap.example.com:993\" } }\n",
         "imap smtp.example.com:143, imap imap.example.com:993 ssl, pop3 pop.example.com:995 ssl, "
         "smtp smtp.example.com:587, "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct made m = make(rows[i].text, "");
        struct text out = TEXT_INIT(2000);

        for (size_t k = 0; k < m.offer.count; k++)
            text_addf(&out, "%s %s:%u%s, ", clients_kind_name(m.offer.doors[k].kind),
                      m.offer.doors[k].host, m.offer.doors[k].port,
                      m.offer.doors[k].implicit ? " ssl" : "");
        if (strcmp(text_cstr(&out), rows[i].doors) != 0)
            fail_msg("%s: %s", rows[i].name, text_cstr(&out));
        assert_int_equal(m.any, *rows[i].doors != '\0');
        text_free(&out);
        end(&m);
    }
}

/* However many there are, and in whichever order: the best are told. */
static void very_many_doors(void **state)
{
    struct text config = TEXT_INIT(20000);
    struct made m;

    (void)state;
    text_adds(&config, BASE "clients { imap = \"imap.example.com:993\" }\n");
    for (int i = 0; i < 90; i++)
        text_addf(&config,
                  "door \"d%d\" { port = %d role = submission }\n"
                  "door \"p%d\" { port = %d role = pop3 }\n",
                  i, 4000 + i, i, 5000 + i);
    text_adds(&config, "door \"best\" { port = 465 }\ndoor \"pop\" { port = 995 }\n");
    m = make(text_cstr(&config), "");
    assert_int_equal(m.offer.count, 1 + 2 * CLIENTS_KIND_MAX);
    assert_int_equal(clients_best(&m.offer, CLIENTS_IMAP)->port, 993);
    assert_int_equal(clients_best(&m.offer, CLIENTS_POP3)->port, 995);
    assert_int_equal(clients_best(&m.offer, CLIENTS_SUBMISSION)->port, 465);
    for (size_t i = 0; i < CLIENTS_FORMS; i++) {
        struct text out = TEXT_INIT(CLIENTS_TEXT_MAX);

        m.offer.address = SPAN("you@example.com");
        assert_true(clients_forms[i].write(&m.offer, &out));
        text_free(&out);
    }
    end(&m);
    text_free(&config);
}

static void addresses(void **state)
{
    static const struct {
        const char *typed, *address, *domain;
    } rows[] = {
        {"you@example.com", "you@example.com", "example.com"},
        {" You@Example.COM\n", "You@Example.COM", "example.com"},
        {"you@m\xc3\xbcller.example", "you@m\xc3\xbcller.example", "xn--mller-kva.example"},
        {"", NULL, NULL},
        {"example.com", NULL, NULL},
        {"@example.com", NULL, NULL},
        {"you@", NULL, NULL},
        {"you@[127.0.0.1]", NULL, NULL},
        {"you@example.com, me@example.com", NULL, NULL},
        {"you@example.com\r\nX: y", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct span address, domain;
        int result = clients_address(span_of(rows[i].typed), a, &address, &domain);

        assert_int_equal(result, rows[i].address ? 0 : -1);
        assert_true(result ||
                    (span_is(address, rows[i].address) && span_is(domain, rows[i].domain)));
        arena_free(&a);
    }
}

static char *written(const char *text, const char *address, const char *form)
{
    struct made m = make(text, address);
    struct text out = TEXT_INIT(CLIENTS_TEXT_MAX);
    char *copy = NULL;

    if (clients_form(span_of(form))->write(&m.offer, &out))
        copy = memory_dup(text_cstr(&out));
    text_free(&out);
    end(&m);
    return copy;
}

static void count_in(const char *text, const char *word, unsigned count)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    if (n != count)
        fail_msg("%u times \"%s\" in:\n%s", n, word, text);
}

static void mozilla(void **state)
{
    char *all = written(BASE IMAP, "", "mozilla"), *local, *named;

    (void)state;
    count_in(all, "<emailProvider id=\"example.com\">", 1);
    count_in(all, "<domain>example.com</domain>", 1);
    count_in(all, "<displayName>example.com</displayName>", 1);
    count_in(all, "<incomingServer type=\"imap\">\n      <hostname>imap.example.com</hostname>\n",
             1);
    count_in(all, "<outgoingServer type=\"smtp\">", 5);
    count_in(all, "<socketType>SSL</socketType>", 3);
    count_in(all, "<socketType>STARTTLS</socketType>", 5);
    count_in(all, "<authentication>password-cleartext</authentication>", 8);
    count_in(all, "<username>%EMAILADDRESS%</username>", 8);
    local = written(BASE "clients { user = local-part }\n", "you@example.com", "mozilla");
    count_in(local, "<username>%EMAILLOCALPART%</username>", 7);
    named = written(BASE "clients { display-name = \"Miller & <Sons>\" }\n", "", "mozilla");
    count_in(named, "<displayName>Miller &amp; &lt;Sons&gt;</displayName>", 1);
    free(all);
    free(local);
    free(named);
}

static void outlook(void **state)
{
    char *all = written(BASE IMAP, "o'neill&co@example.com", "outlook"), *local;
    struct text refusal = TEXT_INIT(2000);

    (void)state;
    count_in(all, "<LoginName>o&apos;neill&amp;co@example.com</LoginName>", 8);
    count_in(all, "<Type>IMAP</Type>", 1);
    count_in(all, "<Type>POP3</Type>", 2);
    count_in(all, "<Type>SMTP</Type>", 5);
    count_in(all, "<Encryption>SSL</Encryption>", 3);
    count_in(all, "<Encryption>TLS</Encryption>", 5);
    count_in(all, "<UsePOPAuth>on</UsePOPAuth>", 5);
    local = written(BASE "clients { user = local-part }\n", "you@example.com", "outlook");
    count_in(local, "<LoginName>you</LoginName>", 7);
    assert_true(outlook_refuse(OUTLOOK_INVALID, INT64_C(1700000012345), &refusal));
    count_in(text_cstr(&refusal), "Time=\"22:13:32.345\" Id=\"1700000012\"", 1);
    count_in(text_cstr(&refusal), "<ErrorCode>600</ErrorCode>", 1);
    text_free(&refusal);
    free(all);
    free(local);
}

static void outlook_json_answers(void **state)
{
    struct text out = TEXT_INIT(1000);

    (void)state;
    assert_true(outlook_json("https://mail.example.com", &out));
    assert_string_equal(text_cstr(&out),
                        "{\"Protocol\":\"AutodiscoverV1\",\"Url\":\"https://mail.example.com/"
                        "autodiscover/autodiscover.xml\"}");
    text_clear(&out);
    assert_true(outlook_json_refuse(OUTLOOK_PROTOCOL_UNKNOWN, &out));
    assert_string_equal(text_cstr(&out),
                        "{\"ErrorCode\":\"InvalidProtocol\",\"ErrorMessage\":\"The given protocol "
                        "value is invalid. Supported values are 'AutodiscoverV1'\"}");
    text_free(&out);
}

/* uuid.uuid5(uuid.NAMESPACE_URL, "urn:port26:mail:example.com:you@example.com:profile") */
static void apple(void **state)
{
    char *one = written(BASE IMAP, "you@example.com", "apple"),
         *again = written(BASE IMAP, "YOU@example.com", "apple"),
         *other = written(BASE IMAP, "me@example.com", "apple");

    (void)state;
    count_in(one, "<string>9E0E07F2-88BB-59FC-ACBA-1B7F154C8F5A</string>", 1);
    count_in(again, "9E0E07F2-88BB-59FC-ACBA-1B7F154C8F5A",
             2); /* beside PayloadUUID in the identifier */
    count_in(other, "9E0E07F2-88BB-59FC-ACBA-1B7F154C8F5A", 0);
    count_in(one, "<string>com.example.mail.", 2);
    count_in(one, "EmailTypeIMAP", 1);
    count_in(one, "<integer>993</integer>", 1);
    count_in(one, "<integer>465</integer>", 1);
    assert_null(written(BASE "door \"a\" { port = 465 }\n", "you@example.com", "apple"));
    assert_null(written(BASE IMAP, "", "apple"));
    free(one);
    free(again);
    free(other);
}

static void page(void **state)
{
    static const char *const addresses[] = {"you@example.com", "o'neill&co@example.com",
                                            "\"<script>alert(1)</script>\"@example.com",
                                            "m\xc3\xbcller@example.com"};
    struct text ask = TEXT_INIT(CLIENTS_TEXT_MAX);

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct made m = make(BASE IMAP, addresses[i]);
        struct text out = TEXT_INIT(CLIENTS_TEXT_MAX);

        assert_true(page_settings(&m.offer, PAGE_ENGLISH, "/mail.mobileconfig?email=x", &out));
        count_in(text_cstr(&out), "<script", 0);
        count_in(text_cstr(&out), "<h2>", 4); /* two ways to get mail, one to send, and others */
        count_in(text_cstr(&out), "<table>", 3);
        count_in(text_cstr(&out), "<li>", 5);
        count_in(text_cstr(&out), "<td>imap.example.com</td>", 1);
        count_in(text_cstr(&out), "<td>465</td>", 1);
        count_in(text_cstr(&out),
                 "<li>Sending mail (SMTP): mail.example.com, port 587, STARTTLS</li>", 1);
        count_in(text_cstr(&out), "href=\"/mail.mobileconfig?email=x\"", 1);
        text_clear(&out);
        assert_true(page_settings(&m.offer, PAGE_GERMAN, NULL, &out));
        count_in(text_cstr(&out), "mobileconfig", 0);
        text_free(&out);
        end(&m);
    }
    assert_true(page_ask(PAGE_ENGLISH, PAGE_FOREIGN, SPAN("<b>no</b>"), &ask));
    count_in(text_cstr(&ask), "&lt;b&gt;no&lt;/b&gt;", 1);
    text_free(&ask);
}

static void languages(void **state)
{
    static const struct {
        const char *accepted;
        enum page_language l;
    } rows[] = {
        {"", PAGE_ENGLISH},          {"de", PAGE_GERMAN},
        {"DE-at", PAGE_GERMAN},      {"de-DE,de;q=0.9,en;q=0.8", PAGE_GERMAN},
        {"en-US, de", PAGE_ENGLISH}, {"fr, de;q=0.5, en;q=0.1", PAGE_GERMAN},
        {"den, en", PAGE_ENGLISH},   {"*", PAGE_ENGLISH},
        {",,;;,de", PAGE_GERMAN},    {" de ;q=1", PAGE_GERMAN},
        {"d", PAGE_ENGLISH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(page_language(span_of(rows[i].accepted)), rows[i].l);
    assert_int_equal(page_language(SPAN_NONE), PAGE_ENGLISH);
    for (int l = 0; l < PAGE_LANGUAGES; l++) { /* nothing is left out of a language */
        const struct page_texts *say = page_texts((enum page_language)l);
        struct text ask = TEXT_INIT(CLIENTS_TEXT_MAX);
        struct made m = make(BASE IMAP, "you@example.com");

        assert_true(page_ask((enum page_language)l, PAGE_FOREIGN, SPAN("x.test"), &ask));
        assert_true(page_ask((enum page_language)l, PAGE_NO_ADDRESS, SPAN_NONE, &ask));
        assert_true(page_settings(&m.offer, (enum page_language)l, "/p", &ask));
        count_in(text_cstr(&ask), "(null)", 0);
        count_in(text_cstr(&ask), "x.test", 1);
        assert_non_null(strstr(text_cstr(&ask), say->title));
        text_free(&ask);
        end(&m);
    }
}

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS_FORMS; i++) {
        assert_ptr_equal(clients_form(span_of(clients_forms[i].name)), &clients_forms[i]);
        assert_ptr_equal(clients_form(span_of(clients_forms[i].also)), &clients_forms[i]);
    }
    assert_ptr_equal(clients_form(SPAN("MobileConfig")), &clients_forms[CLIENTS_APPLE]);
    assert_null(clients_form(SPAN("")));
    assert_null(clients_form(SPAN("apples")));
}

static void plain(void **state)
{
    char *json = written(BASE IMAP, "you@example.com", "json"),
         *text = written(BASE IMAP, "", "text");

    (void)state;
    count_in(json, "\"user\": \"you@example.com\"", 1);
    count_in(json, "\"protocol\": \"smtp\"", 5);
    count_in(json, "\"encryption\": \"implicit\"", 3);
    count_in(text, "User name        <address>\n", 1);
    count_in(text, "Incoming (IMAP)  imap.example.com, port 993, SSL/TLS\n", 1);
    count_in(text, "Outgoing (SMTP)  mail.example.com, port 465, SSL/TLS\n", 1);
    count_in(text, "\n                 mail.example.com, port 587, STARTTLS\n", 1);
    free(json);
    free(text);
}

/* Whatever the configuration holds: bounded, and told when it does not fit. */
static void too_small(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS_FORMS; i++) {
        struct made m = make(BASE IMAP, "you@example.com");
        struct text out = TEXT_INIT(100);

        assert_false(clients_forms[i].write(&m.offer, &out));
        text_free(&out);
        end(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_doors), cmocka_unit_test(very_many_doors),
        cmocka_unit_test(addresses),   cmocka_unit_test(mozilla),
        cmocka_unit_test(outlook),     cmocka_unit_test(outlook_json_answers),
        cmocka_unit_test(apple),       cmocka_unit_test(plain),
        cmocka_unit_test(page),        cmocka_unit_test(languages),
        cmocka_unit_test(names),       cmocka_unit_test(too_small)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
