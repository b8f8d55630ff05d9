/* couriers: what the queue's tests share: couriers that do one thing, and both stores to do it
 * over. */
#ifndef PORT26_TESTS_QUEUE_COURIERS_H
#define PORT26_TESTS_QUEUE_COURIERS_H

#include "house.h"

#include <errno.h>

#define BODY SPAN("Subject: x\r\n\r\nhello\r\n")

static inline int setup_sqlite(void **state)
{
    *state = house_new("sqlite");
    return 0;
}

static inline int setup_memory(void **state)
{
    *state = house_new("memory");
    return 0;
}

static inline int teardown(void **state)
{
    house_free(*state);
    return 0;
}

static inline struct queue_counts counts(struct house *h)
{
    struct queue_counts n;

    queue_counts(h->queue, &n);
    return n;
}

/* ---- couriers ---- */

static inline bool delivers(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    *o = (struct outcome){.kind = OUTCOME_DELIVERED, .status = {2, 0, 0}, .host = SPAN("mx.test")};
    return true;
}

static inline bool later(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    *o = (struct outcome){.kind = OUTCOME_LATER,
                          .scope = SCOPE_RECIPIENT,
                          .stage = STAGE_RCPT,
                          .status = {4, 2, 1},
                          .words = SPAN("The mailbox is full."),
                          .host = SPAN("mx.test"),
                          .reply = {.code = 450, .text = SPAN("full")}};
    return true;
}

static inline bool dead(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    if (!span_starts(j->destination, SPAN("mx:dead")))
        return delivers(h, j, o);
    *o = (struct outcome){.kind = OUTCOME_LATER,
                          .scope = SCOPE_ROUTE,
                          .stage = STAGE_CONNECT,
                          .status = {4, 4, 1},
                          .waits_for_network = true,
                          .words = SPAN("Nobody answers.")};
    return true;
}

/* Refuses what comes from somebody, delivers reports. */
static inline bool never(struct house *h, const struct job *j, struct outcome *o)
{
    if (!j->envelope.sender.len)
        return delivers(h, j, o);
    *o = (struct outcome){.kind = OUTCOME_NEVER,
                          .scope = SCOPE_RECIPIENT,
                          .stage = STAGE_RCPT,
                          .status = {5, 1, 1},
                          .owner = OWNER_RECIPIENT,
                          .words = SPAN("There is no such mailbox."),
                          .reply = {.code = 550, .text = SPAN("who?")}};
    return true;
}

static inline bool never_all(struct house *h, const struct job *j, struct outcome *o)
{
    struct job other = *j;

    other.envelope.sender = SPAN("x");
    return never(h, &other, o);
}

static inline bool relays(struct house *h, const struct job *j, struct outcome *o)
{
    delivers(h, j, o);
    o->kind = OUTCOME_RELAYED;
    return true;
}

static inline bool keeps(struct house *h, const struct job *j, struct outcome *o)
{
    (void)h;
    (void)j;
    (void)o;
    return false;
}

static inline bool has_job(struct house *h)
{
    return h->jobs > 0;
}

static inline bool has_two_jobs(struct house *h)
{
    return h->jobs > 1;
}

/* A message from the sender to one recipient. */
static inline struct message to_one(struct recipient *r, const char *address)
{
    struct message m = fixture_message(BODY);

    *r = (struct recipient){.address = span_of(address)};
    m.envelope.recipients = r;
    m.envelope.count = 1;
    return m;
}

/* A test over both stores. */
#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, setup_sqlite, teardown, NULL},                                       \
    {                                                                                              \
#test " (memory)", test, setup_memory, teardown, NULL                                      \
    }

#endif
