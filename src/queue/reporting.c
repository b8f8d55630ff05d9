#include "queue/reporting.h"

#include "base/clock.h"
#include "base/log.h"
#include "queue/bundle.h"
#include "queue/inside.h"

void reporting_begin(struct queue *q, enum report_kind kind, struct report *r)
{
    *r = (struct report){.kind = kind,
                         .language = q->reports.language,
                         .id = id_new(),
                         .host = q->host,
                         .postmaster = q->postmaster,
                         .now = clock_wall()};
}

int reporting_store(struct queue *q, struct store *st, struct reporting *r,
                    const struct store_head *head, const struct content *content, struct arena *a,
                    struct error *e)
{
    const struct id *id = &r->report.id;
    bool fresh;
    int over;

    r->state = (struct store_recipient){0};
    if (!report_compose(&r->report, head, content, a, &r->message))
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the report about a message could not be composed");
    if (q->calls->own)
        q->calls->own(q->arg, st, &r->message, a);
    if (store_put(st, &r->message, inside_clock(q), &fresh, e) < 0)
        return -1;
    over = bundle_over(q->bundle, st, head->envelope.sender, e);
    if (over > 0) {
        bundle_rest(q->bundle, &r->state);
        over = store_recipient_set(st, id, &r->state, e);
    }
    r->stored = over >= 0;
    return over < 0 ? -1 : 0;
}

void reporting_enter(struct queue *q, const struct reporting *r)
{
    const struct message *m = &r->message;
    struct store_recipient state = r->state;
    struct store_head head = {.id = m->envelope.id,
                              .arrived = m->arrived,
                              .born = inside_clock(q),
                              .envelope = m->envelope,
                              .origin = m->origin,
                              .size = m->content.prefix.len + m->content.size,
                              .header_size = m->header_size,
                              .recipients = &state};
    struct item *i;

    if (!r->stored)
        return;
    i = inside_add(q, &head);
    inside_charge(q, &head, true, &i->charge, NULL);
    bundle_note(q->bundle, &head);
    q->counts.reports++;
    log_event(LOG_INFO, "report.queued", LOG_ID(&head.id), LOG_NUM("recipients", r->report.count),
              LOG_NUM("kind", r->report.kind), LOG_NUM("rests", bundle_rests(&head)));
}
