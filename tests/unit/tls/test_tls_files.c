/* Contexts made from files: what is wrong with them is told by name. */
#include "scene.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct paper authority, here, extra;

static int setup(void **state)
{
    (void)state;
    paper_make(&(struct order){"Test CA", NULL, -1, 100, true, NULL}, &authority);
    paper_make(&(struct order){"localhost", "DNS:localhost", -1, 90, false, &authority}, &here);
    paper_make(&(struct order){"mx", "DNS:mx.example.org", -1, 90, false, &authority}, &extra);
    return 0;
}

static void put(const char *file, const char *words, mode_t mode)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(words, f);
    fclose(f);
    chmod(file, mode);
}

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/port26-tls-XXXXXX", cert[64], key[64];
    struct error e = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/cert", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    assert_null(tls_server_new(cert, key, &e));
    assert_non_null(strstr(e.words, cert));
    put(cert, here.cert, 0644);
    assert_null(tls_server_new(cert, key, &e));
    assert_non_null(strstr(e.words, key));
    assert_null(tls_server_new(cert, dir, &e));
    put(key, here.key, 0644);
    struct tls_context *c = tls_server_new(cert, key, &e);
    assert_non_null(c);
    assert_non_null(strstr(e.words, "chmod 640"));
    tls_context_free(&c);
    put(key, here.key, 0600);
    c = tls_server_new(cert, key, &e);
    assert_non_null(c);
    assert_int_equal(e.class, ERROR_NONE);
    tls_context_free(&c);
    put(key, extra.key, 0600);
    assert_null(tls_server_new(cert, key, &e));
    assert_non_null(strstr(e.words, key));
    put(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGf\n-----END ENCRYPTED PRIVATE KEY-----\n",
        0600);
    assert_null(tls_server_new(cert, key, &e));
    unlink(cert);
    unlink(key);
    rmdir(dir);
}

static void test_authorities(void **state)
{
    (void)state;
    struct error e = {0};
    assert_null(tls_client_new("/nonexistent/cas.pem", &e));
    assert_int_equal(e.class, ERROR_INPUT);
    assert_null(tls_client_pem(SPAN("not PEM"), &e));
    struct tls_context *c = tls_client_pem(SPAN_NONE, &e);
    assert_non_null(c);
    tls_context_free(&c);
    tls_context_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_authorities),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
