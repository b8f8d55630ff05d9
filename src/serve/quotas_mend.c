/* Adding up the sums of hosting accounts anew. They cannot be wrong but by damage to the store, or
 * a mistake of ours; then this finds it. */
#include "serve/quotas_parts.h"

#include "account/usage_sums.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>

struct mend {
    struct quotas *quotas;
    struct arena *arena;
    struct span only, *names;
    size_t count, cap, room;
    struct quotas_mended found;
    struct error error;
    quotas_mended_fn *fn;
    void *arg;
};

static void finish(struct mend *m, const struct error *e)
{
    m->found.error = e;
    m->fn(m->arg, &m->found);
    arena_free(&m->arena);
    free(m->found.host);
    free(m->names);
    free(m);
}

/* ---- store thread ---- */

static void note(void *arg, const struct usage_sums_found *f)
{
    struct mend *m = arg;

    if (m->found.count == m->room) {
        m->room = m->room ? 2 * m->room : 16;
        m->found.host = memory_grow(m->found.host, m->room * sizeof *m->found.host);
    }
    m->found.host[m->found.count] = *f;
    m->found.host[m->found.count++].host = arena_span(m->arena, f->host);
}

static int work(struct store *s, void *arg, struct error *e)
{
    struct mend *m = arg;

    if (m->error.class) {
        *e = m->error;
        return -1;
    }
    return usage_sums_mend(s, m->only, note, m, e);
}

/* ---- loop thread ---- */

/* Only those that were wrong stay, in the store or in memory. */
static void done(void *arg, int result, const struct error *e)
{
    struct mend *m = arg;
    size_t all = result < 0 ? 0 : m->found.count;

    m->found.count = 0;
    for (size_t i = 0; i < all; i++) {
        struct usage_sums_found *h = &m->found.host[i];
        bool differed = usage_host_is(m->quotas->usage, h->host, &h->is, &h->was);

        if (!h->wrong && !differed)
            continue;
        log_event(LOG_NOTICE, "quota.mended", LOG_SPAN("host", h->host),
                  LOG_NUM("octets", h->is.octets), LOG_NUM("before", h->was.octets));
        m->found.host[m->found.count++] = *h;
    }
    finish(m, result < 0 ? e : NULL);
}

static bool take_name(void *arg, struct span name)
{
    struct mend *m = arg;

    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->names = memory_grow(m->names, m->cap * sizeof *m->names);
    }
    m->names[m->count++] = arena_span(m->arena, name);
    return true;
}

/* As with every transaction that changes sums, what it changes is in memory before. */
static int touch(struct mend *m, struct error *e)
{
    struct store_list list = {.kind = STORE_HOSTS};
    int bad = 0;

    if (m->only.len)
        take_name(m, m->only);
    else
        bad = store_names(m->quotas->house->reader, &list, NULL, take_name, m, e);
    for (size_t i = 0; i < m->count && !bad; i++)
        bad = usage_touch_host(m->quotas->usage, m->names[i], e);
    return bad;
}

void quotas_mend(struct quotas *q, struct span host, quotas_mended_fn *fn, void *arg)
{
    struct mend *m = memory_alloc(sizeof *m);

    *m = (struct mend){.quotas = q, .arena = arena_new(), .fn = fn, .arg = arg};
    m->only = arena_span(m->arena, host);
    touch(m, &m->error); /* the answer comes later in any case */
    commit_submit(queue_commit(q->house->queue), COMMIT_OWN, work, done, m, 0);
}
