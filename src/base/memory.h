/* memory: allocation that never returns NULL. Running out of memory ends the process, which its
 * keeper restarts; what a peer can make us allocate is bounded elsewhere (P9), so this is our own
 * mistake or the machine's. */
#ifndef PORT26_BASE_MEMORY_H
#define PORT26_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for the caller to free(). n may be 0. */
void *memory_alloc(size_t n);
/* Zeroed array; dies on overflow of n * size. */
void *memory_array(size_t n, size_t size);
/* As realloc; new bytes are not zeroed. */
void *memory_grow(void *old, size_t n);
char *memory_dup(const char *cstr);
/* Overwrites a secret in a way the compiler keeps. */
void memory_wipe(void *at, size_t n);

/* Number of elements of an array. */
#define COUNT(a) (sizeof(a) / sizeof *(a))

#endif
