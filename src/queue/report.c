#include "queue/report.h"

#include "base/memory.h"
#include "mail/dsn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4 << 20 };

/* RFC 3461 4.1: without NOTIFY people hear of failures and delays. `or_none`: also when none was
 * given. */
static const struct {
    enum report_kind kind;
    unsigned bit;
    bool or_none;
} wanted[] = {
    [REPORT_FACT_FAILED] = {REPORT_FAILED, NOTIFY_FAILURE, true},
    [REPORT_FACT_WAITS] = {REPORT_DELAYED, NOTIFY_DELAY, true},
    [REPORT_FACT_FINAL] = {REPORT_DONE, NOTIFY_SUCCESS, false},
    [REPORT_FACT_RELAYED] = {REPORT_DONE, NOTIFY_SUCCESS, false},
    [REPORT_FACT_PASSED] = {REPORT_NONE, 0, false},
    [REPORT_FACT_EXPANDED] = {REPORT_DONE, NOTIFY_SUCCESS, false},
};

enum report_kind report_for(enum report_fact fact, unsigned notify, bool bounce)
{
    if (bounce || notify & NOTIFY_NEVER)
        return REPORT_NONE;
    if (notify ? notify & wanted[fact].bit : wanted[fact].or_none)
        return wanted[fact].kind;
    return REPORT_NONE;
}

/* The first n octets of the body. */
static struct span read_some(const struct content *c, size_t n, struct arena *a)
{
    char *buf;
    size_t have = 0;

    if (c->fd < 0)
        return span_head(c->body, n);
    n = n < c->size ? n : (size_t)c->size;
    buf = arena_alloc(a, n);
    while (have < n) {
        ssize_t got = pread(c->fd, buf + have, n - have, (off_t)have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* a report with less of the message is better than none */
            break;
        have += (size_t)got;
    }
    return (struct span){buf, have};
}

static struct span join(struct arena *a, struct span x, struct span y)
{
    char *at = arena_alloc(a, x.len + y.len + 1);

    if (x.len)
        memcpy(at, x.at, x.len);
    if (y.len)
        memcpy(at + x.len, y.at, y.len);
    return (struct span){at, x.len + y.len};
}

static void fill_content(struct dsn_report *d, const struct store_head *head,
                         const struct content *c, struct arena *a)
{
    bool full = d->kind == DSN_FAILED && d->ret == RET_FULL && head->size <= DSN_FULL_MAX;
    size_t header = head->header_size < DSN_HEADER_MAX ? head->header_size : DSN_HEADER_MAX;
    struct span some = read_some(c, full ? (size_t)head->size : header, a);

    d->header = join(a, c->prefix, span_head(some, header));
    d->body = full ? span_from(some, header) : SPAN_NONE;
}

static struct dsn_recipient *fill_recipients(const struct report *r, const struct store_head *head,
                                             struct arena *a)
{
    struct dsn_recipient *list = arena_alloc(a, r->count * sizeof *list);

    for (size_t i = 0; i < r->count; i++) {
        const struct report_line *l = &r->lines[i];
        const struct recipient *who = &head->envelope.recipients[l->number];

        list[i] = (struct dsn_recipient){
            .address = who->address,
            .orcpt = who->orcpt,
            .outcome = &l->outcome,
            .expanded = l->fact == REPORT_FACT_EXPANDED,
            .attempts = l->attempts,
            .last_try = r->now,
            .retry_until = r->kind == REPORT_DELAYED ? r->until : 0,
        };
    }
    return list;
}

/* A report goes to one recipient, from <>, and asks for no reports itself (RFC 3461 6.1). */
static void fill_envelope(const struct report *r, const struct store_head *head, unsigned need,
                          struct arena *a, struct envelope *v)
{
    *v = (struct envelope){.id = r->id, .need = need, .count = 1};
    v->recipients = arena_alloc(a, sizeof *v->recipients);
    v->recipients[0].address = arena_span(a, head->envelope.sender);
    v->recipients[0].notify = NOTIFY_NEVER;
}

bool report_compose(const struct report *r, const struct store_head *head,
                    const struct content *content, struct arena *a, struct message *out)
{
    static const enum dsn_kind kinds[REPORT_KINDS] = {
        [REPORT_FAILED] = DSN_FAILED, [REPORT_DELAYED] = DSN_DELAYED, [REPORT_DONE] = DSN_SUCCESS};
    struct dsn_report d = {.kind = kinds[r->kind],
                           .language = r->language,
                           .hostname = span_of(r->host),
                           .postmaster = span_of(r->postmaster),
                           .id = r->id,
                           .about = head->id,
                           .sender = head->envelope.sender,
                           .envid = head->envelope.envid,
                           .ret = head->envelope.ret,
                           .now = r->now,
                           .arrival = head->arrived,
                           .count = r->count};
    struct text text = TEXT_INIT(TEXT_MAX);
    unsigned need = 0;
    bool good;
    ptrdiff_t end;

    fill_content(&d, head, content, a);
    d.recipients = fill_recipients(r, head, a);
    good = dsn_compose(&d, &text, &need);
    *out = (struct message){.origin = {.with = SPAN("local"), .door = SPAN("report")},
                            .content = {.fd = -1},
                            .arrived = r->now};
    fill_envelope(r, head, need, a, &out->envelope);
    out->content.body = arena_span(a, text_span(&text));
    out->content.size = text.len;
    end = span_search(out->content.body, SPAN("\r\n\r\n"));
    out->header_size = end < 0 ? (uint32_t)text.len : (uint32_t)end + 4;
    text_free(&text);
    return good;
}
