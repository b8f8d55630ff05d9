/* known_parts: the inside of the memory of places. For this folder only. */
#ifndef PORT26_PLACE_KNOWN_PARTS_H
#define PORT26_PLACE_KNOWN_PARTS_H

#include "place/known.h"

struct known {
    struct known_place place[KNOWN_PLACES_MAX + 1]; /* the latest visit first; one to spare */
    size_t count;
    int64_t latest; /* the latest time noted */
};

/* 32 hexadecimal digits, as place.h makes them? */
bool known_key(struct span s);
bool known_result_find(struct span name, enum known_result *out);
void known_clear(struct known *k);

#endif
