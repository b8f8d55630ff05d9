#include "serve/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/filings.h"
#include "serve/forwarding.h"
#include "serve/logins.h"
#include "serve/registry.h"
#include "serve/control.h"
#include "serve/elsewhere.h"
#include "serve/expansion.h"
#include "serve/sendings.h"
#include "serve/incoming.h"
#include "serve/quotas.h"
#include "serve/sightings.h"
#include "serve/refusals.h"
#include "serve/signer.h"
#include "serve/mailboxes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
static struct span inbox_of(const struct house *h, struct span address)
{
    const struct account *a = behind(h, address);

    if (!a && expansion_postmaster(address)) {
        a = behind(h, span_of(h->config->postmaster));
        return a ? a->name : SPAN("postmaster");
    }
    return a ? a->name : SPAN_NONE;
}

int house_inbox(const struct house *h, struct span address, struct span *out, struct error *e)
{
    unsigned troubles = directory_troubles(h->directory);

    *out = inbox_of(h, address);
    if (directory_troubles(h->directory) == troubles)
        return 0;
    *out = SPAN_NONE;
    *e = *directory_trouble(h->directory);
    return -1;
}

struct span house_mailbox(const struct house *h, struct span sender, struct span recipient)
{
    const struct account *owner;
    struct arena *a = arena_new();
    struct route route;

    house_route(h, sender, recipient, a, &route);
    arena_free(&a);
    if (route.kind != ROUTE_INBOX)
        return SPAN_NONE;
    owner = directory_owner(h->directory, recipient);
    if (owner)
        return owner->name;
    return directory_domain(h->directory,
                            span_from(recipient, (size_t)(span_rfind(recipient, '@') + 1)))
               ? inbox_of(h, recipient)
               : SPAN_NONE;
}

static void choose(void *arg, struct span sender, struct span recipient, struct arena *a,
                   struct route *out)
{
    house_route(arg, sender, recipient, a, out);
}

static struct span leaving(void *arg, struct span sender, struct arena *a)
{
    return forwarding_leaving(((struct house *)arg)->forwarding, sender, a);
}

static bool dispatch(void *arg, struct job *job, unsigned *courier)
{
    struct house *h = arg;

    if (!h->carry || !h->carry(h->carry_arg, job, courier))
        return false;
    queue_job_free(&job);
    return true;
}

static bool inbox(void *arg, struct job *job)
{
    return filings_take(((struct house *)arg)->filings, job);
}

static struct span mailbox(void *arg, struct span sender, struct span recipient)
{
    return house_mailbox(arg, sender, recipient);
}

static void own_report(void *arg, struct store *s, struct message *m, struct arena *a)
{
    struct house *h = arg;

    if (h->signer) /* not yet while the queue is being read */
        signer_own(h->signer, s, m, a);
}

static void refused(void *arg, struct span account, unsigned count)
{
    sendings_failed(((struct house *)arg)->sendings, account, count);
}

static int note_refused(void *arg, struct store *s, struct span account, unsigned count,
                        struct error *e)
{
    return sendings_note_failures(((struct house *)arg)->sendings, s, account, count, e);
}

static const struct queue_calls queue_calls = {.route = choose,
                                               .dispatch = dispatch,
                                               .inbox = inbox,
                                               .refused = refused,
                                               .note_refused = note_refused,
                                               .own = own_report,
                                               .leaving = leaving,
                                               .mailbox = mailbox};

/* ---- open and close ---- */

static int make_folder(const char *path, struct error *e)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_sys(e, errno, "the folder %s can not be made", path);
    return 0;
}

int house_folder(const struct config *c, struct error *e)
{
    const char *path = c->store.path;
    size_t n = strlen(path);

    if (mkdir(path, 0700) < 0)
        return errno == EEXIST ? 0 : error_sys(e, errno, "the folder %s can not be made", path);
    if (strncmp(c->control, path, n) == 0 && c->control[n] == '/' && chmod(path, 0711) < 0)
        return error_sys(e, errno, "the folder %s can not be opened to others", path);
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
    struct error unsaid = {0}; /* the store has better words for it */

    house_folder(h->config, &unsaid);
    if (store_open(&set, &h->store, &found, e) < 0)
        return -1;
    if (found.orphans || found.missing)
        log_event(found.missing ? LOG_ERROR : LOG_NOTICE, "store.opened",
                  LOG_NUM("orphans", found.orphans), LOG_NUM("missing", found.missing));
    if (store_reader_open(h->store, &h->reader, e) < 0)
        return -1;
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
        h->directory =
            directory_open(h->reader, h->config->domains.at, h->config->domains.count, e);
    if (h->directory)
        h->login = login_new(h->loop, h->directory, secret);
    if (h->login)
        login_on_better(h->login, better_verifier, h);
    if (h->login)
        elsewhere_configure(h, h->config);
    arena_free(&a);
    return h->login ? 0 : -1;
}

static int open_forwarding(struct house *h, struct error *e)
{
    h->forwarding = forwarding_open(h, e);
    return h->forwarding ? 0 : -1;
}

static int open_sendings(struct house *h, struct error *e)
{
    h->sendings = sendings_open(h, e);
    return h->sendings ? 0 : -1;
}

