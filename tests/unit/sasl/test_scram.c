#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/scram.h"

/* Made with Python's hashlib and hmac from "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 rounds
 * (RFC 7677 section 3). */
#define RFC7677                                                                                    \
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"                                                 \
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void test_known(void **state)
{
    (void)state;
    struct scram_verifier v;
    char text[SCRAM_TEXT];
    assert_true(scram_parse(SPAN(RFC7677), &v));
    assert_int_equal(v.iterations, 4096);
    assert_int_equal(v.salt_len, 16);
    assert_true(scram_check_password(&v, SPAN("pencil")));
    assert_true(scram_check_password(&v, SPAN("pen\xc2\xad"
                                              "cil"))); /* SASLprep drops U+00AD */
    assert_false(scram_check_password(&v, SPAN("Pencil")));
    assert_false(scram_check_password(&v, SPAN("pencil\0")));
    assert_false(scram_check_password(&v, SPAN("")));
    assert_false(scram_check_password(&v, SPAN("x")));
    assert_false(scram_check_password(&v, SPAN("\xff")));
    scram_format(&v, text);
    assert_string_equal(text, RFC7677);
}

/* The stand-in for what cannot be a password must not be one. */
static void test_stand_in(void **state)
{
    (void)state;
    struct scram_verifier v;
    assert_int_equal(scram_derive(SPAN("x"), &v, NULL), 0);
    assert_true(scram_check_password(&v, SPAN("x")));
    assert_false(scram_check_password(&v, SPAN("\xff")));
    assert_false(scram_check_password(&v, SPAN("")));
    assert_false(scram_check_password(&v, SPAN("a\x07")));
}

static void test_derive(void **state)
{
    (void)state;
    struct scram_verifier a, b;
    struct error e = {0};
    char text[SCRAM_TEXT];
    assert_int_equal(scram_derive(SPAN("p\xc3\xa4sswort"), &a, &e), 0);
    assert_int_equal(scram_derive(SPAN("p\xc3\xa4sswort"), &b, &e), 0);
    assert_int_equal(a.iterations, SCRAM_ITERATIONS);
    assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT);
    assert_memory_not_equal(a.stored_key, b.stored_key, SCRAM_KEY);
    assert_true(scram_check_password(&b, SPAN("p\xc3\xa4sswort")));
    assert_true(scram_check_password(&b, SPAN("pa\xcc\x88sswort"))); /* decomposed */
    scram_format(&a, text);
    assert_true(scram_parse(span_of(text), &b));
    assert_memory_equal(&a, &b, sizeof a);
}

static void test_refused_passwords(void **state)
{
    (void)state;
    static const struct span bad[] = {SPAN(""),
                                      SPAN("a\0b"),
                                      SPAN("a\nb"),
                                      SPAN("\xff\xfe"),
                                      SPAN("\xd8\xa7"
                                           "1"),
                                      SPAN("\xc2\xad")};
    struct scram_verifier v;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error e = {0};
        assert_int_equal(scram_derive(bad[i], &v, &e), -1);
        assert_int_equal(e.class, ERROR_INPUT);
    }
    char huge[SCRAM_PASSWORD_MAX + 1];
    memset(huge, 'a', sizeof huge);
    assert_int_equal(scram_derive((struct span){huge, sizeof huge}, &v, NULL), -1);
    assert_int_equal(scram_derive((struct span){huge, sizeof huge - 1}, &v, NULL), 0);
}

static void test_invalid_text(void **state)
{
    (void)state;
#define K "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    static const struct span bad[] = {
        SPAN(""),
        SPAN("SCRAM-SHA-256$"),
        SPAN("SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("scram-sha-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("SCRAM-SHA-256$4095:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("SCRAM-SHA-256$2147483648:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("SCRAM-SHA-256$-4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K),
        SPAN("SCRAM-SHA-256$4096:$" K ":" K),
        SPAN("SCRAM-SHA-256$4096:YWJj$" K ":" K), /* salt of 3 octets */
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=$" K ":" K),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":"),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$:" K),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":YWJj"),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K " "),
        SPAN("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" K ":" K ":" K),
    };
    struct scram_verifier v;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(scram_parse(bad[i], &v));
}

static void test_fake(void **state)
{
    (void)state;
    struct span secret = SPAN("0123456789abcdef"), other = SPAN("0123456789abcdeF");
    struct scram_verifier a, b;
    scram_fake(secret, SPAN("nobody"), &a);
    scram_fake(secret, SPAN("NoBody"), &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.iterations, SCRAM_ITERATIONS);
    assert_int_equal(a.salt_len, SCRAM_SALT);
    scram_fake(secret, SPAN("nobody2"), &b);
    assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT);
    scram_fake(other, SPAN("nobody"), &b);
    assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT);
    scram_fake(secret, SPAN("a\0b\xff"), &b);
    scram_fake(secret, SPAN(""), &b);
    assert_false(scram_check_password(&a, SPAN("nobody")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),        cmocka_unit_test(test_stand_in),
        cmocka_unit_test(test_derive),       cmocka_unit_test(test_refused_passwords),
        cmocka_unit_test(test_invalid_text), cmocka_unit_test(test_fake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
