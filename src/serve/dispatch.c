#include "serve/dispatch.h"

/* One that asks the name servers of another network gets no new work while the next generation
 * starts: it would wait for them, and all mail for the same relay behind it. */
static bool may_carry(const struct dispatch *d, const struct member *m)
{
    return m->side == SIDE_COURIER && m->ready && !m->leaving &&
           (m->started >= d->names_at || d->now > d->names_at + DISPATCH_NAMES_TIME);
}

static bool old_ones_look(const struct dispatch *d)
{
    if (!d->names_at || d->now > d->names_at + DISPATCH_LOOK_TIME)
        return false;
    for (const struct member *m = d->first; m; m = m->next)
        if (m->side == SIDE_COURIER && m->started < d->names_at && m->looks)
            return true;
    return false;
}

/* The first of those that were here before; `first` lists the youngest first. */
static bool leads(const struct member *m, const struct member *than)
{
    return m->started < than->started || (m->started == than->started && m->number < than->number);
}

struct member *dispatch_choose(const struct dispatch *d, const struct job *job)
{
    bool together = job->kind == ROUTE_RELAY && !d->open;
    struct member *least = NULL, *leader = NULL;

    if (together && old_ones_look(d))
        return NULL;
    for (const struct member *m = d->first; m; m = m->next) {
        struct member *own = (struct member *)(uintptr_t)m;

        if (!may_carry(d, m) || m->load >= d->concurrency)
            continue;
        if (!least || m->load < least->load)
            least = own;
        if (!leader || leads(m, leader))
            leader = own;
    }
    return together ? leader : least;
}
