/* The records of sending in the store: "<kind><record><name>", each a line of decimal words that
 * begins with a version; of the habits the part behind burst's words is binary. Version 1 had the
 * networks among the habits and did not know the hour; 2 did not know what was swept. */
#include "account/sending_parts.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 3,
    HABITS_MAX = BURST_CONTACTS_MAX + 3 * SENDING_WORDS,
    WINDOW_MAX = WINDOW_PACKED_MAX + BURST_HOUR_MAX + 64,
    RECORD_MAX = (int)HABITS_MAX > (int)WINDOW_MAX ? (int)HABITS_MAX : (int)WINDOW_MAX,
};
static_assert((int)RECORD_MAX <= (int)STORE_VALUE_MAX, "a record fits the store");

static const char kinds[SENDING_KINDS] = {'a', 'h', 'p', 's'};
static const char records[SENDING_RECORDS] = {'w', 'b', 'f', 'u'};

/* ---- writing ---- */

struct sending_changes *sending_changes_new(void)
{
    struct sending_changes *c = memory_alloc(sizeof *c);

    c->arena = arena_new();
    return c;
}

void sending_changes_free(struct sending_changes **c)
{
    if (!*c)
        return;
    arena_free(&(*c)->arena);
    free((*c)->list);
    free(*c);
    *c = NULL;
}

static struct sending_change *add(struct sending_changes *c, enum sending_kind kind,
                                  enum sending_record record, struct span name)
{
    struct sending_change *to;

    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 4;
        c->list = memory_grow(c->list, c->cap * sizeof *c->list);
    }
    to = &c->list[c->count++];
    *to =
        (struct sending_change){.kind = kind, .record = record, .name = arena_span(c->arena, name)};
    return to;
}

static void pack_window(const struct sending_entry *e, struct text *out)
{
    text_addf(out, "%d %lld %lld ", VERSION, (long long)e->told[WINDOW_HOUR],
              (long long)e->told[WINDOW_DAY]);
    window_pack(&e->window, out);
    burst_pack_hour(&e->burst, out);
}

static void pack_habits(const struct sending_entry *e, struct text *out)
{
    struct span held = span_of(e->held);

    text_addf(out, "%d %d %zu ", VERSION, e->swept, held.len);
    text_add(out, held);
    burst_pack_contacts(&e->burst, out);
}

void sending_changes_add(struct sending_changes *c, const struct sending_entry *e,
                         enum sending_record record)
{
    struct text value = TEXT_INIT(RECORD_MAX);

    if (record == SENDING_WINDOW)
        pack_window(e, &value);
    else if (record == SENDING_HABITS)
        pack_habits(e, &value);
    else if (record == SENDING_UNSWEPT && e->held && !e->swept)
        text_addc(&value, '1');
    /* else it is to be removed: only the store thread writes failures */
    assert(!value.full);
    add(c, e->kind, record, span_of(e->name))->value = arena_span(c->arena, text_span(&value));
    text_free(&value);
    if (record == SENDING_HABITS)
        sending_changes_add(c, e, SENDING_UNSWEPT);
}

void sending_changes_remove(struct sending_changes *c, enum sending_kind kind, struct span name)
{
    for (int r = 0; r < SENDING_RECORDS; r++)
        add(c, kind, (enum sending_record)r, name);
}

static void make_key(enum sending_kind kind, enum sending_record record, struct span name,
                     struct text *out)
{
    text_clear(out);
    text_addc(out, kinds[kind]);
    text_addc(out, records[record]);
    text_add(out, name);
}

int sending_note_failures(struct store *st, struct span account, uint32_t count, int64_t now,
                          struct error *e)
{
    struct text key = TEXT_INIT(STORE_NAME_MAX), value = TEXT_INIT(BURST_FAILURES_MAX);
    struct arena *a = arena_new();
    struct span before = SPAN_NONE;
    int bad;

    make_key(SENDING_ACCOUNT, SENDING_FAILURES, span_head(account, STORE_NAME_MAX - 2), &key);
    bad = store_value_get(st, STORE_KIND_SENDING, text_span(&key), a, &before, e);
    if (bad != STORE_GOT)
        before = SPAN_NONE;
    if (bad >= 0) {
        burst_add_failures(before, count, now, &value);
        bad = store_value_put(st, STORE_KIND_SENDING, text_span(&key), text_span(&value), e);
    }
    arena_free(&a);
    text_free(&key);
    text_free(&value);
    return bad < 0 ? -1 : 0;
}

int sending_write(struct store *st, const struct sending_changes *c, struct error *e)
{
    struct text key = TEXT_INIT(STORE_NAME_MAX);
    int bad = 0;

    for (size_t i = 0; c && !bad && i < c->count; i++) {
        const struct sending_change *one = &c->list[i];

        make_key(one->kind, one->record, one->name, &key);
        if (one->value.len)
            bad = store_value_put(st, STORE_KIND_SENDING, text_span(&key), one->value, e) < 0;
        else
            bad = store_value_remove(st, STORE_KIND_SENDING, text_span(&key), e) < 0;
    }
    text_free(&key);
    return bad ? -1 : 0;
}

