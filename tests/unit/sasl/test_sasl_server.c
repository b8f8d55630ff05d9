#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "sasl/base64.h"
#include "sasl/sasl_server.h"

/* ---- a house with one account: alice, "secret" ---- */

struct house {
    struct scram_verifier alice;
    int asked, down;
};

static int check(void *arg, struct span name, struct span password)
{
    struct house *h = arg;
    h->asked++;
    if (h->down)
        return -1;
    return span_is(name, "alice") && span_is(password, "secret") ? 0 : 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    struct house *h = arg;
    h->asked++;
    if (h->down)
        return -1;
    *out = h->alice;
    return span_is(name, "alice") ? 0 : 1;
}

static const struct sasl_server_calls calls = {check, verifier};
static struct house house;

static struct sasl_server *start(const char *mechanism, bool bound)
{
    struct sasl_server_config c = {
        .calls = &calls, .arg = &house, .fake_secret = SPAN("0123456789abcdef")};
    c.binding.there = bound;
    memset(c.binding.exporter, 7, SASL_BINDING);
    house.asked = 0;
    house.down = 0;
    return sasl_server_start(span_of(mechanism), &c);
}

static enum sasl_step say(struct sasl_server *s, struct span bytes, struct text *challenge)
{
    struct text line = TEXT_INIT(SASL_LINE_MAX);
    assert_true(base64_encode(bytes, &line));
    enum sasl_step r = sasl_server_step(s, text_span(&line), challenge);
    text_free(&line);
    return r;
}

static int setup(void **state)
{
    (void)state;
    return scram_derive(SPAN("secret"), &house.alice, NULL);
}

