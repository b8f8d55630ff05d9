#include "probe/discover.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/address.h"
#include "probe/discover_parts.h"

#include <libpsl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISCOVER_MS = 1500,
    MORE_MS = 500,       /* how much longer for one that is trusted more, when something is known */
    SECOND_MS = 600,     /* then the second resolver is asked too */
    AFTERWARDS_MS = 400, /* of its own, beyond the rest */
};

const char *discover_source_name(enum discover_source s)
{
#define X(id, name) name,
    static const char *const names[] = {DISCOVER_SOURCE_LIST(X)};
#undef X
    return names[s];
}

const char *discover_end_name(enum discover_end e)
{
#define X(id, name) name,
    static const char *const names[] = {DISCOVER_END_LIST(X)};
#undef X
    return names[e];
}

static void (*const asks[ASK_COUNT])(struct discover_task *t) = {
    [ASK_SERVICES] = discover_ask_services,
    [ASK_WEB] = discover_ask_web,
    [ASK_WELL_KNOWN] = discover_ask_web,
    [ASK_TABLE] = discover_ask_table,
    [ASK_MX] = discover_ask_mx,
    [ASK_NAMES] = discover_ask_names,
};

static void task_fiber(void *arg)
{
    struct discover_task *t = arg;

    asks[t->ask](t);
    t->done = true;
    t->search->under_way--;
    fiber_wake(t->search->root);
}

static void start(struct search *s, size_t resolver)
{
    for (int i = 0; i < ASK_COUNT; i++) {
        struct discover_task *t = &s->task[resolver][i];

        *t = (struct discover_task){.search = s, .ask = (enum discover_ask)i};
        t->dns = s->dns[resolver];
        t->fetch = s->fetch[resolver];
        if ((!t->fetch && asks[i] == discover_ask_web) || (!t->dns && i != ASK_TABLE))
            continue;
        s->under_way++;
        t->fiber = fiber_start(s->loop, task_fiber, t);
    }
}

/* ---- who is believed ---- */

static bool pending(const struct discover_task *t)
{
    return t->fiber && !t->done;
}

/* The best that has found something, or NULL; *better: one that would be believed more is still
 * under way. */
static struct discover_task *winner(struct search *s, bool *better)
{
    *better = false;
    for (int r = 0; r < DISCOVER_RESOLVERS; r++)
        for (int i = 0; i < ASK_COUNT; i++) {
            struct discover_task *t = &s->task[r][i];

            if (t->done && t->count)
                return t;
            *better = *better || pending(t);
        }
    return NULL;
}

static bool all_done(const struct search *s, int resolver)
{
    for (int i = 0; i < ASK_COUNT; i++)
        if (pending(&s->task[resolver][i]))
            return false;
    return true;
}

/* Nothing known by the first resolver: the second has its turn, early when the first is silent. */
static bool second_due(const struct search *s)
{
    return s->dns[1] && !s->task[1][0].fiber &&
           (all_done(s, 0) || clock_now() >= s->began + SECOND_MS);
}

static struct discover_task *wait_for_winner(struct search *s)
{
    int64_t patience = CLOCK_NEVER;

    for (;;) {
        bool better;
        struct discover_task *w = winner(s, &better);
        int64_t next = s->until;

        if (w && patience == CLOCK_NEVER)
            patience = clock_now() + MORE_MS;
        if (clock_now() >= (patience < s->until ? patience : s->until) || (w && !better))
            return w;
        if (!w && second_due(s)) {
            s->until += AFTERWARDS_MS;
            start(s, 1);
        } else if (!better) {
            return w;
        }
        if (patience < next)
            next = patience;
        if (s->dns[1] && !s->task[1][0].fiber && s->began + SECOND_MS > clock_now() &&
            s->began + SECOND_MS < next)
            next = s->began + SECOND_MS;
        fiber_wait(next);
    }
}

/* ---- what is told ---- */

static bool known(const struct discover *out, const struct discover_door *d)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->door[i].port == d->port && strcmp(out->door[i].host, d->host) == 0)
            return true;
    return false;
}

