#include "sign/sign.c"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* RFC 8463 appendix A: the key, the message, and the Ed25519 signature over it. */
static const char rfc_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";
static const char rfc_header[] = "From: Joe SixPack <joe@football.example.com>\r\n"
                                 "To: Suzie Q <suzie@shopping.example.net>\r\n"
                                 "Subject: Is dinner ready?\r\n"
                                 "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
                                 "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
                                 "\r\n";
static const char rfc_body[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
static const char rfc_field[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
                                " d=football.example.com; i=@football.example.com;\r\n"
                                " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
                                " subject : date : message-id : from : subject : date;\r\n"
                                " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                                " b=";
static const char rfc_signature[] = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
                                    "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";

static struct content of(const char *prefix, const char *body)
{
    return (struct content){
        .prefix = span_of(prefix), .body = span_of(body), .fd = -1, .size = strlen(body)};
}

static void body_hash(const char *body, char out[64])
{
    struct cover c = {.names = TEXT_INIT(10000), .header = TEXT_INIT(10000), .body = TEXT_INIT(64)};
    struct content content = of("From: a@b.example\r\n\r\n", body);

    assert_int_equal(cover(&c, &content, NULL), 0);
    snprintf(out, 64, "%s", text_cstr(&c.body));
    text_free(&c.names);
    text_free(&c.header);
    text_free(&c.body);
}

static void test_rfc8463(void **state)
{
    (void)state;
    struct error e = {0};
    struct keypair *k = keypair_load(span_of(rfc_pem), &e);
    struct text header = TEXT_INIT(10000), signature = TEXT_INIT(1024);
    struct span rest = span_of(rfc_field);
    struct canon_field f, fields[5];
    static const int order[] = {0, 1, 2, 3, 4};
    char hash[64];

    body_hash(rfc_body, hash);
    assert_string_equal(hash, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    rest = span_of(rfc_header);
    for (size_t i = 0; i < 5; i++)
        assert_true(canon_next(&rest, &fields[i]));
    for (size_t i = 0; i < 5; i++) {
        canon_field(&fields[order[i]], &header);
        text_adds(&header, "\r\n");
    }
    rest = span_of(rfc_field);
    assert_true(canon_next(&rest, &f));
    canon_field(&f, &header);
    assert_int_equal(keypair_sign(k, text_span(&header), &signature, &e), 0);
    assert_string_equal(text_cstr(&signature), rfc_signature);
    text_free(&header);
    text_free(&signature);
    keypair_free(&k);
}

static void test_body_hashes(void **state)
{
    (void)state;
    char hash[64];

    body_hash("", hash); /* RFC 6376 3.4.4 */
    assert_string_equal(hash, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    body_hash("\r\n \r\n\t\r\n", hash);
    assert_string_equal(hash, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

static struct text sign(const struct content *content, struct error *e, int expected)
{
    struct keypair *k = keypair_load(span_of(rfc_pem), e);
    struct sign_key keys[] = {{SPAN("b.example"), SPAN("one"), k},
                              {SPAN("b.example"), SPAN("two"), k}};
    struct sign_wish w = {keys, 2, INT64_C(1795392609000), INT64_C(1795992609000)};
    struct text out = TEXT_INIT(SIGN_TEXT_MAX);

    assert_int_equal(sign_message(&w, content, &out, e), expected);
    keypair_free(&k);
    return out;
}

static void test_field(void **state)
{
    (void)state;
    struct content c = of("Received: x\r\n", "From: a@b.example\r\nSubject: 1\r\nSUBJECT: 2\r\n"
                                             "List-Id: <l.example>\r\n\r\nx\r\n");
    struct error e = {0};
    struct text t = sign(&c, &e, 0);
    const char *s = text_cstr(&t);

    assert_non_null(strstr(s, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; "
                              "d=b.example;\r\n\ts=one; t=1795392609; x=1795992609;\r\n\tbh="));
    assert_non_null(strstr(s, "s=two;"));
    assert_non_null(strstr(s, "h=From:From:Subject:Subject:Subject:Date:To:Cc:"));
    assert_non_null(strstr(s, "List-Id;"));
    assert_null(strstr(s, "Received"));
    assert_null(strstr(s, "List-Post"));
    assert_null(strstr(s, " l="));
    assert_true(span_ends(text_span(&t), SPAN("==\r\n")));
    for (struct span rest = text_span(&t), line; span_cut(&rest, '\n', &line);)
        assert_true(line.len <= 80);
    text_free(&t);
}

/* A file is read as memory is, wherever its pieces end. */
static void test_file(void **state)
{
    (void)state;
    struct text body = TEXT_INIT(1 << 20);
    struct content memory, file;
    struct error e = {0};
    struct text one, two;

    text_adds(&body, "From: a@b.example\r\nSubject: x\r\n\r\n");
    while (body.len < 300000)
        text_adds(&body, "a line  with  blanks \r\n \r\n\r\n");
    memory = of("Received: x\r\n", text_cstr(&body));
    file = memory;
    file.body = SPAN_NONE;
    file.fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(file.fd, body.at, body.len), body.len);
    one = sign(&memory, &e, 0);
    two = sign(&file, &e, 0);
    assert_string_equal(text_cstr(&one), text_cstr(&two));
    text_free(&two);
    file.size++; /* it is shorter than was promised */
    two = sign(&file, &e, -1);
    assert_int_equal(two.len, 0);
    close(file.fd);
    text_free(&one);
    text_free(&two);
    text_free(&body);
}

static void test_limits(void **state)
{
    (void)state;
    struct text body = TEXT_INIT(4 << 20);
    struct error e = {0};
    struct content c;
    struct text t;

    for (int i = 0; i < SIGN_FIELDS_MAX; i++)
        text_adds(&body, "Subject: x\r\n");
    c = of("", text_cstr(&body));
    t = sign(&c, &e, -1);
    assert_non_null(strstr(e.words, "fields"));
    assert_int_equal(t.len, 0);
    text_free(&t);
    text_clear(&body);
    while (body.len < SIGN_HEADER_MAX + 100)
        text_adds(&body, "X-Long: 012345678901234567890123456789\r\n");
    c = of("", text_cstr(&body));
    t = sign(&c, &e, -1);
    assert_non_null(strstr(e.words, "larger than"));
    text_free(&t);
    c.fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(c.fd, body.at, body.len), body.len);
    t = sign(&c, &e, -1);
    assert_non_null(strstr(e.words, "larger than"));
    close(c.fd);
    text_free(&t);
    text_free(&body);
}

static void test_author(void **state)
{
    (void)state;
    static const struct {
        const char *header, *domain;
        size_t count;
    } rows[] = {
        {"From: a@B.Example\r\n\r\n", "b.example", 1},
        {"FROM : \"x <y@evil.example>\" <a@b.example>\r\n", "b.example", 1},
        {"From: a@b.example, c@b.example\r\n", "b.example", 2},
        {"From: a@b.example, c@d.example\r\n", "", 2},
        {"From: a@b.example\r\nFrom: c@b.example\r\n", "", 0},
        {"From: nobody\r\n", "", 0},
        {"From:\r\n", "", 0},
        {"Subject: From: a@b.example\r\n\r\nFrom: a@b.example\r\n", "", 0},
        {"From: a@b\xc3\xbc.example\r\n", "xn--b-eha.example", 1},
        {"", "", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new();
        struct sign_author got;

        sign_author(span_of(rows[i].header), a, &got);
        assert_int_equal(got.count, rows[i].count);
        assert_true(span_is(got.domain, rows[i].domain));
        arena_free(&a);
    }
}

static void test_header(void **state)
{
    (void)state;
    struct content c = of("A: 1\r\n", "B: 2\r\n\r\nbody");
    struct text out = TEXT_INIT(16);

    assert_int_equal(sign_header(&c, &out, NULL), 0);
    assert_string_equal(text_cstr(&out), "A: 1\r\nB: 2\r\n\r\n");
    text_clear(&out);
    c = of("", "A: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    assert_int_equal(sign_header(&c, &out, NULL), -1);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8463), cmocka_unit_test(test_body_hashes),
        cmocka_unit_test(test_field),   cmocka_unit_test(test_file),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_author),
        cmocka_unit_test(test_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
