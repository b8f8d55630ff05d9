/* Certificates for further names, and which of them a client is shown (HOSTILE 36). */
#include "scene.h"

#include "tls/tls_sni.h"

static struct paper authority, here, mx, wild, single, older, newer, nameless;

static int setup(void **state)
{
    (void)state;
    paper_make(&(struct order){"Test CA", NULL, -1, 100, true, NULL}, &authority);
    paper_make(&(struct order){"localhost", "DNS:localhost,DNS:*.host.test,IP:127.0.0.1", -1, 90,
                               false, &authority},
               &here);
    paper_make(
        &(struct order){"mx", "DNS:mx.example.org,DNS:*.example.net", -1, 90, false, &authority},
        &mx);
    paper_make(&(struct order){"wild", "DNS:*.b.test", -1, 90, false, &authority}, &wild);
    paper_make(
        &(struct order){"single", "DNS:a.b.test,DNS:mail.host.test", -1, 90, false, &authority},
        &single);
    paper_make(&(struct order){"older", "DNS:twice.test", -1, 20, false, &authority}, &older);
    paper_make(&(struct order){"newer", "DNS:twice.test,DNS:localhost", -1, 95, false, &authority},
               &newer);
    paper_make(&(struct order){"nothing", NULL, -1, 90, false, &authority}, &nameless);
    return 0;
}

static int add_pem(struct tls_sni *s, struct span cert, struct span key, struct error *e)
{
    struct text names = TEXT_INIT(TLS_SNI_NAMES_TEXT);
    struct tls_sni_entry x = {.cert = cert, .key = key};
    int result = tls_sni_read(s, &x, &names, e);

    if (result == 0)
        assert_true(tls_sni_add(s, &x));
    text_free(&names);
    return result;
}

static void add(struct tls_sni *s, const struct paper *p)
{
    struct error e = {0};

    assert_int_equal(add_pem(s, span_of(p->cert), span_of(p->key), &e), 0);
    assert_int_equal(e.class, ERROR_NONE);
}

static struct tls_sni *all(void)
{
    struct tls_sni *s = tls_sni_new();

    add(s, &mx);
    add(s, &newer); /* before the older one: the order does not matter */
    add(s, &older);
    add(s, &wild);
    add(s, &single);
    add(s, &nameless);
    return s;
}

static struct scene scene_new(void)
{
    struct scene c = {.server = paper_server(&here)};
    struct tls_sni *s = all();

    tls_sni_serve(s, c.server);
    tls_sni_free(&s); /* the context keeps it */
    c.client = tls_client_pem(span_of(authority.cert), NULL);
    return c;
}

static void scene_free(struct scene *c)
{
    tls_context_free(&c->server);
    tls_context_free(&c->client);
}

static void keep_subject(struct scene *c, struct stream **s)
{
    struct tls_info info;

    assert(tls_info(*s, &info));
    snprintf(c->arg, 100, "%s", info.subject);
}

static void shown(const char *name, int version, const char *subject)
{
    char seen[100] = "";
    struct scene c = scene_new();

    c.x.name = name;
    c.x.verify = TLS_VERIFY_NONE;
    c.client_talk = keep_subject;
    c.arg = seen;
    SSL_CTX_set_max_proto_version(c.client->ctx, version);
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    assert_string_equal(seen, subject);
    scene_free(&c);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *subject;
    } rows[] = {
        {"localhost", "CN=localhost"}, /* its own stays, though another ends later */
        {"127.0.0.1", "CN=localhost"},
        {"mx.example.org", "CN=mx"},
        {"MX.Example.ORG", "CN=mx"},
        {"mx.example.org.", "CN=mx"},
        {"a.example.net", "CN=mx"},
        {"a.b.example.net", "CN=localhost"},
        {"example.net", "CN=localhost"},
        {".example.net", "CN=localhost"},
        {"example.org", "CN=localhost"},
        {"twice.test", "CN=newer"},
        {"a.b.test", "CN=single"}, /* the name itself before a wildcard */
        {"b.b.test", "CN=wild"},
        {"mail.host.test", "CN=single"}, /* ... also one of the context's own */
        {"www.host.test", "CN=localhost"},
        {"../../etc/passwd", "CN=localhost"},
        {"a\\b", "CN=localhost"},
        {"\xc3\xa4.example.org", "CN=localhost"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        shown(rows[i].name, TLS1_3_VERSION, rows[i].subject);
        shown(rows[i].name, TLS1_2_VERSION, rows[i].subject);
    }
}

