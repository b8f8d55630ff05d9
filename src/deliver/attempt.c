#include "deliver/attempt.h"

#include "base/clock.h"
#include "base/memory.h"
#include "deliver/dead.h"
#include "deliver/dialogue.h"
#include "deliver/pool.h"
#include "deliver/ways.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>

enum {
    DNS_TIME = 60 * 1000,
    PATHS = 6, /* that answer or make us wait, in one attempt */
    TRIES = 2 * PATH_MAX_COUNT + 8,
    KEPT_IDLE = 10 * 1000,
};
/* No new path is begun after START_TIME; what was begun ends after ATTEMPT_TIME at the latest, well
 * within the lease of the job (2 hours). */
#define START_TIME   (15 * CLOCK_MINUTE)
#define ATTEMPT_TIME (100 * CLOCK_MINUTE)

struct attempt_context {
    struct loop *loop;
    const struct config *config;
    struct ways *ways;
    struct pool *pool;
    struct dead *dead;
};

struct attempt {
    struct attempt_context *c;
    const struct job *job;
    struct arena *arena;
    struct job_result *out;
    struct dialogue dialogue;
    struct hop_wish wish;
    int64_t start_until;
    unsigned begun; /* paths */
};

struct attempt_context *attempt_open(struct loop *l, const struct config *config, struct dns *dns,
                                     struct error *e)
{
    const struct config_delivery *d = &config->delivery;
    struct pool_limits limits = {
        .total = (unsigned)d->concurrency,
        .per_key = (unsigned)d->per_destination,
        .messages = (unsigned)d->messages_per_connection,
        .idle = KEPT_IDLE,
    };
    struct ways *ways = ways_open(config, dns, e);
    struct attempt_context *c;

    if (!ways)
        return NULL;
    c = memory_alloc(sizeof *c);
    *c = (struct attempt_context){.loop = l,
                                  .config = config,
                                  .ways = ways,
                                  .pool = pool_new(l, &limits),
                                  .dead = dead_new()};
    return c;
}

void attempt_close(struct attempt_context **c)
{
    if (!*c)
        return;
    pool_free(&(*c)->pool);
    dead_free(&(*c)->dead);
    ways_close(&(*c)->ways);
    free(*c);
    *c = NULL;
}

unsigned attempt_idle(const struct attempt_context *c)
{
    return pool_count(c->pool);
}

/* ---- the story ---- */

static void tell(struct attempt *x, const struct dialogue_place *at,
                 const struct smtp_client_failure *f)
{
    struct arena *a = x->arena;

    if (x->out->try_count == TRIES)
        return;
    x->out->tries[x->out->try_count++] = (struct job_try){
        .at = clock_wall(),
        .host = arena_span(a, at->host),
        .address = arena_span(a, at->address),
        .tls = arena_span(a, at->tls),
        .stage = f->stage,
        .reply = reply_copy(a, &f->reply),
        .words = f->stage == STAGE_NONE ? SPAN_NONE : arena_span(a, span_of(f->error.words)),
    };
}

/* ---- one connection ---- */

static enum dialogue_end use(struct attempt *x, struct hop *h)
{
    struct smtp_client_failure f;
    enum dialogue_end end = dialogue_run(&x->dialogue, h, &f);
    struct dialogue_place at = dialogue_place_of(h);

    if (end != DIALOGUE_STALE)
        tell(x, &at, &f);
    pool_put(x->c->pool, &h);
    return end;
}

/* A connection kept from an earlier message. One that died meanwhile is no attempt: the next one,
 * or a fresh one, at once. */
static enum dialogue_end use_kept(struct attempt *x)
{
    enum dialogue_end end = DIALOGUE_STALE;
    struct hop *h;

    while (end == DIALOGUE_STALE && (h = pool_take(x->c->pool, x->wish.key))) {
        smtp_client_until(h->client, x->wish.until);
        end = use(x, h);
    }
    return end == DIALOGUE_STALE ? DIALOGUE_NEXT : end;
}

/* Encryption failed where it was only wished for: the path's floor allows to come again without.
 * That it was so stands in the story. */
static bool may_come_clear(const struct attempt *x, const struct smtp_client_failure *f)
{
    const struct path *p = x->wish.path;

    return !x->wish.clear && p->tls == PATH_TLS_OPPORTUNISTIC && !p->must_encrypt &&
           !p->must_verify && !x->wish.user.len &&
           (f->stage == STAGE_TLS || (f->stage == STAGE_STARTTLS && f->why != CLIENT_REPLY));
}

static struct hop *open_path(struct attempt *x, struct smtp_client_failure *f, struct span *tls)
{
    struct hop *h = hop_open(&x->wish, x->arena, f, tls);
    char address[PATH_ADDRESS_TEXT];

    path_address(x->wish.path, address);
    if (h || f->stage != STAGE_CONNECT)
        dead_clear(x->c->dead, span_of(address));
    else if (f->sys != ECANCELED)
        dead_mark(x->c->dead, span_of(address));
    return h;
}

/* The kernel said no by itself, at once: not counted among the paths. */
static bool unreachable_here(const struct smtp_client_failure *f)
{
    return f->stage == STAGE_CONNECT &&
           (f->sys == ENETUNREACH || f->sys == EAFNOSUPPORT || f->sys == EADDRNOTAVAIL);
}

