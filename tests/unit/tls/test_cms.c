/* What is signed is read by OpenSSL's own reader against the authority, comes out unchanged, and
 * is not believed any more when an octet of it was changed. */
#include "scene.h"

#include "tls/cms.h"

#include <openssl/cms.h>

static struct paper root, between, here;

static int setup(void **state)
{
    (void)state;
    paper_make(&(struct order){"Test CA", NULL, -1, 100, true, NULL}, &root);
    paper_make(&(struct order){"Between", NULL, -1, 100, true, &root}, &between);
    paper_make(&(struct order){"localhost", "DNS:localhost", -1, 90, false, &between}, &here);
    return 0;
}

/* The server's certificate and the one between it and the root, as a file of theirs has them. */
static struct tls_context *context(void)
{
    struct text chain = TEXT_INIT(2 * sizeof here.cert);
    struct error e = {0};
    struct tls_context *c;

    text_addf(&chain, "%s%s", here.cert, between.cert);
    c = tls_server_pem(text_span(&chain), span_of(here.key), &e);
    assert_non_null(c);
    text_free(&chain);
    return c;
}

/* What is inside, when the root's word for the signer is good; else false. */
static bool verified(struct span der, struct text *inside)
{
    const unsigned char *at = (const unsigned char *)der.at;
    CMS_ContentInfo *signature = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    BIO *pem = BIO_new_mem_buf(root.cert, -1), *out = BIO_new(BIO_s_mem());
    X509 *authority = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    X509_STORE *store = X509_STORE_new();
    char *bytes;
    long n;
    bool ok;

    X509_STORE_add_cert(store, authority);
    X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
    ok = signature && CMS_verify(signature, NULL, store, NULL, out, CMS_BINARY) == 1;
    n = BIO_get_mem_data(out, &bytes);
    if (ok)
        text_add(inside, (struct span){bytes, (size_t)n});
    X509_STORE_free(store);
    X509_free(authority);
    CMS_ContentInfo_free(signature);
    BIO_free(pem);
    BIO_free(out);
    return ok;
}

static void good_and_changed(void **state)
{
    static const struct span rows[] = {SPAN("<plist/>\n"), SPAN("a\nb\r\nc\0d"), SPAN("")};
    struct tls_context *c = context();
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text der = TEXT_INIT(CMS_ROOM), inside = TEXT_INIT(1000);

        assert_int_equal(cms_sign(c, rows[i], &der, &e), 0);
        assert_true(verified(text_span(&der), &inside));
        assert_true(span_eq(text_span(&inside), rows[i]));
        if (rows[i].len) {
            char *at = memmem(der.at, der.len, rows[i].at, rows[i].len);

            assert_non_null(at);
            *at ^= 1;
            assert_false(verified(text_span(&der), &inside));
        }
        text_free(&der);
        text_free(&inside);
    }
    tls_context_free(&c);
}

static void too_small(void **state)
{
    struct tls_context *c = context();
    struct text der = TEXT_INIT(500);
    struct error e = {0};

    (void)state;
    assert_int_equal(cms_sign(c, SPAN("<plist/>"), &der, &e), -1);
    assert_true(*e.words);
    text_free(&der);
    tls_context_free(&c);
}

/* A kind of key that OpenSSL knows for TLS, but not for this. */
static void another_key(void **state)
{
    static struct paper odd;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x = X509_new();
    struct text der = TEXT_INIT(CMS_ROOM);
    struct error e = {0};
    struct tls_context *c;

    (void)state;
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, NULL) > 0);
    paper_print(x, key, &odd);
    c = paper_server(&odd);
    if (cms_sign(c, SPAN("<plist/>"), &der, &e) < 0) /* newer ones may */
        assert_non_null(strstr(e.words, "RSA or EC"));
    tls_context_free(&c);
    text_free(&der);
    X509_free(x);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_and_changed),
                                       cmocka_unit_test(too_small), cmocka_unit_test(another_key)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
