#include "io/network.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void networks(void **state)
{
    static const struct {
        const char *address;
        unsigned bits4, bits6;
        const char *text;
        bool ok;
    } rows[] = {
        {"192.0.2.77", 24, 64, "192.0.2.0/24", true},
        {"192.0.2.77", 32, 64, "192.0.2.77/32", true},
        {"192.0.2.77", 25, 64, "192.0.2.0/25", true},
        {"192.0.2.207", 25, 64, "192.0.2.128/25", true},
        {"::ffff:192.0.2.77", 24, 64, "192.0.2.0/24", true},
        {"2001:db8:1:2:3:4:5:6", 24, 64, "2001:db8:1:2::/64", true},
        {"2001:db8:1:2:3:4:5:6", 24, 56, "2001:db8:1::/56", true},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 24, 128,
         "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128", true},
        {"::1", 0, 0, "::/0", true},
        {"", 24, 64, "", false},
        {"nobody", 24, 64, "nobody", false},
        {"192.0.2", 24, 64, "192.0.2", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[NETWORK_TEXT];

        assert_int_equal(network_text(span_of(rows[i].address), rows[i].bits4, rows[i].bits6, text),
                         rows[i].ok);
        assert_string_equal(text, rows[i].text);
    }
}

static void far_too_long(void **state)
{
    char text[NETWORK_TEXT];

    (void)state;
    assert_false(
        network_text(SPAN("1234567890123456789012345678901234567890123456789012345678901234567890"),
                     24, 64, text));
    assert_false(network_text(SPAN("1.2.3.4\0x"), 24, 64, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks), cmocka_unit_test(far_too_long)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
