#include "mail/xml_read.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void on_start(void *arg, unsigned depth, const char *name, const char **attributes)
{
    text_addf(arg, "%u<%s", depth, name);
    for (size_t i = 0; attributes[i]; i += 2)
        text_addf(arg, " %s=%s", attributes[i], attributes[i + 1]);
    text_adds(arg, "> ");
}

static void on_end(void *arg, unsigned depth, const char *name, struct span text)
{
    text_addf(arg, "%u</%s>[%.*s] ", depth, name, SPAN_ARG(text));
}

static void what_is_told(void **state)
{
    static const struct {
        const char *xml;
        bool namespaces;
        const char *told; /* NULL: it is refused */
    } rows[] = {
        {"<a/>", false, "1<a> 1</a>[] "},
        {"<a x='1' y='&lt;'> b \n</a>", false, "1<a x=1 y=<> 1</a>[b] "},
        {"<a>b<c>d</c>e</a>", false, "1<a> 2<c> 2</c>[d] 1</a>[e] "},
        {"<x:a xmlns:x='u'/>", false, "1<x:a xmlns:x=u> 1</x:a>[] "},
        {"<x:a xmlns:x='u'/>", true, "1<u a> 1</u a>[] "},
        {"<a><![CDATA[&b;]]>&amp;&#x63;</a>", false, "1<a> 1</a>[&b;&c] "},
        {"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><a>\xc3\xbc</a>", false,
         "1<a> 1</a>[\xc3\xbc] "},
        {"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>", false, "1<a> 1</a>[\xc3\xbc] "},
        {"", false, NULL},
        {" ", false, NULL},
        {"<a>", false, NULL},
        {"<a></b>", false, NULL},
        {"<a/><b/>", false, NULL},
        {"<a>&b;</a>", false, NULL},
        {"<a>\xfc</a>", false, NULL},
        {"<a>&#0;</a>", false, NULL},
        {"<x:a/>", true, NULL}, /* a prefix that nobody explained */
        {"<?xml version='1.0' encoding='x-none'?><a/>", false, NULL},
        {"<!DOCTYPE a><a/>", false, NULL},
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", false, NULL},
        {"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct xml_read_calls calls = {on_start, on_end, rows[i].namespaces};
        struct text told = TEXT_INIT(1000);
        bool whole = xml_read(span_of(rows[i].xml), 1000, &calls, &told);

        if (whole != (rows[i].told != NULL) ||
            (whole && strcmp(text_cstr(&told), rows[i].told) != 0))
            fail_msg("%s: %d %s", rows[i].xml, whole, text_cstr(&told));
        text_free(&told);
    }
}

static bool read_levels(unsigned levels, size_t text, size_t most)
{
    static const struct xml_read_calls calls = {on_start, on_end, false};
    struct text xml = TEXT_INIT(100000), told = TEXT_INIT(100000);
    bool whole;

    for (unsigned i = 0; i < levels; i++)
        text_adds(&xml, "<a>");
    for (size_t i = 0; i < text; i++)
        text_addc(&xml, 'b');
    for (unsigned i = 0; i < levels; i++)
        text_adds(&xml, "</a>");
    whole = xml_read(text_span(&xml), most ? most : xml.len, &calls, &told);
    if (whole && text)
        assert_int_equal(strstr(text_cstr(&told), "b") != NULL, text <= XML_READ_TEXT);
    text_free(&xml);
    text_free(&told);
    return whole;
}

static void where_it_ends(void **state)
{
    (void)state;
    assert_true(read_levels(XML_READ_DEPTH, 0, 0));
    assert_false(read_levels(XML_READ_DEPTH + 1, 0, 0));
    assert_false(read_levels(10000, 0, 0));
    assert_true(read_levels(1, XML_READ_TEXT, 0));
    assert_true(read_levels(1, XML_READ_TEXT + 1, 0)); /* that text alone is left out */
    assert_true(read_levels(1, 93, 100));
    assert_false(read_levels(1, 94, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_told),
                                       cmocka_unit_test(where_it_ends)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
