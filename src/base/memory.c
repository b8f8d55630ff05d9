#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *alive(void *p, size_t n)
{
    if (!p) {
        fprintf(stderr, "port26: out of memory (%zu bytes wanted)\n", n);
        abort();
    }
    return p;
}

void *memory_alloc(size_t n)
{
    return alive(calloc(1, n ? n : 1), n);
}

void *memory_array(size_t n, size_t size)
{
    return alive(calloc(n ? n : 1, size ? size : 1), n);
}

void *memory_grow(void *old, size_t n)
{
    return alive(realloc(old, n ? n : 1), n);
}

char *memory_dup(const char *cstr)
{
    return alive(strdup(cstr), strlen(cstr));
}

void memory_wipe(void *at, size_t n)
{
    explicit_bzero(at, n);
}