static int open_quotas(struct house *h, struct error *e)
{
    h->quotas = quotas_open(h, e);
    return h->quotas ? 0 : -1;
}

enum dsn_language house_language(const struct config *c)
{
    static const enum dsn_language languages[] = {
        [CONFIG_ENGLISH] = DSN_ENGLISH, [CONFIG_GERMAN] = DSN_GERMAN};

    return languages[c->reports.language];
}

static int open_queue(struct house *h, struct error *e)
{
    const struct config_delivery *d = &h->config->delivery;
    struct queue_settings set = {.host = h->config->hostname,
                                 .postmaster = h->config->postmaster,
                                 .jobs = (unsigned)(d->concurrency * d->couriers),
                                 .jobs_per_place = (unsigned)d->per_destination,
                                 .language = house_language(h->config),
                                 .reports_hour = (unsigned)h->config->reports.per_hour,
                                 .lifetime = d->lifetime,
                                 .delay_after = d->delay_notice,
                                 .usage = quotas_usage(h->quotas)};

    set.toll[set.toll_count++] = sendings_toll(h->sendings);
    for (size_t i = 0; i < d->retry.count && i < COUNT(set.retry); i++)
        set.retry[i] = d->retry.at[i];
    if (incoming_load(h->incoming, h->store, e) < 0)
        return -1;
    h->queue = queue_new(h->loop, h->store, &set, &queue_calls, h, e);
    if (h->queue) {
        incoming_keep(h->incoming, queue_commit(h->queue));
        h->signer = signer_new(h->loop, queue_commit(h->queue), h->config);
        h->sightings = sightings_new(h);
        sendings_start(h->sendings);
        forwarding_start(h->forwarding);
    }
    return h->queue ? 0 : -1;
}

static void broken_off(void *arg, struct span name, const struct registry_part *p)
{
    (void)arg;
    log_event(LOG_WARNING, "import.unfinished", LOG_SPAN("file", name),
              LOG_NUM("written", (int64_t)p->written), LOG_NUM("all", (int64_t)p->all),
              LOG_STR("words", "the same command goes on with it (port26 account import)"));
}

static void tidy(void *arg)
{
    struct house *h = arg;

    directory_tidy(h->directory);
    forwarding_tidy(h->forwarding);
    timer_set(h->tidy, DIRECTORY_TIDY_MS);
}

int house_open(struct loop *l, const struct config *c,
               bool (*carry)(void *arg, const struct job *job, unsigned *courier), void *carry_arg,
               struct house **out, struct error *e)
{
    struct house *h = memory_alloc(sizeof *h);

    *h = (struct house){.loop = l, .config = c, .carry = carry, .carry_arg = carry_arg};
    h->rules = make_rules(h, c);
    h->incoming = incoming_new(c);
    h->refusals = refusals_new();
    h->filings = filings_new(h);
    h->mailboxes = mailboxes_new(h);
    if (open_store(h, e) < 0 || open_accounts(h, e) < 0 || open_forwarding(h, e) < 0 ||
        open_sendings(h, e) < 0 || open_quotas(h, e) < 0 || open_queue(h, e) < 0) {
        house_close(&h);
        return -1;
    }
    h->tidy = timer_new(l, tidy, h);
    timer_set(h->tidy, DIRECTORY_TIDY_MS);
    if (carry) {
        registry_parts(h, broken_off, NULL, NULL);
        refusals_keep(h->refusals, l, c->store.path);
        quotas_start(h->quotas);
        sightings_start(h->sightings);
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
    elsewhere_configure(h, c);
    signer_configure(h->signer, c);
    sightings_configure(h->sightings);
    sendings_configure(h->sendings);
    incoming_configure(h->incoming, c);
    quotas_configure(h->quotas);
    queue_reports(h->queue, house_language(c), (unsigned)c->reports.per_hour);
    queue_reroute(h->queue);
}

void house_close(struct house **h)
{
    if (!*h)
        return;
    if ((*h)->queue)
        queue_pause((*h)->queue, true);
    sightings_free(&(*h)->sightings);
    mailboxes_stop((*h)->mailboxes);
    sendings_stop((*h)->sendings);
    filings_stop((*h)->filings); /* its last results still reach the queue */
    quotas_stop((*h)->quotas);
    queue_free(&(*h)->queue);
    signer_free(&(*h)->signer); /* the store thread may have used it until now */
    sendings_close(&(*h)->sendings);
    forwarding_close(&(*h)->forwarding); /* the queue has ended what it writes */
    control_import_free(&(*h)->import);
    filings_free(&(*h)->filings);
    mailboxes_free(&(*h)->mailboxes);
    quotas_close(&(*h)->quotas);
    elsewhere_close(*h);
    login_free(&(*h)->login);
    timer_free(&(*h)->tidy);
    directory_free(&(*h)->directory);
    store_close(&(*h)->reader);
    store_close(&(*h)->store);
    incoming_free(&(*h)->incoming);
    refusals_free(&(*h)->refusals);
    free_rules(&(*h)->rules);
    free(*h);
    *h = NULL;
}
