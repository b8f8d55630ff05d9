#include "clients/xml.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void escapes(void **state)
{
    static const struct {
        struct span in;
        const char *out;
    } rows[] = {
        {SPAN("plain"), "plain"},
        {SPAN("a & b <c> \"d\" 'e'"), "a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos;"},
        {SPAN("]]>"), "]]&gt;"},
        {SPAN("Größe"), "Größe"},
        {SPAN("a\0b\x01\x7f\x1b"), "a?b???"},
        {SPAN("a\tb"), "a\tb"},
        {SPAN("\xff\xc3"), "??"},        /* no UTF-8 */
        {SPAN("\xef\xbf\xbe."), "???."}, /* U+FFFE */
        {SPAN("\xed\xa0\x80"), "???"},   /* a surrogate */
        {SPAN("\xf0\x9f\x93\xac"), "\xf0\x9f\x93\xac"},
        {SPAN("\xc2\x85"), "??"}, /* C1 */
        {SPAN(""), ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = TEXT_INIT(200);

        xml_text(&out, rows[i].in);
        assert_string_equal(text_cstr(&out), rows[i].out);
        text_free(&out);
    }
}

static void elements(void **state)
{
    struct text out = TEXT_INIT(200);

    (void)state;
    xml_open(&out, 0, "a");
    xml_element(&out, 1, "b", SPAN("<"));
    xml_close(&out, 0, "a");
    assert_string_equal(text_cstr(&out), "<a>\n  <b>&lt;</b>\n</a>\n");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(escapes), cmocka_unit_test(elements)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
