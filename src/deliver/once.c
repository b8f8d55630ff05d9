#include "deliver/once.h"

#include "store/crc64.h"

#include <stdio.h>

void once_key(const struct envelope *e, size_t count, char out[ONCE_KEY])
{
    uint64_t people = crc64_add(crc64_add(0, e->sender), SPAN("\n"));
    char id[ID_TEXT + 1];

    for (size_t i = 0; i < count; i++)
        people = crc64_add(crc64_add(people, e->recipients[i].address), SPAN("\n"));
    id_text(&e->id, id);
    snprintf(out, ONCE_KEY, "%s-%016llx", id, (unsigned long long)people);
}
