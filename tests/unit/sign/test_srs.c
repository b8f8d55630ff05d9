/* Reverse-paths that carry a stranger's. The addresses in the first table were made by pysrs 1.0.4
 * (hashlength 6), which is written after Mail::SRS. */
#include "sign/srs.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#define DAY INT64_C(86400000)
#define NOW (INT64_C(1790000000) * 1000)

static const struct srs_secrets one = {{SPAN("tubes and wires")}, 1};

static enum srs_result back(const struct srs_secrets *s, const char *address, int64_t wall,
                            char out[300])
{
    struct text t = TEXT_INIT(299);
    enum srs_result r = srs_back(s, span_of(address), wall, &t);

    strcpy(out, text_cstr(&t));
    if (r != SRS_OK)
        assert_int_equal(t.len, 0);
    text_free(&t);
    return r;
}

static enum srs_result forward(const char *sender, int64_t wall, char out[300])
{
    struct text t = TEXT_INIT(299);
    enum srs_result r = srs_forward(&one, span_of(sender), SPAN("mail.example.org"), wall, &t);

    strcpy(out, text_cstr(&t));
    if (r != SRS_OK)
        assert_int_equal(t.len, 0);
    text_free(&t);
    return r;
}

static void test_as_others(void **state)
{
    (void)state;
    static const struct {
        const char *sender, *forwarded, *back; /* back NULL: as the sender */
    } rows[] = {
        {"ann@example.net", "SRS0=hPz9/D=HN=example.net=ann@mail.example.org", NULL},
        {"Ann.B+x@Sub.Example.NET", "SRS0=IWP0lA=HN=Sub.Example.NET=Ann.B+x@mail.example.org",
         NULL},
        {"\"a b\"@example.net", "\"SRS0=dtrSdN=HN=example.net=a b\"@mail.example.org", NULL},
        {"a=b=c@example.net", "SRS0=rPDydn=HN=example.net=a=b=c@mail.example.org", NULL},
        {"srs0@example.net", "SRS0=1AzBKp=HN=example.net=srs0@mail.example.org", NULL},
        {"SRS0x@example.net", "SRS0=iSqiAp=HN=example.net=SRS0x@mail.example.org", NULL},
        {"SRS0=abcd=KX=first.example=bob@mid.example",
         "SRS1=/g8Le+=mid.example==abcd=KX=first.example=bob@mail.example.org", NULL},
        {"SRS0+abcd=KX=first.example=bob@mid.example",
         "SRS1=rgAzQL=mid.example=+abcd=KX=first.example=bob@mail.example.org", NULL},
        {"SRS1=ZZZZ=first.example==abcd=KX=deep.example=bob@second.example",
         "SRS1=swPGEj=first.example==abcd=KX=deep.example=bob@mail.example.org",
         "SRS0=abcd=KX=deep.example=bob@first.example"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[300], again[300];

        assert_int_equal(forward(rows[i].sender, NOW, out), SRS_OK);
        assert_string_equal(out, rows[i].forwarded);
        assert_true(srs_is(span_of(out)));
        assert_int_equal(back(&one, out, NOW, again), SRS_OK);
        assert_string_equal(again, rows[i].back ? rows[i].back : rows[i].sender);
    }
}

/* Servers on the way may change the case of a local part, and write another separator. */
static void test_read_in_any_case(void **state)
{
    (void)state;
    char out[300];

    assert_int_equal(back(&one, "srs0=hpz9/d=hn=example.net=ann@MAIL.example.org", NOW, out),
                     SRS_OK);
    assert_string_equal(out, "ann@example.net");
    assert_int_equal(back(&one, "SRS0+HPZ9/D=HN=EXAMPLE.NET=ANN@mail.example.org", NOW, out),
                     SRS_OK);
    assert_string_equal(out, "ANN@EXAMPLE.NET");
    assert_int_equal(
        back(&one, "srs1=/g8le+=mid.example==abcd=kx=first.example=bob@mail.example.org", NOW, out),
        SRS_OK);
    assert_string_equal(out, "SRS0=abcd=kx=first.example=bob@mid.example");
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const none[] = {
        "ann@example.org", "srs@example.org",     "SRS0@example.org", "SRS0abc=x@example.org",
        "SRS2=a=b=c=d@x",  "xSRS0=a=b=c=d@x.org", "postmaster",       "@example.org",
        "SRS0=",           "\"SRS\"@example.org"};
    char out[300];

    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(srs_is(span_of(none[i])));
        assert_int_equal(back(&one, none[i], NOW, out), SRS_NONE);
    }
}

