#include "zone/zone.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

enum { FOUND_MAX = 3 };

static const struct zone_record records[ZONE_PURPOSE_COUNT] = {
    [ZONE_MX] = {ZONE_MX, DNS_MX, 0, SPAN("b.test"), SPAN("10 mail.test."), SPAN("")},
    [ZONE_SPF] = {ZONE_SPF, DNS_TXT, 0, SPAN("b.test"), SPAN("v=spf1 a:mail.test ~all"), SPAN("")},
    [ZONE_DKIM] = {ZONE_DKIM, DNS_TXT, 0, SPAN("s._domainkey.b.test"),
                   SPAN("v=DKIM1; k=ed25519; p=AABB"), SPAN("")},
    [ZONE_DMARC] = {ZONE_DMARC, DNS_TXT, 0, SPAN("_dmarc.b.test"), SPAN("v=DMARC1; p=none"),
                    SPAN("")},
    [ZONE_SERVICE] = {ZONE_SERVICE, DNS_SRV, 0, SPAN("_submissions._tcp.b.test"),
                      SPAN("0 1 465 mail.test."), SPAN("")},
    [ZONE_HOST] = {ZONE_HOST, DNS_CNAME, 0, SPAN("autoconfig.b.test"), SPAN("mail.test."),
                   SPAN("")},
    [ZONE_MTA_STS] = {ZONE_MTA_STS, DNS_TXT, 0, SPAN("_mta-sts.b.test"), SPAN("v=STSv1; id=1"),
                      SPAN("")},
    [ZONE_TLS_REPORT] = {ZONE_TLS_REPORT, DNS_TXT, 0, SPAN("_smtp._tls.b.test"),
                         SPAN("v=TLSRPTv1; rua=mailto:a@b.test"), SPAN("")},
};

