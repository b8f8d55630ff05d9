#include "store/pack.h"

#include "store/crc64.h"

#include <string.h>

enum { SEAL = 8 };

/* Stands among the bits of a recipient's notify. */
enum { FORWARDED = 1 << 8 };

/* First byte of each record. A new layout gets a new number; old numbers stay readable (fault 39).
 */
enum kind {
    KIND_HEAD = 1,
    KIND_RECIPIENT = 2,
    KIND_EVENT = 3,
    KIND_ACCOUNT_1 = 4, /* without hosting account and limits; read only */
    KIND_VALUE = 5,
    KIND_ACCOUNT = 6,
    KIND_HOST = 7,
    KIND_DOMAIN = 8,
    KIND_ALIAS = 9,
};

/* ---- writing ---- */

static void put(struct text *t, uint64_t n)
{
    char buf[10];
    size_t len = 0;

    do {
        buf[len++] = (char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        n >>= 7;
    } while (n);
    text_add(t, (struct span){buf, len});
}

static void put_span(struct text *t, struct span s)
{
    put(t, s.len);
    text_add(t, s);
}

/* Times may lie before 1970 or before the queue's first day in tests: zigzag keeps them short. */
static void put_time(struct text *t, int64_t n)
{
    put(t, ((uint64_t)n << 1) ^ (uint64_t)(n >> 63));
}

static void put_enhanced(struct text *t, struct enhanced e)
{
    put(t, e.class);
    put(t, e.subject);
    put(t, e.detail);
}

static void begin(struct text *t, enum kind kind)
{
    text_clear(t);
    text_addc(t, (char)kind);
}

static bool seal(struct text *t)
{
    uint64_t crc = crc64_add(0, text_span(t));
    char buf[SEAL];

    for (int i = 0; i < SEAL; i++)
        buf[i] = (char)(crc >> (8 * i));
    text_add(t, (struct span){buf, SEAL});
    return !t->full;
}

static void put_origin(struct text *t, const struct origin *o)
{
    put_span(t, o->account);
    put_span(t, o->peer);
    put_span(t, o->helo);
    put_span(t, o->door);
    put_span(t, o->with);
}

static void put_envelope(struct text *t, const struct envelope *v)
{
    put_span(t, v->sender);
    put_span(t, v->envid);
    put(t, v->ret);
    put(t, v->need);
    put(t, v->count);
    for (size_t i = 0; i < v->count; i++) {
        put_span(t, v->recipients[i].address);
        put_span(t, v->recipients[i].orcpt);
        put(t, v->recipients[i].notify | (v->recipients[i].forwarded ? FORWARDED : 0));
    }
}

bool pack_head(struct text *t, const struct message *m, int64_t born, const struct pack_body *body)
{
    begin(t, KIND_HEAD);
    put_time(t, m->arrived);
    put_time(t, born);
    put(t, m->header_size);
    put(t, body->crc);
    put(t, body->prefix_size);
    put(t, body->body_size);
    put_origin(t, &m->origin);
    put_envelope(t, &m->envelope);
    return seal(t);
}

bool pack_recipient(struct text *t, const struct store_recipient *r)
{
    begin(t, KIND_RECIPIENT);
    put(t, r->number);
    put(t, r->end);
    put(t, r->attempts);
    put_time(t, r->next_try);
    put(t, r->waits_for_network);
    put(t, r->delay_told);
    put_enhanced(t, r->status);
    put_span(t, r->words);
    return seal(t);
}

static void put_try(struct text *t, const struct job_try *j)
{
    put_time(t, j->at);
    put_span(t, j->host);
    put_span(t, j->address);
    put_span(t, j->tls);
    put(t, j->stage);
    put(t, j->reply.code);
    put_enhanced(t, j->reply.enhanced);
    put_span(t, j->reply.text);
    put_span(t, j->words);
}

bool pack_event(struct text *t, const struct store_event *ev)
{
    size_t count = ev->try_count < STORE_TRIES_MAX ? ev->try_count : STORE_TRIES_MAX;

    begin(t, KIND_EVENT);
    put_time(t, ev->at);
    put(t, ev->recipient);
    put(t, ev->count);
    put_span(t, ev->words);
    put(t, count);
    for (size_t i = 0; i < count; i++)
        put_try(t, &ev->tries[i]);
    return seal(t);
}

static void put_spans(struct text *t, const struct span *list, size_t count)
{
    put(t, count);
    for (size_t i = 0; i < count; i++)
        put_span(t, list[i]);
}

static void put_limits(struct text *t, const struct store_limits *l)
{
    put(t, l->messages_hour);
    put(t, l->messages_day);
    put(t, l->recipients_hour);
    put(t, l->recipients_day);
}

bool pack_account(struct text *t, const struct store_account *acc)
{
    begin(t, KIND_ACCOUNT);
    put_span(t, acc->verifier);
    put_time(t, acc->created);
    put(t, acc->flags);
    put(t, acc->quota);
    put_spans(t, acc->senders, acc->sender_count);
    put_span(t, acc->host);
    put_limits(t, &acc->limits);
    return seal(t);
}

bool pack_host(struct text *t, const struct store_host *h)
{
    begin(t, KIND_HOST);
    put(t, h->quota);
    put_limits(t, &h->limits);
    put_time(t, h->created);
    put(t, h->flags);
    return seal(t);
}

bool pack_domain(struct text *t, const struct store_domain *d)
{
    begin(t, KIND_DOMAIN);
    put_span(t, d->host);
    put_span(t, d->catch_all);
    put_time(t, d->created);
    return seal(t);
}

bool pack_alias(struct text *t, const struct store_alias *al)
{
    begin(t, KIND_ALIAS);
    put_spans(t, al->targets, al->target_count);
    return seal(t);
}

bool pack_value(struct text *t, struct span value)
{
    begin(t, KIND_VALUE);
    text_add(t, value);
    return seal(t);
}

/* ---- reading: after the seal was found good a short record is our own mistake, but it is answered
 * like damage, never trusted ---- */

struct reader {
    struct span rest;
    struct arena *arena;
    bool bad;
};

static uint64_t get(struct reader *r, uint64_t max)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && r->rest.len; shift += 7) {
        unsigned char c = (unsigned char)r->rest.at[0];

        r->rest = span_from(r->rest, 1);
        n |= (uint64_t)(c & 0x7f) << shift;
        if (c & 0x80)
            continue;
        if (n <= max)
            return n;
        break;
    }
    r->bad = true;
    return 0;
}

