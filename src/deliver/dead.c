#include "deliver/dead.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ADDRESS_MAX = 64, DOMAIN_MAX = 256 };

struct mark {
    char address[ADDRESS_MAX];
    int64_t at; /* 0: free */
};

struct dead {
    struct mark mark[DEAD_MAX];
    char domain[DEAD_DOMAINS][DOMAIN_MAX]; /* silent, one after the other */
    unsigned domains;
    int64_t probed;
};

struct dead *dead_new(void)
{
    return memory_alloc(sizeof(struct dead));
}

void dead_free(struct dead **d)
{
    free(*d);
    *d = NULL;
}

static struct mark *find(const struct dead *d, struct span address)
{
    for (size_t i = 0; i < DEAD_MAX; i++)
        if (d->mark[i].at && span_is(address, d->mark[i].address))
            return (struct mark *)(uintptr_t)&d->mark[i];
    return NULL;
}

/* A free place, or that of the oldest mark. */
static struct mark *place(struct dead *d)
{
    struct mark *best = &d->mark[0];

    for (size_t i = 1; i < DEAD_MAX; i++)
        if (d->mark[i].at < best->at)
            best = &d->mark[i];
    return best;
}

void dead_mark(struct dead *d, struct span address)
{
    struct mark *m = find(d, address);

    if (!m)
        m = place(d);
    if (span_cstr(address, m->address, sizeof m->address))
        m->at = clock_now();
    else
        m->at = 0;
}

void dead_clear(struct dead *d, struct span address)
{
    struct mark *m = find(d, address);

    d->domains = 0;
    if (m)
        m->at = 0;
}

void dead_domain(struct dead *d, struct span domain)
{
    for (unsigned i = 0; i < d->domains; i++)
        if (span_is(domain, d->domain[i]))
            return;
    if (d->domains == DEAD_DOMAINS || !span_cstr(domain, d->domain[d->domains], DOMAIN_MAX))
        return;
    if (++d->domains == DEAD_DOMAINS)
        d->probed = clock_now();
}

bool dead_everywhere(struct dead *d)
{
    if (d->domains < DEAD_DOMAINS)
        return false;
    if (clock_now() - d->probed < DEAD_PROBE_TIME)
        return true;
    d->probed = clock_now();
    return false;
}

enum dead_state dead_look(const struct dead *d, struct span address)
{
    const struct mark *m = find(d, address);
    int64_t age = m ? clock_now() - m->at : DEAD_LAST_TIME;

    if (age < DEAD_SKIP_TIME)
        return DEAD_SKIP;
    return age < DEAD_LAST_TIME ? DEAD_LAST : DEAD_NOT;
}
