#include "serve/courier.h"

#include "base/log.h"
#include "base/memory.h"
#include "deliver/attempt.h"
#include "dns/dns.h"
#include "io/fiber.h"
#include "serve/child.h"

#include <stdlib.h>

struct courier {
    struct dns *dns;
    struct attempt_context *attempts;
    unsigned running;
    bool draining, closing;
    struct errand *first; /* all that run */
    struct timer *hurry;
};

struct errand {
    struct child *child;
    struct parcel *parcel;
    struct fiber *fiber;
    struct errand *next, **link;
};

/* Milliseconds. A shutdown gives running deliveries HURRY to end by themselves; the others are
 * broken off, and their recipients are tried again after the next start. */
enum { GOOD_BYE = 1000, LOOK = 20, HURRY = 10 * 1000 };

/* Says good-bye on the connections kept for reuse: each on a fiber of its own, for a second at
 * most. */
static void close_down(void *arg)
{
    struct child *c = arg;
    struct courier *self = c->own;

    attempt_close(&self->attempts);
    for (int waited = 0; fiber_count(c->loop) > 1 && waited < GOOD_BYE; waited += LOOK)
        fiber_sleep(LOOK);
    child_end(c);
}

static void end_when_idle(struct child *c)
{
    struct courier *self = c->own;

    if (!self->draining || self->running || self->closing)
        return;
    self->closing = true;
    fiber_start(c->loop, close_down, c);
}

static void log_outcomes(const struct job *job, const struct job_result *r)
{
    static const char *const kinds[] = {"delivered", "relayed", "deferred", "failed"};
    char code[12];

    for (size_t i = 0; i < r->count; i++) {
        const struct outcome *o = &r->outcomes[i];

        enhanced_text(o->status, code);
        log_event(o->kind <= OUTCOME_RELAYED ? LOG_INFO : LOG_NOTICE, "delivery.tried",
                  LOG_ID(&job->envelope.id), LOG_SPAN("to", job->envelope.recipients[i].address),
                  LOG_STR("result", kinds[o->kind]), LOG_STR("status", code),
                  LOG_STR("stage", stage_name(o->stage)), LOG_SPAN("host", o->host),
                  LOG_SPAN("address", o->address), LOG_SPAN("tls", o->tls),
                  LOG_NUM("code", o->reply.code), LOG_SPAN("reply", o->reply.text));
    }
}

static void run(void *arg)
{
    struct errand *e = arg;
    struct courier *self = e->child->own;
    struct letter_job *l = e->parcel->letter;
    struct letter_result result = {{0}};

    l->job.content.fd = e->parcel->fd;
    attempt_run(self->attempts, &l->job, e->parcel->arena, &result.result);
    result.result.lease = l->job.lease;
    log_outcomes(&l->job, &result.result);
    /* When this is lost the lease runs out and the message is sent again: a duplicate, never a
     * loss. */
    if (!channel_send(e->child->channel, LETTER_RESULT, 0, &result, -1))
        log_event(LOG_ERROR, "result.lost", LOG_ID(&l->job.envelope.id));
    if (l->job.password.len)
        memory_wipe((void *)(uintptr_t)l->job.password.at, l->job.password.len);
    parcel_free(&e->parcel);
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    self->running--;
    end_when_idle(e->child);
    free(e);
}

static void on_parcel(struct child *c, struct parcel *p)
{
    struct courier *self = c->own;
    struct errand *e;

    if (p->kind != LETTER_JOB) {
        parcel_free(&p);
        return;
    }
    e = memory_alloc(sizeof *e);
    *e = (struct errand){.child = c, .parcel = p, .next = self->first, .link = &self->first};
    if (self->first)
        self->first->link = &e->next;
    self->first = e;
    self->running++;
    e->fiber = fiber_start(c->loop, run, e);
}

static void break_off(void *arg)
{
    struct courier *self = ((struct child *)arg)->own;

    for (struct errand *e = self->first; e; e = e->next)
        fiber_cancel(e->fiber);
}

static void on_drain(struct child *c, bool hurry)
{
    struct courier *self = c->own;

    if (hurry && !self->hurry) {
        self->hurry = timer_new(c->loop, break_off, c);
        timer_set(self->hurry, HURRY);
    }
    self->draining = true;
    end_when_idle(c);
}

static int start(struct child *c, struct error *e)
{
    struct courier *self = c->own;
    const struct config_dns *d = &c->config->dns;
    struct span *resolvers = memory_array(d->resolver.count, sizeof *resolvers);
    struct dns_settings settings = {.resolvers = resolvers,
                                    .resolver_count = d->resolver.count,
                                    .hosts_file = "/etc/hosts",
                                    .anchor_file = d->trust_anchor[0] ? d->trust_anchor : NULL,
                                    .timeout = d->timeout};

    for (size_t i = 0; i < d->resolver.count; i++)
        resolvers[i] = span_of(d->resolver.at[i]);
    self->dns = dns_new(c->loop, &settings, e);
    free(resolvers);
    if (!self->dns)
        return -1;
    self->attempts = attempt_open(c->loop, c->config, self->dns, e);
    return self->attempts ? 0 : -1;
}

int courier_main(void)
{
    static const struct child_calls calls = {"courier", JAIL_COURIER, start, on_parcel, on_drain};
    struct courier self = {0};

    return child_run(&calls, &self);
}