static struct span get_span(struct reader *r)
{
    uint64_t len = get(r, PACK_MAX);
    struct span s;

    if (r->bad || len > r->rest.len) {
        r->bad = true;
        return SPAN_NONE;
    }
    s = span_head(r->rest, (size_t)len);
    r->rest = span_from(r->rest, (size_t)len);
    return s.len ? arena_span(r->arena, s) : SPAN_NONE;
}

static int64_t get_time(struct reader *r)
{
    uint64_t n = get(r, UINT64_MAX);

    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

static struct enhanced get_enhanced(struct reader *r)
{
    struct enhanced e;

    e.class = (unsigned char)get(r, 9);
    e.subject = (unsigned short)get(r, 999);
    e.detail = (unsigned short)get(r, 999);
    return e;
}

/* A count of things that take at least `least` octets each: never allocates more than the record
 * can hold. */
static size_t get_count(struct reader *r, size_t least)
{
    return (size_t)get(r, r->rest.len / least);
}

static bool open_record(struct reader *r, struct span record, struct arena *a, enum kind kind)
{
    uint64_t crc = 0;

    *r = (struct reader){.arena = a, .bad = true};
    if (record.len < 1 + SEAL || record.at[0] != (char)kind)
        return false;
    for (int i = 0; i < SEAL; i++)
        crc |= (uint64_t)(unsigned char)record.at[record.len - SEAL + (size_t)i] << (8 * i);
    record.len -= SEAL;
    if (crc64_add(0, record) != crc)
        return false;
    r->rest = span_from(record, 1);
    r->bad = false;
    return true;
}

static bool done(const struct reader *r)
{
    return !r->bad && r->rest.len == 0;
}

static void get_origin(struct reader *r, struct origin *o)
{
    o->account = get_span(r);
    o->peer = get_span(r);
    o->helo = get_span(r);
    o->door = get_span(r);
    o->with = get_span(r);
}

static void get_envelope(struct reader *r, struct envelope *v)
{
    v->sender = get_span(r);
    v->envid = get_span(r);
    v->ret = (enum dsn_ret)get(r, RET_HDRS);
    v->need = (unsigned)get(r, UINT32_MAX);
    v->count = get_count(r, 3);
    v->recipients = arena_alloc(r->arena, v->count * sizeof *v->recipients);
    for (size_t i = 0; i < v->count && !r->bad; i++) {
        v->recipients[i].address = get_span(r);
        v->recipients[i].orcpt = get_span(r);
        v->recipients[i].notify = (unsigned)get(r, UINT32_MAX);
        v->recipients[i].forwarded = v->recipients[i].notify & FORWARDED;
        v->recipients[i].notify &= ~(unsigned)FORWARDED;
    }
}

bool pack_read_head(struct span record, struct arena *a, struct store_head *out,
                    struct pack_body *body)
{
    struct reader r;

    *out = (struct store_head){0};
    if (!open_record(&r, record, a, KIND_HEAD))
        return false;
    out->arrived = get_time(&r);
    out->born = get_time(&r);
    out->header_size = (uint32_t)get(&r, UINT32_MAX);
    body->crc = get(&r, UINT64_MAX);
    body->prefix_size = get(&r, INT64_MAX);
    body->body_size = get(&r, INT64_MAX);
    out->size = body->prefix_size + body->body_size;
    get_origin(&r, &out->origin);
    get_envelope(&r, &out->envelope);
    if (!done(&r))
        return false;
    out->recipients = arena_alloc(a, out->envelope.count * sizeof *out->recipients);
    for (size_t i = 0; i < out->envelope.count; i++)
        out->recipients[i].number = (uint32_t)i;
    return true;
}

bool pack_read_recipient(struct span record, struct arena *a, struct store_recipient *out)
{
    struct reader r;

    *out = (struct store_recipient){0};
    if (!open_record(&r, record, a, KIND_RECIPIENT))
        return false;
    out->number = (uint32_t)get(&r, UINT32_MAX);
    out->end = (enum store_end)get(&r, STORE_DROPPED);
    out->attempts = (uint32_t)get(&r, UINT32_MAX);
    out->next_try = get_time(&r);
    out->waits_for_network = get(&r, 1);
    out->delay_told = get(&r, 1);
    out->status = get_enhanced(&r);
    out->words = get_span(&r);
    return done(&r);
}

static void get_try(struct reader *r, struct job_try *j)
{
    j->at = get_time(r);
    j->host = get_span(r);
    j->address = get_span(r);
    j->tls = get_span(r);
    j->stage = (enum stage)get(r, STAGE_INBOX);
    j->reply.code = (unsigned short)get(r, 999);
    j->reply.enhanced = get_enhanced(r);
    j->reply.text = get_span(r);
    j->words = get_span(r);
}

bool pack_read_event(struct span record, struct arena *a, struct store_event *out)
{
    struct reader r;

    *out = (struct store_event){0};
    if (!open_record(&r, record, a, KIND_EVENT))
        return false;
    out->at = get_time(&r);
    out->recipient = (uint32_t)get(&r, UINT32_MAX);
    out->count = (uint32_t)get(&r, UINT32_MAX);
    out->words = get_span(&r);
    out->try_count = get_count(&r, 11);
    out->tries = arena_alloc(a, out->try_count * sizeof *out->tries);
    for (size_t i = 0; i < out->try_count && !r.bad; i++)
        get_try(&r, &out->tries[i]);
    return done(&r);
}

static size_t get_spans(struct reader *r, struct span **out)
{
    size_t count = get_count(r, 1);
    struct span *list = arena_alloc(r->arena, count * sizeof *list);

    for (size_t i = 0; i < count && !r->bad; i++)
        list[i] = get_span(r);
    *out = list;
    return count;
}

static void get_limits(struct reader *r, struct store_limits *l)
{
    l->messages_hour = (uint32_t)get(r, UINT32_MAX);
    l->messages_day = (uint32_t)get(r, UINT32_MAX);
    l->recipients_hour = (uint32_t)get(r, UINT32_MAX);
    l->recipients_day = (uint32_t)get(r, UINT32_MAX);
}

bool pack_read_account(struct span record, struct arena *a, struct store_account *out)
{
    bool old = record.len && record.at[0] == (char)KIND_ACCOUNT_1;
    struct reader r;

    *out = (struct store_account){0};
    if (!open_record(&r, record, a, old ? KIND_ACCOUNT_1 : KIND_ACCOUNT))
        return false;
    out->verifier = get_span(&r);
    out->created = get_time(&r);
    out->flags = (uint32_t)get(&r, UINT32_MAX);
    if (old)
        out->limits.recipients_day = (uint32_t)get(&r, UINT32_MAX);
    out->quota = get(&r, UINT64_MAX);
    out->sender_count = get_spans(&r, &out->senders);
    if (!old) {
        out->host = get_span(&r);
        get_limits(&r, &out->limits);
    }
    return done(&r);
}

bool pack_read_host(struct span record, struct store_host *out)
{
    struct reader r;

    *out = (struct store_host){0};
    if (!open_record(&r, record, NULL, KIND_HOST))
        return false;
    out->quota = get(&r, UINT64_MAX);
    get_limits(&r, &out->limits);
    out->created = get_time(&r);
    out->flags = (uint32_t)get(&r, UINT32_MAX);
    return done(&r);
}

bool pack_read_domain(struct span record, struct arena *a, struct store_domain *out)
{
    struct reader r;

    *out = (struct store_domain){0};
    if (!open_record(&r, record, a, KIND_DOMAIN))
        return false;
    out->host = get_span(&r);
    out->catch_all = get_span(&r);
    out->created = get_time(&r);
    return done(&r);
}

bool pack_read_alias(struct span record, struct arena *a, struct store_alias *out)
{
    struct reader r;

    *out = (struct store_alias){0};
    if (!open_record(&r, record, a, KIND_ALIAS))
        return false;
    out->target_count = get_spans(&r, &out->targets);
    return done(&r);
}

bool pack_read_value(struct span record, struct span *value)
{
    struct reader r;

    if (!open_record(&r, record, NULL, KIND_VALUE))
        return false;
    *value = r.rest;
    return true;
}
