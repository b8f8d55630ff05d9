#include "cli/crlf.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static bool collect(void *arg, struct span bytes)
{
    assert_true(bytes.len > 0 && bytes.len <= CRLF_PIECE);
    return text_add(arg, bytes);
}

static bool refuse(void *arg, struct span bytes)
{
    unsigned *calls = arg;

    (void)bytes;
    ++*calls;
    return false;
}

static const struct row {
    unsigned rules;
    const char *in, *out;
    bool ended;
} table[] = {
    {0, "", "", false},
    {0, "a", "a\r\n", false},
    {0, "a\n", "a\r\n", false},
    {0, "a\r\nb\r\n", "a\r\nb\r\n", false},
    {0, "a\rb\r", "a\r\nb\r\n", false},
    {0, "a\r\r\nb", "a\r\n\r\nb\r\n", false},
    {0, "\n\r", "\r\n\r\n", false},
    {0, "a\n.\nb\n", "a\r\n.\r\nb\r\n", false},
    {CRLF_DOT_ENDS, "a\n.\nb\n", "a\r\n", true},
    {CRLF_DOT_ENDS, "a\r\n.\r\nb\r\n", "a\r\n", true},
    {CRLF_DOT_ENDS, "a\n.\rb\r\n", "a\r\n", true},
    {CRLF_DOT_ENDS, ".\n", "", true},
    {CRLF_DOT_ENDS, "a\n.", "a\r\n", true},
    {CRLF_DOT_ENDS, "a\n..\n.b\n. \n", "a\r\n..\r\n.b\r\n. \r\n", false},
    {CRLF_DOT_ENDS, "a.\n", "a.\r\n", false},
    {CRLF_DOT_ENDS, "a\r.\r\nb", "a\r\n", true},
    {CRLF_MBOX, "From joe Sat Jan  3\nTo: x\n", "To: x\r\n", false},
    {CRLF_MBOX, "From joe Sat Jan  3", "", false},
    {CRLF_MBOX, "From: joe\n", "From: joe\r\n", false},
    {CRLF_MBOX, "Fro\n", "Fro\r\n", false},
    {CRLF_MBOX, "From", "From\r\n", false},
    {CRLF_MBOX, "\nFrom joe\n", "\r\nFrom joe\r\n", false},
    {CRLF_MBOX | CRLF_DOT_ENDS, "From joe\n.\n", "", true},
    {0, "From joe\n", "From joe\r\n", false},
};

/* Whole, byte by byte, and in two pieces at every place. */
static void any_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct row *row = &table[i];
        struct span in = span_of(row->in);

        for (size_t cut = 0; cut <= in.len + 1; cut++) {
            struct crlf *c = memory_alloc(sizeof *c);
            struct text out = TEXT_INIT(1000);

            crlf_init(c, row->rules, collect, &out);
            if (cut <= in.len) {
                if (crlf_feed(c, span_head(in, cut)))
                    crlf_feed(c, span_from(in, cut));
            } else {
                for (size_t k = 0; k < in.len && crlf_feed(c, span_head(span_from(in, k), 1)); k++)
                    ;
            }
            assert_true(crlf_finish(c));
            assert_string_equal(text_cstr(&out), row->out);
            assert_int_equal(c->ended, row->ended);
            text_free(&out);
            free(c);
        }
    }
}

static void large(void **state)
{
    struct crlf *c = memory_alloc(sizeof *c);
    struct text in = TEXT_INIT(1 << 20), want = TEXT_INIT(1 << 20), out = TEXT_INIT(1 << 20);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        text_addf(&in, "line %d%s", i, i % 3 ? "\n" : "\r\n");
        text_addf(&want, "line %d\r\n", i);
    }
    crlf_init(c, CRLF_DOT_ENDS | CRLF_MBOX, collect, &out);
    assert_true(crlf_feed(c, text_span(&in)));
    assert_true(crlf_finish(c));
    assert_true(span_eq(text_span(&out), text_span(&want)));
    assert_false(c->eight_bit);
    text_free(&in);
    text_free(&want);
    text_free(&out);
    free(c);
}

static void refused(void **state)
{
    struct crlf *c = memory_alloc(sizeof *c);
    unsigned calls = 0;
    char many[3 * CRLF_PIECE];

    (void)state;
    memset(many, 0xe4, sizeof many);
    crlf_init(c, 0, refuse, &calls);
    assert_false(crlf_feed(c, (struct span){many, sizeof many}));
    assert_false(crlf_feed(c, (struct span){many, sizeof many}));
    assert_false(crlf_finish(c));
    assert_int_equal(calls, 1);
    assert_true(c->eight_bit);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_split), cmocka_unit_test(large),
                                       cmocka_unit_test(refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
