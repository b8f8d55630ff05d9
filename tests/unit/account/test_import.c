/* Lists of other systems, line by line, and the hashes in them. */
#include "account/hash.h"
#include "account/import.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIX                                                                                        \
    "$6$saltsalt$pn.eNCAqRIao3pxsOGdjVa9wVR7Rb/3WnbxOluoQKVZPzLuyetx3yF6VIZDfQnn/arrFVfrq3BqRb9gL" \
    "qhI5z0"

static void show(struct text *t, const struct import_row *r)
{
    text_addf(t, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|", SPAN_ARG(r->name), SPAN_ARG(r->password),
              SPAN_ARG(span_head(r->verifier, 10)), SPAN_ARG(r->host), SPAN_ARG(r->quota),
              SPAN_ARG(r->sending), SPAN_ARG(r->messages));
    for (size_t i = 0; i < r->alias_count; i++)
        text_addf(t, "%s%.*s", i ? "," : "", SPAN_ARG(r->aliases[i]));
}

struct line {
    const char *in;
    int result;
    const char *out; /* the row, or words of the error */
};

static void check(enum import_format format, const char *domain, const struct line *lines,
                  size_t count)
{
    struct import *im = import_new(format, domain);

    for (size_t i = 0; i < count; i++) {
        struct arena *a = arena_new();
        struct text t = TEXT_INIT(4096);
        struct import_row row;
        struct error e = {0};
        int got = import_line(im, span_of(lines[i].in), a, &row, &e);

        if (got == 1)
            show(&t, &row);
        if (got != lines[i].result)
            fail_msg("%s: %d (%s)", lines[i].in, got, e.words);
        if (got == 1 && strcmp(text_cstr(&t), lines[i].out) != 0)
            fail_msg("%s: %s", lines[i].in, text_cstr(&t));
        if (got < 0 && !strstr(e.words, lines[i].out))
            fail_msg("%s: %s", lines[i].in, e.words);
        text_free(&t);
        arena_free(&a);
    }
    import_free(&im);
}

static void csv(void **state)
{
    static const struct line lines[] = {
        {"# a comment", 0, NULL},
        {"Name,password,hash,host,quota,sending,messages,aliases\r", 0, NULL},
        {"kim@a.test,pw,,,,,,", 1, "kim@a.test|pw||||||"},
        {"KIM@A.test, pw ,,acme,1G,\"1/h,2/d\",3/d,x@a.test  @b.test\r", 1,
         "kim@a.test|pw||acme|1G|1/h,2/d|3/d|x@a.test,@b.test"},
        {"bare,\" a \"\"b\"\", \",,,,,,", 1, "bare@d.test| a \"b\", ||||||"},
        {"kim,," SIX ",,,,,", 1, "kim@d.test||{CRYPT}$6$|||||"},
        {"", 0, NULL},
        {"kim@a.test,pw," SIX ",,,,,", -1, "not both"},
        {"kim@a.test,,,,,,,", -1, "neither"},
        {"kim@a.test,pw", -1, "2 fields, but the first line names 8"},
        {"kim@a.test,\"pw,,,,,,", -1, "not closed"},
        {"kim@a.test,\"pw\"x,,,,,,", -1, "not closed"},
        {"a b@c@d,pw,,,,,,", -1, "can not be"},
        {",pw,,,,,,", -1, "can not be"},
    };
    static const struct line headless[] = {{"kim@a.test,pw", -1, "names the columns"}};
    static const struct line spreadsheet[] = {
        {"\xef\xbb\xbfName;Password;Aliases\r", 0, NULL},
        {"kim@a.test;\"p;w\";x@a.test y@a.test\r", 1, "kim@a.test|p;w||||||x@a.test,y@a.test"},
        {"lee@a.test;a,b;", 1, "lee@a.test|a,b||||||"}};
    static const struct line tabs[] = {{"name\tpassword", 0, NULL},
                                       {"kim@a.test\ta b", 1, "kim@a.test|a b||||||"}};
    static const struct line twice[] = {{"name,password,name", -1, "each once"}};
    static const struct line useless[] = {{"name,quota", -1, "\"password\" or \"hash\""}};

    (void)state;
    check(IMPORT_CSV, "d.test", lines, COUNT(lines));
    check(IMPORT_CSV, NULL, headless, 1);
    check(IMPORT_CSV, NULL, twice, 1);
    check(IMPORT_CSV, NULL, spreadsheet, COUNT(spreadsheet));
    check(IMPORT_CSV, NULL, tabs, COUNT(tabs));
    check(IMPORT_CSV, NULL, useless, 1);
}

