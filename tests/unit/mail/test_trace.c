#include "mail/trace.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID "0123456789abcdefghjkmnpqrs"

static struct trace ordinary(const struct origin *o)
{
    struct trace t = {.origin = o,
                      .hostname = SPAN("mx.example.com"),
                      .wall_ms = 1795368840000,
                      .tls = SPAN("TLSv1.3 TLS_AES_256_GCM_SHA384"),
                      .recipient = SPAN("friend@example.org")};

    assert_true(id_parse(SPAN(ID), &t.id));
    return t;
}

static void lines_are_narrow(struct span field)
{
    struct span line;
    bool first = true;

    assert_true(span_ends(field, SPAN("\r\n")));
    field.len -= 2;
    while (span_cut(&field, '\n', &line)) {
        size_t wide = line.len;

        if (line.len && line.at[line.len - 1] == '\r')
            wide--;
        else
            assert_null(field.at); /* only the last has lost its CR */
        assert_true(first || line.at[0] == '\t');
        assert_true(wide + (first ? 0 : 7) <= 78);
        assert_int_equal(span_find(span_head(line, wide), '\r'), -1);
        first = false;
    }
}

static void an_ordinary_field(void **state)
{
    struct origin o = {.account = SPAN("secret-login"),
                       .peer = SPAN("192.0.2.7"),
                       .helo = SPAN("laptop.example.net"),
                       .door = SPAN("submission"),
                       .with = SPAN("ESMTPSA")};
    struct trace t = ordinary(&o);
    struct text out = TEXT_INIT(2000);

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_true(trace_received(&t, &out));
    lines_are_narrow(text_span(&out));
    assert_string_equal(
        text_cstr(&out),
        "Received: from laptop.example.net ([192.0.2.7]) by mx.example.com\r\n"
        "\t(port26 door submission) with ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        "\tid " ID " for <friend@example.org>;\r\n"
        "\tSun, 22 Nov 2026 17:34:00 +0000\r\n");
    text_free(&out);
}

static void what_is_absent_is_left_out(void **state)
{
    struct origin o = {.with = SPAN("local")};
    struct trace t = ordinary(&o);
    struct text out = TEXT_INIT(2000);

    (void)state;
    t.tls = t.recipient = SPAN_NONE;
    assert_true(trace_received(&t, &out));
    assert_true(
        span_starts(text_span(&out), SPAN("Received: by mx.example.com with local id " ID)));
    text_free(&out);
}

static void hostile_words_stay_in_their_place(void **state)
{
    static const struct {
        struct span helo, peer, want;
    } rows[] = {
        {SPAN("x\tby y; ("), SPAN("192.0.2.7"), SPAN("from unknown ([192.0.2.7]) by")},
        {SPAN("x\r\nBcc: y"), SPAN("192.0.2.7"), SPAN("from unknown ([192.0.2.7]) by")},
        {SPAN("[::::]"), SPAN("2001:db8::1"), SPAN("from unknown ([IPv6:2001:db8::1]) by")},
        {SPAN("\xff"), SPAN("192.0.2.7"), SPAN("from unknown ([192.0.2.7]) by")},
        {SPAN(""), SPAN("192.0.2.7"), SPAN("from unknown ([192.0.2.7]) by")},
        {SPAN("a\0b"), SPAN("192.0.2.7"), SPAN("from unknown ([192.0.2.7]) by")},
        {SPAN("<script>"), SPAN("192.0.2.7) (x"), SPAN("from unknown by")},
        {SPAN("[192.0.2.9]"), SPAN("192.0.2.7"), SPAN("from [192.0.2.9] ([192.0.2.7]) by")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct origin o = {.helo = rows[i].helo,
                           .peer = rows[i].peer,
                           .door = SPAN("a) b\r\n(c\\"),
                           .with = SPAN("ESMTP\r\nX:")};
        struct trace t = ordinary(&o);
        struct text out = TEXT_INIT(2000);

        t.tls = SPAN("T)\nx");
        t.recipient = SPAN("a@b>\r\nX: y");
        assert_true(trace_received(&t, &out));
        lines_are_narrow(text_span(&out));
        assert_true(span_search(text_span(&out), rows[i].want) > 0);
        assert_true(span_search(text_span(&out), SPAN("(port26 door a? b???c?)")) > 0);
        assert_true(span_search(text_span(&out), SPAN("(T?"
                                                      "?x)")) > 0);
        assert_int_equal(span_search(text_span(&out), SPAN(" for")), -1);
        assert_int_equal(span_search(text_span(&out), SPAN("with")), -1);
        text_free(&out);
    }
}

static void too_little_room_is_told(void **state)
{
    struct origin o = {.peer = SPAN("192.0.2.7"), .helo = SPAN("a"), .with = SPAN("SMTP")};
    struct trace t = ordinary(&o);

    (void)state;
    for (size_t room = 1; room < 150; room++) {
        struct text out = TEXT_INIT(room);

        assert_false(trace_received(&t, &out));
        text_free(&out);
    }
}

static void the_other_fields(void **state)
{
    struct text out = TEXT_INIT(1000);
    struct origin o = {.with = SPAN("local")};
    struct trace t = ordinary(&o);

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_true(trace_date(t.wall_ms, &out));
    assert_true(trace_message_id(&t.id, t.hostname, &out));
    assert_true(trace_message_id(&t.id, SPAN("x>\r\ny"), &out));
    assert_string_equal(text_cstr(&out), "Date: Sun, 22 Nov 2026 17:34:00 +0000\r\n"
                                         "Message-ID: <" ID "@mx.example.com>\r\n"
                                         "Message-ID: <" ID "@localhost>\r\n");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_field),
        cmocka_unit_test(what_is_absent_is_left_out),
        cmocka_unit_test(hostile_words_stay_in_their_place),
        cmocka_unit_test(too_little_room_is_told),
        cmocka_unit_test(the_other_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