static enum dialogue_end failed(struct attempt *x, const struct smtp_client_failure *f,
                                struct span tls)
{
    struct judge_event e = judge_event_of(f);
    char address[PATH_ADDRESS_TEXT];
    struct dialogue_place at = {.host = x->wish.path->host, .tls = tls};

    path_address(x->wish.path, address);
    at.address = span_of(address);
    tell(x, &at, f);
    return dialogue_fail(&x->dialogue, &e, f->error.words, &at, false);
}

static enum dialogue_end try_path(struct attempt *x, const struct path *p)
{
    struct smtp_client_failure f;
    enum dialogue_end end;
    struct span tls;
    struct hop *h;

    x->wish.path = p;
    x->wish.clear = false;
    x->wish.source = ways_source(x->c->ways, p->address.ss_family);
    h = open_path(x, &f, &tls);
    if (!h && may_come_clear(x, &f)) {
        failed(x, &f, tls);
        x->wish.clear = true;
        h = open_path(x, &f, &tls);
    }
    if (h)
        end = use(x, h);
    else
        end = failed(x, &f, tls);
    x->begun += h || !unreachable_here(&f);
    return end;
}

/* ---- all paths ---- */

static enum dead_state look(const struct attempt *x, const struct path *p)
{
    char address[PATH_ADDRESS_TEXT];

    path_address(p, address);
    return dead_look(x->c->dead, span_of(address));
}

static bool may_begin(const struct attempt *x)
{
    return x->begun < PATHS && clock_now() < x->start_until && !fiber_cancelled();
}

/* Those of one state, in their order. `tried` tells whether there were any. */
static enum dialogue_end walk(struct attempt *x, const struct path_list *list,
                              enum dead_state state, bool *tried)
{
    enum dialogue_end end = DIALOGUE_NEXT;

    for (size_t i = 0; i < list->count && end == DIALOGUE_NEXT && may_begin(x); i++) {
        if (tried[i] || look(x, &list->path[i]) != state)
            continue;
        tried[i] = true;
        end = try_path(x, &list->path[i]);
    }
    return end;
}

static void all_skipped(struct attempt *x, const struct path *p)
{
    struct smtp_client_failure f = {.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = EHOSTDOWN};

    x->wish.path = p;
    error_mail(&f.error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
               "%.*s was not asked: it did not answer a moment ago.", SPAN_ARG(p->host));
    failed(x, &f, SPAN_NONE);
}

static void try_paths(struct attempt *x, const struct path_list *list)
{
    bool tried[PATH_MAX_COUNT] = {false};
    bool any = false;

    if (walk(x, list, DEAD_NOT, tried) != DIALOGUE_NEXT)
        return;
    if (walk(x, list, DEAD_LAST, tried) != DIALOGUE_NEXT)
        return;
    for (size_t i = 0; i < list->count; i++)
        any |= tried[i];
    if (!any && may_begin(x))
        all_skipped(x, &list->path[0]);
}

static void no_path(struct attempt *x, const struct error *why)
{
    struct judge_event e = {.stage = STAGE_DNS, .why = CLIENT_FINE};
    struct dialogue_place at = {.host = x->job->kind == ROUTE_MX ? x->job->domain : x->job->relay};
    struct smtp_client_failure f = {.stage = STAGE_DNS, .error = *why};

    e.dns_permanent = why->class == ERROR_PERMANENT;
    enhanced_parse(span_of(why->enhanced), &e.reply.enhanced);
    tell(x, &at, &f);
    dialogue_fail(&x->dialogue, &e, why->words, &at, false);
    for (size_t i = 0; why->owner != OWNER_NONE && i < x->out->count; i++)
        if (x->dialogue.outcomes[i].stage == STAGE_DNS)
            x->dialogue.outcomes[i].owner = why->owner;
}

static void init(struct attempt *x)
{
    const struct job *job = x->job;

    dialogue_init(&x->dialogue, job, x->arena);
    *x->out = (struct job_result){
        .lease = job->lease,
        .count = job->envelope.count,
        .outcomes = x->dialogue.outcomes,
        .tries = arena_alloc(x->arena, TRIES * sizeof *x->out->tries),
    };
    x->start_until = clock_now() + START_TIME;
    x->wish = (struct hop_wish){
        .loop = x->c->loop,
        .key = span_of(
            arena_printf(x->arena, "%.*s %.*s", SPAN_ARG(job->destination), SPAN_ARG(job->user))),
        .context = ways_context(x->c->ways, job),
        .helo = x->c->config->delivery.helo,
        .user = job->user,
        .password = job->password,
        .mechanisms = ways_mechanisms(x->c->ways, job, x->arena),
        .until = clock_now() + ATTEMPT_TIME,
    };
}

void attempt_run(struct attempt_context *c, const struct job *job, struct arena *a,
                 struct job_result *out)
{
    struct attempt x = {.c = c, .job = job, .arena = a, .out = out};
    struct path_list paths = {.arena = a};
    struct error e = {0};

    init(&x);
    if (use_kept(&x) != DIALOGUE_NEXT)
        return;
    if (ways_find(c->ways, job, clock_now() + DNS_TIME, &paths, &e) < 0)
        no_path(&x, &e);
    else
        try_paths(&x, &paths);
}
