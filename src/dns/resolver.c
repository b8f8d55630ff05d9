/* The only file that names libunbound. It works on a thread of its own, which hands results back
 * through a pipe the loop watches: all callbacks run here, in the loop's thread.
 *
 * The life of a question: asked() until answered() ran or ub_cancel() said that it never will. Both
 * happen in this thread, so the question may live on the fiber's stack: dns_query does not return
 * before each is at one of the two ends. */
#include "dns/resolver.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <unbound.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT (10 * CLOCK_SECOND)

struct resolver {
    struct dns dns; /* first member */
    struct ub_ctx *context;
    struct watch *watch;
    int64_t timeout;
};

/* Questions of one call; the fiber sleeps while any is open. */
struct batch {
    struct fiber *fiber;
    size_t open;
    bool asleep;
};

struct question {
    struct batch *batch;
    struct dns_lookup *lookup;
    int id; /* libunbound's, to cancel */
    bool open;
    int error;                /* libunbound's, or 0 */
    struct ub_result *result; /* ours to free once it is there */
};

static void answered(void *arg, int error, struct ub_result *result)
{
    struct question *q = arg;

    q->open = false;
    q->error = error;
    q->result = result;
    if (--q->batch->open == 0 && q->batch->asleep)
        fiber_wake(q->batch->fiber);
}

static void readable(void *arg)
{
    struct resolver *r = arg;

    ub_process(r->context);
}

/* ---- reading what came back ---- */

static struct span rcode_words(struct arena *a, int rcode)
{
    static const struct {
        int rcode;
        const char *words;
    } rows[] = {
        {1, "the name server did not understand the question (FORMERR)"},
        {2, "the name servers failed or did not answer (SERVFAIL)"},
        {4, "the name server does not do this kind of question (NOTIMP)"},
        {5, "the name server refuses to answer (REFUSED)"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].rcode == rcode)
            return span_of(rows[i].words);
    return span_of(arena_printf(a, "the name server answered with error %d", rcode));
}

static void classify(const struct ub_result *r, struct dns_status *s, struct arena *a)
{
    if (r->bogus) {
        s->result = DNS_BOGUS;
        s->why = span_of(arena_printf(a, "the answer fails DNSSEC%s%s", r->why_bogus ? ": " : "",
                                      r->why_bogus ? r->why_bogus : ""));
    } else if (r->havedata) {
        s->result = DNS_OK;
    } else if (r->nxdomain) {
        s->result = DNS_NXDOMAIN;
        s->why = SPAN("the name does not exist");
    } else if (r->rcode == 0) {
        s->result = DNS_NONE;
        s->why = SPAN("the name has no record of this type");
    } else {
        s->result = DNS_TEMPORARY;
        s->why = rcode_words(a, r->rcode);
    }
}

static void copy_records(const struct ub_result *r, struct dns_lookup *l, struct arena *a)
{
    size_t n = 0;

    while (n < DNS_RECORDS_MAX && r->data[n])
        n++;
    l->status.cut = r->data[n] != NULL;
    l->rdata = arena_alloc(a, n * sizeof *l->rdata);
    for (size_t i = 0; i < n; i++)
        l->rdata[i] =
            arena_span(a, (struct span){r->data[i], r->len[i] > 0 ? (size_t)r->len[i] : 0});
    l->count = n;
}

static void take_answer(const struct question *q, struct arena *a)
{
    struct dns_lookup *l = q->lookup;
    const struct ub_result *r = q->result;

    if (q->error || !r) {
        l->status.result = DNS_TEMPORARY;
        l->status.why = span_of(arena_printf(a, "the resolver failed: %s", ub_strerror(q->error)));
        return;
    }
    l->status.secure = r->secure != 0;
    l->status.ttl = r->ttl > 0 ? (uint32_t)r->ttl : 0;
    classify(r, &l->status, a);
    if (l->status.result == DNS_OK)
        copy_records(r, l, a);
}

/* ---- asking ---- */

static void ask(struct resolver *r, struct question *q, struct arena *a)
{
    int error;

    q->open = true;
    q->batch->open++;
    error = ub_resolve_async(r->context, arena_cstr(a, q->lookup->name), (int)q->lookup->type, 1, q,
                             answered, &q->id);
    if (error)
        answered(q, error, NULL);
}

/* 0 when all are answered, else why not. */
static int wait_all(struct batch *b, int64_t deadline)
{
    int r = 0;

    b->asleep = true;
    while (b->open > 0 && r == 0)
        r = fiber_wait(deadline); /* may also return for a wake that was meant for something else */
    b->asleep = false;
    return b->open > 0 ? r : 0;
}

static void give_up(struct resolver *r, struct question *q, struct span why)
{
    ub_cancel(r->context, q->id); /* it is open, so libunbound knows it: it cannot fail */
    q->open = false;
    q->batch->open--;
    q->lookup->status.result = DNS_TEMPORARY;
    q->lookup->status.why = why;
}

static void query(struct dns *d, struct dns_lookup **lookups, size_t count, int64_t deadline,
                  struct arena *a)
{
    struct resolver *r = (struct resolver *)d;
    struct question questions[DNS_BATCH_MAX] = {0};
    struct batch batch = {.fiber = fiber_self()};
    int64_t start = clock_now(), until = start + r->timeout;
    struct span why;
    int failed;