/* ---- reading ---- */

static bool number(struct span *rest, uint64_t max, uint64_t *out)
{
    return span_u64(span_word(rest), max, out);
}

static bool read_window(struct sending_entry *e, struct span value)
{
    uint64_t version, hour, day;

    if (!number(&value, VERSION, &version) || !number(&value, INT64_MAX, &hour) ||
        !number(&value, INT64_MAX, &day) || !window_unpack(&value, &e->window))
        return false;
    if (version >= 2 && !burst_unpack_hour(&value, &e->burst))
        return false;
    e->told[WINDOW_HOUR] = (int64_t)hour;
    e->told[WINDOW_DAY] = (int64_t)day;
    return true;
}

static bool read_habits(struct sending_entry *e, struct span value)
{
    uint64_t version, swept = 1, held;
    struct span burst;

    if (!number(&value, VERSION, &version) || (version >= 3 && !number(&value, 1, &swept)) ||
        !number(&value, 2 * SENDING_WORDS, &held))
        return false;
    value = span_from(value, 1); /* the blank */
    if (held > value.len)
        return false;
    burst = span_from(value, held);
    e->held = held ? span_dup(span_head(value, held)) : NULL;
    e->swept = swept;
    return version < 2 ? burst_unpack_old(burst, &e->burst)
                       : burst_unpack_contacts(burst, &e->burst);
}

static int index_of(const char *letters, int count, char c)
{
    for (int i = 0; i < count; i++)
        if (letters[i] == c)
            return i;
    return -1;
}

static void read_record(struct sending *s, struct span key, struct span value)
{
    int kind = key.len > 2 ? index_of(kinds, SENDING_KINDS, key.at[0]) : -1;
    int record = kind < 0 ? -1 : index_of(records, SENDING_RECORDS, key.at[1]);
    struct sending_entry *e;
    bool good = false;

    if (record >= 0 && value.at) {
        e = sending_entry(s, (enum sending_kind)kind, span_from(key, 2));
        good = record == SENDING_WINDOW     ? read_window(e, value)
               : record == SENDING_HABITS   ? read_habits(e, value)
               : record == SENDING_FAILURES ? burst_unpack_failures(value, &e->burst)
                                            : true;
    }
    if (!good) /* counted anew from here on: better than no mail at all */
        log_event(LOG_ERROR, "sending.damaged", LOG_SPAN("record", key));
}

static bool read_each(void *arg, struct span key, struct span value)
{
    read_record(arg, key, value);
    return true;
}

int sending_read_bounded(struct sending *s, struct error *e)
{
    for (int k = 0; k < SENDING_KINDS; k++) {
        struct store_range all = {.prefix = {&kinds[k], 1}};

        if (sending_is_bounded((enum sending_kind)k) &&
            store_value_range(s->reader, STORE_KIND_SENDING, &all, read_each, s, e) < 0)
            return -1;
    }
    return 0;
}

int sending_read_name(struct sending *s, enum sending_kind kind, struct span name, struct error *e)
{
    struct text key = TEXT_INIT(STORE_NAME_MAX);
    struct arena *a = arena_new();
    int got[SENDING_RECORDS], bad = 0;
    struct span value[SENDING_RECORDS];

    for (int r = 0; !bad && r < sending_records(kind); r++) {
        make_key(kind, (enum sending_record)r, name, &key);
        got[r] = store_value_get(s->reader, STORE_KIND_SENDING, text_span(&key), a, &value[r], e);
        bad = got[r] < 0;
    }
    for (int r = 0; !bad && r < sending_records(kind);
         r++) { /* all of them could be read, or none is */
        make_key(kind, (enum sending_record)r, name, &key);
        if (got[r] != STORE_ABSENT)
            read_record(s, text_span(&key), got[r] == STORE_GOT ? value[r] : SPAN_NONE);
    }
    arena_free(&a);
    text_free(&key);
    return bad ? -1 : 0;
}

static bool take_key(void *arg, struct span key, struct span value)
{
    struct text *to = arg;

    (void)value;
    text_clear(to);
    return text_add(to, key);
}

int sending_next_unswept(const struct sending *s, struct text *key, struct span *name,
                         struct error *e)
{
    struct text last = TEXT_INIT(STORE_NAME_MAX), prefix = TEXT_INIT(STORE_NAME_MAX);
    struct store_range next;
    int bad;

    text_add(&last, text_span(key));
    text_clear(key);
    make_key(SENDING_ACCOUNT, SENDING_UNSWEPT, SPAN_NONE, &prefix);
    next = (struct store_range){.prefix = text_span(&prefix), .after = text_span(&last), .max = 1};
    bad = store_value_range(s->reader, STORE_KIND_SENDING, &next, take_key, key, e);
    *name = key->len ? span_from(text_span(key), prefix.len) : SPAN_NONE;
    text_free(&last);
    text_free(&prefix);
    return bad < 0 ? -1 : key->len > 0;
}
