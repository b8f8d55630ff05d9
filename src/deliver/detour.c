#include "deliver/detour.h"

#include "base/clock.h"
#include "base/memory.h"
#include "conf/config.h"
#include "io/fiber.h"
#include "mail/address.h"
#include "place/place.h"

#include <stdlib.h>
#include <string.h>

/* MOVES: changes of the network that one job follows. */
enum { WAYS = JOB_THEN + 1, MOVES = 8, SHUT_MAX = 64, NAME = 128 };

/* A way that led nowhere a moment ago. */
struct shut {
    char name[NAME];
    int64_t until;
};

struct detour {
    const struct config *config;
    struct attempt_context *attempts;
    struct shut shut[SHUT_MAX];
    size_t count;
    unsigned moves;
    void (*about)(void *arg, struct span relay, struct span sender);
    void *arg;
};

/* One job on its ways. */
struct trip {
    struct detour *detour;
    const struct job *job;
    struct arena *arena;
    struct job_result *out;
    bool *tried, *left; /* of each recipient: asked at all; and nobody was reached */
    struct span absent; /* a relay that is not for this network */
};

struct detour *detour_new(const struct config *config, struct attempt_context *attempts)
{
    struct detour *d = memory_alloc(sizeof *d);

    d->config = config;
    d->attempts = attempts;
    return d;
}

void detour_free(struct detour **d)
{
    free(*d);
    *d = NULL;
}

void detour_hear(struct detour *d, void (*about)(void *arg, struct span relay, struct span sender),
                 void *arg)
{
    d->about = about;
    d->arg = arg;
}

void detour_moved(struct detour *d)
{
    d->count = 0;
    d->moves++;
}

/* ---- which ways ---- */

static struct span name_of(const struct job_way *w)
{
    return span_head(w->kind == ROUTE_MX ? SPAN("mx") : w->relay, NAME - 1);
}

static bool shut_lately(const struct detour *d, const struct job_way *w)
{
    for (size_t i = 0; i < d->count; i++)
        if (span_is(name_of(w), d->shut[i].name))
            return clock_now() < d->shut[i].until;
    return false;
}

static void note(struct detour *d, const struct job_way *w, bool is_shut)
{
    size_t i = 0;

    while (i < d->count && !span_is(name_of(w), d->shut[i].name))
        i++;
    if (i == SHUT_MAX || (i == d->count && !is_shut))
        return;
    if (i == d->count && span_cstr(name_of(w), d->shut[i].name, NAME))
        d->count++;
    d->shut[i].until = is_shut ? clock_now() + DETOUR_SHUT_TIME : 0;
}

/* Is this way for the network where we are? */
static bool is_for_here(const struct detour *d, const struct job_way *w)
{
    for (size_t i = 0; w->kind == ROUTE_RELAY && i < d->config->relay_count; i++) {
        const struct config_relay *r = &d->config->relays[i];
        bool here = r->when.count == 0;

        if (!span_is(w->relay, r->name))
            continue;
        for (size_t k = 0; k < r->when.count; k++)
            here = here || attempt_is_here(d->attempts, span_of(r->when.at[k]));
        return here;
    }
    return true;
}

/* The way that may have the message already goes before the others. */
static void held_first(const struct job *j, struct job_way *way, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct job_way w = way[i];

        if (w.kind != ROUTE_RELAY || j->held.len <= w.relay.len || !span_starts(j->held, w.relay) ||
            j->held.at[w.relay.len] != ' ')
            continue;
        memmove(way + 1, way, i * sizeof *way);
        way[0] = w;
        return;
    }
}

/* Those of the job that may be gone here, what was shut lately behind the others. */
static size_t find_ways(struct trip *t, struct job_way way[WAYS])
{
    const struct job *j = t->job;
    struct job_way all[WAYS] = {
        {.kind = j->kind, .relay = j->relay, .user = j->user, .password = j->password}};
    size_t count = 1 + (j->then_count < JOB_THEN ? j->then_count : JOB_THEN), n = 0;

    for (size_t i = 1; i < count; i++)
        all[i] = j->then[i - 1];
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            bool here = is_for_here(t->detour, &all[i]);

            if (!here)
                t->absent = all[i].relay;
            if (here && shut_lately(t->detour, &all[i]) == (pass == 1))
                way[n++] = all[i];
        }
    }
    memory_wipe(all, sizeof all);
    held_first(t->job, way, n);
    return n;
}

