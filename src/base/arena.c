#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 - 64, SMALL = 256 };

struct block {
    struct block *older;
    size_t used, cap;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *newest;
    size_t total, block;
};

struct arena *arena_sized(size_t block)
{
    struct arena *a = memory_alloc(sizeof *a);

    a->block = block;
    return a;
}

struct arena *arena_new(void)
{
    return arena_sized(BLOCK);
}

static void free_blocks(struct block *b)
{
    while (b) {
        struct block *older = b->older;

        free(b);
        b = older;
    }
}

void arena_free(struct arena **a)
{
    if (!*a)
        return;
    free_blocks((*a)->newest);
    free(*a);
    *a = NULL;
}

void arena_clear(struct arena *a)
{
    struct block *keep = a->newest;

    a->total = 0;
    if (!keep)
        return;
    free_blocks(keep->older);
    keep->older = NULL;
    keep->used = 0;
    if (keep->cap > a->block) { /* a giant of one message must not stay for the whole session */
        free(keep);
        a->newest = NULL;
    }
}

/* Not zeroed. */
static void *take(struct arena *a, size_t n)
{
    size_t want = (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    struct block *b = a->newest;
    void *at;

    if (!b || b->cap - b->used < want) {
        size_t cap = want > a->block ? want : a->block;

        b = memory_grow(NULL, sizeof *b + cap);
        *b = (struct block){.older = a->newest, .cap = cap};
        a->newest = b;
    }
    at = b->bytes + b->used;
    b->used += want;
    a->total += want;
    return at;
}

void *arena_alloc(struct arena *a, size_t n)
{
    return memset(take(a, n), 0, n);
}

char *arena_cstr(struct arena *a, struct span s)
{
    char *copy = take(a, s.len + 1);

    if (s.len)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct span arena_span(struct arena *a, struct span s)
{
    return (struct span){arena_cstr(a, s), s.len};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[SMALL], *at;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < SMALL)
        return arena_cstr(a, (struct span){small, (size_t)n});
    at = take(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return at;
}

size_t arena_used(const struct arena *a)
{
    return a->total;
}