static void colons(void **state)
{
    static const struct line passwd[] = {
        {"kim@a.test:{SHA512-CRYPT}" SIX "::::::", 1, "kim@a.test||{CRYPT}$6$|||||"},
        {"Kim:" SIX, 1, "kim||{CRYPT}$6$|||||"},
        {"daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin", 0, NULL},
        {"kim:x:1000:1000::/home/kim:/bin/bash", -1, "shadow"},
        {"kim:plain words:", -1, "no password hash"},
        {"kim:{PLAIN}secret:", 1, "kim|secret||||||"},
        {"kim:{plain}:", -1, "empty"},
        {"kim:{SCRAM-SHA-256}4096,c2FsdHNhbHRzYWx0,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=::::::",
         1, "kim||SCRAM-SHA-|||||"},
        {"kim:{SCRAM-SHA-256}4096,c2FsdHNhbHRzYWx0,AAAA=,AAAA=", -1, "no verifier"},
        {"kim:{SCRAM-SHA-256}4096,c2FsdHNhbHRzYWx0", -1, "no verifier"},
        {"kim:{SSHA}2aJ1Ym1hYmNkZWZnaGlqa2xtbm9wcXJzdHU=:", 1, "kim||{SSHA}2aJ1|||||"},
        {"kim:{SMD5}2aJ1Ym1hYmNkZWZnaGlqa2xtbm9wcXJzdHU=:", -1, "not plain MD5"},
        {"kim:{MD5}$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/:", 1, "kim||{CRYPT}$1$|||||"},
        {"kim:{MD5}X03MO1qnZdYdgyfeuILPmQ==:", -1, "not known"},
        {"kim:" SIX ":::::/bin/sh:userdb_mail=maildir:~ userdb_quota_rule=*:storage=2G x=1", 1,
         "kim||{CRYPT}$6$||2G|||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage=500M", 1, "kim||{CRYPT}$6$||500M|||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage=", 1, "kim||{CRYPT}$6$|||||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage=3000B", 1, "kim||{CRYPT}$6$||3000|||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage=1000", 1, "kim||{CRYPT}$6$||1000K|||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage= ", 1, "kim||{CRYPT}$6$|||||"},
        {"kim:" SIX "::::::userdb_quota_rule=*:storage=0", 1, "kim||{CRYPT}$6$||none|||"},
        {"no colon", -1, "name:hash"},
        {"kim", -1, "name:hash"},
        {":" SIX ":", -1, "can not be"},
    };
    static const struct line shadow[] = {
        {"kim:" SIX ":19000:0:99999:7:::", 1, "kim@d.test||{CRYPT}$6$|||||"},
        {"kim:!" SIX ":19000:0:99999:7:::", 0, NULL},
        {"kim::19000:0:99999:7:::", 0, NULL}};

    (void)state;
    check(IMPORT_PASSWD, NULL, passwd, COUNT(passwd));
    check(IMPORT_SHADOW, "d.test", shadow, COUNT(shadow));
}

static void hashes(void **state)
{
    static const struct {
        const char *hash, *password; /* NULL: refused */
    } rows[] = {
        {SIX, "Hello world!"},
        {"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password"},
        {"{BLF-CRYPT}$2b$05$abcdefghijklmnopqrstuuKOGUAMn6mPBPSAPyOAXeBVGU9TpJQGy", ""},
        {"$6$rounds=999999999$saltsalt$x", NULL},
        {"$2b$31$abcdefghijklmnopqrstuuKOGUAMn6mPBPSAPyOAXeBVGU9TpJQGy", NULL},
        {"$7$CU..../....2Q9obwLhin8qvQl6sisAO/$E1HizYWxBmnIH4sdPkd1UOML9t62Gf.wvNTnt5XFzs8", NULL},
        {"$nonsense$", NULL},
        {"0123456789abcdef0123456789abcdef", NULL},
        {"", NULL},
        {"*", NULL},
        {"$6$a:b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text t = TEXT_INIT(1024);
        struct error e = {0};
        int bad = hash_read(span_of(rows[i].hash), &t, &e);

        if ((bad < 0) != (rows[i].password == NULL))
            fail_msg("%s: %d %s", rows[i].hash, bad, e.words);
        if (!bad) {
            assert_true(hash_is(text_span(&t)));
            assert_false(hash_check(text_span(&t), SPAN("another")));
        }
        if (!bad && i < 2)
            assert_true(hash_check(text_span(&t), span_of(rows[i].password)));
        text_free(&t);
    }
    assert_false(hash_is(SPAN("SCRAM-SHA-256$4096:c2FsdA==$a:b")));
    assert_false(hash_check(SPAN("SCRAM-SHA-256$4096:c2FsdA==$a:b"), SPAN("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv), cmocka_unit_test(colons),
                                       cmocka_unit_test(hashes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
