#include "maildir/vsize.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct row {
    struct span file;
    uint64_t virtual, sent;
};

static void test_table(void **state)
{
    static const struct row rows[] = {
        {SPAN(""), 0, 0},       {SPAN("a"), 1, 3},          {SPAN("a\n"), 3, 3},
        {SPAN("a\r\n"), 3, 3},  {SPAN("\n"), 2, 2},         {SPAN("\n\n\n"), 6, 6},
        {SPAN("\r"), 1, 3},     {SPAN("\r\r\n"), 3, 3},     {SPAN("a\rb\n"), 5, 5},
        {SPAN("\0\n\0"), 4, 6}, {SPAN(".\n..\n.x"), 9, 11},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct vsize v = {0};

        vsize_add(&v, rows[i].file);
        assert_int_equal(v.size, rows[i].file.len);
        assert_int_equal(vsize_virtual(&v), rows[i].virtual);
        assert_int_equal(vsize_sent(&v), rows[i].sent);
    }
}

/* The plainest way to send it: octet by octet. */
static size_t send_plainly(const char *at, size_t n, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < n; i++) {
        if (at[i] == '\n' && (i == 0 || at[i - 1] != '\r'))
            text_addc(out, '\r');
        text_addc(out, at[i]);
    }
    if (n && at[n - 1] != '\n')
        text_adds(out, "\r\n");
    assert_false(out->full);
    return out->len;
}

/* Whatever a file holds, and however it comes in pieces: the count is what is sent (HOSTILE 113).
 */
static void test_any_content(void **state)
{
    static const char octets[] = {'\n', '\n', '\r', '\0', '.', 'a', (char)0xe4};
    struct text sent = TEXT_INIT(4096);
    char file[1000];

    (void)state;
    srandom(113);
    for (int round = 0; round < 5000; round++) {
        size_t n = (size_t)random() % (round % 10 ? 40 : sizeof file), at = 0;
        struct vsize v = {0};

        for (size_t i = 0; i < n; i++)
            file[i] = octets[(size_t)random() % sizeof octets];
        while (at < n) {
            size_t piece = 1 + (size_t)random() % (n - at);

            vsize_add(&v, (struct span){file + at, piece});
            vsize_add(&v, SPAN_NONE);
            at += piece;
        }
        assert_int_equal(vsize_sent(&v), send_plainly(file, n, &sent));
    }
    text_free(&sent);
}

static void test_file(void **state)
{
    FILE *f = tmpfile();
    struct vsize v = {.size = 7};

    (void)state;
    for (int i = 0; i < 10 << 20; i++) /* one line of 10 MB */
        fputc('x', f);
    fputs("\n.\nend", f);
    fflush(f);
    assert_int_equal(vsize_read(&v, fileno(f)), 0);
    assert_int_equal(v.size, (10 << 20) + 6);
    assert_int_equal(vsize_sent(&v), (10 << 20) + 10);
    fclose(f);
    assert_true(vsize_read(&v, -1) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_any_content),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
