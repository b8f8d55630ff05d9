/* The client, against our own server and against servers that cheat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/sasl_client.h"

static struct scram_verifier alice;

static int check(void *arg, struct span name, struct span password)
{
    (void)arg;
    return span_is(name, "alice") && span_is(password, "s,e=cr\xc3\xa4t") ? 0 : 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    *out = alice;
    return span_is(name, "alice") || span_is(name, "a,l=ice") ? 0 : 1;
}

static const struct sasl_server_calls calls = {check, verifier};

static int setup(void **state)
{
    (void)state;
    return scram_derive(SPAN("s,e=cr\xc3\xa4t"), &alice, NULL);
}

static struct sasl_binding binding(char fill)
{
    struct sasl_binding b = {.there = fill != 0};
    memset(b.exporter, fill, SASL_BINDING);
    return b;
}

static struct sasl_login login(void)
{
    return (struct sasl_login){
        .name = SPAN("alice"), .password = SPAN("s,e=cr\xc3\xa4t"), .secure = true};
}

#define ALL "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"

static const struct {
    const char *offered, *allowed;
    bool secure, bound;
    const char *want; /* NULL: nothing is chosen */
} choices[] = {
    {ALL, "", true, true, "SCRAM-SHA-256-PLUS"},
    {ALL, "", true, false, "SCRAM-SHA-256"},
    {"LOGIN PLAIN", "", true, true, "PLAIN"},
    {"login cram-md5", "", true, true, "LOGIN"},
    {ALL, "LOGIN", true, true, "LOGIN"},
    {ALL, "login plain", true, true, "PLAIN"},
    {ALL, "", false, false, "SCRAM-SHA-256"},
    {"PLAIN LOGIN", "", false, true, NULL},
    {ALL, "PLAIN", false, true, NULL},
    {"XOAUTH2 OAUTHBEARER", "", true, true, NULL},
    {"NTLM", "", false, true, NULL},
    {"NTLM LOGIN", "", true, true, "LOGIN"},
    {"", "", true, true, NULL},
    {ALL, "XOAUTH2", true, true, NULL},
};

static void test_choice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(choices); i++) {
        struct sasl_login l = login();
        struct error e = {0};
        l.mechanisms = span_of(choices[i].allowed);
        l.secure = choices[i].secure;
        l.binding = binding(choices[i].bound ? 7 : 0);
        struct sasl_client *c = sasl_client_start(&l, span_of(choices[i].offered), &e);
        if (choices[i].want) {
            assert_non_null(c);
            assert_string_equal(sasl_client_mechanism(c), choices[i].want);
        } else {
            assert_null(c);
            assert_int_equal(e.class, ERROR_PERMANENT);
            assert_null(strstr(e.words, "cr\xc3\xa4t"));
        }
        sasl_client_free(&c);
    }
}

static void test_bad_login(void **state)
{
    (void)state;
    static char huge[SCRAM_PASSWORD_MAX + 1];
    memset(huge, 'a', sizeof huge);
    const struct sasl_login bad[] = {
        {.name = SPAN(""), .password = SPAN("x"), .secure = true},
        {.name = SPAN("x"), .password = SPAN(""), .secure = true},
        {.name = SPAN("a\0b"), .password = SPAN("x"), .secure = true},
        {.name = SPAN("a"), .password = SPAN("x\0y"), .secure = true},
        {.name = SPAN("a"), .password = {huge, sizeof huge}, .secure = true},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(sasl_client_start(&bad[i], SPAN("PLAIN"), NULL));
        assert_null(sasl_client_start(&bad[i], SPAN("SCRAM-SHA-256"), NULL));
    }
}

