#include "mail/dot.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static bool collect(void *arg, struct span bytes)
{
    assert_true(bytes.len > 0);
    return text_add(arg, bytes);
}

struct row {
    struct span wire, content, rest;
    bool bare, open; /* open: the end was not reached */
};

static const struct row decodings[] = {
    {.wire = SPAN(".\r\n")},
    {.wire = SPAN("a\r\n.\r\n"), SPAN("a\r\n"), SPAN("")},
    {.wire = SPAN("a\r\n.\r\nQUIT\r\n"), SPAN("a\r\n"), SPAN("QUIT\r\n")},
    {.wire = SPAN("..\r\n.\r\n"), SPAN(".\r\n"), SPAN("")},
    {.wire = SPAN("..a\r\n.b\r\n...\r\n.\r\n"), SPAN(".a\r\nb\r\n..\r\n"), SPAN("")},
    {.wire = SPAN(". \r\n .\r\n.\t\r\n.\r\n"), SPAN(" \r\n .\r\n\t\r\n"), SPAN("")},
    {.wire = SPAN("a\0b\r\n\0.\r\n.\0\r\n.\r\n"), SPAN("a\0b\r\n\0.\r\n\0\r\n"), SPAN("")},
    {.wire = SPAN("a\r\n\xef\xbc\x8e\r\n\x0b.\r\n.\r\n"),
     SPAN("a\r\n\xef\xbc\x8e\r\n\x0b.\r\n"),
     SPAN("")},
    {.wire = SPAN("a\r\n.\r"), SPAN("a\r\n"), SPAN(""), .open = true},
    {.wire = SPAN("a\r\n."), SPAN("a\r\n"), SPAN(""), .open = true},
    /* HOSTILE 1 to 7: none of these is an end */
    {.wire = SPAN("a\n.\nb\r\n.\r\n"), SPAN("a\n.\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\n.\r\nb\r\n.\r\n"), SPAN("a\n.\r\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r\n.\nb\r\n.\r\n"), SPAN("a\r\n\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r.\rb\r\n.\r\n"), SPAN("a\r.\rb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r.\nb\r\n.\r\n"), SPAN("a\r.\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\n.\rb\r\n.\r\n"), SPAN("a\n.\rb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r.\r\nb\r\n.\r\n"), SPAN("a\r.\r\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r\n.\rb\r\n.\r\n"), SPAN("a\r\n\rb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r\n.\r\r\nb\r\n.\r\n"), SPAN("a\r\n\r\r\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r\r\n.\r\r\nb\r\n.\r\n"), SPAN("a\r\r\n\r\r\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("a\r\0\n.\r\nb\r\n.\r\n"), SPAN("a\r\0\n.\r\nb\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("\n.\r\n\r\n.\r\n"), SPAN("\n.\r\n\r\n"), SPAN(""), .bare = true},
    {.wire = SPAN("\r.\r\n.\r\n"), SPAN("\r.\r\n"), SPAN(""), .bare = true},
};

/* Feeds in pieces of `step` octets after a first piece of `first`. */
static bool decode(struct dot_decoder *d, struct span wire, size_t first, size_t step,
                   struct span *rest)
{
    size_t n = first;

    *rest = SPAN("");
    while (wire.len) {
        struct span piece = span_head(wire, n);

        wire = span_from(wire, piece.len);
        if (dot_decode(d, &piece)) {
            *rest = (struct span){piece.at, piece.len + wire.len};
            return true;
        }
        assert_int_equal(piece.len, 0);
        n = step;
    }
    return false;
}

static void decoding_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(decodings); i++) {
        const struct row *row = &decodings[i];

        for (size_t first = 1; first <= row->wire.len; first++) {
            for (size_t step = 1; step <= row->wire.len; step++) {
                struct text out = TEXT_INIT(1000);
                struct dot_decoder d;
                struct span rest;

                dot_decoder_init(&d, collect, &out);
                assert_int_equal(decode(&d, row->wire, first, step, &rest), !row->open);
                assert_true(span_eq(text_span(&out), row->content));
                assert_true(span_eq(rest, row->rest));
                assert_int_equal(d.bare, row->bare);
                assert_int_equal(d.size, row->content.len);
                text_free(&out);
            }
        }
    }
}

static void what_was_seen_is_told(void **state)
{
    static const struct {
        const char *wire;
        uint64_t longest;
        bool eight_bit;
    } rows[] = {
        {".\r\n", 0, false},         {"abc\r\nabcde\r\na\r\n.\r\n", 5, false},
        {"..bc\r\n.\r\n", 3, false}, {"a\r\n\r\n\xc3\xbc\r\n.\r\n", 2, true},
        {".\x80\r\n.\r\n", 1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step < 10; step++) {
            struct text out = TEXT_INIT(1000);
            struct dot_decoder d;
            struct span rest;

            dot_decoder_init(&d, collect, &out);
            assert_true(decode(&d, span_of(rows[i].wire), step, step, &rest));
            assert_int_equal(d.longest, rows[i].longest);
            assert_int_equal(d.eight_bit, rows[i].eight_bit);
            assert_false(d.bare);
            text_free(&out);
        }
    }
}

