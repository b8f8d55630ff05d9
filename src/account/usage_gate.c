#include "account/usage_gate.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct door {
    unsigned inside;
    bool counting;     /* or waiting to */
    usage_gate_fn *go; /* of the counter, until it was called */
    void *arg;
};

/* One who may not enter yet. */
struct outside {
    struct outside *next;
    const struct span *accounts;
    size_t count;
    usage_gate_fn *go;
    void *arg;
};

struct usage_gate {
    struct map *doors; /* of those where somebody is; by account */
    struct outside *first, **last;
};

struct usage_gate *usage_gate_new(void)
{
    struct usage_gate *g = memory_alloc(sizeof *g);

    g->doors = map_new();
    g->last = &g->first;
    return g;
}

static void free_door(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

void usage_gate_free(struct usage_gate **g)
{
    if (!*g)
        return;
    while ((*g)->first) {
        struct outside *o = (*g)->first;

        (*g)->first = o->next;
        free(o);
    }
    map_each((*g)->doors, free_door, NULL);
    map_free(&(*g)->doors);
    free(*g);
    *g = NULL;
}

static struct door *take_door(struct usage_gate *g, struct span account)
{
    struct door *d = map_get(g->doors, account);

    if (!d) {
        d = memory_alloc(sizeof *d);
        map_put(g->doors, account, d);
    }
    return d;
}

static void drop_door(struct usage_gate *g, struct span account, struct door *d)
{
    if (d->inside || d->counting)
        return;
    map_take(g->doors, account);
    free(d);
}

bool usage_gate_try(struct usage_gate *g, const struct span *accounts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct door *d = accounts[i].len ? map_get(g->doors, accounts[i]) : NULL;

        if (d && d->counting)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (accounts[i].len)
            take_door(g, accounts[i])->inside++;
    return true;
}

void usage_gate_enter(struct usage_gate *g, const struct span *accounts, size_t n,
                      usage_gate_fn *go, void *arg)
{
    struct outside *o;

    if (usage_gate_try(g, accounts, n)) {
        go(arg);
        return;
    }
    o = memory_alloc(sizeof *o);
    *o = (struct outside){.accounts = accounts, .count = n, .go = go, .arg = arg};
    *g->last = o;
    g->last = &o->next;
}

/* One after the other from the front, for each go may change everything. */
static void let_in(struct usage_gate *g)
{
    struct outside **link = &g->first;

    while (*link) {
        struct outside *o = *link;

        if (!usage_gate_try(g, o->accounts, o->count)) {
            link = &o->next;
            continue;
        }
        *link = o->next;
        if (g->last == &o->next)
            g->last = link;
        o->go(o->arg);
        free(o);
        link = &g->first;
    }
}

void usage_gate_leave(struct usage_gate *g, struct span account)
{
    struct door *d = account.len ? map_get(g->doors, account) : NULL;
    usage_gate_fn *go;

    if (!account.len)
        return;
    assert(d && d->inside);
    d->inside--;
    if (!d->inside && d->go) {
        go = d->go;
        d->go = NULL;
        go(d->arg);
        return;
    }
    drop_door(g, account, d);
}

unsigned usage_gate_inside(const struct usage_gate *g, struct span account)
{
    const struct door *d = account.len ? map_get(g->doors, account) : NULL;

    return d ? d->inside : 0;
}

bool usage_gate_count(struct usage_gate *g, struct span account, usage_gate_fn *go, void *arg)
{
    struct door *d = take_door(g, account);

    if (d->counting)
        return false;
    d->counting = true;
    if (!d->inside) {
        go(arg);
        return true;
    }
    d->go = go;
    d->arg = arg;
    return true;
}

void usage_gate_counted(struct usage_gate *g, struct span account)
{
    struct door *d = map_get(g->doors, account);

    assert(d && d->counting);
    d->counting = false;
    d->go = NULL;
    drop_door(g, account, d);
    let_in(g);
}