/* What a token gives on the wire, and what is answered to a refusal that comes as a challenge. */
static const struct {
    const char *offered, *allowed;
    bool secure;
    const char *want, *first, *second; /* want NULL: nothing is chosen */
} tokens[] = {
    {"PLAIN XOAUTH2 OAUTHBEARER", "", true, "OAUTHBEARER",
     "n,a=a=2Cl=3Dice,\1host=mail.far.test\1port=587\1auth=Bearer ya29.x\1\1", "\1"},
    {"PLAIN XOAUTH2", "", true, "XOAUTH2", "user=a,l=ice\1auth=Bearer ya29.x\1\1", ""},
    {"XOAUTH2 OAUTHBEARER", "XOAUTH2", true, "XOAUTH2", "user=a,l=ice\1auth=Bearer ya29.x\1\1", ""},
    {"PLAIN LOGIN SCRAM-SHA-256", "", true, NULL, NULL, NULL},
    {"XOAUTH2 OAUTHBEARER", "", false, NULL, NULL, NULL},
};

static void assert_line(const struct text *line, const char *want)
{
    struct text bytes = TEXT_INIT(SASL_LINE_MAX);

    assert_true(base64_decode(text_span(line), &bytes));
    assert_string_equal(text_cstr(&bytes), want);
    text_free(&bytes);
}

static void test_tokens(void **state)
{
    struct text out = TEXT_INIT(SASL_LINE_MAX);

    (void)state;
    for (size_t i = 0; i < COUNT(tokens); i++) {
        struct sasl_login l = {.name = SPAN("a,l=ice"),
                               .password = SPAN("ya29.x"),
                               .token = true,
                               .secure = tokens[i].secure,
                               .mechanisms = span_of(tokens[i].allowed),
                               .host = SPAN("mail.far.test"),
                               .port = 587};
        struct sasl_client *c = sasl_client_start(&l, span_of(tokens[i].offered), NULL);

        assert_int_equal(c != NULL, tokens[i].want != NULL);
        if (!c)
            continue;
        assert_string_equal(sasl_client_mechanism(c), tokens[i].want);
        text_clear(&out);
        assert_true(sasl_client_initial(c, &out));
        assert_int_equal(sasl_client_finish(c, NULL), 0);
        assert_line(&out, tokens[i].first);
        assert_int_equal(sasl_client_step(c, SPAN("eyJzdGF0dXMiOiI0MDEifQ=="), &out, NULL), 0);
        assert_line(&out, tokens[i].second);
        assert_int_equal(sasl_client_finish(c, NULL), -1);
        assert_int_equal(sasl_client_step(c, SPAN(""), &out, NULL), -1);
        sasl_client_free(&c);
    }
    text_free(&out);
}

/* Nothing in a token may end its field, and a long one still fits the line. */
static void test_token_bounds(void **state)
{
    static char longest[8193];
    struct sasl_login l = {.name = SPAN("alice"), .token = true, .secure = true};
    const char *const bad[] = {"", "a b", "a\1b", "a\nb", "\xff", longest};
    struct text out = TEXT_INIT(SASL_LINE_MAX);
    struct sasl_client *c;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    l.password = (struct span){longest, sizeof longest - 1};
    c = sasl_client_start(&l, SPAN("XOAUTH2"), NULL);
    assert_non_null(c);
    assert_true(sasl_client_initial(c, &out));
    sasl_client_free(&c);
    for (size_t i = 0; i < COUNT(bad); i++) {
        l.password = bad[i] == longest ? (struct span){longest, sizeof longest} : span_of(bad[i]);
        assert_null(sasl_client_start(&l, SPAN("XOAUTH2"), NULL));
    }
    text_free(&out);
}

struct talk {
    struct sasl_client *client;
    struct sasl_server *server;
    struct text a, b; /* what the client, the server said last */
    struct error e;
};

static void talk_open(struct talk *t, const struct sasl_login *l, const char *offered,
                      const struct sasl_binding *server_side)
{
    struct sasl_server_config config = {.calls = &calls, .fake_secret = SPAN("0123456789abcdef")};
    if (server_side)
        config.binding = *server_side;
    *t = (struct talk){.a = TEXT_INIT(SASL_LINE_MAX), .b = TEXT_INIT(SASL_LINE_MAX)};
    t->client = sasl_client_start(l, span_of(offered), &t->e);
    assert_non_null(t->client);
    t->server = sasl_server_start(span_of(sasl_client_mechanism(t->client)), &config);
    assert_non_null(t->server);
}