static void test_list(void **state)
{
    (void)state;
    struct text t = TEXT_INIT(200);
    struct sasl_server_config c = {.binding = {.there = true}};
    sasl_server_list(&c, &t);
    assert_string_equal(text_cstr(&t), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
    text_clear(&t);
    c.binding.there = false;
    sasl_server_list(&c, &t);
    assert_string_equal(text_cstr(&t), "SCRAM-SHA-256 PLAIN LOGIN");
    text_clear(&t);
    c.mechanisms = "login  Scram-SHA-256 GSSAPI";
    sasl_server_list(&c, &t);
    assert_string_equal(text_cstr(&t), "SCRAM-SHA-256 LOGIN");
    assert_null(sasl_server_start(SPAN("PLAIN"), &c));
    text_free(&t);
}

static enum sasl_step password(const char *name, const char *word, struct text *prepared)
{
    struct sasl_server_config c = {.calls = &calls, .arg = &house};

    return sasl_server_password(&c, span_of(name), span_of(word), prepared);
}

static void test_bare_password(void **state)
{
    (void)state;
    struct text t = TEXT_INIT(SASL_NAME_MAX);

    assert_int_equal(password("alice", "secret", &t), SASL_OK);
    assert_string_equal(text_cstr(&t), "alice");
    assert_int_equal(password("alice", "Secret", &t), SASL_REFUSED);
    assert_int_equal(password("alice", "", &t), SASL_REFUSED);
    assert_int_equal(password("", "secret", &t), SASL_REFUSED);
    assert_int_equal(t.len, 0);
    text_free(&t);
}

static void test_unknown_mechanisms(void **state)
{
    (void)state;
    static const char *const names[] = {"ANONYMOUS", "EXTERNAL",    "NTLM",
                                        "CRAM-MD5",  "SCRAM-SHA-1", "",
                                        "PLAINX",    "PLAI",        "SCRAM-SHA-256-PLUS"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_null(start(names[i], false));
    struct sasl_server *s = start("pLaIn", false);
    assert_string_equal(sasl_server_mechanism(s), "PLAIN");
    sasl_server_free(&s);
    assert_null(s);
    sasl_server_free(&s);
}

/* HOSTILE 83 and 87. Each is the initial response, decoded. */
static const struct {
    const char *what;
    struct span bytes;
    enum sasl_step want;
    int asked;
} plain[] = {
    {"right", SPAN("\0alice\0secret"), SASL_OK, 1},
    {"own authzid", SPAN("alice\0alice\0secret"), SASL_OK, 1},
    {"soft hyphen in the name", SPAN("\0al\xc2\xadice\0secret"), SASL_OK, 1},
    {"wrong password", SPAN("\0alice\0Secret"), SASL_REFUSED, 1},
    {"unknown", SPAN("\0bob\0secret"), SASL_REFUSED, 1},
    {"other authzid", SPAN("bob\0alice\0secret"), SASL_REFUSED, 0},
    {"empty", SPAN(""), SASL_BROKEN, 0},
    {"no NUL", SPAN("alice"), SASL_BROKEN, 0},
    {"one NUL", SPAN("alice\0secret"), SASL_BROKEN, 0},
    {"four fields", SPAN("\0alice\0secret\0"), SASL_BROKEN, 0},
    {"only NULs", SPAN("\0\0"), SASL_REFUSED, 0},
    {"three NULs", SPAN("\0\0\0"), SASL_BROKEN, 0},
    {"no name", SPAN("\0\0secret"), SASL_REFUSED, 0},
    {"no password", SPAN("\0alice\0"), SASL_REFUSED, 0},
    {"not UTF-8", SPAN("\0al\xffice\0secret"), SASL_REFUSED, 0},
    {"newline", SPAN("\0alice\n\0secret"), SASL_REFUSED, 0},
    {"path", SPAN("\0../../etc/passwd\0secret"), SASL_REFUSED, 1},
    {"percent and dash", SPAN("\0-%s%n\0secret"), SASL_REFUSED, 1},
    {"latin-1 password", SPAN("\0alice\0\xe4"), SASL_REFUSED, 1},
};

static void test_plain(void **state)
{
    (void)state;
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t i = 0; i < COUNT(plain); i++) {
        struct sasl_server *s = start("PLAIN", false);
        struct span bytes = plain[i].bytes;
        enum sasl_step r =
            bytes.len ? say(s, bytes, &challenge) : sasl_server_step(s, SPAN("="), &challenge);
        if (r != plain[i].want || house.asked != plain[i].asked)
            fail_msg("%s: step %d, asked %d", plain[i].what, (int)r, house.asked);
        if (r == SASL_OK)
            assert_true(span_is(sasl_server_name(s), "alice"));
        assert_int_equal(challenge.len, 0);
        sasl_server_free(&s);
    }
    text_free(&challenge);
}

static void test_plain_later(void **state)
{
    (void)state;
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    struct sasl_server *s = start("PLAIN", false);
    assert_int_equal(sasl_server_step(s, SPAN_NONE, &challenge), SASL_MORE);
    assert_int_equal(challenge.len, 0);
    house.down = 1;
    assert_int_equal(say(s, SPAN("\0alice\0secret"), &challenge), SASL_TEMPORARY);
    sasl_server_free(&s);
    text_free(&challenge);
}

/* Lines that are no base64, for every mechanism, first and later. */
static void test_broken_lines(void **state)
{
    (void)state;
    static char huge[SASL_LINE_MAX + 4];
    memset(huge, 'A', sizeof huge);
    const struct span bad[] = {SPAN("*"),           SPAN("AGE"),   SPAN("A===="),
                               SPAN("not base64!"), SPAN("AAA A"), SPAN("AAAA\n"),
                               {huge, sizeof huge}};
    static const char *const names[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t k = 0; k < 2 * COUNT(names); k++) {
            struct sasl_server *s = start(names[k / 2], true);
            if (k % 2)
                assert_int_equal(sasl_server_step(s, SPAN_NONE, &challenge), SASL_MORE);
            assert_int_equal(sasl_server_step(s, bad[i], &challenge), SASL_BROKEN);
            assert_int_equal(house.asked, 0);
            sasl_server_free(&s);
        }
    /* "=" stands for nothing only as an initial response. */
    struct sasl_server *s = start("PLAIN", false);
    sasl_server_step(s, SPAN_NONE, &challenge);
    assert_int_equal(sasl_server_step(s, SPAN("="), &challenge), SASL_BROKEN);
    sasl_server_free(&s);
    text_free(&challenge);
}

static void test_login(void **state)
{
    (void)state;
    static const struct {
        struct span name, password;
        enum sasl_step want;
    } rows[] = {
        {SPAN("alice"), SPAN("secret"), SASL_OK},
        {SPAN("alice"), SPAN("Secret"), SASL_REFUSED},
        {SPAN("alice"), SPAN(""), SASL_REFUSED},
        {SPAN(""), SPAN("secret"), SASL_REFUSED},
        {SPAN("al\0ice"), SPAN("secret"), SASL_REFUSED},
        {SPAN("alice"), SPAN("sec\0ret"), SASL_REFUSED},
        {SPAN("\xff"), SPAN("secret"), SASL_REFUSED},
    };
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct sasl_server *s = start("LOGIN", false);
        if (i % 2 || !rows[i / 2].name.len) {
            assert_int_equal(sasl_server_step(s, SPAN_NONE, &challenge), SASL_MORE);
            assert_string_equal(text_cstr(&challenge), "VXNlcm5hbWU6");
        }
        assert_int_equal(say(s, rows[i / 2].name, &challenge), SASL_MORE);
        assert_string_equal(text_cstr(&challenge), "UGFzc3dvcmQ6");
        assert_int_equal(say(s, rows[i / 2].password, &challenge), rows[i / 2].want);
        sasl_server_free(&s);
    }
    text_free(&challenge);
}

