/* Aliases, and where mail for an address goes in the end. */
#include "account/directory_parts.h"
#include "base/memory.h"
#include "mail/address.h"

#include <stdlib.h>

/* ---- what there is ---- */

const struct hosted_alias *directory_alias(const struct directory *d, struct span address)
{
    struct text canonical = TEXT_INIT(1024);
    const struct owned_alias *o = NULL;

    if (directory_name(address, &canonical))
        o = map_get(d->aliases, text_span(&canonical));
    text_free(&canonical);
    return o ? &o->alias : NULL;
}

static void free_alias(struct owned_alias *o)
{
    if (o)
        arena_free(&o->arena);
    free(o);
}

static void count_alias(struct directory *d, struct span address, int n)
{
    struct span domain = directory_domain_part(address);

    directory_domain_entry(d, domain)->aliases += (size_t)n;
    directory_domain_tidy(d, domain);
}

void directory_alias_put(struct directory *d, const struct store_alias *record)
{
    struct owned_alias *o = memory_alloc(sizeof *o);
    struct hosted_alias *alias = &o->alias;

    o->arena = arena_sized(OWNED_BLOCK);
    alias->address = arena_span(o->arena, record->address);
    alias->targets = arena_alloc(o->arena, record->target_count * sizeof *alias->targets);
    alias->target_count = record->target_count;
    for (size_t i = 0; i < record->target_count; i++)
        alias->targets[i] = arena_span(o->arena, record->targets[i]);
    directory_alias_remove(d, record->address);
    map_put(d->aliases, alias->address, o);
    count_alias(d, alias->address, 1);
}

void directory_alias_remove(struct directory *d, struct span canonical)
{
    struct owned_alias *o = map_take(d->aliases, canonical);

    if (!o)
        return;
    count_alias(d, o->alias.address, -1);
    free_alias(o);
}

struct each_alias {
    void (*fn)(void *arg, const struct hosted_alias *alias);
    void *arg;
};

static void call_alias(struct span key, void *value, void *arg)
{
    struct each_alias *each = arg;

    (void)key;
    each->fn(each->arg, &((struct owned_alias *)value)->alias);
}

void directory_alias_each(const struct directory *d,
                          void (*fn)(void *arg, const struct hosted_alias *alias), void *arg)
{
    map_each(d->aliases, call_alias, &(struct each_alias){fn, arg});
}

static bool read_alias(void *arg, const struct store_alias *record)
{
    directory_alias_put(arg, record);
    return true;
}

int directory_alias_read(struct directory *d, struct store *s, struct error *e)
{
    return store_alias_each(s, read_alias, d, e);
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_alias(value);
}

void directory_alias_free(struct directory *d)
{
    map_each(d->aliases, free_each, NULL);
    map_free(&d->aliases);
}

bool directory_stands_for_others(const struct directory *d)
{
    return map_count(d->aliases) || d->stored_domain_count;
}

/* ---- where mail goes: a list of addresses to look at, which aliases make longer ---- */

struct step {
    struct span address, canonical; /* canonical is empty when it can not be a name here */
    unsigned depth;
};

struct expansion {
    const struct directory *directory;
    struct arena *arena;
    struct map *seen; /* canonical addresses that were looked at */
    struct step *steps;
    size_t step_count, step_cap, max;
    struct directory_target *targets;
    size_t count, cap;
    bool too_deep, too_many;
};

static void add_step(struct expansion *x, struct span address, unsigned depth)
{
    struct text canonical = TEXT_INIT(1024);

    x->too_deep |= depth > DIRECTORY_DEPTH;
    x->too_many |= x->step_count > x->max + STORE_TARGETS_MAX;
    if (x->too_deep || x->too_many)
        return;
    if (x->step_count == x->step_cap) {
        x->step_cap = x->step_cap ? 2 * x->step_cap : 8;
        x->steps = memory_grow(x->steps, x->step_cap * sizeof *x->steps);
    }
    x->steps[x->step_count] = (struct step){.address = address, .depth = depth};
    if (directory_name(address, &canonical))
        x->steps[x->step_count].canonical = arena_span(x->arena, text_span(&canonical));
    x->step_count++;
    text_free(&canonical);
}