static void talk_close(struct talk *t)
{
    sasl_client_free(&t->client);
    sasl_server_free(&t->server);
    text_free(&t->a);
    text_free(&t->b);
}

/* Runs to the end. -1 when the client gave up, else the server's last step. */
static int talk_run(struct talk *t, bool initial)
{
    struct span first = SPAN_NONE;
    if (initial && sasl_client_initial(t->client, &t->a))
        first = text_span(&t->a);
    enum sasl_step r = sasl_server_step(t->server, first, &t->b);
    while (r == SASL_MORE) {
        if (sasl_client_step(t->client, text_span(&t->b), &t->a, &t->e) != 0)
            return -1;
        r = sasl_server_step(t->server, text_span(&t->a), &t->b);
    }
    return (int)r;
}

static void test_full_runs(void **state)
{
    (void)state;
    static const char *const names[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};
    struct sasl_binding b = binding(7);
    for (size_t i = 0; i < 4 * COUNT(names); i++) {
        struct sasl_login l = login();
        bool right = i & 1, initial = i & 2;
        struct talk t;
        l.mechanisms = span_of(names[i / 4]);
        l.binding = b;
        if (!right)
            l.password = SPAN("wrong");
        talk_open(&t, &l, ALL, &b);
        assert_string_equal(sasl_client_mechanism(t.client), names[i / 4]);
        assert_int_equal(talk_run(&t, initial), right ? SASL_OK : SASL_REFUSED);
        if (right) {
            assert_int_equal(sasl_client_finish(t.client, &t.e), 0);
            assert_true(span_is(sasl_server_name(t.server), "alice"));
        }
        talk_close(&t);
    }
}

/* Commas and equal signs in names are escaped in SCRAM. */
static void test_escaped_name(void **state)
{
    (void)state;
    struct sasl_login l = login();
    struct talk t;
    l.name = SPAN("a,l=ice");
    talk_open(&t, &l, "SCRAM-SHA-256", NULL);
    assert_int_equal(talk_run(&t, true), SASL_OK);
    assert_true(span_is(sasl_server_name(t.server), "a,l=ice"));
    talk_close(&t);
    l.name = SPAN("nobody");
    talk_open(&t, &l, "SCRAM-SHA-256", NULL);
    assert_int_equal(talk_run(&t, true), SASL_REFUSED);
    talk_close(&t);
}

/* A man in the middle has two TLS sessions, so the bindings differ. */
static void test_other_channel(void **state)
{
    (void)state;
    struct sasl_login l = login();
    struct sasl_binding far = binding(8);
    struct talk t;
    l.binding = binding(7);
    talk_open(&t, &l, ALL, &far);
    assert_int_equal(talk_run(&t, true), SASL_REFUSED);
    talk_close(&t);
}

/* With a binding at hand but no -PLUS in the offer, plain SCRAM works, whether the server could
 * bind or not. */
static void test_without_plus(void **state)
{
    (void)state;
    struct sasl_login l = login();
    struct sasl_binding b = binding(7);
    struct talk t;
    l.binding = b;
    talk_open(&t, &l, "SCRAM-SHA-256", &b);
    assert_int_equal(talk_run(&t, true), SASL_OK);
    talk_close(&t);
    talk_open(&t, &l, "SCRAM-SHA-256", NULL);
    assert_int_equal(talk_run(&t, true), SASL_OK);
    talk_close(&t);
    l.mechanisms = SPAN("SCRAM-SHA-256-PLUS");
    assert_null(sasl_client_start(&l, SPAN("SCRAM-SHA-256 PLAIN"), NULL));
}

