/* Whatever was read, even up to a mistake, is written and read again as the same; and the memory
 * can be used. */
#include "base/memory.h"
#include "base/text.h"
#include "place/known.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span doors[] = {SPAN("a:587"), SPAN("b:465"), SPAN("c:25")};
    struct text first = TEXT_INIT(KNOWN_TEXT_MAX), second = TEXT_INIT(KNOWN_TEXT_MAX);
    struct known *k = known_new(), *again = known_new();
    struct place here = {.key = "0123456789abcdef0123456789abcdef", .name = "home"};
    size_t order[COUNT(doors)];

    known_read(k, (struct span){(const char *)data, size}, NULL);
    known_write(k, &first);
    assert(!first.full);
    assert(known_read(again, text_span(&first), NULL) == 0);
    known_write(again, &second);
    assert(span_eq(text_span(&first), text_span(&second)));
    known_order(k, here.key, doors, COUNT(doors), 1000, order);
    known_note(k, &here, doors[0], KNOWN_WORKS, 5, (struct span){(const char *)data, size}, 1000);
    assert(known_at(k, 0) == known_place(k, here.key));
    assert(known_sure(known_door(k, here.key, doors[0]), known_at(k, 0)->latest) ||
           known_sporadic(known_door(k, here.key, doors[0])));
    known_expire(k, 2000000000000);
    text_free(&first);
    text_free(&second);
    known_free(&k);
    known_free(&again);
    return 0;
}
