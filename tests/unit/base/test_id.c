#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Bit by bit: digit i has the bits from 125 - 5 i on, of 130 whose first two are 0. */
static void write_slowly(const struct id *id, char out[ID_TEXT + 1])
{
    for (int i = 0; i < ID_TEXT; i++) {
        int value = 0;

        for (int bit = 129 - 5 * i; bit > 124 - 5 * i; bit--)
            value = 2 * value + (bit < 128 ? id->byte[15 - bit / 8] >> bit % 8 & 1 : 0);
        out[i] = "0123456789abcdefghjkmnpqrstvwxyz"[value];
    }
    out[ID_TEXT] = '\0';
}

static void a_text_is_read_back(void **state)
{
    static const unsigned char fills[] = {0x00, 0xff, 0x80, 0x01, 0xa5};

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        struct id id = id_new(), back;
        char text[ID_TEXT + 1], slow[ID_TEXT + 1];

        if (i < sizeof fills)
            memset(id.byte, fills[i], sizeof id.byte);
        else
            id_random(id.byte, sizeof id.byte);
        id_text(&id, text);
        write_slowly(&id, slow);
        assert_string_equal(text, slow);
        assert_true(id_parse(span_of(text), &back));
        assert_true(id_eq(&id, &back));
    }
}

static void ids_grow(void **state)
{
    struct id last = id_new();

    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        struct id next = id_new();

        assert_true(memcmp(next.byte, last.byte, ID_BYTES) > 0);
        last = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_read_back),
        cmocka_unit_test(ids_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
