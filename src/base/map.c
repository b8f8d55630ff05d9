#include "base/map.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Chained buckets, doubled when the load passes one. */
struct entry {
    struct entry *next;
    void *value;
    uint64_t hash;
    size_t len;
    char key[];
};

struct map {
    struct entry **buckets;
    size_t size, count; /* size is a power of two */
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012): short keys chosen by strangers need a keyed hash. */
static uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static const uint64_t *secret(void)
{
    static uint64_t key[2];

    while (!key[0])
        if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
            abort();
    return key;
}

uint64_t map_hash(struct span s)
{
    const uint64_t *k = secret();
    uint64_t v[4] = {k[0] ^ 0x736f6d6570736575U, k[1] ^ 0x646f72616e646f6dU,
                     k[0] ^ 0x6c7967656e657261U, k[1] ^ 0x7465646279746573U};
    uint64_t m, last = (uint64_t)s.len << 56;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        memcpy(&m, s.at + i, 8);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t shift = 0; i < s.len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)s.at[i] << shift;
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int r = 0; r < 4; r++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *m = memory_alloc(sizeof *m);

    m->size = 16;
    m->buckets = memory_array(m->size, sizeof(struct entry *));
    return m;
}

void map_free(struct map **m)
{
    if (!*m)
        return;
    for (size_t i = 0; i < (*m)->size; i++) {
        for (struct entry *e = (*m)->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free((*m)->buckets);
    free(*m);
    *m = NULL;
}

/* The link that points to the entry, or to the end of its chain. */
static struct entry **find(const struct map *m, struct span key, uint64_t hash)
{
    struct entry **link = &m->buckets[hash & (m->size - 1)];

    while (*link &&
           !((*link)->hash == hash && span_eq((struct span){(*link)->key, (*link)->len}, key)))
        link = &(*link)->next;
    return link;
}

static void grow(struct map *m)
{
    size_t size = m->size * 2;
    struct entry **buckets = memory_array(size, sizeof(struct entry *));

    for (size_t i = 0; i < m->size; i++) {
        for (struct entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (size - 1)];
            buckets[e->hash & (size - 1)] = e;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->size = size;
}

void *map_get(const struct map *m, struct span key)
{
    struct entry *e = *find(m, key, map_hash(key));

    return e ? e->value : NULL;
}

void *map_put(struct map *m, struct span key, void *value)
{
    uint64_t hash = map_hash(key);
    struct entry **link = find(m, key, hash), *e;

    assert(value);
    if (*link) {
        void *former = (*link)->value;

        (*link)->value = value;
        return former;
    }
    e = memory_alloc(sizeof *e + key.len);
    e->value = value;
    e->hash = hash;
    e->len = key.len;
    if (key.len)
        memcpy(e->key, key.at, key.len);
    *link = e;
    if (++m->count > m->size)
        grow(m);
    return NULL;
}

void *map_take(struct map *m, struct span key)
{
    struct entry **link = find(m, key, map_hash(key)), *e = *link;
    void *value;

    if (!e)
        return NULL;
    value = e->value;
    *link = e->next;
    free(e);
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(const struct map *m, void (*fn)(struct span key, void *value, void *arg), void *arg)
{
    for (size_t i = 0; i < m->size; i++)
        for (struct entry *e = m->buckets[i]; e; e = e->next)
            fn((struct span){e->key, e->len}, e->value, arg);
}
