#include "serve/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "deliver/inbox.h"
#include "io/worker.h"
#include "serve/logins.h"
#include "serve/registry.h"
#include "serve/control.h"
#include "serve/expansion.h"
#include "serve/sendings.h"
#include "serve/incoming.h"
#include "serve/signer.h"
#include "serve/mailboxes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INBOX_THREADS = 2, INBOX_QUEUE = 64 };

/* The routes of the configuration as choose_route takes them. */
struct rules {
    struct route_rules set;
    struct arena *arena;
};

static void free_rules(struct rules **r)
{
    if (!*r)
        return;
    arena_free(&(*r)->arena);
    free(*r);
    *r = NULL;
}

/* "*.example.org" of the configuration is ".example.org" to choose_route. */
static struct span *patterns(struct arena *a, const struct config_texts *texts)
{
    struct span *out = arena_alloc(a, texts->count * sizeof *out);

    for (size_t i = 0; i < texts->count; i++) {
        struct span s = span_of(texts->at[i]);

        out[i] = arena_span(a, span_starts(s, SPAN("*.")) ? span_from(s, 1) : s);
    }
    return out;
}

/* Domains that commands added stand in the store. */
static bool hosted(void *arg, struct span domain)
{
    const struct house *h = arg;

    return h->directory && directory_domain(h->directory, domain);
}

static struct rules *make_rules(struct house *h, const struct config *c)
{
    static const enum route_kind kinds[] = {[CONFIG_VIA_MX] = ROUTE_MX,
                                            [CONFIG_VIA_INBOX] = ROUTE_INBOX,
                                            [CONFIG_VIA_RELAY] = ROUTE_RELAY};
    struct rules *r = memory_alloc(sizeof *r);
    struct route_rule *rule;

    r->arena = arena_new();
    rule = arena_alloc(r->arena, c->route_count * sizeof *rule);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *from = &c->routes[i];

        rule[i] = (struct route_rule){
            .to = patterns(r->arena, &from->to),
            .to_count = from->to.count,
            .from = patterns(r->arena, &from->from),
            .from_count = from->from.count,
            .via = kinds[from->kind],
            .relay = from->relay ? arena_span(r->arena, span_of(from->relay->name)) : SPAN_NONE,
            .then = logins_then(from, r->arena)};
    }
    r->set = (struct route_rules){.rule = rule,
                                  .count = c->route_count,
                                  .local = patterns(r->arena, &c->domains),
                                  .local_count = c->domains.count,
                                  .also_local = hosted,
                                  .arg = h};
    return r;
}

void house_route(const struct house *h, struct span sender, struct span recipient, struct arena *a,
                 struct route *out)
{
    choose_route(&h->rules->set, sender, recipient, a, out);
}

static void choose(void *arg, struct span sender, struct span recipient, struct arena *a,
                   struct route *out)
{
    house_route(arg, sender, recipient, a, out);
}

static bool dispatch(void *arg, struct job *job, unsigned *courier)
{
    struct house *h = arg;

    if (!h->carry || !h->carry(h->carry_arg, job, courier))
        return false;
    queue_job_free(&job);
    return true;
}

/* ---- inboxes: one job, its recipients one after the other on a thread ---- */

struct filing {
    struct house *house;
    struct job *job;
    struct arena *arena;
    struct span *accounts; /* of each recipient; empty: nobody any more */
    struct job_result result;
    char *root, *hostname;
};

/* What was queued before its address became an alias, and reports to one: the first inbox behind
 * it. */
static const struct account *behind(const struct house *h, struct span address)
{
    const struct account *found = directory_owner(h->directory, address);
    struct arena *a = arena_new();
    struct directory_target *t;
    size_t count = 0;

    if (!found)
        directory_expand(h->directory, address, STORE_TARGETS_MAX, a, &t, &count, NULL);
    for (size_t i = 0; i < count && !found; i++)
        found = t[i].account;
    arena_free(&a);
    return found;
}

/* Mail for the postmaster is never without a home (RFC 5321 4.5.1). */
static struct span inbox_for(const struct house *h, struct span address)
{
    const struct account *a = behind(h, address);