/* ---- one way ---- */

/* Nobody was reached who could have refused: no connection, or a stranger in between. */
static bool network_shut(const struct outcome *o)
{
    if (o->kind != OUTCOME_LATER || o->maybe_delivered)
        return false;
    if (o->waits_for_network)
        return true;
    return (o->stage == STAGE_STARTTLS || o->stage == STAGE_TLS) && o->scope == SCOPE_PATH;
}

/* In A-labels and lower case, as MX wants it. */
static struct span domain_of(struct span address, struct arena *a)
{
    struct span domain = span_from(address, (size_t)(span_rfind(address, '@') + 1));
    struct text canon = TEXT_INIT(1024);

    if (address_domain_canon(domain, &canon))
        domain = arena_span(a, text_span(&canon));
    text_free(&canon);
    return domain;
}

/* A job of our own for the recipients that are left; for MX, those of one domain. */
static size_t pick(const struct trip *t, const struct job_way *w, struct job *part, size_t *index)
{
    const struct envelope *e = &t->job->envelope;
    size_t n = 0;

    *part = *t->job;
    part->then_count = 0;
    part->kind = w->kind;
    part->relay = w->relay;
    part->user = w->user;
    part->password = w->password;
    part->domain = SPAN_NONE;
    part->envelope.recipients = arena_alloc(t->arena, e->count * sizeof *e->recipients);
    part->numbers = arena_alloc(t->arena, e->count * sizeof *part->numbers);
    for (size_t i = 0; i < e->count; i++) {
        struct span domain = domain_of(e->recipients[i].address, t->arena);

        if (!t->left[i] || (w->kind == ROUTE_MX && n && !span_ieq(domain, part->domain)))
            continue;
        if (w->kind == ROUTE_MX)
            part->domain = domain;
        part->envelope.recipients[n] = e->recipients[i];
        part->numbers[n] = t->job->numbers ? t->job->numbers[i] : 0;
        index[n++] = i;
    }
    part->envelope.count = n;
    part->destination =
        span_of(arena_printf(t->arena, w->kind == ROUTE_MX ? "mx:%.*s" : "relay:%.*s",
                             SPAN_ARG(w->kind == ROUTE_MX ? part->domain : part->relay)));
    return n;
}

static void add_story(struct trip *t, const struct job_result *r)
{
    for (size_t i = 0; i < r->try_count && t->out->try_count < DETOUR_TRIES; i++)
        t->out->tries[t->out->try_count++] = r->tries[i];
}

/* What one server refuses for ever is final. But a relay that is only asked because of this
 * network, and does not want this sender, says nothing about the way that was meant. */
static void soften(const struct trip *t, const struct job_way *w, struct outcome *o)
{
    if (o->kind != OUTCOME_NEVER || o->stage > STAGE_MAIL || !t->job->relay.len ||
        span_eq(w->relay, t->job->relay))
        return;
    o->kind = OUTCOME_LATER;
    o->status.class = 4;
    o->waits_for_network = true;
    o->words = span_of(arena_printf(t->arena,
                                    "%.*s It waits for a network that lets it through "
                                    "to the relay %.*s.",
                                    SPAN_ARG(o->words), SPAN_ARG(t->job->relay)));
}

/* Puts the outcomes of the recipients asked into place. Returns how many reached nobody. */
static size_t take(struct trip *t, const struct job_way *w, const struct job_result *r,
                   const size_t *index)
{
    size_t shut = 0;

    for (size_t i = 0; i < r->count; i++) {
        struct outcome *o = &r->outcomes[i];
        size_t at = index[i];
        bool none = network_shut(o);

        shut += none;
        t->left[at] = none;
        soften(t, w, o);
        /* Where nobody is reached at all, the first way tells why. */
        if (!none || !t->tried[at])
            t->out->outcomes[at] = *o;
        t->tried[at] = true;
    }
    return shut;
}

