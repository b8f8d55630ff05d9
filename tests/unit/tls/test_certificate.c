#include "scene.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"mail.example.org", "localhost", "127.0.0.1", "::1", NULL};

/* It works for each of its names when it is trusted itself. */
static void test_make(void **state)
{
    (void)state;
    struct text cert = TEXT_INIT(CERTIFICATE_PEM), key = TEXT_INIT(CERTIFICATE_PEM);
    struct error e = {0};
    assert_int_equal(certificate_make(&(struct certificate_wish){.names = names}, &cert, &key, &e),
                     0);
    for (size_t i = 0; names[i]; i++) {
        struct scene c = {.server = tls_server_pem(text_span(&cert), text_span(&key), &e),
                          .client = tls_client_pem(text_span(&cert), NULL)};
        assert_non_null(c.server);
        assert_int_equal(e.class, ERROR_NONE);
        int64_t days = (tls_server_expires(c.server) - clock_wall()) / CLOCK_DAY;
        assert_true(days >= CERTIFICATE_DAYS - 1 && days <= CERTIFICATE_DAYS);
        c.x.name = names[i];
        scene_run(&c);
        assert_int_equal(c.accepted | c.connected, 0);
        assert_int_equal(c.verdict, TLS_VERIFIED);
        tls_context_free(&c.server);
        tls_context_free(&c.client);
    }
    text_free(&cert);
    text_free(&key);
}

static void test_bad_wishes(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{NULL},         {"", NULL},
                                          {"a b", NULL},  {"a,DNS:evil", NULL},
                                          {"a\nb", NULL}, {"\xc3\xa4", NULL}};
    struct text cert = TEXT_INIT(CERTIFICATE_PEM), key = TEXT_INIT(CERTIFICATE_PEM);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error e = {0};
        assert_int_equal(
            certificate_make(&(struct certificate_wish){.names = rows[i]}, &cert, &key, &e), -1);
        assert_int_equal(e.class, ERROR_INPUT);
        assert_int_equal(cert.len + key.len, 0);
    }
}

static mode_t mode_of(const char *file)
{
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    return st.st_mode & 0777;
}

static void test_write(void **state)
{
    (void)state;
    char dir[] = "/tmp/port26-cert-XXXXXX", cert[64], key[64];
    struct error e = {0};
    struct certificate_wish w = {.names = names};
    assert_non_null(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);
    assert_int_equal(certificate_write(&w, cert, key, &e), 0);
    assert_int_equal(mode_of(cert), 0644);
    assert_int_equal(mode_of(key), 0600);
    struct tls_context *c = tls_server_new(cert, key, &e);
    assert_non_null(c);
    tls_context_free(&c);
    /* Never over an old one, and no key without its certificate. */
    assert_int_equal(certificate_write(&w, cert, key, &e), -1);
    assert_non_null(strstr(e.words, key));
    assert_int_equal(unlink(key), 0);
    assert_int_equal(certificate_write(&w, cert, key, &e), -1);
    assert_int_equal(access(key, F_OK), -1);
    assert_int_equal(unlink(cert), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_bad_wishes),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