static void test_long_name(void **state)
{
    (void)state;
    char name[256];

    memset(name, 'a', 255);
    name[255] = '\0';
    shown(name, TLS1_3_VERSION, "CN=localhost");
}

static void test_covers(void **state)
{
    (void)state;
    struct tls_sni *s = all(), *none = NULL;

    assert_true(tls_sni_covers(s, SPAN("mx.example.org")));
    assert_true(tls_sni_covers(s, SPAN("A.example.NET")));
    assert_false(tls_sni_covers(s, SPAN("example.net")));
    assert_false(tls_sni_covers(s, SPAN_NONE));
    assert_false(tls_sni_covers(s, SPAN("localhost.")));
    assert_false(tls_sni_covers(none, SPAN("mx.example.org")));
    tls_sni_free(&s);
    tls_sni_free(&none);
}

/* What could not be shown is refused when it is added. */
static void test_refused(void **state)
{
    (void)state;
    struct tls_sni *s = tls_sni_new();
    struct error e = {0};
    struct paper broken = mx;
    char chain[sizeof mx.cert * 2];
    struct span half = span_head(span_of(mx.cert), 200);

    assert_int_equal(add_pem(s, span_of(mx.cert), span_of(here.key), &e), -1);
    assert_non_null(strstr(e.words, "private key"));
    assert_int_equal(add_pem(s, half, span_of(mx.key), &e), -1);
    assert_int_equal(add_pem(s, SPAN_NONE, SPAN_NONE, &e), -1);
    memset(strstr(broken.cert, "\n") + 10, '!', 3);
    snprintf(chain, sizeof chain, "%s%s", mx.cert, broken.cert); /* a damaged link of the chain */
    assert_int_equal(add_pem(s, span_of(chain), span_of(mx.key), &e), -1);
    assert_non_null(strstr(e.words, "certificate"));
    assert_null(tls_server_pem(span_of(chain), span_of(mx.key), &e));
    assert_false(tls_sni_covers(s, SPAN("mx.example.org")));
    tls_sni_free(&s);
}

static void test_what_it_says(void **state)
{
    (void)state;
    struct tls_sni *s = tls_sni_new();
    struct text names = TEXT_INIT(TLS_SNI_NAMES_TEXT);
    struct error e = {0};
    struct paper p;
    struct tls_sni_entry x = {0};

    paper_make(
        &(struct order){"x", "DNS:A.x,DNS:two words,DNS:*.y,email:a@x", -9, -1, false, NULL},
        &p);
    x.cert = span_of(p.cert);
    x.key = span_of(p.key);
    assert_int_equal(tls_sni_read(s, &x, &names, &e), 0);
    assert_non_null(strstr(e.words, "has expired"));
    assert_true(x.expires < clock_wall() && x.expires > 0);
    assert_string_equal(text_cstr(&names), "a.x *.y");
    assert_false(tls_sni_covers(s, SPAN("a.x")));
    assert_true(tls_sni_add(s, &x));
    assert_true(tls_sni_covers(s, SPAN("a.x")) && tls_sni_covers(s, SPAN("b.y")));
    text_free(&names);
    tls_sni_free(&s);
}

/* A key that is too weak for TLS is found when it is read, not by a client. */
static void test_weak(void **state)
{
    (void)state;
    struct tls_sni *s = tls_sni_new();
    struct error e = {0};
    struct paper p;
    EVP_PKEY *key = EVP_RSA_gen(512);
    X509 *x = X509_new();

    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    paper_name(X509_get_subject_name(x), "weak");
    paper_extension(x, NID_subject_alt_name, "DNS:weak");
    paper_sign(x, key, NULL);
    paper_print(x, key, &p);
    assert_int_equal(add_pem(s, span_of(p.cert), span_of(p.key), &e), -1);
    assert_non_null(strstr(e.words, "too small"));
    X509_free(x);
    EVP_PKEY_free(key);
    tls_sni_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_covers),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_weak),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
