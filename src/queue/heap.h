/* heap: things in the order of a time, any of which can be taken out or moved. A thing embeds a
 * struct heap_node; a binary heap of pointers costs 8 octets each. */
#ifndef PORT26_QUEUE_HEAP_H
#define PORT26_QUEUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t at;
    uint32_t place; /* 0: in no heap; else its index + 1 */
    uint32_t rank;  /* set by the owner while in no heap: orders those of the same time; may wrap */
};

struct heap {
    struct heap_node **node;
    size_t count, cap;
};

/* Puts it in, or moves it when it is in already. */
void heap_set(struct heap *h, struct heap_node *n, int64_t at);
/* Takes it out; nothing happens when it is in no heap. */
void heap_take(struct heap *h, struct heap_node *n);
/* The earliest, or NULL. */
struct heap_node *heap_first(const struct heap *h);
/* Brings all in order again after `at` of some was changed. */
void heap_order(struct heap *h);
void heap_free(struct heap *h);

#endif
