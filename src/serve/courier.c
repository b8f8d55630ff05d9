#include "serve/courier.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "deliver/attempt.h"
#include "deliver/detour.h"
#include "deliver/recall.h"
#include "dns/dns.h"
#include "io/fiber.h"
#include "place/place.h"
#include "serve/child.h"
#include "serve/logins.h"
#include "serve/lookout.h"
#include "serve/scanner.h"
#include "serve/senders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct courier {
    struct dns *dns;
    struct attempt_context *attempts;
    struct detour *detour;
    struct senders *senders;
    struct scanner *scanner; /* NULL: there is no rspamd to ask */
    unsigned running;
    bool draining, closing;
    struct errand *first; /* all that run */
    struct timer *hurry;
    struct child *child;
    struct place here;
    char portal[256]; /* the login page that keeps mail in, "" */
    struct place_watch *watch;
    struct timer *pulse; /* finds out that the machine slept */
    int64_t pulse_at;
    char *places; /* what the keeper remembers of places, until we start */
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
enum { PULSE = 5 * 1000, SLEPT = 15 * 1000 };

/* Says good-bye on the connections kept for reuse: each on a fiber of its own, for a second at
 * most. */
static void close_down(void *arg)
{
    struct child *c = arg;
    struct courier *self = c->own;

    place_watch_free(&self->watch);
    timer_free(&self->pulse);
    detour_free(&self->detour);
    senders_free(&self->senders);
    scanner_free(&self->scanner);
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

static void finish(struct errand *e)
{
    struct courier *self = e->child->own;

    parcel_free(&e->parcel);
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    self->running--;
    end_when_idle(e->child);
    free(e);
}

static void scan(void *arg)
{
    struct errand *e = arg;
    struct courier *self = e->child->own;
    struct letter_accept *l = e->parcel->letter;
    struct letter_scanned answer = {.verdict = SCAN_NO_ANSWER};

    l->message.content.fd = e->parcel->fd;
    if (self->scanner)
        scanner_ask(self->scanner, l, e->parcel->arena, &answer);
    channel_send(e->child->channel, LETTER_SCANNED, e->parcel->tag, &answer, -1);
    finish(e);
}

static void look(void *arg)
{
    struct errand *e = arg;
    struct courier *self = e->child->own;
    struct letter_sightings answer;

    lookout_run(self->dns, e->child->config, e->parcel->letter, e->parcel->arena, &answer);
    channel_send(e->child->channel, LETTER_SIGHTINGS, e->parcel->tag, &answer, -1);
    finish(e);
}

static void run(void *arg)
{
    struct errand *e = arg;
    struct courier *self = e->child->own;
    struct letter_job *l = e->parcel->letter;
    struct letter_result result = {{0}};

    l->job.content.fd = e->parcel->fd;
    detour_run(self->detour, &l->job, e->parcel->arena, &result.result);
    result.result.lease = l->job.lease;
    log_outcomes(&l->job, &result.result);
    /* When this is lost the lease runs out and the message is sent again: a duplicate, never a
     * loss. */
    if (!channel_send(e->child->channel, LETTER_RESULT, 0, &result, -1))
        log_event(LOG_ERROR, "result.lost", LOG_ID(&l->job.envelope.id));
    logins_wipe(&l->job);
    finish(e);
}

/* ---- where we are ---- */

static struct letter_place place_letter(const struct place *p)
{
    return (struct letter_place){.key = span_of(p->key),
                                 .name = span_of(p->name),
                                 .gateway = span_of(p->gateway),
                                 .device = span_of(p->device),
                                 .offline = p->offline,
                                 .tunnel = p->tunnel};
}

static void tell_place(struct courier *self, bool slept)
{
    struct letter_place l = place_letter(&self->here);

    l.portal = span_of(self->portal);
    l.slept = slept;
    channel_send(self->child->channel, LETTER_PLACE, 0, &l, -1);
}

static void on_place(void *arg, const struct place *p)
{
    struct courier *self = arg;
    bool same = strcmp(self->here.key, p->key) == 0;

    self->here = *p;
    attempt_place(self->attempts, p);
    if (same)
        return;
    detour_moved(self->detour);
    log_event(LOG_NOTICE, "place.changed", LOG_STR("name", p->name), LOG_STR("key", p->key));
    tell_place(self, false);
}

/* A login page is there, or is passed: then whatever waits is woken. */
static void on_portal(void *arg, const char *words)
{
    struct courier *self = arg;

    snprintf(self->portal, sizeof self->portal, "%s", words);
    log_event(LOG_NOTICE, *words ? "place.portal" : "place.portal-gone",
              LOG_STR("name", self->here.name), LOG_STR("page", words));
    tell_place(self, !*words);
}

static void on_looks(void *arg, bool any)
{
    struct courier *self = arg;

    channel_send(self->child->channel, LETTER_LOOKS, 0, &(struct letter_looks){any}, -1);
}

/* Our clock goes on while the machine sleeps, the timer does not. */
static void on_pulse(void *arg)
{
    struct courier *self = arg;
    int64_t now = clock_now(), late = now - self->pulse_at - PULSE;

    self->pulse_at = now;
    timer_set(self->pulse, PULSE);
    if (late < SLEPT)
        return;
    log_event(LOG_NOTICE, "place.slept", LOG_NUM("ms", late));
    attempt_moved(self->attempts);
    detour_moved(self->detour);
    tell_place(self, true);
}

static void on_note(void *arg, const struct recall_note *n)
{
    struct courier *self = arg;
    struct letter_note l = {.place = place_letter(&n->place),
                            .door = span_of(n->door),
                            .proof = span_of(n->proof),
                            .result = n->result,
                            .ms = n->ms,
                            .at = n->at};

    channel_send(self->child->channel, LETTER_NOTE, 0, &l, -1);
}

static void put(char *to, size_t room, struct span s)
{
    snprintf(to, room, "%.*s", (int)span_head(s, room - 1).len, s.at ? s.at : "");
}

/* Another courier looked. */
static void on_heard(struct courier *self, const struct letter_note *l)
{
    struct recall_note n = {.result = (enum known_result)l->result, .ms = l->ms, .at = l->at};

    if (!self->attempts)
        return;
    put(n.place.key, sizeof n.place.key, l->place.key);
    put(n.place.name, sizeof n.place.name, l->place.name);
    put(n.place.gateway, sizeof n.place.gateway, l->place.gateway);
    put(n.place.device, sizeof n.place.device, l->place.device);
    n.place.tunnel = l->place.tunnel;
    put(n.door, sizeof n.door, l->door);
    put(n.proof, sizeof n.proof, l->proof);
    attempt_heard(self->attempts, &n);
}

static void on_warning(void *arg, const char *text)
{
    struct courier *self = arg;

    channel_send(self->child->channel, LETTER_NOTICE, 0, &(struct letter_text){span_of(text)}, -1);
}

/* Before the jail. Without news of the network we deliver like a machine that never moves. */
static void look_around(struct child *c)
{
    struct courier *self = c->own;
    struct error e = {0};

    self->pulse = timer_new(c->loop, on_pulse, self);
    self->pulse_at = clock_now();
    timer_set(self->pulse, PULSE);
    self->watch = place_watch_new(c->loop, on_place, self, &e);
    if (!self->watch || place_now(&self->here, NULL, &e) < 0) {
        log_event(LOG_NOTICE, "place.unknown", LOG_STR("why", e.words));
        return;
    }
    attempt_place(self->attempts, &self->here);
    log_event(LOG_INFO, "place.here", LOG_STR("name", self->here.name),
              LOG_STR("key", self->here.key));
    tell_place(self, false);
}

static void take_places(struct courier *self, struct span text)
{
    if (self->attempts) {
        attempt_known(self->attempts, text);
        return;
    }
    free(self->places);
    self->places = span_dup(text);
}

static void (*errand_of(enum letter_kind kind))(void *arg)
{
    return kind == LETTER_JOB    ? run
           : kind == LETTER_SCAN ? scan
           : kind == LETTER_KEYS ? look
                                 : NULL;
}

static void on_parcel(struct child *c, struct parcel *p)
{
    struct courier *self = c->own;
    struct errand *e;

    if (p->kind == LETTER_PLACES)
        take_places(self, ((struct letter_text *)p->letter)->text);
    if (p->kind == LETTER_NOTE)
        on_heard(self, p->letter);
    if (!errand_of(p->kind)) {
        parcel_free(&p);
        return;
    }
    e = memory_alloc(sizeof *e);
    *e = (struct errand){.child = c, .parcel = p, .next = self->first, .link = &self->first};
    if (self->first)
        self->first->link = &e->next;
    self->first = e;
    self->running++;
    e->fiber = fiber_start(c->loop, errand_of(p->kind), e);
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
    if (self->attempts)
        attempt_ask_no_more(self->attempts);
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
    self->child = c;
    self->attempts = attempt_open(c->loop, c->config, self->dns, on_note, self, e);
    if (!self->attempts)
        return -1;
    attempt_hear(self->attempts, &(struct attempt_ears){on_portal, on_looks, self});
    self->detour = detour_new(c->config, self->attempts);
    self->senders = senders_new(c->config, self->dns, on_warning, self);
    detour_hear(self->detour, senders_about, self->senders);
    if (*c->config->incoming.rspamd &&
        !(self->scanner = scanner_new(c->loop, c->config, self->dns, e)))
        return -1;
    if (self->places)
        attempt_known(self->attempts, span_of(self->places));
    free(self->places);
    self->places = NULL;
    look_around(c);
    return 0;
}

int courier_main(void)
{
    static const struct child_calls calls = {"courier", JAIL_COURIER, start, on_parcel, on_drain};
    struct courier self = {0};

    return child_run(&calls, &self);
}