static void add_doors(struct discover *out, const struct discover_task *t)
{
    for (size_t i = 0; i < t->count && out->count < DISCOVER_DOORS_MAX; i++)
        if (!known(out, &t->door[i]))
            out->door[out->count++] = t->door[i];
}

/* How to log in stands in the table, when SRV records named the same server. */
static void complete(struct discover *out)
{
    for (size_t i = 0; i < out->count; i++) {
        struct discover_door *d = &out->door[i];

        for (size_t j = 0; j < out->count; j++) {
            const struct discover_door *o = &out->door[j];

            if (strcmp(d->host, o->host) != 0)
                continue;
            if (!d->login)
                d->login = o->login;
            if (!d->user[0])
                memcpy(d->user, o->user, sizeof d->user);
        }
    }
}

static void name_provider(struct search *s, const struct discover_task *w)
{
    struct discover *out = s->out;

    out->provider = w->provider ? w->provider : providers_of_host(span_of(out->host));
    for (int r = 0; r < DISCOVER_RESOLVERS && !out->provider; r++)
        out->provider = s->task[r][ASK_TABLE].provider ? s->task[r][ASK_TABLE].provider
                                                       : s->task[r][ASK_MX].provider;
    if (out->provider)
        snprintf(out->provider_name, sizeof out->provider_name, "%s", out->provider->name);
    else
        snprintf(out->provider_name, sizeof out->provider_name, "%s", w->provider_name);
}

static void take(struct search *s, const struct discover_task *w)
{
    struct discover *out = s->out;

    add_doors(out, w);
    for (int r = 0; w->ask != ASK_NAMES && r < DISCOVER_RESOLVERS; r++)
        for (int i = 0; i < ASK_NAMES; i++)
            add_doors(out, &s->task[r][i]);
    complete(out);
    memcpy(out->host, out->door[0].host, sizeof out->host);
    out->port = out->door[0].port;
    out->how = w->how;
    out->end = w->ask == ASK_NAMES ? DISCOVER_GUESSED : DISCOVER_FOUND;
    name_provider(s, w);
}

static enum discover_end why_nothing(const struct search *s)
{
    bool told = false, refused = false;

    if (s->s->offline)
        return DISCOVER_NOT_ASKED;
    for (int r = 0; r < DISCOVER_RESOLVERS; r++) {
        const struct discover_task *mx = &s->task[r][ASK_MX];

        if (!mx->fiber)
            continue;
        if (mx->done && mx->no_domain)
            return DISCOVER_NO_DOMAIN;
        told = told || (mx->done && !mx->no_answer);
        refused = refused || s->task[r][ASK_SERVICES].refused;
    }
    return refused ? DISCOVER_NOT_OFFERED : told ? DISCOVER_NOTHING : DISCOVER_NO_ANSWER;
}

static void put_in_words(struct discover *out, const char *domain)
{
    static const char *const sentences[] = {
        [DISCOVER_FOUND] = "The servers for sending of %s are known.",
        [DISCOVER_GUESSED] = "%s names no server for sending; a host with a customary name is "
                             "there.",
        [DISCOVER_NOT_OFFERED] = "%s says that it offers no server for sending.",
        [DISCOVER_NO_DOMAIN] = "There is no domain %s: look at the part of the address behind "
                               "the @.",
        [DISCOVER_NOTHING] = "%s exists, but names no server for sending, and no host with a "
                             "customary name is there.",
        [DISCOVER_NO_ANSWER] = "Nobody could be asked about %s: no answer from DNS.",
        [DISCOVER_NOT_ASKED] = "The built-in table does not know %s, and nobody was asked.",
    };
    struct text words = TEXT_INIT(sizeof out->words - 1);
    struct span pattern = span_of(sentences[out->end]);
    ptrdiff_t at = span_search(pattern, SPAN("%s"));

    text_add(&words, span_head(pattern, (size_t)at));
    text_add_safe(&words, span_of(domain));
    text_add(&words, span_from(pattern, (size_t)at + 2));
    snprintf(out->words, sizeof out->words, "%s", text_cstr(&words));
    text_free(&words);
}

/* ---- all of it ---- */