static bool refuse_after_ten(void *arg, struct span bytes)
{
    uint64_t *got = arg;

    assert_true(*got <= 10);
    *got += bytes.len;
    return *got <= 10;
}

static void a_refused_message_is_read_to_its_end(void **state)
{
    uint64_t got = 0;
    struct dot_decoder d;
    struct span rest;

    (void)state;
    dot_decoder_init(&d, refuse_after_ten, &got);
    assert_true(decode(&d, SPAN("123456\r\n123456\r\n..\r\nx\n\r\n.\r\nRSET"), 3, 3, &rest));
    assert_true(d.refused);
    assert_true(d.bare);
    assert_true(span_is(rest, "RSET"));
    assert_int_equal(d.size, 23);
    assert_true(got < 16);
}

static const struct {
    struct span content, wire;
} encodings[] = {
    {SPAN(""), SPAN(".\r\n")},
    {SPAN("a\r\n"), SPAN("a\r\n.\r\n")},
    {SPAN("a"), SPAN("a\r\n.\r\n")},
    {SPAN("."), SPAN("..\r\n.\r\n")},
    {SPAN(".\r\n..\r\na.\r\n"), SPAN("..\r\n...\r\na.\r\n.\r\n")},
    {SPAN("\r\n\r\n"), SPAN("\r\n\r\n.\r\n")},
    {SPAN("a\0\r\n.\0"), SPAN("a\0\r\n..\0\r\n.\r\n")},
    {SPAN("a\n.\nMAIL\n"), SPAN("a\r\n..\r\nMAIL\r\n.\r\n")},
    {SPAN("a\n.\r\nMAIL"), SPAN("a\r\n..\r\nMAIL\r\n.\r\n")},
    {SPAN("a\r\n.\nMAIL"), SPAN("a\r\n..\r\nMAIL\r\n.\r\n")},
    {SPAN("a\r.\rMAIL\r"), SPAN("a\r\n..\r\nMAIL\r\n.\r\n")},
    {SPAN("a\r.\r\n"), SPAN("a\r\n..\r\n.\r\n")},
    {SPAN("a\r\r\n.\r\r\n"), SPAN("a\r\n\r\n..\r\n\r\n.\r\n")},
    {SPAN("\r"), SPAN("\r\n.\r\n")},
    {SPAN("\n"), SPAN("\r\n.\r\n")},
    {SPAN("\r\r"), SPAN("\r\n\r\n.\r\n")},
    {SPAN("\n\r"), SPAN("\r\n\r\n.\r\n")},
    {SPAN("a\r\0\n.\r\n"), SPAN("a\r\n\0\r\n..\r\n.\r\n")},
};

static void encoding_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(encodings); i++) {
        for (size_t step = 1; step <= encodings[i].content.len + 1; step++) {
            struct text out = TEXT_INIT(1000);
            struct span rest = encodings[i].content;
            struct dot_encoder e;

            dot_encoder_init(&e, collect, &out);
            for (; rest.len; rest = span_from(rest, step))
                assert_true(dot_encode(&e, span_head(rest, step)));
            assert_true(dot_encode_end(&e));
            assert_true(span_eq(text_span(&out), encodings[i].wire));
            text_free(&out);
        }
    }
}

static void a_failed_write_stops_the_encoder(void **state)
{
    (void)state;
    for (size_t room = 0; room < 12; room++) {
        struct text out = TEXT_INIT(12);
        struct dot_encoder e;

        out.max = room + 1;
        text_addf(&out, "x");
        dot_encoder_init(&e, collect, &out);
        /* 13 octets on the wire: one write or another must fail */
        assert_false(dot_encode(&e, SPAN(".a\nb\r\nc\r")) && dot_encode_end(&e));
        text_free(&out);
    }
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
    static const char letters[] = {'.', '\r', '\n', 'a'};
    char content[6];

    (void)state;
    /* Every content of six letters: 4096 of them. */
    for (unsigned n = 0; n < 4096; n++) {
        struct text wire = TEXT_INIT(100), back = TEXT_INIT(100), again = TEXT_INIT(100);
        struct dot_encoder e;
        struct dot_decoder d;
        struct span rest;

        for (size_t i = 0; i < sizeof content; i++)
            content[i] = letters[n >> (2 * i) & 3];
        dot_encoder_init(&e, collect, &wire);
        assert_true(dot_encode(&e, (struct span){content, sizeof content}));
        assert_true(dot_encode_end(&e));
        dot_decoder_init(&d, collect, &back);
        rest = text_span(&wire);
        assert_true(dot_decode(&d, &rest));
        assert_int_equal(rest.len, 0);
        assert_false(d.bare);
        /* Once normalised it stays as it is. */
        dot_encoder_init(&e, collect, &again);
        assert_true(dot_encode(&e, text_span(&back)));
        assert_true(dot_encode_end(&e));
        assert_true(span_eq(text_span(&again), text_span(&wire)));
        text_free(&wire);
        text_free(&back);
        text_free(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_at_every_split),
        cmocka_unit_test(what_was_seen_is_told),
        cmocka_unit_test(a_refused_message_is_read_to_its_end),
        cmocka_unit_test(encoding_at_every_split),
        cmocka_unit_test(a_failed_write_stops_the_encoder),
        cmocka_unit_test(what_is_encoded_decodes_to_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