    if (!a && expansion_postmaster(address)) {
        a = behind(h, span_of(h->config->postmaster));
        return a ? a->name : SPAN("postmaster");
    }
    return a ? a->name : SPAN_NONE;
}

static void nobody(const struct filing *f, size_t i, struct outcome *o)
{
    *o = (struct outcome){
        .kind = OUTCOME_NEVER, .stage = STAGE_INBOX, .owner = OWNER_RECIPIENT, .status = {5, 1, 1}};
    o->words = span_of(arena_printf(
        f->arena,
        "There is no mailbox %.*s here (any more). The recipient's administrator can create "
        "it; check the spelling of the address.",
        SPAN_ARG(f->job->envelope.recipients[i].address)));
}

static void file_all(void *arg)
{
    struct filing *f = arg;

    for (size_t i = 0; i < f->result.count; i++) {
        struct inbox_target target = {f->root, f->accounts[i], i, f->hostname};

        if (!f->accounts[i].len)
            nobody(f, i, &f->result.outcomes[i]);
        else
            f->result.outcomes[i] = inbox_outcome(&target, f->job, f->arena);
    }
}

static void filed(void *arg)
{
    struct filing *f = arg;

    for (size_t i = 0; i < f->result.count; i++)
        log_event(LOG_INFO, "inbox.tried", LOG_ID(&f->job->envelope.id),
                  LOG_SPAN("to", f->job->envelope.recipients[i].address),
                  LOG_SPAN("account", f->accounts[i]),
                  LOG_STR("result",
                          f->result.outcomes[i].kind <= OUTCOME_RELAYED ? "delivered" : "not yet"),
                  LOG_SPAN("words", f->result.outcomes[i].words));
    queue_settle(f->house->queue, &f->result);
    queue_job_free(&f->job);
    arena_free(&f->arena);
    free(f);
}

static bool inbox(void *arg, struct job *job)
{
    struct house *h = arg;
    struct filing *f;

    if (!h->carry) /* the command line delivers nothing */
        return false;
    f = memory_alloc(sizeof *f);
    f->house = h;
    f->job = job;
    f->arena = arena_new();
    f->root = arena_cstr(f->arena, span_of(h->config->inboxes.path));
    f->hostname = arena_cstr(f->arena, span_of(h->config->hostname));
    f->result = (struct job_result){.lease = job->lease, .count = job->envelope.count};
    f->result.outcomes = arena_alloc(f->arena, f->result.count * sizeof *f->result.outcomes);
    f->accounts = arena_alloc(f->arena, f->result.count * sizeof *f->accounts);
    for (size_t i = 0; i < f->result.count; i++)
        f->accounts[i] = arena_span(f->arena, inbox_for(h, job->envelope.recipients[i].address));
    if (worker_run(h->inboxes, file_all, filed, f))
        return true;
    arena_free(&f->arena);
    free(f);
    return false;
}

static void own_report(void *arg, struct store *s, struct message *m, struct arena *a)
{
    struct house *h = arg;

    if (h->signer) /* not yet while the queue is being read */
        signer_own(h->signer, s, m, a);
}

static void refused(void *arg, struct span account)
{
    sendings_failed(((struct house *)arg)->sendings, account);
}

static const struct queue_calls queue_calls = {
    .route = choose, .dispatch = dispatch, .inbox = inbox, .refused = refused, .own = own_report};

/* ---- open and close ---- */

static int make_folder(const char *path, struct error *e)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_sys(e, errno, "the folder %s can not be made", path);
    return 0;
}

static int open_store(struct house *h, struct error *e)
{
    const struct config_store *c = &h->config->store;
    struct store_settings set = {.path = c->path,
                                 .inline_max = c->inline_max,
                                 .space_low = c->free_min,
                                 .inodes_low = c->free_inodes_min};
    struct store_found found = {0};

    if (store_open(&set, &h->store, &found, e) < 0)
        return -1;
    if (found.orphans || found.missing)
        log_event(found.missing ? LOG_ERROR : LOG_NOTICE, "store.opened",
                  LOG_NUM("orphans", found.orphans), LOG_NUM("missing", found.missing));
    return make_folder(h->config->inboxes.path, e);
}

/* From now on SCRAM works for it too. Lost when the store is busy: the next login brings it again.
 */