static void root_fiber(void *arg)
{
    struct search *s = arg;
    struct discover_task *w;

    s->root = fiber_self();
    start(s, 0);
    w = wait_for_winner(s);
    if (w)
        take(s, w);
    else
        s->out->end = why_nothing(s);
    s->out->elapsed_ms = clock_now() - s->began;
    for (int r = 0; r < DISCOVER_RESOLVERS; r++)
        for (int i = 0; i < ASK_COUNT; i++)
            if (pending(&s->task[r][i]))
                fiber_cancel(s->task[r][i].fiber);
    while (s->under_way)
        fiber_wait(CLOCK_NEVER); /* they are cancelled, so each comes home */
    loop_stop(s->loop);          /* the resolver goes on listening */
}

static int make_resolver(struct search *s, int i, const struct dns_settings *by, struct error *e)
{
    struct fetch_settings web = {.cafile = s->s->cafile, .lookup = discover_lookup};

    s->dns[i] = dns_new(s->loop, by, e);
    if (!s->dns[i])
        return -1;
    if (s->s->no_web)
        return 0;
    web.lookup_arg = s->dns[i];
    s->fetch[i] = fetch_new(s->loop, &web, e);
    return s->fetch[i] ? 0 : -1;
}

static int make_resolvers(struct search *s, struct error *e)
{
    struct span own = span_of(s->s->resolver), second = span_of(s->s->second);
    struct dns_settings first = {.hosts_file = "/etc/hosts", .timeout = DISCOVER_MS};
    struct dns_settings other = {.resolvers = &second, .resolver_count = 1, .timeout = DISCOVER_MS};

    if (s->s->offline)
        return 0;
    if (s->s->resolver) {
        first.hosts_file = NULL;
        first.resolvers = &own;
        first.resolver_count = 1;
    }
    if (make_resolver(s, 0, &first, e) < 0)
        return -1;
    return s->s->second ? make_resolver(s, 1, &other, e) : 0;
}

/* A-labels, lower case; what is no domain stays as it is, and is not found. */
static const char *canonical(const char *domain, char buf[FINDINGS_NAME])
{
    struct text canon = TEXT_INIT(FINDINGS_NAME - 1);
    bool ok = address_domain_ok(span_of(domain), true) &&
              address_domain_canon(span_of(domain), &canon) &&
              span_cstr(text_span(&canon), buf, FINDINGS_NAME);

    text_free(&canon);
    return ok ? buf : domain;
}

int discover_find(struct loop *l, const struct discover_settings *s, struct discover *out,
                  struct error *e)
{
    struct search *search = memory_alloc(sizeof *search);
    struct discover_settings by = *s;
    char domain[FINDINGS_NAME];
    int rc;

    memset(out, 0, sizeof *out);
    by.domain = canonical(s->domain, domain);
    search->loop = l;
    search->s = &by;
    search->out = out;
    search->began = clock_now();
    search->until = search->began + DISCOVER_MS;
    rc = make_resolvers(search, e);
    if (rc == 0) {
        fiber_start(l, root_fiber, search);
        loop_run(l);
    }
    for (int i = 0; i < DISCOVER_RESOLVERS; i++) {
        fetch_free(&search->fetch[i]);
        dns_free(&search->dns[i]);
    }
    free(search);
    put_in_words(out, by.domain);
    if (!out->count) {
        out->how = "guess";
        snprintf(out->host, sizeof out->host, "smtp.%s", by.domain);
    }
    return rc;
}

int discover_right(struct loop *l, const char *host, const struct discover_settings *s,
                   char right[FINDINGS_NAME], struct error *e)
{
    struct discover_settings by = *s;
    char name[FINDINGS_NAME];
    struct discover *found;
    int rc;

    right[0] = '\0';
    by.address = SPAN_NONE;
    if (!by.domain && psl_builtin())
        by.domain = psl_registrable_domain(psl_builtin(), canonical(host, name));
    if (!by.domain)
        return 0;
    found = memory_alloc(sizeof *found);
    rc = discover_find(l, &by, found, e);
    if (rc == 0 && found->count && strcasecmp(found->host, host) != 0)
        memcpy(right, found->host, FINDINGS_NAME);
    free(found);
    return rc;
}