/* Lets the exchange run to the server's first message and changes that. */
static int altered(struct span from, const char *to)
{
    struct sasl_login l = login();
    struct text bytes = TEXT_INIT(SASL_LINE_MAX), changed = TEXT_INIT(SASL_LINE_MAX);
    struct talk t;
    talk_open(&t, &l, "SCRAM-SHA-256", NULL);
    assert_true(sasl_client_initial(t.client, &t.a));
    assert_int_equal(sasl_server_step(t.server, text_span(&t.a), &t.b), SASL_MORE);
    assert_true(base64_decode(text_span(&t.b), &bytes));
    ptrdiff_t at = span_search(text_span(&bytes), from);
    assert_true(at >= 0);
    text_add(&changed, span_head(text_span(&bytes), (size_t)at));
    text_adds(&changed, to);
    text_add(&changed, span_from(text_span(&bytes), (size_t)at + from.len));
    text_clear(&t.b);
    base64_encode(text_span(&changed), &t.b);
    int rc = sasl_client_step(t.client, text_span(&t.b), &t.a, &t.e);
    if (rc == 0)
        rc = (int)sasl_server_step(t.server, text_span(&t.a), &t.b);
    talk_close(&t);
    text_free(&bytes);
    text_free(&changed);
    return rc;
}

static void test_altered_server_first(void **state)
{
    (void)state;
    assert_int_equal(altered(SPAN("i=10000"), "i=10000"), SASL_MORE);
    assert_int_equal(altered(SPAN("i=10000"), "i=0"), -1);
    assert_int_equal(altered(SPAN("i=10000"), "i=1"), -1);
    assert_int_equal(altered(SPAN("i=10000"), "i=2147483648"), -1);
    assert_int_equal(altered(SPAN("i=10000"), "i=99999999999999999999999"), -1);
    assert_int_equal(altered(SPAN("i=10000"), "i=x"), -1);
    assert_int_equal(altered(SPAN(",i=10000"), ""), -1);
    assert_int_equal(altered(SPAN("i=10000"), "i=10001"), SASL_REFUSED);
    assert_int_equal(altered(SPAN("r="), "r=x"), -1);
    assert_int_equal(altered(SPAN("r="), "m=x,r="), -1);
    assert_int_equal(altered(SPAN("s="), "s=AAAA"), SASL_REFUSED);
}

/* Servers that say yes without knowing the password. */
static void test_unproved(void **state)
{
    (void)state;
    struct sasl_login l = login();
    struct talk t;
    for (int when = 0; when < 3; when++) {
        talk_open(&t, &l, "SCRAM-SHA-256", NULL);
        assert_true(sasl_client_initial(t.client, &t.a));
        sasl_server_step(t.server, text_span(&t.a), &t.b);
        if (when > 0)
            assert_int_equal(sasl_client_step(t.client, text_span(&t.b), &t.a, &t.e), 0);
        text_clear(&t.b);
        base64_encode(SPAN("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), &t.b);
        if (when > 1)
            assert_int_equal(sasl_client_step(t.client, text_span(&t.b), &t.a, &t.e), -1);
        assert_int_equal(sasl_client_finish(t.client, &t.e), -1);
        assert_int_equal(t.e.class, ERROR_PERMANENT);
        talk_close(&t);
    }
}

static void test_too_many_challenges(void **state)
{
    (void)state;
    struct sasl_login l = login();
    struct text out = TEXT_INIT(SASL_LINE_MAX);
    static const char *const names[] = {"PLAIN", "LOGIN"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct sasl_client *c = sasl_client_start(&l, span_of(names[i]), NULL);
        for (size_t k = 0; k <= i; k++) {
            assert_int_equal(sasl_client_finish(c, NULL), -1);
            assert_int_equal(sasl_client_step(c, SPAN("go ahead"), &out, NULL), 0);
        }
        assert_int_equal(sasl_client_finish(c, NULL), 0);
        assert_int_equal(sasl_client_step(c, SPAN(""), &out, NULL), -1);
        assert_int_equal(out.len, 0);
        sasl_client_free(&c);
    }
    struct sasl_client *c = sasl_client_start(&l, SPAN("SCRAM-SHA-256"), NULL);
    assert_int_equal(sasl_client_step(c, SPAN("not base64"), &out, NULL), -1);
    sasl_client_free(&c);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_bad_login),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_token_bounds),
        cmocka_unit_test(test_full_runs),
        cmocka_unit_test(test_escaped_name),
        cmocka_unit_test(test_other_channel),
        cmocka_unit_test(test_without_plus),
        cmocka_unit_test(test_altered_server_first),
        cmocka_unit_test(test_unproved),
        cmocka_unit_test(test_too_many_challenges),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
