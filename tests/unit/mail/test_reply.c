#include "mail/reply.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* Feeds lines separated by '\n'; the last result. */
static enum reply_feed feed(struct reply_reader *r, const char *lines, struct reply *out)
{
    struct span rest = span_of(lines), line;
    enum reply_feed result = REPLY_MORE;

    while (span_cut(&rest, '\n', &line)) {
        assert_int_equal(result, REPLY_MORE);
        result = reply_feed(r, line, out);
    }
    return result;
}

static void good_replies(void **state)
{
    static const struct {
        const char *lines;
        unsigned code;
        struct enhanced enhanced;
        const char *text;
    } rows[] = {
        {"250 ok", 250, {0}, "ok"},
        {"250", 250, {0}, ""},
        {"250 ", 250, {0}, ""},
        {"250-", 0, {0}, NULL},
        {"250-a\n250", 250, {0}, "a\n"},
        {"250 2.1.0 ok", 250, {2, 1, 0}, "ok"},
        {"250 2.1.0", 250, {2, 1, 0}, ""},
        {"250 5.1.0 odd", 250, {0}, "5.1.0 odd"},
        {"550-5.7.26 one\n550-5.7.26  two\n550 5.7.26 three", 550, {5, 7, 26}, "one\n two\nthree"},
        {"550-5.7.1 one\n550 5.7.2 two", 550, {5, 7, 1}, "one\n5.7.2 two"},
        {"550-one\n550 5.7.2 two", 550, {5, 7, 2}, "one\ntwo"},
        {"534-5.7.9 Application\n534 5.7.9 password", 534, {5, 7, 9}, "Application\npassword"},
        {"354 go\x1b[2J", 354, {0}, "go\\x1b[2J"},
        {"250 \xff", 250, {0}, "\\xff"},
        {"250 2.1.0.3 x", 250, {0}, "2.1.0.3 x"},
        {"250 2..0 x", 250, {0}, "2..0 x"},
        {"250 2.1000.0 x", 250, {0}, "2.1000.0 x"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply_reader r;
        struct reply out;

        reply_reader_init(&r);
        if (!rows[i].text) {
            assert_int_equal(feed(&r, rows[i].lines, &out), REPLY_MORE);
        } else {
            assert_int_equal(feed(&r, rows[i].lines, &out), REPLY_DONE);
            assert_int_equal(out.code, rows[i].code);
            assert_int_equal(out.enhanced.class, rows[i].enhanced.class);
            assert_int_equal(out.enhanced.subject, rows[i].enhanced.subject);
            assert_int_equal(out.enhanced.detail, rows[i].enhanced.detail);
            assert_true(span_is(out.text, rows[i].text));
        }
        reply_reader_free(&r);
    }
}

static void broken_replies(void **state)
{
    static const char *const rows[] = {
        "",    "2",      "25",      "25x ok",  "999 x", "150 x",          "600 x",
        "hi!", "HTTP/1", "250ok",   "2500 ok", " 250",  "250-a\n251 b",   "250-a\nhello",
        "-50", "\n",     "250\tok", "250_ok",  "199 x", "250-a\n250-b\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply_reader r;
        struct reply out;

        reply_reader_init(&r);
        if (rows[i][0] == '\n')
            assert_int_equal(reply_feed(&r, SPAN("250 a\0b"), &out), REPLY_BROKEN);
        else
            assert_int_equal(feed(&r, rows[i], &out), REPLY_BROKEN);
        reply_reader_free(&r);
    }
}

static void bounds(void **state)
{
    static char line[REPLY_LINE_MAX + 2];
    struct reply_reader r;
    struct reply out;

    (void)state;
    reply_reader_init(&r);
    memset(line, 'x', sizeof line);
    memcpy(line, "250-", 4);
    assert_int_equal(reply_feed(&r, (struct span){line, REPLY_LINE_MAX + 1}, &out), REPLY_BROKEN);
    assert_int_equal(reply_feed(&r, (struct span){line, REPLY_LINE_MAX}, &out), REPLY_MORE);
    assert_int_equal(reply_feed(&r, (struct span){line, REPLY_LINE_MAX}, &out), REPLY_MORE);
    assert_int_equal(reply_feed(&r, (struct span){line, REPLY_LINE_MAX}, &out), REPLY_BROKEN);
    reply_reader_free(&r);
    for (int i = 0; i < REPLY_LINES_MAX; i++)
        assert_int_equal(reply_feed(&r, SPAN("250-x"), &out), REPLY_MORE);
    assert_int_equal(reply_feed(&r, SPAN("250 x"), &out), REPLY_BROKEN);
    reply_reader_free(&r);
}

static void one_reader_reads_many(void **state)
{
    struct reply_reader r;
    struct reply out;

    (void)state;
    reply_reader_init(&r);
    assert_int_equal(feed(&r, "550-5.1.1 no\n550 5.1.1 one", &out), REPLY_DONE);
    assert_int_equal(feed(&r, "250 ok", &out), REPLY_DONE);
    assert_int_equal(out.code, 250);
    assert_int_equal(out.enhanced.class, 0);
    assert_true(span_is(out.text, "ok"));
    assert_int_equal(reply_class(&out), 2);
    reply_reader_free(&r);
}

static void writing(void **state)
{
    static const struct {
        struct reply reply;
        const char *wire;
    } rows[] = {
        {{250, {2, 1, 0}, SPAN("ok"), 0}, "250 2.1.0 ok\r\n"},
        {{250, {0}, SPAN(""), 0}, "250\r\n"},
        {{250, {2, 0, 0}, SPAN(""), 0}, "250 2.0.0\r\n"},
        {{250, {0}, SPAN("host\nSIZE 1\nDSN"), 0}, "250-host\r\n250-SIZE 1\r\n250 DSN\r\n"},
        {{550, {5, 7, 1}, SPAN("a\n\nb"), 0}, "550-5.7.1 a\r\n550-5.7.1\r\n550 5.7.1 b\r\n"},
        {{550, {5, 1, 1}, SPAN("a\rb\tc"), 0}, "550 5.1.1 a\\x0db\\x09c\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(4096);

        reply_format(&rows[i].reply, &out);
        assert_string_equal(text_cstr(&out), rows[i].wire);
        text_free(&out);
    }
}

/* Every line within 512 octets, and what is written reads back. */
static void long_texts_are_broken_and_read_back(void **state)
{
    static const char *const units[] = {"word ", "x", "\xc3\xbc"};

    (void)state;
    for (size_t u = 0; u < COUNT(units); u++) {
        struct text words = TEXT_INIT(4096), out = TEXT_INIT(REPLY_TEXT_MAX);
        struct reply_reader reader;
        struct reply r = {.code = 550, .enhanced = {5, 7, 999}}, back;
        struct span rest, line;
        enum reply_feed result = REPLY_MORE;

        while (words.len < 2000)
            text_adds(&words, units[u]);
        r.text = text_span(&words);
        reply_format(&r, &out);
        reply_reader_init(&reader);
        rest = text_span(&out);
        while (span_cut(&rest, '\n', &line) && line.len) {
            assert_true(line.len + 1 <= 512);
            line.len--;
            result = reply_feed(&reader, line, &back);
        }
        assert_int_equal(result, REPLY_DONE);
        assert_int_equal(span_search(back.text, SPAN("\\x")), -1);
        reply_reader_free(&reader);
        text_free(&words);
        text_free(&out);
    }
}

static void made_from_errors(void **state)
{
    struct arena *a = arena_new();
    struct error e;
    struct reply r;

    (void)state;
    error_mail(&e, ERROR_TEMPORARY, "4.3.1", OWNER_PROVIDER, "disk %s", "full");
    r = reply_error(a, 0, &e);
    assert_int_equal(r.code, 451);
    assert_int_equal(r.enhanced.detail, 1);
    assert_true(span_is(r.text, "disk full"));
    r = reply_error(a, 552, &e);
    assert_int_equal(r.enhanced.class, 5);
    error_set(&e, ERROR_PERMANENT, "no");
    r = reply_error(a, 0, &e);
    assert_int_equal(r.code, 550);
    assert_int_equal(r.enhanced.class, 5);
    assert_int_equal(r.enhanced.subject, 0);
    r = reply_make(a, 250, "2.1.5", "<%s> ok", "a@b");
    assert_true(span_is(r.text, "<a@b> ok"));
    assert_int_equal(r.enhanced.detail, 5);
    arena_free(&a);
}

static void enhanced_codes(void **state)
{
    static const char *const bad[] = {"",         "5",      "5.1",   "5.1.",   "5.1.1.1",
                                      "3.1.1",    "5.1.x",  "5..1",  "05.1.1", "5.1.1000",
                                      "5.0001.1", "-5.1.1", "5.1.1 "};
    struct enhanced e;
    char buf[12];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(enhanced_parse(span_of(bad[i]), &e));
    assert_true(enhanced_parse(SPAN("5.7.139"), &e));
    enhanced_text(e, buf);
    assert_string_equal(buf, "5.7.139");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_replies),     cmocka_unit_test(broken_replies),
        cmocka_unit_test(bounds),           cmocka_unit_test(one_reader_reads_many),
        cmocka_unit_test(writing),          cmocka_unit_test(long_texts_are_broken_and_read_back),
        cmocka_unit_test(made_from_errors), cmocka_unit_test(enhanced_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