/* A huge name and a huge password must neither be asked for nor hurt. */
static void test_huge(void **state)
{
    (void)state;
    static char bytes[9000];
    memset(bytes, 'a', sizeof bytes);
    bytes[0] = '\0';
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t nul = 1; nul < sizeof bytes; nul += 97) {
        bytes[nul] = '\0';
        struct sasl_server *s = start("PLAIN", false);
        assert_int_equal(say(s, (struct span){bytes, sizeof bytes}, &challenge), SASL_REFUSED);
        assert_int_equal(house.asked, 0);
        sasl_server_free(&s);
        bytes[nul] = 'a';
    }
    text_free(&challenge);
}

/* First messages of SCRAM. The exchange needs a client that counts, so what comes after is tested
 * with ours in test_sasl_client. */
static const struct {
    const char *what;
    bool plus, bound;
    struct span first;
    enum sasl_step want;
} scram[] = {
    {"plain", false, false, SPAN("n,,n=alice,r=abcdefgh"), SASL_MORE},
    {"unknown name", false, false, SPAN("n,,n=bob,r=abcdefgh"), SASL_MORE},
    {"own authzid", false, false, SPAN("n,a=alice,n=alice,r=abcdefgh"), SASL_MORE},
    {"other authzid", false, false, SPAN("n,a=bob,n=alice,r=abcdefgh"), SASL_REFUSED},
    {"y, no -PLUS offered", false, false, SPAN("y,,n=alice,r=abcdefgh"), SASL_MORE},
    {"y, -PLUS offered", false, true, SPAN("y,,n=alice,r=abcdefgh"), SASL_REFUSED},
    {"n, -PLUS offered", false, true, SPAN("n,,n=alice,r=abcdefgh"), SASL_MORE},
    {"p without -PLUS", false, true, SPAN("p=tls-exporter,,n=alice,r=abcdefgh"), SASL_BROKEN},
    {"p", true, true, SPAN("p=tls-exporter,,n=alice,r=abcdefgh"), SASL_MORE},
    {"p, other binding", true, true, SPAN("p=tls-unique,,n=alice,r=abcdefgh"), SASL_REFUSED},
    {"p, unknown binding", true, true, SPAN("p=x,,n=alice,r=abcdefgh"), SASL_REFUSED},
    {"n in -PLUS", true, true, SPAN("n,,n=alice,r=abcdefgh"), SASL_REFUSED},
    {"no header", false, false, SPAN("n=alice,r=abcdefgh"), SASL_BROKEN},
    {"unknown flag", false, false, SPAN("q,,n=alice,r=abcdefgh"), SASL_BROKEN},
    {"mandatory extension", false, false, SPAN("n,,m=x,n=alice,r=abcdefgh"), SASL_BROKEN},
    {"no nonce", false, false, SPAN("n,,n=alice"), SASL_BROKEN},
    {"no name", false, false, SPAN("n,,r=abcdefgh"), SASL_BROKEN},
    {"empty name", false, false, SPAN("n,,n=,r=abcdefgh"), SASL_BROKEN},
    {"final first", false, false, SPAN("c=biws,r=abcdefgh,p=AAAA"), SASL_BROKEN},
    {"NUL", false, false, SPAN("n,,n=al\0ice,r=abcdefgh"), SASL_BROKEN},
    {"control", false, false, SPAN("n,,n=al\nice,r=abcdefgh"), SASL_REFUSED},
    {"not UTF-8", false, false, SPAN("n,,n=\xff,r=abcdefgh"), SASL_REFUSED},
    {"nothing", false, false, SPAN("n,,"), SASL_BROKEN},
};

static void test_scram_first(void **state)
{
    (void)state;
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t i = 0; i < COUNT(scram); i++) {
        struct sasl_server *s =
            start(scram[i].plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256", scram[i].bound);
        enum sasl_step r = say(s, scram[i].first, &challenge);
        if (r != scram[i].want)
            fail_msg("%s: step %d instead of %d", scram[i].what, (int)r, (int)scram[i].want);
        sasl_server_free(&s);
    }
    text_free(&challenge);
}