static void test_forged(void **state)
{
    (void)state;
    static const char *const forged[] = {
        "SRS0=hPz9/E=HN=example.net=ann@mail.example.org", /* the hash */
        "SRS0=hPz9/=HN=example.net=ann@mail.example.org",  /* a part of it: easier to guess */
        "SRS0=hPz9=HN=example.net=ann@mail.example.org",
        "SRS0==HN=example.net=ann@mail.example.org",
        "SRS0=hPz9/D=HN=example.net=anne@mail.example.org", /* whom */
        "SRS0=hPz9/D=HN=example.com=ann@mail.example.org",
        "SRS0=hPz9/D=HM=example.net=ann@mail.example.org", /* when */
        "SRS0=hPz9/D=HNA=example.net=ann@mail.example.org",
        "SRS0=hPz9/D=HN==ann@mail.example.org",
        "SRS0=hPz9/D=HN=example.net=@mail.example.org",
        "SRS0=hPz9/D=HN=example.net@mail.example.org",
        "SRS0=hPz9/D@mail.example.org",
        "SRS0=x@mail.example.org",
        "SRS0==@mail.example.org",
        "SRS1=hPz9/D=HN=example.net=ann@mail.example.org",
        "SRS1=/g8Le+=mid.example=abcd=KX=first.example=bob@mail.example.org",
        "SRS1=/g8Le+=other.example==abcd=KX=first.example=bob@mail.example.org",
        "SRS1=/g8Le+=mid.example=@mail.example.org",
        "SRS1=/g8Le+==@mail.example.org",
        "SRS1=@mail.example.org",
    };
    char out[300];

    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
        assert_int_equal(back(&one, forged[i], NOW, out), SRS_FORGED);
}

static void test_days(void **state)
{
    (void)state;
    char address[300], out[300];

    for (int64_t start = NOW; start < NOW + 1100 * DAY; start += 7 * DAY) {
        assert_int_equal(forward("ann@example.net", start, address), SRS_OK);
        for (int64_t days = -2; days < 60; days++) {
            bool good = days >= -1 && days <= SRS_DAYS;

            assert_int_equal(back(&one, address, start + days * DAY, out), good ? SRS_OK : SRS_OLD);
        }
    }
}

static void test_secrets(void **state)
{
    (void)state;
    const struct srs_secrets next = {{SPAN("a new one"), one.at[0]}, 2},
                             last = {{SPAN("a new one")}, 1};
    char address[300], out[300];

    forward("ann@example.net", NOW, address);
    assert_int_equal(back(&next, address, NOW, out), SRS_OK);
    assert_int_equal(back(&last, address, NOW, out), SRS_FORGED);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    char sender[300], out[300];

    for (size_t n = 1; n <= 64; n++) {
        memset(sender, 'a', n);
        strcpy(sender + n, "@example.net");
        assert_int_equal(forward(sender, NOW, out), n <= 37 ? SRS_OK : SRS_LONG);
        if (n == 37)
            assert_int_equal(strchr(out, '@') - out, SRS_LOCAL);
    }
    assert_int_equal(forward("ann@[192.0.2.1]", NOW, out), SRS_LONG);
    assert_int_equal(forward("\"SRS1=x=a b==y\"@example.net", NOW, out), SRS_LONG);
    assert_int_equal(forward("SRS1=x=1?S\xc3\xbe=-S@example.net", NOW, out), SRS_LONG);
    assert_int_equal(forward("SRS0=@example.net", NOW, sender), SRS_OK); /* nothing in it */
    assert_int_equal(back(&one, sender, NOW, out), SRS_OK);
    assert_string_equal(out, "SRS0=@example.net");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_others),
        cmocka_unit_test(test_read_in_any_case),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
