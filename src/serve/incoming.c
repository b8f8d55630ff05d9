#include "serve/incoming.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/meter.h"
#include "io/network.h"
#include "serve/greylist.h"

#include <stdlib.h>

/* Over what time the number in the settings is meant. */
#define WINDOW (10 * CLOCK_MINUTE)

/* From this part of it on answers are held back. */
enum { SLOW_PART = 4 };

struct incoming {
    const struct config_incoming *settings;
    struct meter *unknown;  /* recipients that do not exist, by network */
    struct meter *arrivals; /* connections at exchange doors, by network */
    struct greylist *grey;
};

struct incoming *incoming_new(const struct config *c)
{
    struct incoming *in = memory_alloc(sizeof *in);

    in->unknown = meter_new(1, WINDOW);
    in->arrivals = meter_new(1, CLOCK_MINUTE);
    in->grey = greylist_new();
    incoming_configure(in, c);
    return in;
}

void incoming_free(struct incoming **in)
{
    if (!*in)
        return;
    meter_free(&(*in)->unknown);
    meter_free(&(*in)->arrivals);
    greylist_free(&(*in)->grey);
    free(*in);
    *in = NULL;
}

void incoming_configure(struct incoming *in, const struct config *c)
{
    in->settings = &c->incoming;
    meter_pace(in->unknown, (double)c->incoming.unknown_recipients, WINDOW);
    meter_pace(in->arrivals, (double)c->incoming.connections_per_minute, CLOCK_MINUTE);
}

int incoming_load(struct incoming *in, struct store *s, struct error *e)
{
    return greylist_load(in->grey, s, e);
}

void incoming_keep(struct incoming *in, struct commit *c)
{
    greylist_keep(in->grey, c);
}

struct reply incoming_too_often(const char *network, struct arena *a)
{
    return reply_make(a, 421, "4.7.0",
                      "Too many connections from your network (%s) within a minute; try again in a "
                      "minute",
                      network);
}

struct reply incoming_arrived(struct incoming *in, struct span peer, struct arena *a)
{
    double most = (double)in->settings->connections_per_minute;
    char network[NETWORK_TEXT];

    network_text(peer, 32, 64, network);
    if (meter_level(in->arrivals, span_of(network)) > most - 1)
        return incoming_too_often(network, a);
    meter_add(in->arrivals, span_of(network), 1);
    return (struct reply){0};
}

static struct reply too_many(const struct incoming *in, struct span network, struct arena *a)
{
    double most = (double)in->settings->unknown_recipients;
    int64_t ms = meter_until(in->unknown, network, most - 1);

    return reply_make(a, 421, "4.7.0",
                      "Too many recipients that do not exist were asked for from your network "
                      "(%.*s). Try again in %d minutes.",
                      SPAN_ARG(network), (int)(ms / CLOCK_MINUTE) + 1);
}

/* 550 5.1.1: there is no such mailbox. */
static bool is_unknown(const struct reply *r)
{
    return r->code == 550 && r->enhanced.class == 5 && r->enhanced.subject == 1 &&
           r->enhanced.detail == 1;
}

/* A recipient who exists, asked for by somebody who may be nobody. */
static struct reply grey(struct incoming *in, const struct letter_may_reach *q, struct reply said,
                         struct arena *a)
{
    int64_t left =
        greylist_wait(in->grey, q->peer, q->sender, q->recipient, in->settings->greylist_delay);

    if (!left)
        return said;
    return reply_make(a, 451, "4.7.1",
                      "Greylisted: the first message of a sender is taken at his second try. Try "
                      "again in %d seconds.",
                      (int)((left + CLOCK_SECOND - 1) / CLOCK_SECOND));
}

struct reply incoming_judge(struct incoming *in, const struct letter_may_reach *q,
                            struct reply said, struct arena *a, uint32_t *wait)
{
    double most = (double)in->settings->unknown_recipients, level;
    char text[NETWORK_TEXT];
    struct span network;

    *wait = 0;
    if (!q->outside)
        return said;
    network_text(q->peer, 32, 64, text);
    network = span_of(text);
    level = meter_level(in->unknown, network);
    if (level > most - 1) {
        log_event(LOG_NOTICE, "recipients.harvested", LOG_SPAN("peer", q->peer),
                  LOG_SPAN("recipient", q->recipient));
        return too_many(in, network, a);
    }
    if (is_unknown(&said))
        level = meter_add(in->unknown, network, 1);
    if (level > most / SLOW_PART)
        *wait = (uint32_t)in->settings->unknown_delay;
    return in->settings->greylist && reply_class(&said) == 2 ? grey(in, q, said, a) : said;
}
