/* map: bytes to pointer. Keys are copied; values stay the caller's. Keys are hashed with a random
 * secret, because peers choose many of them. */
#ifndef PORT26_BASE_MAP_H
#define PORT26_BASE_MAP_H

#include "base/span.h"

struct map;

struct map *map_new(void);
/* Frees map and keys (not the values) and nulls the pointer. */
void map_free(struct map **m);
/* The value, or NULL. */
void *map_get(const struct map *m, struct span key);
/* Puts and returns the former value or NULL; value must not be NULL. */
void *map_put(struct map *m, struct span key, void *value);
/* Takes out and returns the value, or NULL when there was none. */
void *map_take(struct map *m, struct span key);
size_t map_count(const struct map *m);
/* Calls fn for every entry in no order; fn must not change the map. */
void map_each(const struct map *m, void (*fn)(struct span key, void *value, void *arg), void *arg);
/* A fast keyed hash of some bytes, the same only within this process. */
uint64_t map_hash(struct span s);

#endif