static void better_verifier(void *arg, struct span name, struct span hash, struct span verifier)
{
    struct registry *set = registry_new(arg);

    registry_account_change(set, &(struct store_account){.name = name, .verifier = verifier},
                            REGISTRY_VERIFIER, hash);
    registry_commit(&set, NULL, NULL);
}

static int open_accounts(struct house *h, struct error *e)
{
    struct arena *a = arena_new();
    struct span secret = SPAN_NONE;
    int got = store_meta_get(h->store, SPAN("secret"), a, &secret, e);

    if (got == STORE_ABSENT)
        error_set(e, ERROR_TEMPORARY, "the store has lost its secret");
    if (got == STORE_GOT)
        h->directory = directory_open(h->store, h->config->domains.at, h->config->domains.count, e);
    if (h->directory)
        h->login = login_new(h->loop, h->directory, secret);
    if (h->login)
        login_on_better(h->login, better_verifier, h);
    arena_free(&a);
    return h->login ? 0 : -1;
}

static int open_sendings(struct house *h, struct error *e)
{
    h->sendings = sendings_open(h, e);
    return h->sendings ? 0 : -1;
}

static int open_queue(struct house *h, struct error *e)
{
    static const enum dsn_language languages[] = {
        [CONFIG_ENGLISH] = DSN_ENGLISH, [CONFIG_GERMAN] = DSN_GERMAN};
    const struct config_delivery *d = &h->config->delivery;
    struct queue_settings set = {.host = h->config->hostname,
                                 .postmaster = h->config->postmaster,
                                 .jobs = (unsigned)(d->concurrency * d->couriers),
                                 .jobs_per_place = (unsigned)d->per_destination,
                                 .language = languages[h->config->reports.language],
                                 .lifetime = d->lifetime,
                                 .delay_after = d->delay_notice};

    set.toll[set.toll_count++] = sendings_toll(h->sendings);
    for (size_t i = 0; i < d->retry.count && i < COUNT(set.retry); i++)
        set.retry[i] = d->retry.at[i];
    h->queue = queue_new(h->loop, h->store, &set, &queue_calls, h, e);
    if (h->queue) {
        h->signer = signer_new(h->loop, queue_commit(h->queue), h->config);
        sendings_start(h->sendings);
    }
    return h->queue ? 0 : -1;
}

int house_open(struct loop *l, const struct config *c,
               bool (*carry)(void *arg, const struct job *job, unsigned *courier), void *carry_arg,
               struct house **out, struct error *e)
{
    struct house *h = memory_alloc(sizeof *h);

    *h = (struct house){.loop = l, .config = c, .carry = carry, .carry_arg = carry_arg};
    h->rules = make_rules(h, c);
    h->incoming = incoming_new(c);
    h->inboxes = worker_new(l, "inbox", INBOX_THREADS, INBOX_QUEUE);
    h->mailboxes = mailboxes_new(h);
    if (open_store(h, e) < 0 || open_accounts(h, e) < 0 || open_sendings(h, e) < 0 ||
        open_queue(h, e) < 0) {
        house_close(&h);
        return -1;
    }
    *out = h;
    return 0;
}

void house_configure(struct house *h, const struct config *c)
{
    struct rules *old = h->rules;

    h->config = c;
    h->rules = make_rules(h, c);
    free_rules(&old);
    directory_domains(h->directory, c->domains.at, c->domains.count);
    signer_configure(h->signer, c);
    sendings_configure(h->sendings);
    incoming_configure(h->incoming, c);
    queue_reroute(h->queue);
}

void house_close(struct house **h)
{
    if (!*h)
        return;
    if ((*h)->queue)
        queue_pause((*h)->queue, true);
    mailboxes_free(&(*h)->mailboxes);
    sendings_stop((*h)->sendings);
    worker_free(&(*h)->inboxes); /* its last results still reach the queue */
    queue_free(&(*h)->queue);
    signer_free(&(*h)->signer); /* the store thread may have used it until now */
    sendings_close(&(*h)->sendings);
    control_import_free(&(*h)->import);
    login_free(&(*h)->login);
    directory_free(&(*h)->directory);
    store_close(&(*h)->store);
    incoming_free(&(*h)->incoming);
    free_rules(&(*h)->rules);
    free(*h);
    *h = NULL;
}
