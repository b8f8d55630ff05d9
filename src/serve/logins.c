#include "serve/logins.h"

#include "base/memory.h"
#include "serve/tokens.h"

struct span logins_then(const struct config_route *r, struct arena *a)
{
    struct span out = SPAN_NONE;

    for (size_t i = 0; i < r->then_texts.count; i++)
        out = span_of(
            arena_printf(a, "%.*s%s%s", SPAN_ARG(out), i ? ", then " : "", r->then_texts.at[i]));
    return out;
}

static bool login_of(const struct settings *s, struct tokens *t, const struct config_relay *r,
                     struct span *user, struct span *password)
{
    *user = span_of(r->user);
    *password = text_span(&s->passwords[r - s->config->relays]);
    return !*r->token_command ||
           tokens_get(t, r->name, r->token_command, password) != TOKENS_WAITING;
}

/* The route that this job goes: the one that makes its destination. */
static const struct config_route *route_of(const struct config *c, const struct job *job)
{
    const struct config_route *found = NULL;
    struct arena *a = arena_new();

    for (size_t i = 0; i < c->route_count && !found; i++) {
        const struct config_route *r = &c->routes[i];

        if (r->kind == CONFIG_VIA_RELAY && r->then_texts.count &&
            span_is(job->destination, arena_printf(a, "relay:%s, then %.*s", r->relay->name,
                                                   SPAN_ARG(logins_then(r, a)))))
            found = r;
    }
    arena_free(&a);
    return found;
}

static const struct config_relay *relay_of(const struct config *c, const struct job *job)
{
    for (size_t i = 0; job->kind == ROUTE_RELAY && i < c->relay_count; i++)
        if (span_is(job->relay, c->relays[i].name))
            return &c->relays[i];
    return NULL;
}

bool logins_attach(const struct settings *s, struct tokens *t, struct job *job,
                   struct job_way room[JOB_THEN])
{
    const struct config_relay *first = relay_of(s->config, job);
    const struct config_route *route = first ? route_of(s->config, job) : NULL;
    bool ready = !first || login_of(s, t, first, &job->user, &job->password);

    job->then = room;
    job->then_count = 0;
    for (size_t i = 0; route && i < route->then_texts.count && i < JOB_THEN; i++) {
        const struct config_relay *r = route->then[i].relay;
        struct job_way *w = &room[job->then_count++];

        *w = (struct job_way){.kind = r ? ROUTE_RELAY : ROUTE_MX};
        if (!r)
            continue;
        w->relay = span_of(r->name);
        ready = login_of(s, t, r, &w->user, &w->password) && ready;
    }
    return ready;
}

static void wipe(struct span s)
{
    if (s.len)
        memory_wipe((void *)(uintptr_t)s.at, s.len);
}

void logins_wipe(struct job *job)
{
    wipe(job->password);
    for (size_t i = 0; i < job->then_count; i++)
        wipe(job->then[i].password);
}
