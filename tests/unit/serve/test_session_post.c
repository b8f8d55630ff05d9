/* One POST: how recipients in a field are told apart, which status a reply becomes, and that a body
 * comes out with strict lines however it is cut (P11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "serve/session_post.c"

static void test_next_path(void **state)
{
    static const struct {
        const char *list, *paths; /* what comes out, with '|' behind each */
    } rows[] = {
        {"<a@b>", "<a@b>|"},
        {"<a@b>, <c@d>", "<a@b>|<c@d>|"},
        {"<a@b>,<c@d> ,\t<e@f>", "<a@b>|<c@d>|<e@f>|"},
        {"<a@b> NOTIFY=SUCCESS,FAILURE, <c@d>", "<a@b> NOTIFY=SUCCESS,FAILURE|<c@d>|"},
        {"<\"x, <y\"@b>, <c@d>", "<\"x, <y\"@b>|<c@d>|"},
        {"<\"x\\\", <y\"@b>, <c@d>", "<\"x\\\", <y\"@b>|<c@d>|"},
        {"<a@b>,", "<a@b>,|"}, /* no list; refused as an address */
        {"a@b, c@d", "a@b, c@d|"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text got = TEXT_INIT(1000);
        struct span list = span_of(rows[i].list);

        while (list.len) {
            text_add(&got, next_path(&list));
            text_addc(&got, '|');
        }
        assert_string_equal(text_cstr(&got), rows[i].paths);
        text_free(&got);
    }
}

static void test_status(void **state)
{
    static const struct {
        unsigned short code;
        const char *enhanced;
        enum stage stage;
        unsigned status;
    } rows[] = {
        {250, "2.0.0", STAGE_DOT, 200},  {530, "5.7.0", STAGE_MAIL, 401},
        {535, "5.7.8", STAGE_AUTH, 401}, {454, "4.7.0", STAGE_AUTH, 503},
        {553, "5.7.1", STAGE_MAIL, 403}, {452, "4.3.1", STAGE_MAIL, 503},
        {452, "4.7.1", STAGE_DOT, 429},  {452, "4.5.3", STAGE_RCPT, 429},
        {451, "4.3.0", STAGE_DOT, 503},  {550, "5.1.1", STAGE_RCPT, 422},
        {501, "5.1.7", STAGE_MAIL, 400}, {555, "5.5.4", STAGE_MAIL, 400},
        {552, "5.3.4", STAGE_DATA, 413}, {552, "5.2.2", STAGE_RCPT, 422},
        {554, "5.5.4", STAGE_DOT, 422},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply r = {.code = rows[i].code};

        assert_true(enhanced_parse(span_of(rows[i].enhanced), &r.enhanced));
        assert_int_equal(status_of(&r, rows[i].stage), rows[i].status);
    }
}

/* Feeds `in` in two pieces, cut at `cut`; what comes out, or "bare". */
static void feed(struct span in, size_t cut, struct text *out)
{
    struct session session = {.settings = smtp_server_defaults()};
    struct session_post p = {.session = &session, .arena = arena_new()};
    struct content content;

    body_open(&session.body, HEADER_EXCHANGE, NULL, NULL, 1 << 20, p.arena);
    assert_int_equal(session_post_body(&p, span_head(in, cut)), 0);
    assert_int_equal(session_post_body(&p, span_from(in, cut)), 0);
    if (p.open)
        assert_int_equal(store(&p, SPAN("\r\n")), 0);
    assert_int_equal(body_finish(&session.body, &content), 0);
    text_clear(out);
    if (p.bare || p.cr)
        text_adds(out, "bare");
    else
        text_add(out, content.body);
    body_close(&session.body);
    arena_free(&p.arena);
}

static void test_lines(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\n"},
        {"A: b\n\nc\nd", "A: b\r\n\r\nc\r\nd\r\n"},
        {"A: b\r\n\nc\n\r\nd\r\n", "A: b\r\n\r\nc\r\n\r\nd\r\n"},
        {"A: b\n\n.\n..\n", "A: b\r\n\r\n.\r\n..\r\n"},
        {"A: b\n\nc\rd\n", "bare"},
        {"A: b\n\nc\r\r\nd\n", "bare"},
        {"A: b\n\nc\r", "bare"},
        {"A: b\n\n\r\r", "bare"},
        {"\rA: b\n\n", "bare"},
    };
    struct text out = TEXT_INIT(1000);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span in = span_of(rows[i].in);

        for (size_t cut = 0; cut <= in.len; cut++) {
            feed(in, cut, &out);
            if (strcmp(text_cstr(&out), rows[i].out))
                fail_msg("row %zu cut at %zu: %s", i, cut, text_cstr(&out));
        }
    }
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_path),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