static void add_target(struct expansion *x, struct span address, const struct account *account,
                       bool ours)
{
    x->too_many |= x->count >= x->max;
    if (x->too_many)
        return;
    if (x->count == x->cap) {
        x->cap = x->cap ? 2 * x->cap : 8;
        x->targets = memory_grow(x->targets, x->cap * sizeof *x->targets);
    }
    x->targets[x->count++] = (struct directory_target){address, account, ours};
}

static void follow(struct expansion *x, const struct hosted_alias *alias, const struct step *s)
{
    unsigned depth = s->depth + 1; /* add_step may move the list that s points into */

    for (size_t i = 0; i < alias->target_count; i++) {
        struct span t = alias->targets[i];

        if (span_eq(t, alias->address))
            add_target(x, t, directory_exact(x->directory, t), true);
        else
            add_step(x, t, depth);
    }
}

/* What no alias and no account of this very name takes. */
static void wild(struct expansion *x, const struct step *s)
{
    const struct account *all = directory_wildcard(x->directory, s->canonical);
    const struct hosted_domain *domain =
        directory_domain_find(x->directory, directory_domain_part(s->canonical));

    if (!all && domain && domain->catch_all.len)
        add_step(x, domain->catch_all, s->depth + 1);
    else
        add_target(x, s->address, all, all || domain);
}

static void look(struct expansion *x, const struct step *s)
{
    const struct directory *d = x->directory;
    struct owned_alias *alias = map_get(d->aliases, s->canonical);
    const struct account *account = alias ? NULL : directory_exact(d, s->canonical);
    struct text base = TEXT_INIT(1024);

    if (!alias && !account && directory_without_detail(s->canonical, &base)) {
        alias = map_get(d->aliases, text_span(&base));
        account = alias ? NULL : directory_exact(d, text_span(&base));
    }
    text_free(&base);
    if (alias)
        follow(x, &alias->alias, s);
    else if (account)
        add_target(x, s->address, account, true);
    else
        wild(x, s);
}

static void look_at_all(struct expansion *x)
{
    for (size_t i = 0; i < x->step_count && !x->too_deep && !x->too_many; i++) {
        struct step s = x->steps[i];

        if (!s.canonical.len) {
            add_target(x, s.address, NULL,
                       directory_domain(x->directory, directory_domain_part(s.address)));
        } else if (!map_get(x->seen, s.canonical)) {
            map_put(x->seen, s.canonical, x);
            look(x, &s);
        }
    }
}

static int verdict(const struct expansion *x, struct span address, struct error *e)
{
    if (x->too_many)
        return error_mail(e, ERROR_PERMANENT, "5.5.3", OWNER_PROVIDER,
                          "<%.*s> stands for more than %zu addresses; the administrator can split "
                          "it (`port26 alias ls`)",
                          SPAN_ARG(address), x->max);
    if (x->too_deep || !x->count)
        return error_mail(e, ERROR_PERMANENT, "5.4.6", OWNER_PROVIDER,
                          "<%.*s> stands for others in a circle or too deep, so no inbox is "
                          "behind it; the administrator can mend it (`port26 alias ls`)",
                          SPAN_ARG(address));
    return 0;
}

int directory_expand(const struct directory *d, struct span address, size_t max, struct arena *a,
                     struct directory_target **out, size_t *count, struct error *e)
{
    struct expansion x = {.directory = d, .arena = a, .seen = map_new(), .max = max};
    int bad;

    add_step(&x, address, 0);
    look_at_all(&x);
    bad = verdict(&x, address, e);
    *count = bad ? 0 : x.count;
    *out = arena_alloc(a, *count * sizeof **out);
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = x.targets[i];
    map_free(&x.seen);
    free(x.steps);
    free(x.targets);
    return bad;
}
