#include "deliver/dialogue.h"

#include "base/memory.h"

#include <errno.h>

/* One transaction: which recipients of the job are in it. */
struct part {
    struct envelope envelope;
    size_t *index;
    struct smtp_client_result result;
    int rc;
};

void dialogue_init(struct dialogue *d, const struct job *job, struct arena *a)
{
    size_t n = job->envelope.count;

    *d = (struct dialogue){
        .job = job,
        .arena = a,
        .outcomes = arena_alloc(a, n * sizeof *d->outcomes),
        .settled = arena_alloc(a, n * sizeof *d->settled),
        .left = n,
    };
    for (size_t i = 0; i < n; i++)
        d->outcomes[i] = (struct outcome){
            .kind = OUTCOME_LATER,
            .scope = SCOPE_PATH,
            .owner = OWNER_PROVIDER,
            .status = {4, 3, 2},
            .words =
                SPAN("Not tried in this attempt: it ended before. It is tried again by itself."),
        };
}

struct dialogue_place dialogue_place_of(const struct hop *h)
{
    return (struct dialogue_place){h->host, h->address, hop_far(h)->tls_words};
}

static void put_place(struct dialogue *d, struct outcome *o, const struct dialogue_place *at)
{
    o->host = arena_span(d->arena, at->host);
    o->address = arena_span(d->arena, at->address);
    o->tls = arena_span(d->arena, at->tls);
}

static void settle(struct dialogue *d, size_t i)
{
    d->settled[i] = true;
    d->left--;
}

static struct judge_ruling judge(struct dialogue *d, size_t i, const struct judge_event *e,
                                 const char *words, const struct dialogue_place *at)
{
    struct judge_ruling ruling = judge_rule(e);
    struct outcome *o = &d->outcomes[i];
    bool final = ruling.kind == OUTCOME_NEVER || ruling.scope != SCOPE_PATH;

    if (final || judge_tells_more(o->stage, e)) {
        *o = (struct outcome){
            .kind = ruling.kind,
            .scope = ruling.scope,
            .stage = e->stage,
            .waits_for_network =
                ruling.waits_for_network || (d->job->kind == ROUTE_RELAY && judge_stranger(e)),
            .reply = reply_copy(d->arena, &e->reply),
        };
        judge_explain(e, &ruling, &(struct judge_place){at->host, d->job->domain}, words, o,
                      d->arena);
        put_place(d, o, at);
    }
    if (final)
        settle(d, i);
    return ruling;
}

enum dialogue_end dialogue_fail(struct dialogue *d, const struct judge_event *e, const char *words,
                                const struct dialogue_place *at, bool maybe_delivered)
{
    enum outcome_scope scope = SCOPE_PATH;

    for (size_t i = 0; i < d->job->envelope.count; i++) {
        if (d->settled[i])
            continue;
        scope = judge(d, i, e, words, at).scope;
        d->outcomes[i].maybe_delivered |= maybe_delivered;
    }
    if (!d->left)
        return DIALOGUE_DONE;
    return scope == SCOPE_PATH ? DIALOGUE_NEXT : DIALOGUE_STOP;
}

static void judge_rcpt(struct dialogue *d, size_t i, const struct reply *r, const struct hop *h)
{
    struct dialogue_place at = dialogue_place_of(h);
    struct judge_event e = {.stage = STAGE_RCPT, .why = CLIENT_REPLY, .reply = *r};

    judge(d, i, &e, "", &at);
}

/* RFC 3461 5.2.2: a host without DSN takes the message, but not the duty to report. */
static void delivered(struct dialogue *d, size_t i, const struct reply *done, const struct hop *h)
{
    struct dialogue_place at = dialogue_place_of(h);
    bool dsn = hop_far(h)->has & HAS_DSN;

    d->outcomes[i] = (struct outcome){
        .kind = dsn ? OUTCOME_DELIVERED : OUTCOME_RELAYED,
        .status = done->enhanced.class == 2 ? done->enhanced : (struct enhanced){2, 0, 0},
        .words = span_of(arena_printf(d->arena, "%.*s took the message.", SPAN_ARG(h->host))),
        .reply = reply_copy(d->arena, done),
    };
    put_place(d, &d->outcomes[i], &at);
    settle(d, i);
}

static size_t collect(struct dialogue *d, const bool *asked, struct part *p)
{
    size_t n = d->job->envelope.count;

    p->envelope = d->job->envelope;
    p->envelope.recipients = arena_alloc(d->arena, n * sizeof *p->envelope.recipients);
    p->envelope.count = 0;
    p->index = arena_alloc(d->arena, n * sizeof *p->index);
    for (size_t i = 0; i < n; i++) {
        if (d->settled[i] || asked[i])
            continue;
        p->index[p->envelope.count] = i;
        p->envelope.recipients[p->envelope.count++] = d->job->envelope.recipients[i];
    }
    return p->envelope.count;
}

/* The answers of one transaction to its recipients. What was neither refused nor settled is asked
 * in the next one. */
static void take(struct dialogue *d, const struct part *p, const struct hop *h, bool *asked)
{
    for (size_t k = 0; k < p->envelope.count; k++) {
        const struct smtp_client_rcpt *r = &p->result.recipients[k];
        bool again = p->result.accepted > 0 && judge_too_many(&r->reply);

        if (r->state == CLIENT_RCPT_ACCEPTED && p->rc == 0)
            delivered(d, p->index[k], &p->result.done, h);
        if (r->state != CLIENT_RCPT_REFUSED)
            continue;
        judge_rcpt(d, p->index[k], &r->reply, h);
        asked[p->index[k]] = !again;
        if (again && d->settled[p->index[k]]) {
            d->settled[p->index[k]] = false;
            d->left++;
        }
    }
}

static enum dialogue_end trouble(struct dialogue *d, const struct part *p, const struct hop *h)
{
    struct judge_event e = judge_event_of(&p->result.failure);
    struct dialogue_place at = dialogue_place_of(h);

    return dialogue_fail(d, &e, p->result.failure.error.words, &at, p->result.maybe_delivered);
}

enum dialogue_end dialogue_run(struct dialogue *d, struct hop *h,
                               struct smtp_client_failure *failure)
{
    bool *asked = arena_alloc(d->arena, d->job->envelope.count * sizeof *asked);
    struct part p;

    *failure = (struct smtp_client_failure){0};
    for (unsigned round = 0; collect(d, asked, &p) > 0; round++) {
        if (round > 0 && !hop_usable(h))
            return DIALOGUE_NEXT;
        p.rc = hop_send(h, &p.envelope, &d->job->content, d->arena, &p.result);
        if (p.result.stale && round == 0)
            return DIALOGUE_STALE;
        take(d, &p, h, asked);
        if (p.rc < 0) {
            *failure = p.result.failure;
            return trouble(d, &p, h);
        }
    }
    return d->left ? DIALOGUE_NEXT : DIALOGUE_DONE;
}
