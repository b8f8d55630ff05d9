#include "scene.h"

static struct paper authority, stranger;

static int setup(void **state)
{
    (void)state;
    paper_make(&(struct order){"Test CA", NULL, -1, 100, true, NULL}, &authority);
    paper_make(&(struct order){"Strange CA", NULL, -1, 100, true, NULL}, &stranger);
    return 0;
}

static const struct {
    const char *what;
    struct order order;
    bool strange, alone; /* signed by the other authority; by itself */
    const char *name;
    enum tls_verdict verdict;
    const char *words; /* part of them */
} rows[] = {
    {"right",
     {"a", "DNS:mx.example.org", -1, 9, false, NULL},
     false,
     false,
     "mx.example.org",
     TLS_VERIFIED,
     "for mx.example.org, issued by CN=Test CA"},
    {"wildcard",
     {"a", "DNS:*.example.org", -1, 9, false, NULL},
     false,
     false,
     "mx.example.org",
     TLS_VERIFIED,
     "*.example.org"},
    {"wildcard too wide",
     {"a", "DNS:*.example.org", -1, 9, false, NULL},
     false,
     false,
     "a.b.example.org",
     TLS_WRONG_NAME,
     "another name; for *.example.org"},
    {"partial wildcard",
     {"a", "DNS:m*.example.org", -1, 9, false, NULL},
     false,
     false,
     "mx.example.org",
     TLS_WRONG_NAME,
     "another name"},
    {"address",
     {"a", "IP:192.0.2.1", -1, 9, false, NULL},
     false,
     false,
     "192.0.2.1",
     TLS_VERIFIED,
     "192.0.2.1"},
    {"address 6",
     {"a", "IP:2001:db8::1", -1, 9, false, NULL},
     false,
     false,
     "2001:db8::1",
     TLS_VERIFIED,
     "2001:db8::1"},
    {"other address",
     {"a", "IP:192.0.2.1", -1, 9, false, NULL},
     false,
     false,
     "192.0.2.2",
     TLS_WRONG_NAME,
     "another name"},
    {"wrong name",
     {"a", "DNS:mx.example.org", -1, 9, false, NULL},
     false,
     false,
     "mx.example.com",
     TLS_WRONG_NAME,
     "it is for another name; for mx.example.org"},
    {"many names",
     {"a", "DNS:a.test,DNS:b.test,DNS:c.test,DNS:d.test,DNS:e.test,DNS:f.test", -1, 9, false, NULL},
     false,
     false,
     "f.test",
     TLS_VERIFIED,
     "d.test and 2 more"},
    {"expired",
     {"a", "DNS:mx.example.org", -9, -1, false, NULL},
     false,
     false,
     "mx.example.org",
     TLS_EXPIRED,
     "it has expired"},
    {"not yet",
     {"a", "DNS:mx.example.org", 1, 9, false, NULL},
     false,
     false,
     "mx.example.org",
     TLS_NOT_YET_VALID,
     "it is not valid yet"},
    {"self-signed",
     {"a", "DNS:mx.example.org", -1, 9, false, NULL},
     false,
     true,
     "mx.example.org",
     TLS_SELF_SIGNED,
     "it is self-signed"},
    {"unknown issuer",
     {"a", "DNS:mx.example.org", -1, 9, false, NULL},
     true,
     false,
     "mx.example.org",
     TLS_UNKNOWN_ISSUER,
     "issued by CN=Strange CA"},
    {"control characters",
     {"a\nevil\x1b[2J", NULL, -1, 9, false, NULL},
     true,
     false,
     "mx.example.org",
     TLS_UNKNOWN_ISSUER,
     "a\\"},
};

static struct text words = TEXT_INIT(1000);

static void note(struct scene *c, struct stream **s)
{
    struct tls_info info;
    (void)c;
    assert(tls_info(*s, &info));
    text_adds(&words, info.words);
}

static bool clean(const char *at)
{
    for (; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return true;
}

/* Each certificate twice: with full check, and only looked at. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        size_t k = i / 2;
        bool full = i % 2, good = rows[k].verdict == TLS_VERIFIED;
        struct paper paper;
        struct order order = rows[k].order;
        order.issuer = rows[k].alone ? NULL : rows[k].strange ? &stranger : &authority;
        paper_make(&order, &paper);
        struct scene c = {.server = paper_server(&paper),
                          .client = tls_client_pem(span_of(authority.cert), NULL)};
        c.x = (struct tls_expect){.name = rows[k].name,
                                  .verify = full ? TLS_VERIFY_FULL : TLS_VERIFY_NONE};
        c.client_talk = note;
        text_clear(&words);
        scene_run(&c);
        if (c.verdict != rows[k].verdict)
            fail_msg("%s: %s", rows[k].what, tls_verdict_name(c.verdict));
        assert_int_equal(c.connected, good || !full ? 0 : -EKEYREJECTED);
        const char *told = c.connected ? c.client_error.words : text_cstr(&words);
        if (!strstr(told, rows[k].words) || !clean(told))
            fail_msg("%s: %s", rows[k].what, told);
        tls_context_free(&c.server);
        tls_context_free(&c.client);
    }
    text_free(&words);
}

static void test_bad_names(void **state)
{
    (void)state;
    struct paper paper;
    paper_make(&(struct order){"a", "DNS:a", -1, 9, false, NULL}, &paper);
    static const char *const names[] = {"", "."};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct scene c = {.server = paper_server(&paper),
                          .client = tls_client_pem(span_of(authority.cert), NULL)};
        c.x.name = names[i];
        scene_run(&c);
        assert_int_equal(c.connected, -EINVAL);
        assert_int_equal(c.verdict, TLS_UNASKED);
        tls_context_free(&c.server);
        tls_context_free(&c.client);
    }
}

static void test_nobody_trusted(void **state)
{
    (void)state;
    struct paper paper;
    paper_make(&(struct order){"a", "DNS:a", -1, 9, false, &authority}, &paper);
    struct scene c = {.server = paper_server(&paper), .client = tls_client_pem(SPAN_NONE, NULL)};
    c.x = (struct tls_expect){.name = "a", .verify = TLS_VERIFY_NONE};
    scene_run(&c);
    assert_int_equal(c.connected, 0);
    assert_int_equal(c.verdict, TLS_UNKNOWN_ISSUER);
    tls_context_free(&c.server);
    tls_context_free(&c.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_nobody_trusted),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
