#include "queue/heap.h"

#include "base/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->at != b->at ? a->at < b->at : (int32_t)(a->rank - b->rank) < 0;
}

static void seat(struct heap *h, size_t i, struct heap_node *n)
{
    h->node[i] = n;
    n->place = (uint32_t)i + 1;
}

static void rise(struct heap *h, size_t i)
{
    struct heap_node *n = h->node[i];

    while (i > 0 && before(n, h->node[(i - 1) / 2])) {
        seat(h, i, h->node[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    seat(h, i, n);
}

static void sink(struct heap *h, size_t i)
{
    struct heap_node *n = h->node[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < h->count && before(h->node[child + 1], h->node[child]))
            child++;
        if (child >= h->count || !before(h->node[child], n))
            break;
        seat(h, i, h->node[child]);
        i = child;
    }
    seat(h, i, n);
}

void heap_set(struct heap *h, struct heap_node *n, int64_t at)
{
    n->at = at;
    if (!n->place) {
        if (h->count == h->cap) {
            h->cap = h->cap ? 2 * h->cap : 4;
            h->node = memory_grow(h->node, h->cap * sizeof(struct heap_node *));
        }
        seat(h, h->count++, n);
    }
    assert(h->node[n->place - 1] == n);
    rise(h, n->place - 1);
    sink(h, n->place - 1);
}

void heap_take(struct heap *h, struct heap_node *n)
{
    size_t i = n->place;
    struct heap_node *last;

    if (!i)
        return;
    assert(h->node[--i] == n);
    n->place = 0;
    last = h->node[--h->count];
    if (last == n)
        return;
    seat(h, i, last);
    rise(h, i);
    sink(h, last->place - 1);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->node[0] : NULL;
}

void heap_order(struct heap *h)
{
    for (size_t i = h->count / 2; i-- > 0;)
        sink(h, i);
}

void heap_free(struct heap *h)
{
    free(h->node);
    *h = (struct heap){0};
}
