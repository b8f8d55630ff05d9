/* Aliases, and where mail for an address goes in the end. */
#include "account/directory_parts.h"
#include "base/memory.h"
#include "mail/address.h"

#include <stdlib.h>

/* ---- what there is ---- */

static void free_alias(struct owned_alias *o)
{
    if (o)
        arena_free(&o->arena);
    free(o);
}

static struct owned_alias *make(const struct store_alias *record)
{
    struct owned_alias *o = memory_alloc(sizeof *o);
    struct hosted_alias *alias = &o->alias;

    o->arena = arena_sized(OWNED_BLOCK);
    alias->address = arena_span(o->arena, record->address);
    alias->targets = arena_alloc(o->arena, record->target_count * sizeof *alias->targets);
    alias->target_count = record->target_count;
    for (size_t i = 0; i < record->target_count; i++)
        alias->targets[i] = arena_span(o->arena, record->targets[i]);
    return o;
}

/* The caller frees it. NULL: none, or trouble. */
static struct owned_alias *read_alias(const struct directory *d, struct span canonical)
{
    struct store_alias record;
    struct error e = {0};
    int got;

    arena_clear(d->notes->arena);
    got = store_alias_get(d->reader, canonical, d->notes->arena, &record, &e);
    if (got < 0)
        directory_note_record(d, STORE_ALIASES, canonical, &e);
    if (got == STORE_ABSENT)
        directory_note_absent(d, STORE_ALIASES, canonical);
    return got == STORE_GOT ? make(&record) : NULL;
}

static struct owned_alias *find_alias(const struct directory *d, struct span canonical)
{
    struct owned_alias *o = map_get(d->aliases, canonical);

    if (!o && d->any_alias && canonical.len && canonical.len <= STORE_NAME_MAX &&
        !directory_known_absent(d, STORE_ALIASES, canonical)) {
        o = read_alias(d, canonical);
        if (o)
            map_put(d->aliases, o->alias.address, o);
    }
    if (o)
        o->asked = true;
    return o;
}

const struct hosted_alias *directory_alias(const struct directory *d, struct span address)
{
    struct text canonical = TEXT_INIT(1024);
    const struct owned_alias *o = NULL;

    if (directory_name(address, &canonical))
        o = find_alias(d, text_span(&canonical));
    text_free(&canonical);
    return o ? &o->alias : NULL;
}

void directory_alias_put(struct directory *d, const struct store_alias *record)
{
    d->any_alias = true;
    directory_forget_absent(d);
    if (map_get(d->aliases, record->address)) {
        struct owned_alias *o = make(record);

        free_alias(map_take(d->aliases, o->alias.address));
        map_put(d->aliases, o->alias.address, o);
    }
}

void directory_alias_remove(struct directory *d, struct span canonical)
{
    struct error e = {0};

    free_alias(map_take(d->aliases, canonical));
    if (directory_alias_read(d, &e) < 0) /* then there may be some */
        directory_note(d, &e);
}

static bool is_one(void *arg, struct span name)
{
    (void)name;
    *(bool *)arg = true;
    return false;
}

int directory_alias_read(struct directory *d, struct error *e)
{
    struct store_list list = {.kind = STORE_ALIASES};
    bool any = false;

    if (store_names(d->reader, &list, &(struct store_range){.max = 1}, is_one, &any, e) < 0)
        return -1;
    d->any_alias = any;
    return 0;
}

int directory_aliases(const struct directory *d, const struct store_list *list,
                      const struct store_range *range, directory_alias_fn *fn, void *arg,
                      struct error *e)
{
    struct directory_names n;
    int more = directory_page(d, list, range, &n, e);

    for (size_t i = 0; i < n.count && more >= 0; i++) {
        struct owned_alias *o = read_alias(d, n.name[i]);

        fn(arg, n.name[i], o ? &o->alias : NULL);
        free_alias(o);
    }
    directory_names_free(&n);
    return more;
}

struct idle {
    struct owned_alias **list;
    size_t count;
};

static void find_idle(struct span key, void *value, void *arg)
{
    struct owned_alias *o = value;
    struct idle *idle = arg;

    (void)key;
    if (!o->asked)
        idle->list[idle->count++] = o;
    o->asked = false;
}

void directory_alias_tidy(struct directory *d)
{
    struct idle idle = {0};

    if (map_count(d->aliases) < DIRECTORY_KEPT)
        return;
    idle.list = memory_array(map_count(d->aliases), sizeof(struct owned_alias *));
    map_each(d->aliases, find_idle, &idle);
    for (size_t i = 0; i < idle.count; i++)
        free_alias(map_take(d->aliases, idle.list[i]->alias.address));
    free(idle.list);
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
    return d->any_alias || d->stored_domain_count;
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

static void note_damaged(const struct directory *d, struct span domain)
{
    struct error e = {0};

    error_mail(&e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
               "the record of domain %.*s is damaged; set it anew (`port26 domain set`) or restore "
               "the store from a backup",
               SPAN_ARG(domain));
    directory_note(d, &e);
}

/* What no alias and no account of this very name takes. */
static void wild(struct expansion *x, const struct step *s)
{
    const struct account *all = directory_wildcard(x->directory, s->canonical);
    const struct hosted_domain *domain =
        directory_domain_find(x->directory, directory_domain_part(s->canonical));

    if (!all && domain && domain->damaged)
        note_damaged(x->directory, domain->name);
    if (!all && domain && domain->catch_all.len)
        add_step(x, domain->catch_all, s->depth + 1);
    else
        add_target(x, s->address, all, all || domain);
}

static void look(struct expansion *x, const struct step *s)
{
    const struct directory *d = x->directory;
    struct owned_alias *alias = find_alias(d, s->canonical);
    const struct account *account = alias ? NULL : directory_exact(d, s->canonical);
    struct text base = TEXT_INIT(1024);

    if (!alias && !account && directory_without_detail(s->canonical, &base)) {
        alias = find_alias(d, text_span(&base));
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

static int verdict(const struct expansion *x, unsigned troubles, struct span address,
                   struct error *e)
{
    if (directory_troubles(x->directory) != troubles) {
        if (e)
            *e = *directory_trouble(x->directory);
        return -1;
    }
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
    unsigned troubles = directory_troubles(d);
    int bad;

    add_step(&x, address, 0);
    look_at_all(&x);
    bad = verdict(&x, troubles, address, e);
    *count = bad ? 0 : x.count;
    *out = arena_alloc(a, *count * sizeof **out);
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = x.targets[i];
    map_free(&x.seen);
    free(x.steps);
    free(x.targets);
    return bad;
}