static void test_scram_down(void **state)
{
    (void)state;
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    struct sasl_server *s = start("SCRAM-SHA-256", false);
    house.down = 1;
    assert_int_equal(say(s, SPAN("n,,n=alice,r=abcdefgh"), &challenge), SASL_TEMPORARY);
    sasl_server_free(&s);
    text_free(&challenge);
}

/* The first challenge, decoded, without its nonce. */
static void offer(const char *first, char *salt_and_count, size_t cap)
{
    struct text challenge = TEXT_INIT(SASL_LINE_MAX), bytes = TEXT_INIT(SASL_LINE_MAX);
    struct sasl_server *s = start("SCRAM-SHA-256", false);
    assert_int_equal(say(s, span_of(first), &challenge), SASL_MORE);
    assert_true(base64_decode(text_span(&challenge), &bytes));
    snprintf(salt_and_count, cap, "%s", strchr(text_cstr(&bytes), ','));
    sasl_server_free(&s);
    text_free(&challenge);
    text_free(&bytes);
}

/* HOSTILE 81: an unknown name has a salt of its own that stays, and the same shape. */
static void test_unknown_looks_known(void **state)
{
    (void)state;
    char known[200], bob[200], again[200], carol[200];
    offer("n,,n=alice,r=abcdefgh", known, sizeof known);
    offer("n,,n=bob,r=abcdefgh", bob, sizeof bob);
    offer("n,,n=Bob,r=12345678", again, sizeof again);
    offer("n,,n=carol,r=abcdefgh", carol, sizeof carol);
    assert_string_equal(bob, again);
    assert_string_not_equal(bob, carol);
    assert_int_equal(strlen(known), strlen(bob));
    assert_string_equal(strstr(known, ",i="), strstr(bob, ",i="));
}

/* HOSTILE 84: the second message, with the nonce right or not. %s is the server's nonce. */
static const struct {
    const char *what, *final;
    enum sasl_step want;
} finals[] = {
    {"wrong proof", "c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_REFUSED},
    {"short proof", "c=biws,r=%s,p=AAAA", SASL_BROKEN},
    {"no proof", "c=biws,r=%s", SASL_BROKEN},
    {"other header", "c=eSws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_REFUSED},
    {"foreign nonce", "c=biws,r=x%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_REFUSED},
    {"replayed nonce",
     "c=biws,r=abcdefgh,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_REFUSED},
    {"must not be ignored",
     "c=biws,r=%s,m=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_BROKEN},
    {"first again", "n,,n=alice,r=abcdefgh", SASL_BROKEN},
    {"garbage", "\x01\x02", SASL_BROKEN},
};

static void test_scram_final(void **state)
{
    (void)state;
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    for (size_t i = 0; i < COUNT(finals); i++) {
        struct text first = TEXT_INIT(SASL_LINE_MAX), final = TEXT_INIT(SASL_LINE_MAX);
        struct sasl_server *s = start("SCRAM-SHA-256", false);
        assert_int_equal(say(s, SPAN("n,,n=alice,r=abcdefgh"), &challenge), SASL_MORE);
        assert_true(base64_decode(text_span(&challenge), &first));
        struct span rest = text_span(&first), nonce;
        assert_true(span_cut(&rest, ',', &nonce));
        char cstr[200];
        assert_true(span_cstr(span_from(nonce, 2), cstr, sizeof cstr));
        const char *at = strstr(finals[i].final, "%s");
        text_add(&final, (struct span){finals[i].final, at ? (size_t)(at - finals[i].final)
                                                           : strlen(finals[i].final)});
        if (at) {
            text_adds(&final, cstr);
            text_adds(&final, at + 2);
        }
        enum sasl_step r = say(s, text_span(&final), &challenge);
        if (r != finals[i].want)
            fail_msg("%s: step %d", finals[i].what, (int)r);
        sasl_server_free(&s);
        text_free(&first);
        text_free(&final);
    }
    text_free(&challenge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_bare_password),
        cmocka_unit_test(test_unknown_mechanisms),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_plain_later),
        cmocka_unit_test(test_broken_lines),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_scram_first),
        cmocka_unit_test(test_scram_down),
        cmocka_unit_test(test_unknown_looks_known),
        cmocka_unit_test(test_scram_final),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
