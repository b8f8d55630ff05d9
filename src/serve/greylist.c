#include "serve/greylist.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/network.h"

#include <stdlib.h>
#include <string.h>

enum {
    BITS4 = 24, /* big providers try again from a neighbour */
    BITS6 = 64,
    KEY_MAX = 1024,
    EXPIRE_MAX = 5000, /* forgotten in one transaction */
};

struct entry {
    int64_t at; /* known: clock_wall() of the last mail; waiting: clock_now() of the first try */
};

struct greylist {
    struct map *known, *waiting;
    struct commit *commit;
    int64_t swept; /* clock_now() of the last time that the store forgot */
};

/* One value on its way into the store. */
struct keeping {
    struct greylist *list;
    char name[STORE_NAME_MAX];
    size_t length;
    int64_t at;
    bool sweep, more; /* more is to be forgotten than fits into one transaction */
};

/* ---- tables ---- */

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

static void drop(struct map **m)
{
    map_each(*m, free_each, NULL);
    map_free(m);
}

struct greylist *greylist_new(void)
{
    struct greylist *g = memory_alloc(sizeof *g);

    g->known = map_new();
    g->waiting = map_new();
    return g;
}

void greylist_free(struct greylist **g)
{
    if (!*g)
        return;
    drop(&(*g)->known);
    drop(&(*g)->waiting);
    free(*g);
    *g = NULL;
}

struct sweep {
    struct map *kept;
    int64_t since;
};

static void keep_young(struct span key, void *value, void *arg)
{
    struct sweep *s = arg;

    if (((struct entry *)value)->at >= s->since)
        map_put(s->kept, key, value);
    else
        free(value);
}

/* Makes room by forgetting what is older than `since`. */
static void forget(struct map **m, int64_t since)
{
    struct sweep s = {map_new(), since};

    map_each(*m, keep_young, &s);
    map_free(m);
    *m = s.kept;
}

static void put(struct map *m, struct span key, int64_t at)
{
    struct entry *e = map_get(m, key);

    if (!e) {
        e = memory_alloc(sizeof *e);
        map_put(m, key, e);
    }
    e->at = at;
}

/* ---- the store ---- */

static bool load_one(void *arg, struct span name, struct span value)
{
    struct greylist *g = arg;
    int64_t at;

    if (value.at && value.len == sizeof at) {
        memcpy(&at, value.at, sizeof at);
        if (at > clock_wall() - GREYLIST_MEMORY && map_count(g->known) < GREYLIST_MAX)
            put(g->known, name, at);
    }
    return true;
}

int greylist_load(struct greylist *g, struct store *s, struct error *e)
{
    return store_value_each(s, STORE_KIND_GREY, load_one, g, e) < 0 ? -1 : 0;
}

void greylist_keep(struct greylist *g, struct commit *c)
{
    g->commit = c;
}

struct expired {
    struct arena *arena;
    struct span *names;
    size_t count;
};

static bool collect_old(void *arg, struct span name, struct span value)
{
    struct expired *x = arg;
    int64_t at = 0;

    if (value.at && value.len == sizeof at)
        memcpy(&at, value.at, sizeof at);
    if (at <= clock_wall() - GREYLIST_MEMORY)
        x->names[x->count++] = arena_span(x->arena, name);
    return x->count < EXPIRE_MAX;
}

static int expire(struct store *s, bool *more, struct error *e)
{
    struct expired x = {.arena = arena_new()};
    int result;

    x.names = arena_alloc(x.arena, EXPIRE_MAX * sizeof *x.names);
    result = store_value_each(s, STORE_KIND_GREY, collect_old, &x, e);
    for (size_t i = 0; result >= 0 && i < x.count; i++)
        result = store_value_remove(s, STORE_KIND_GREY, x.names[i], e);
    *more = x.count == EXPIRE_MAX;
    arena_free(&x.arena);
    return result < 0 ? -1 : 0;
}