    if (until > deadline)
        until = deadline;
    for (size_t i = 0; i < count; i++) {
        questions[i] = (struct question){.batch = &batch, .lookup = lookups[i]};
        ask(r, &questions[i], a);
    }
    failed = wait_all(&batch, until);
    why = failed == -ECANCELED
              ? SPAN("the question was given up")
              : span_of(arena_printf(a, "no answer within %.1f s",
                                     (double)(until > start ? until - start : 0) / 1000));
    for (size_t i = 0; i < count; i++) {
        struct question *q = &questions[i];

        if (q->open) {
            give_up(r, q, why);
        } else {
            take_answer(q, a);
            ub_resolve_free(q->result);
        }
    }
}

/* ---- setting up ---- */

static void free_resolver(struct dns *d)
{
    struct resolver *r = (struct resolver *)d;

    watch_free(&r->watch);
    ub_ctx_delete(r->context); /* ends the thread */
    free(r);
}

static int set_options(struct ub_ctx *c, struct error *e)
{
    static const struct {
        const char *name, *value;
    } options[] = {
        {"do-not-query-localhost:", "no"}, /* the resolver is often 127.0.0.53 */
        {"unblock-lan-zones:", "yes"},     /* the office's resolver knows its private addresses */
        {"outgoing-range:", "256"},        /* sockets at once: far below the process's limit */
        {"num-queries-per-thread:", "1024"}, {"msg-cache-size:", "4m"}, {"rrset-cache-size:", "8m"},
        {"cache-max-ttl:", "86400"}, /* a TTL of 2^31 must not outlive the day (HOSTILE 118) */
    };

    for (size_t i = 0; i < COUNT(options); i++) {
        int r = ub_ctx_set_option(c, options[i].name, options[i].value);

        if (r)
            return error_set(e, ERROR_INPUT, "The DNS library does not take its setting %s %s: %s.",
                             options[i].name, options[i].value, ub_strerror(r));
    }
    return 0;
}

static bool wants_root(const struct dns_settings *s)
{
    return s->resolver_count == 1 && span_is(s->resolvers[0], "root");
}

static int set_resolver(struct ub_ctx *c, struct span resolver, struct error *e)
{
    char text[80];

    if (!span_cstr(resolver, text, sizeof text) || ub_ctx_set_fwd(c, text) != 0)
        return error_set(e, ERROR_INPUT,
                         "\"%.*s\" is not the address of a DNS resolver. Write an IP address, with "
                         "@ and a port when it is not 53, as in 192.0.2.53@5353.",
                         SPAN_ARG(span_head(resolver, sizeof text)));
    return 0;
}

static int set_resolvers(struct ub_ctx *c, const struct dns_settings *s, struct error *e)
{
    const char *file = s->resolv_conf ? s->resolv_conf : "/etc/resolv.conf";

    if (wants_root(s))
        return 0;
    for (size_t i = 0; i < s->resolver_count; i++)
        if (set_resolver(c, s->resolvers[i], e))
            return -1;
    if (s->resolver_count == 0 && ub_ctx_resolvconf(c, file) != 0)
        return error_sys(e, errno,
                         "The list of DNS resolvers in %s cannot be read. Repair the file or name "
                         "the resolvers in the configuration",
                         file);
    return 0;
}

static int set_files(struct ub_ctx *c, const struct dns_settings *s, struct error *e)
{
    if (s->hosts_file && ub_ctx_hosts(c, s->hosts_file) != 0)
        return error_sys(e, errno, "The hosts file %s cannot be read", s->hosts_file);
    if (!s->anchor_file)
        return 0;
    if (access(s->anchor_file, R_OK) != 0)
        return error_sys(e, errno, "The DNSSEC trust anchor %s cannot be read", s->anchor_file);
    if (ub_ctx_add_ta_file(c, s->anchor_file) != 0)
        return error_set(e, ERROR_INPUT, "The DNSSEC trust anchor %s is not taken.",
                         s->anchor_file);
    return 0;
}

/* Makes libunbound read its files now and not at the first question, when the jail is shut: taking
 * out a zone does so. "test." is built in as "does not exist"; laboratories serve it. */
static int finish(struct ub_ctx *c, const struct dns_settings *s, struct error *e)
{
    int r = ub_ctx_zone_remove(c, "test.");

    if (r)
        return error_set(e, ERROR_INPUT, "The DNS resolver does not start: %s.%s%s", ub_strerror(r),
                         s->anchor_file ? " Look at the DNSSEC trust anchor " : "",
                         s->anchor_file ? s->anchor_file : "");
    return 0;
}

static int set_up(struct ub_ctx *c, const struct dns_settings *s, struct error *e)
{
    ub_ctx_debugout(c, NULL); /* its complaints come back as results */
    ub_ctx_async(c, 1);       /* a thread, not a process: the courier may not fork */
    if (set_options(c, e) || set_resolvers(c, s, e) || set_files(c, s, e))
        return -1;
    return finish(c, s, e);
}

struct dns *resolver_new(struct loop *l, const struct dns_settings *s, struct error *e)
{
    static const struct dns_driver driver = {query, free_resolver};
    struct ub_ctx *c = ub_ctx_create();
    struct resolver *r;

    if (!c) {
        error_sys(e, errno, "The DNS resolver cannot be made");
        return NULL;
    }
    if (set_up(c, s, e)) {
        ub_ctx_delete(c);
        return NULL;
    }
    r = memory_alloc(sizeof *r);
    r->dns.driver = &driver;
    r->context = c;
    r->timeout = s->timeout > 0 ? s->timeout : TIMEOUT_DEFAULT;
    r->watch = watch_new(l, ub_fd(c), readable, r);
    return &r->dns;
}
