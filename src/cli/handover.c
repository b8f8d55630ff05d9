#include "cli/handover.h"

#include "base/clock.h"
#include "mail/encoded.h"
#include "mail/trace.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

enum { FIELDS_MAX = 16384 };

int handover_reach(struct handover_way *w, struct error *e)
{
    return w->remote ? 0 : remote_open_on(w->config, w->loop, &w->remote, e);
}

void handover_leave(struct handover_way *w)
{
    remote_close(&w->remote);
}

/* Whatever keeps us from the house may be over later. */
static struct reply unreachable(struct arena *a, const struct error *e)
{
    return reply_make(a, 451, "4.3.0", "%s", e->words);
}

struct reply handover_may_reach(struct handover_way *w, struct span recipient, struct arena *a)
{
    struct error e = {0};
    struct reply r;

    if (handover_reach(w, &e) < 0 || remote_may_reach(w->remote, recipient, a, &r, &e) < 0)
        return unreachable(a, &e);
    return r;
}

/* ---- the bytes ---- */

static int lend(void *arg, struct arena *a, struct reply *refusal)
{
    struct handover_way *w = arg;
    struct error e = {0};
    int fd = handover_reach(w, &e) < 0 ? -1 : remote_body_file(w->remote, &e);

    if (fd < 0)
        *refusal = unreachable(a, &e);
    return fd < 0 ? -ENOSPC : fd;
}

void handover_open(struct handover *h, struct handover_way *way, struct arena *a)
{
    const struct config *c = way->config;
    uint64_t most =
        c->limits.buffer_max < c->store.inline_max ? c->limits.buffer_max : c->store.inline_max;

    *h = (struct handover){.way = way, .arena = a};
    body_open(&h->body, HEADER_SUBMISSION, lend, way, most, a);
}

int handover_add(struct handover *h, struct span bytes)
{
    uint64_t most = h->way->config->limits.message_size;

    if (!h->body.failed && bytes.len > most - h->body.size) {
        h->body.failed = -EFBIG;
        h->body.refusal =
            reply_make(h->arena, 552, "5.3.4",
                       "The message is bigger than the %llu octets taken here (message-size): send "
                       "a link to the files",
                       (unsigned long long)most);
    }
    return body_add(&h->body, bytes);
}

/* ---- the end ---- */

static struct reply failure(struct handover *h, int failed)
{
    if (h->body.refusal.code)
        return h->body.refusal;
    if (failed == -ENOSPC || failed == -EDQUOT)
        return reply_make(h->arena, 452, "4.3.1",
                          "There is no room for the message now. Make room on the disk of the "
                          "store, then send it again.");
    return reply_make(h->arena, 451, "4.3.0", "The message cannot be stored now: %s. Try again.",
                      strerror(-failed));
}

static void add_fields(const struct handover *h, const struct message *m,
                       const struct handover_author *author, struct text *out)
{
    const unsigned *count = h->body.header.count;
    struct trace t = {.origin = &m->origin,
                      .id = m->envelope.id,
                      .hostname = span_of(h->way->config->hostname),
                      .wall_ms = m->arrived,
                      .recipient =
                          m->envelope.count == 1 ? m->envelope.recipients[0].address : SPAN_NONE};

    trace_received(&t, out);
    if (!count[HEADER_FROM] && author->address.len)
        encoded_mailbox("From", author->name, author->address, out);
    if (!count[HEADER_DATE])
        trace_date(m->arrived, out);
    if (!count[HEADER_MESSAGE_ID])
        trace_message_id(&m->envelope.id, t.hostname, out);
}

static struct reply give(struct handover *h, struct message *m)
{
    struct error e = {0};
    struct reply r;

    if (handover_reach(h->way, &e) < 0 || remote_accept(h->way->remote, m, h->arena, &r, &e) < 0)
        return unreachable(h->arena, &e);
    return r;
}

struct reply handover_finish(struct handover *h, const struct envelope *envelope,
                             const struct handover_author *author)
{
    struct text fields = TEXT_INIT(FIELDS_MAX);
    struct message m = {
        .envelope = *envelope, .origin = {.with = SPAN("local")}, .arrived = clock_wall()};
    int failed = body_finish(&h->body, &m.content);
    struct reply r;

    if (failed)
        return failure(h, failed);
    if (header_looping(&h->body.header))
        return reply_make(h->arena, 554, "5.4.6",
                          "This message has been through more than %d servers: it runs in a "
                          "circle. Its Received fields name them.",
                          HEADER_RECEIVED_MAX);
    add_fields(h, &m, author, &fields);
    m.content.prefix = text_span(&fields);
    m.header_size = h->body.header_size;
    r = give(h, &m);
    text_free(&fields);
    return r;
}

void handover_close(struct handover *h)
{
    body_close(&h->body);
}

int handover_status(const struct reply *r)
{
    const struct enhanced e = r->enhanced;

    if (reply_class(r) == 2)
        return EX_OK;
    if (reply_class(r) != 5)
        return EX_TEMPFAIL;
    if (e.subject == 1)
        return e.detail == 1 ? EX_NOUSER : e.detail == 2 ? EX_NOHOST : EX_DATAERR;
    return EX_UNAVAILABLE;
}
