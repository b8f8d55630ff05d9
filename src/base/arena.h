/* arena: memory by lifetime. One for a session, one for a message: everything in it is freed in one
 * stroke. */
#ifndef PORT26_BASE_ARENA_H
#define PORT26_BASE_ARENA_H

#include "base/span.h"

struct arena;

/* A new arena; nothing is allocated for it but itself until the first use. */
struct arena *arena_new(void);
/* The same for something small that there is much of: takes memory in blocks of about this size. */
struct arena *arena_sized(size_t block);
/* Frees all and nulls the pointer; a NULL pointer is fine. */
void arena_free(struct arena **a);
/* Forgets all, keeps one block for the next round. */
void arena_clear(struct arena *a);
/* Zeroed, aligned for any type; never NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy with a NUL behind it (not counted). */
struct span arena_span(struct arena *a, struct span s);
char *arena_cstr(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
/* Bytes handed out so far: what limits are checked against. */
size_t arena_used(const struct arena *a);

#endif