static int write_known(struct store *s, void *arg, struct error *e)
{
    struct keeping *k = arg;
    struct span value = {(const char *)&k->at, sizeof k->at};

    if (k->sweep && expire(s, &k->more, e) < 0)
        return -1;
    return store_value_put(s, STORE_KIND_GREY, (struct span){k->name, k->length}, value, e);
}

/* A loss costs that sender one more wait after the next restart. */
static void written(void *arg, int result, const struct error *e)
{
    struct keeping *k = arg;

    if (k->more) /* then the store, and with it the next start, stays within bounds */
        k->list->swept = clock_now() - CLOCK_DAY + CLOCK_MINUTE;
    if (result < 0)
        log_event(LOG_WARNING, "greylist.lost", LOG_STR("why", e->words));
    free(arg);
}

static void remember(struct greylist *g, struct span key)
{
    struct keeping *k;

    if (map_count(g->known) >= GREYLIST_MAX)
        forget(&g->known, clock_wall() - GREYLIST_MEMORY);
    if (map_count(g->known) >= GREYLIST_MAX || key.len > STORE_NAME_MAX)
        return;
    put(g->known, key, clock_wall());
    if (!g->commit)
        return;
    k = memory_alloc(sizeof *k);
    *k = (struct keeping){.list = g, .length = key.len, .at = clock_wall()};
    memcpy(k->name, key.at, key.len);
    k->sweep = !g->swept || clock_now() - g->swept > CLOCK_DAY;
    if (k->sweep)
        g->swept = clock_now();
    if (!commit_submit(g->commit, COMMIT_OWN, write_known, written, k, sizeof *k))
        free(k);
}

/* ---- who waits ---- */

static void add_lower(struct text *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        text_addc(out, (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] - 'A' + 'a' : s.at[i]));
}

static bool is_known(struct greylist *g, struct span key)
{
    const struct entry *e = map_get(g->known, key);
    int64_t age = e ? clock_wall() - e->at : 0;

    if (!e || age > GREYLIST_MEMORY)
        return false;
    if (age > CLOCK_DAY)
        remember(g, key);
    return true;
}

/* Milliseconds that are left for this one, from its first try on. */
static int64_t left_for(struct greylist *g, struct span key, int64_t delay)
{
    const struct entry *e = map_get(g->waiting, key);
    int64_t age = e ? clock_now() - e->at : 0;

    if (e && age <= GREYLIST_PATIENCE)
        return age < delay ? delay - age : 0;
    if (!e && map_count(g->waiting) >= GREYLIST_MAX)
        forget(&g->waiting, clock_now() - GREYLIST_PATIENCE);
    if (!e && map_count(g->waiting) >= GREYLIST_MAX) /* still full, of strangers: start over */
        forget(&g->waiting, CLOCK_NEVER);
    put(g->waiting, key, clock_now());
    return delay;
}

int64_t greylist_wait(struct greylist *g, struct span peer, struct span sender,
                      struct span recipient, int64_t delay)
{
    struct text known = TEXT_INIT(KEY_MAX), waiting = TEXT_INIT(KEY_MAX);
    ptrdiff_t at = span_rfind(sender, '@');
    char network[NETWORK_TEXT];
    int64_t left = 0;

    network_text(peer, BITS4, BITS6, network);
    text_addf(&known, "%s|", network);
    add_lower(&known, span_from(sender, at < 0 ? 0 : (size_t)at + 1));
    if (!is_known(g, text_span(&known))) {
        text_addf(&waiting, "%s|", network);
        add_lower(&waiting, sender);
        text_addc(&waiting, '|');
        add_lower(&waiting, recipient);
        left = left_for(g, text_span(&waiting), delay);
        if (!left) {
            free(map_take(g->waiting, text_span(&waiting)));
            remember(g, text_span(&known));
        }
    }
    text_free(&known);
    text_free(&waiting);
    return left;
}
