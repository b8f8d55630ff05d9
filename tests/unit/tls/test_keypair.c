#include "tls/keypair.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

/* RFC 8463 A.2: its secret octets as PKCS #8, and what it publishes. */
static const char rfc_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";

static void test_rfc_key(void **state)
{
    (void)state;
    struct error e = {0};
    struct text out = TEXT_INIT(KEYPAIR_PUBLIC_MAX);
    struct keypair *k = keypair_load(span_of(rfc_pem), &e);

    assert_non_null(k);
    assert_int_equal(keypair_kind_of(k), KEYPAIR_ED25519);
    assert_true(keypair_public(k, &out));
    assert_string_equal(text_cstr(&out), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    text_free(&out);
    keypair_free(&k);
    assert_null(k);
}

static void test_make(void **state)
{
    (void)state;
    static const size_t lengths[] = {[KEYPAIR_RSA] = 344, [KEYPAIR_ED25519] = 88};

    for (enum keypair_kind kind = KEYPAIR_RSA; kind <= KEYPAIR_ED25519; kind++) {
        struct text pem = TEXT_INIT(KEYPAIR_PRIVATE_MAX), public = TEXT_INIT(KEYPAIR_PUBLIC_MAX),
                    one = TEXT_INIT(1024), two = TEXT_INIT(1024);
        struct error e = {0};
        struct keypair *k;

        assert_int_equal(keypair_make(kind, &pem, &e), 0);
        k = keypair_load(text_span(&pem), &e);
        assert_non_null(k);
        assert_int_equal(keypair_kind_of(k), kind);
        assert_true(keypair_public(k, &public));
        assert_int_equal(keypair_sign(k, SPAN("text"), &one, &e), 0);
        assert_int_equal(keypair_sign(k, SPAN("text"), &two, &e), 0);
        assert_int_equal(one.len, lengths[kind]);
        assert_string_equal(text_cstr(&one), text_cstr(&two)); /* both kinds are deterministic */
        text_clear(&two);
        assert_int_equal(keypair_sign(k, SPAN("texT"), &two, &e), 0);
        assert_string_not_equal(text_cstr(&one), text_cstr(&two));
        keypair_free(&k);
        text_wipe(&pem);
        text_free(&public);
        text_free(&one);
        text_free(&two);
    }
}

static void test_bad_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        /* an EC key: DKIM has no algorithm for it */
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\n"
        "M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n"
        "-----END PRIVATE KEY-----\n"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};

        assert_null(keypair_load(span_of(bad[i]), &e));
        assert_int_not_equal(e.class, ERROR_NONE);
        assert_null(strstr(e.words, "AAAA"));
    }
}

static void test_digest(void **state)
{
    (void)state;
    struct keypair_digest *d = keypair_digest_new();
    struct text out = TEXT_INIT(64);

    keypair_digest_add(d, SPAN("a"));
    keypair_digest_add(d, SPAN_NONE);
    keypair_digest_add(d, SPAN("bc"));
    keypair_digest_end(&d, &out);
    assert_null(d);
    assert_string_equal(text_cstr(&out), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_key),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
