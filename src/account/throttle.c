#include "account/throttle.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/network.h"

#include <stdlib.h>

enum {
    ENTRIES_MAX = 100 * 1000,
    HALF_LIFE = 5 * 60 * 1000, /* failures fade: half of them every five minutes */
    STEP = 500,                /* first wait in ms, doubled with every further failure */
    WAIT_MAX = 60 * 1000,
};

/* A name at an address may fail a few times (a typo, an old phone); an address with many names, or
 * a name from many addresses, some more. The waits by name alone stay below the patience, so a
 * stranger's guesses never shut the owner out. */
static const struct measure {
    char kind;
    double free;
    uint32_t most;
} measures[] = {
    {'p', 3, WAIT_MAX},               /* this name from this address */
    {'a', 15, WAIT_MAX},              /* this address, any name */
    {'n', 20, THROTTLE_PATIENCE / 2}, /* this name, any address */
};

struct entry {
    double failures;
    int64_t at;
};

struct throttle {
    struct map *entries;
};

struct throttle *throttle_new(void)
{
    struct throttle *t = memory_alloc(sizeof *t);

    t->entries = map_new();
    return t;
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

static void forget_all(struct throttle *t)
{
    map_each(t->entries, free_each, NULL);
    map_free(&t->entries);
}

void throttle_free(struct throttle **t)
{
    if (!*t)
        return;
    forget_all(*t);
    free(*t);
    *t = NULL;
}

/* Who has one IPv6 address has the 2^64 of its network: they are one peer. */
static void key_of(char kind, struct span name, struct span peer, struct text *out)
{
    char network[NETWORK_TEXT];

    network_text(peer, 32, 64, network);
    text_addc(out, kind);
    if (kind != 'n')
        text_adds(out, network);
    text_addc(out, '|');
    if (kind != 'a')
        text_add(out, name);
}

static double faded(const struct entry *e)
{
    double age = (double)(clock_now() - e->at) / HALF_LIFE, left = e->failures;

    for (; age >= 1 && left > 0.01; age -= 1)
        left /= 2;
    return left / (1 + age); /* close enough to 2^-age within one half-life */
}

static struct entry *get(const struct throttle *t, char kind, struct span name, struct span peer)
{
    struct text key = TEXT_INIT(1024);
    struct entry *e;

    key_of(kind, name, peer, &key);
    e = map_get(t->entries, text_span(&key));
    text_free(&key);
    return e;
}

static uint32_t wait_by(const struct measure *m, const struct entry *e)
{
    double over = e ? faded(e) - m->free : 0, ms = STEP;

    if (over <= 0.01) /* what fades is never quite whole */
        return 0;
    for (; over > 1 && ms < m->most; over -= 1)
        ms *= 2;
    return ms < m->most ? (uint32_t)ms : m->most;
}

uint32_t throttle_wait(struct throttle *t, struct span name, struct span peer)
{
    uint32_t longest = 0;

    for (size_t i = 0; i < COUNT(measures); i++) {
        uint32_t wait = wait_by(&measures[i], get(t, measures[i].kind, name, peer));

        if (wait > longest)
            longest = wait;
    }
    return longest;
}

static void fail(struct throttle *t, char kind, struct span name, struct span peer)
{
    struct entry *e = get(t, kind, name, peer);
    struct text key = TEXT_INIT(1024);

    if (!e) {
        /* Full of strangers: start over. Guessers gain a few tries, memory stays bounded (P9). */
        if (map_count(t->entries) >= ENTRIES_MAX) {
            forget_all(t);
            t->entries = map_new();
        }
        e = memory_alloc(sizeof *e);
        key_of(kind, name, peer, &key);
        map_put(t->entries, text_span(&key), e);
        text_free(&key);
    }
    e->failures = faded(e) + 1;
    e->at = clock_now();
}

void throttle_note(struct throttle *t, struct span name, struct span peer, bool good)
{
    struct text key = TEXT_INIT(1024);

    if (!good) {
        for (size_t i = 0; i < COUNT(measures); i++)
            fail(t, measures[i].kind, name, peer);
        return;
    }
    key_of('p', name, peer, &key); /* the owner is here: only this pair is forgiven */
    free(map_take(t->entries, text_span(&key)));
    text_free(&key);
}