static const struct row {
    enum zone_purpose purpose;
    enum zone_state state;
    const char *found[FOUND_MAX]; /* none: NXDOMAIN */
    enum spf_result spf;
    bool same;
    const char *words; /* part of them */
    const char *alias;
    const char *publish;
} rows[] = {
    {.purpose = ZONE_MX, .state = ZONE_RIGHT, .found = {"10 mail.test."}},
    {.purpose = ZONE_MX, .state = ZONE_RIGHT, .found = {"5 other.test.", "99 MAIL.test."}},
    {.purpose = ZONE_MX, .state = ZONE_MISSING, .found = {NULL}},
    {.purpose = ZONE_MX,
     .state = ZONE_WRONG,
     .found = {"10 other.test."},
     .words = "other servers"},
    {.purpose = ZONE_MX, .state = ZONE_WRONG, .found = {"0 ."}, .words = "null MX"},
    {.purpose = ZONE_MX,
     .state = ZONE_WRONG,
     .found = {NULL},
     .alias = "elsewhere.test",
     .words = "alias (CNAME) of elsewhere.test"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_RIGHT,
     .found = {"v=DKIM1; k=ed25519; p=AABB"},
     .alias = "keys.test"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"k=ed25519; p=AABB; v=DKIM1"},
     .words = "first tag"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM2; k=ed25519; p=AABB"},
     .words = "first tag"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM1; h=sha1; k=ed25519; p=AABB"},
     .words = "sha256"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM1; s=other; k=ed25519; p=AABB"},
     .words = "not for mail"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_RIGHT,
     .found = {"v=DKIM1; h=sha1 : sha256; s=*; k=ed25519; t=s; n=note; p=AA BB"}},
    {.purpose = ZONE_MX,
     .state = ZONE_WRONG,
     .found = {"10 xmail.test."},
     .words = "other servers"},

    {.purpose = ZONE_SPF,
     .state = ZONE_RIGHT,
     .found = {"v=spf1 ip4:192.0.2.1 -all"},
     .spf = SPF_PASS},
    {.purpose = ZONE_SPF,
     .state = ZONE_RIGHT,
     .found = {"other", "v=spf1 include:x.test ~all"},
     .spf = SPF_PASS},
    {.purpose = ZONE_SPF,
     .state = ZONE_MISSING,
     .found = {"other", "v=spf10 -all"},
     .spf = SPF_NONE},
    {.purpose = ZONE_SPF,
     .state = ZONE_WRONG,
     .found = {"v=spf1 -all", "v=spf1 ~all"},
     .spf = SPF_PASS,
     .words = "2 of them"},
    {.purpose = ZONE_SPF,
     .state = ZONE_WRONG,
     .found = {"v=spf1 nonsense:x -all"},
     .spf = SPF_UNKNOWN,
     .words = "breaks the rules"},
    {.purpose = ZONE_SPF,
     .state = ZONE_WRONG,
     .found = {"v=spf1 ip4:198.51.100.1 -all"},
     .spf = SPF_FAIL,
     .words = "192.0.2.9 gets \"fail\"",
     .publish = "v=spf1 a:mail.test ip4:198.51.100.1 -all"},
    {.purpose = ZONE_SPF,
     .state = ZONE_WRONG,
     .found = {"v=spf1"},
     .spf = SPF_NEUTRAL,
     .publish = "v=spf1 a:mail.test"},
    {.purpose = ZONE_SPF,
     .state = ZONE_UNKNOWN,
     .found = {"v=spf1 exists:%{i}.x.test -all"},
     .spf = SPF_UNKNOWN,
     .words = "macros"},

    {.purpose = ZONE_DKIM, .state = ZONE_RIGHT, .found = {"v=DKIM1; k=ed25519; p=AABB"}},
    {.purpose = ZONE_DKIM, .state = ZONE_RIGHT, .found = {"k=ed25519;p= AA BB ;n=x"}},
    {.purpose = ZONE_DKIM, .state = ZONE_MISSING, .found = {NULL}},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM1; k=ed25519; p="},
     .words = "revoked"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM1; k=ed25519; p=AABC"},
     .words = "another key"},
    {.purpose = ZONE_DKIM, .state = ZONE_WRONG, .found = {"v=DKIM1; p=AABB"}, .words = "k=ed25519"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"v=DKIM1; k=rsa; p=AABB"},
     .words = "kind"},
    {.purpose = ZONE_DKIM, .state = ZONE_WRONG, .found = {"hello"}, .words = "no key"},
    {.purpose = ZONE_DKIM,
     .state = ZONE_WRONG,
     .found = {"k=ed25519; p=AABB", "x"},
     .words = "2 texts"},

    {.purpose = ZONE_DMARC, .state = ZONE_RIGHT, .found = {"v=DMARC1; p=reject"}},
    {.purpose = ZONE_DMARC,
     .state = ZONE_RIGHT,
     .found = {"other", "v=DMARC1;p=none;rua=mailto:x@y.test"}},
    {.purpose = ZONE_DMARC, .state = ZONE_MISSING, .found = {"v=spf1 -all"}},
    {.purpose = ZONE_DMARC,
     .state = ZONE_WRONG,
     .found = {"v=DMARC1; p=none", "v=DMARC1; p=none"},
     .words = "2 of them"},
    {.purpose = ZONE_DMARC,
     .state = ZONE_WRONG,
     .found = {"v=DMARC1; rua=mailto:x@y.test"},
     .words = "no policy"},

    {.purpose = ZONE_SERVICE, .state = ZONE_RIGHT, .found = {"5 0 465 mail.test."}},
    {.purpose = ZONE_SERVICE,
     .state = ZONE_RIGHT,
     .found = {"0 1 1465 mail.test.", "0 1 465 Mail.Test."}},
    {.purpose = ZONE_SERVICE, .state = ZONE_MISSING, .found = {NULL}},
    {.purpose = ZONE_SERVICE,
     .state = ZONE_WRONG,
     .found = {"0 1 587 mail.test."},
     .words = "other doors"},
    {.purpose = ZONE_SERVICE, .state = ZONE_WRONG, .found = {"0 0 0 ."}, .words = "other doors"},

    {.purpose = ZONE_HOST, .state = ZONE_RIGHT, .found = {"192.0.2.1"}, .same = true},
    {.purpose = ZONE_HOST, .state = ZONE_WRONG, .found = {"192.0.2.1"}, .words = "another machine"},
    {.purpose = ZONE_HOST, .state = ZONE_MISSING, .found = {NULL}},

    {.purpose = ZONE_MTA_STS, .state = ZONE_RIGHT, .found = {"v=STSv1; id=20260101T000000;"}},
    {.purpose = ZONE_MTA_STS, .state = ZONE_MISSING, .found = {NULL}},
    {.purpose = ZONE_MTA_STS, .state = ZONE_WRONG, .found = {"v=STSv1; id=a-b"}, .words = "no id"},
    {.purpose = ZONE_MTA_STS, .state = ZONE_WRONG, .found = {"v=STSv1"}, .words = "no id"},

    {.purpose = ZONE_TLS_REPORT, .state = ZONE_RIGHT, .found = {"v=TLSRPTv1; rua=https://x.test/"}},
    {.purpose = ZONE_TLS_REPORT, .state = ZONE_WRONG, .found = {"v=TLSRPTv1;"}, .words = "to whom"},
    {.purpose = ZONE_TLS_REPORT, .state = ZONE_MISSING, .found = {"x"}},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new();
        const struct row *r = &rows[i];
        struct span data[FOUND_MAX];
        struct zone_found found = {.data = data,
                                   .alias = span_of(rows[i].alias),
                                   .spf = r->spf,
                                   .same = r->same,
                                   .address = SPAN("192.0.2.9"),
                                   .result = r->found[0] ? DNS_OK : DNS_NXDOMAIN};
        struct zone_verdict v;

        for (; found.count < FOUND_MAX && r->found[found.count]; found.count++)
            data[found.count] = span_of(r->found[found.count]);
        zone_compare(&records[r->purpose], &found, a, &v);
        if (v.state != r->state)
            print_message("row %zu: %s\n", i, zone_state_name(v.state));
        assert_int_equal(v.state, r->state);
        if (r->words)
            assert_true(span_search(v.words, span_of(r->words)) >= 0);
        else
            assert_true(v.state == ZONE_WRONG || !v.words.len);
        assert_true(span_eq(v.publish, r->publish ? span_of(r->publish)
                                       : r->purpose == ZONE_SPF && v.state == ZONE_UNKNOWN
                                           ? v.publish
                                           : records[r->purpose].data));
        arena_free(&a);
    }
}

/* Silence is no absence, and a stranger's text is safe to show. */
static void test_silence(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone_found found = {.result = DNS_TEMPORARY, .why = SPAN("no answer")};
    struct span evil = SPAN("v=spf1 \x1b[2J\n -all");
    struct zone_verdict v;

    for (int p = 0; p < ZONE_PURPOSE_COUNT; p++) {
        zone_compare(&records[p], &found, a, &v);
        assert_int_equal(v.state, ZONE_UNKNOWN);
        assert_true(span_is(v.words, "no answer"));
    }
    found = (struct zone_found){.result = DNS_OK, .data = &evil, .count = 1};
    zone_compare(&records[ZONE_SPF], &found, a, &v);
    assert_int_equal(span_find(v.there, '\x1b'), -1);
    assert_int_equal(span_find(v.there, '\n'), -1);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_silence)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