/* Recipients whom this way did not reach stay marked left, so each domain is begun from a copy. */
static bool go(struct trip *t, const struct job_way *w, bool last)
{
    size_t count = t->job->envelope.count, shut = 0, asked = 0, n;
    bool *todo = t->left, *still = arena_alloc(t->arena, count * sizeof *still);
    size_t *index = arena_alloc(t->arena, count * sizeof *index);
    struct job part;

    memcpy(still, todo, count * sizeof *still);
    while ((n = pick(t, w, &part, index)) > 0 && !fiber_cancelled()) {
        struct job_result r;

        if (t->job->then_count)
            attempt_run_among(t->detour->attempts, &part, last, t->arena, &r);
        else
            attempt_run(t->detour->attempts, &part, t->arena, &r);
        add_story(t, &r);
        t->out->untried |= r.untried;
        shut += take(t, w, &r, index);
        asked += n;
        for (size_t i = 0; i < n; i++) {
            still[index[i]] = t->left[index[i]];
            t->left[index[i]] = false;
        }
    }
    memcpy(todo, still, count * sizeof *still);
    return asked && shut == asked;
}

/* ---- all ways ---- */

static void not_here(struct trip *t)
{
    const struct place *here = attempt_here(t->detour->attempts);

    for (size_t i = 0; i < t->out->count; i++) {
        if (t->tried[i])
            continue;
        t->out->outcomes[i] = (struct outcome){
            .kind = OUTCOME_LATER,
            .scope = SCOPE_ROUTE,
            .stage = STAGE_DNS,
            .owner = OWNER_NETWORK,
            .status = {4, 4, 4},
            .waits_for_network = true,
            .words = span_of(arena_printf(
                t->arena,
                "The relay %.*s is used only in the networks that its setting `when` names, and "
                "this one (%s) is none of them. The mail leaves by itself when this computer is "
                "in one; `port26 places name` gives this one a name.",
                SPAN_ARG(t->absent), here->name[0] ? here->name : "unknown"))};
    }
}

static bool anything_left(const struct trip *t)
{
    for (size_t i = 0; i < t->out->count; i++)
        if (t->left[i])
            return true;
    return false;
}

static void begin(struct trip *t)
{
    size_t n = t->job->envelope.count;

    *t->out = (struct job_result){.lease = t->job->lease, .count = n};
    t->out->outcomes = arena_alloc(t->arena, n * sizeof *t->out->outcomes);
    t->out->tries = arena_alloc(t->arena, DETOUR_TRIES * sizeof *t->out->tries);
    t->tried = arena_alloc(t->arena, n * sizeof *t->tried);
    t->left = arena_alloc(t->arena, n * sizeof *t->left);
    memset(t->left, true, n * sizeof *t->left);
}

/* All ways there are in this network. */
static void go_all(struct trip *t)
{
    struct detour *d = t->detour;
    struct job_way way[WAYS];
    size_t count = find_ways(t, way);
    unsigned moves = d->moves;

    for (size_t i = 0; i < count && moves == d->moves && anything_left(t) && !fiber_cancelled();
         i++) {
        bool further = way[i].kind == ROUTE_RELAY && !span_eq(way[i].relay, t->job->relay);
        bool shut;

        if (further && d->about)
            d->about(d->arg, way[i].relay, t->job->envelope.sender);
        shut = go(t, &way[i], i + 1 == count);
        if (moves == d->moves && count > 1)
            note(d, &way[i], shut);
    }
    memory_wipe(way, sizeof way);
}

void detour_run(struct detour *d, const struct job *job, struct arena *a, struct job_result *out)
{
    struct trip t = {.detour = d, .job = job, .arena = a, .out = out};
    unsigned moves = d->moves - 1;

    begin(&t);
    for (int i = 0; i < MOVES && moves != d->moves && anything_left(&t) && !fiber_cancelled();
         i++) {
        moves = d->moves;
        for (size_t k = 0; k < t.out->count; k++)
            t.tried[k] = t.tried[k] && !t.left[k]; /* what another network did says nothing here */
        go_all(&t);
        if (!job->then_count) /* such an attempt goes along by itself */
            break;
    }
    not_here(&t);
    for (size_t i = 0; i < out->count; i++)
        out->untried = out->untried && t.left[i];
}
