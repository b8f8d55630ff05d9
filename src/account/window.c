#include "account/window.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { HALF_HOUR = 30, HOUR = 60 };

static const uint32_t lengths[WINDOW_SPANS] = {[WINDOW_HOUR] = HOUR, [WINDOW_DAY] = 24 * HOUR};

static uint32_t minute_of(int64_t ms)
{
    return ms < 0 ? 0 : (uint32_t)(ms / CLOCK_MINUTE);
}

/* The last minute of its half hour. */
static uint32_t rounded(uint32_t minute)
{
    return minute - minute % HALF_HOUR + HALF_HOUR - 1;
}

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool counts(const struct window_tick *t, enum window_span s, uint32_t minute)
{
    return (int64_t)minute - t->minute <= lengths[s];
}

void window_free(struct window *w)
{
    free(w->tick);
    *w = (struct window){0};
}

/* Drops what is older than a day, and joins what has left the hour by half hours. */
static void fold(struct window *w, uint32_t minute)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->count; i++) {
        struct window_tick t = w->tick[i];

        if (!counts(&t, WINDOW_DAY, minute))
            continue;
        if (rounded(t.minute) + HOUR < minute)
            t.minute = rounded(t.minute);
        if (kept && w->tick[kept - 1].minute == t.minute)
            for (int n = 0; n < WINDOW_WHATS; n++)
                w->tick[kept - 1].n[n] = plus(w->tick[kept - 1].n[n], t.n[n]);
        else
            w->tick[kept++] = t;
    }
    w->count = (uint16_t)kept;
}

static struct window_tick *append(struct window *w, uint32_t minute)
{
    if (w->count == w->cap) {
        w->cap = (uint16_t)(w->cap ? w->cap + w->cap / 2 + 1 : 4);
        w->tick = memory_grow(w->tick, w->cap * sizeof *w->tick);
    }
    assert(w->count < WINDOW_TICKS_MAX);
    w->tick[w->count] = (struct window_tick){.minute = minute};
    return &w->tick[w->count++];
}

void window_add(struct window *w, int64_t now, uint32_t messages, uint32_t recipients)
{
    uint32_t minute = minute_of(now);
    struct window_tick *last = w->count ? &w->tick[w->count - 1] : NULL;

    if (!last || last->minute < minute) {
        fold(w, minute);
        last = append(w, minute);
    }
    last->n[WINDOW_MESSAGES] = plus(last->n[WINDOW_MESSAGES], messages);
    last->n[WINDOW_RECIPIENTS] = plus(last->n[WINDOW_RECIPIENTS], recipients);
}

static uint32_t minus(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

void window_take(struct window *w, int64_t when, uint32_t messages, uint32_t recipients)
{
    for (size_t i = 0; i < w->count; i++) {
        struct window_tick *t = &w->tick[i];

        if (t->minute < minute_of(when))
            continue;
        t->n[WINDOW_MESSAGES] = minus(t->n[WINDOW_MESSAGES], messages);
        t->n[WINDOW_RECIPIENTS] = minus(t->n[WINDOW_RECIPIENTS], recipients);
        return;
    }
}

uint32_t window_sum(const struct window *w, enum window_span s, enum window_what what, int64_t now)
{
    uint32_t sum = 0;

    for (size_t i = w->count; i-- && counts(&w->tick[i], s, minute_of(now));)
        sum = plus(sum, w->tick[i].n[what]);
    return sum;
}

/* A day's row may still be joined into its half hour: what is promised reckons with that. */
int64_t window_frees(const struct window *w, enum window_span s, enum window_what what,
                     uint32_t need, uint32_t limit, int64_t now)
{
    uint64_t sum = (uint64_t)window_sum(w, s, what, now) + need;

    if (need > limit)
        return CLOCK_NEVER;
    for (size_t i = 0; sum > limit && i < w->count; i++) {
        const struct window_tick *t = &w->tick[i];
        uint32_t last = s == WINDOW_DAY ? rounded(t->minute) : t->minute;

        if (!counts(t, s, minute_of(now)))
            continue;
        sum -= t->n[what] < sum ? t->n[what] : sum;
        if (sum <= limit)
            return (last + lengths[s] + 1) * CLOCK_MINUTE;
    }
    return now;
}

bool window_empty(const struct window *w, int64_t now)
{
    return !w->count || !counts(&w->tick[w->count - 1], WINDOW_DAY, minute_of(now));
}

static void add_number(struct text *out, uint32_t n)
{
    text_addu(out, n);
    text_addc(out, ' ');
}

/* With each accept that a limit counts: a hundred ticks after a day. */
void window_pack(const struct window *w, struct text *out)
{
    add_number(out, w->count);
    for (size_t i = 0; i < w->count; i++) {
        add_number(out, w->tick[i].minute);
        add_number(out, w->tick[i].n[WINDOW_MESSAGES]);
        add_number(out, w->tick[i].n[WINDOW_RECIPIENTS]);
    }
}

static bool number(struct span *rest, uint64_t max, uint64_t *out)
{
    return span_u64(span_word(rest), max, out);
}

static bool unpack_tick(struct span *rest, struct window *out)
{
    uint64_t minute, n[WINDOW_WHATS];
    struct window_tick *t;

    if (!number(rest, UINT32_MAX, &minute) || !number(rest, UINT32_MAX, &n[0]) ||
        !number(rest, UINT32_MAX, &n[1]))
        return false;
    if (out->count && minute <= out->tick[out->count - 1].minute)
        return false;
    t = append(out, (uint32_t)minute);
    for (int i = 0; i < WINDOW_WHATS; i++)
        t->n[i] = (uint32_t)n[i];
    return true;
}

bool window_unpack(struct span *rest, struct window *out)
{
    uint64_t count;
    bool good = number(rest, WINDOW_TICKS_MAX - 1, &count);

    *out = (struct window){0};
    for (uint64_t i = 0; good && i < count; i++)
        good = unpack_tick(rest, out);
    if (!good)
        window_free(out);
    return good;
}

void window_settle(struct window *w, int64_t now)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->tick[i].minute > minute_of(now))
            w->tick[i].minute = minute_of(now);
    fold(w, minute_of(now));
}
